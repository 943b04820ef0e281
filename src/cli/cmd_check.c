/*
 * check: judges a revision as the daemon would, with the same code.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"
#include "config/candidate.h"

enum check_what { CHECK_REVISION, CHECK_STAGED, CHECK_WORKTREE };

struct check_options {
    enum check_what what;
    const char *revision;
};

enum { OPT_STAGED, OPT_WORKTREE, OPT_FORMAT, OPT_JSON };

/* What is to be judged. false: said why not. */
static bool choose(const struct cli_args *args, struct check_options *out)
{
    if (cli_given(args, OPT_STAGED))
        out->what = CHECK_STAGED;
    if (cli_given(args, OPT_WORKTREE))
        out->what = CHECK_WORKTREE;
    if (args->operands_len == 0)
        return true;
    out->revision = args->operands[0];
    if (out->what == CHECK_REVISION)
        return true;
    cli_usage(args->verb, "one revision, or --staged, or --worktree");
    return false;
}

static bool is_json(const struct cli_args *args)
{
    return cli_given(args, OPT_JSON) ||
           (cli_given(args, OPT_FORMAT) && strcmp(args->options[OPT_FORMAT], "json") == 0);
}

/* The top of the work tree we are in; a folder outside of any need not be a git repository to be judged. */
static int open_work_tree(struct source *out, struct error *err)
{
    AUTO_FREE char *top = cli_nearest_repository();
    return source_from_folder(top == NULL ? "." : top, out, err);
}

/* Where the files come from. `repo` is opened where one is needed and must outlive the source. */
static int open_source(const struct cli *cli, const struct check_options *options, struct repo **repo,
                       struct source *out, struct error *err)
{
    struct oid commit;
    if (options->what == CHECK_WORKTREE)
        return open_work_tree(out, err);
    if (cli_open_repo(cli, repo, err) != 0)
        return -1;
    if (options->what == CHECK_STAGED)
        return source_from_index(*repo, out, err);
    if (repo_resolve(*repo, options->revision, &commit, err) != 0)
        return -1;
    return source_from_commit(*repo, &commit, NULL, out, err);
}

static int print_text(const struct findings *findings, const struct candidate *candidate)
{
    struct buf text AUTO_BUF = {0};
    for (size_t i = 0; i < findings->len; i++) {
        finding_format(&findings->items[i], &text);
        buf_putc(&text, '\n');
    }
    if (findings->errors + findings->warnings > findings->len)
        buf_printf(&text, "and %zu more\n", findings->errors + findings->warnings - findings->len);
    if (findings->errors == 0)
        buf_printf(&text, "ok: %zu service%s%s, %zu warning%s\n", candidate->total, plural(candidate->total),
                   candidate->total == 0 ? " (no file under services/)" : "", findings->warnings,
                   plural(findings->warnings));
    else
        buf_printf(&text, "refused: %zu error%s, %zu warning%s\n", findings->errors, plural(findings->errors),
                   findings->warnings, plural(findings->warnings));
    return cli_print(&text);
}

static int print_json(const struct findings *findings, const struct candidate *candidate)
{
    struct buf text AUTO_BUF = {0};
    buf_printf(&text, "{\"errors\":%zu,\"findings\":", findings->errors);
    findings_write_json(findings, FINDINGS_MAX, &text);
    buf_printf(&text, ",\"ok\":%s,\"services\":", findings->errors == 0 ? "true" : "false");
    if (findings->errors == 0)
        buf_printf(&text, "%zu", candidate->total);
    else
        buf_puts(&text, "null");
    buf_printf(&text, ",\"warnings\":%zu}\n", findings->warnings);
    return cli_print(&text);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct check_options options = {.revision = "HEAD"};
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    struct error err;
    if (!choose(args, &options))
        return CLI_USAGE;
    if (open_source(cli, &options, &repo, &source, &err) != 0 ||
        candidate_judge(&source, &nothing, &candidate, &findings, &err) != 0 ||
        findings_check(&findings, &err) != 0)
        return cli_fail(&err);
    findings_sort(&findings);
    int rc = (is_json(args) ? print_json : print_text)(&findings, &candidate);
    return rc == CLI_OK && findings.errors > 0 ? CLI_FINDINGS : rc;
}

const struct cli_verb verb_check = {
    .name = "check",
    .summary = "judge a revision as epochd would",
    .help = "Judges a revision with the daemon's own code. _REV_ is anything git takes (default: HEAD). The\n"
            "repository is the one at or above the current folder, else that of the settings. Each finding\n"
            "is one line, \"file:line:column: message [code]\", warnings marked; the last line is the\n"
            "verdict. What depends on the epoch in force (*guard.mass-removal*) is not judged here.\n",
    .exit = "0: it would be accepted; 1: it would be refused.",
    .operands = {{.name = "REV", .kind = CLI_REV, .is_optional = true}},
    .options = {[OPT_STAGED] = {.name = "staged", .help = "judge what is staged"},
                [OPT_WORKTREE] = {.name = "worktree",
                                  .help = "judge the files as they are; the folder need not be a git repository",
                                  .is_alternative = true},
                [OPT_FORMAT] = {.name = "format",
                                .argument = "text|json",
                                .kind = CLI_WORDS,
                                .help = "the form of the output"},
                [OPT_JSON] = {.name = "json", .help = "the same as *--format json*", .is_alternative = true}},
    .run = run,
};
