/*
 * check: judges a revision as the daemon would, with the same code.
 */
#include <getopt.h>
#include <string.h>

#include "cli/cli.h"
#include "config/candidate.h"

enum check_what { CHECK_REVISION, CHECK_STAGED, CHECK_WORKTREE };

struct check_options {
    enum check_what what;
    const char *revision;
    bool is_json;
};

static int parse(int argc, char **argv, struct check_options *out)
{
    static const struct option options[] = {
        {"staged", no_argument, NULL, 's'},
        {"worktree", no_argument, NULL, 'w'},
        {"format", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    int option, places = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's' || option == 'w') {
            out->what = option == 's' ? CHECK_STAGED : CHECK_WORKTREE;
            places++;
        } else if (option == 'j') {
            out->is_json = true;
        } else if (option != 'f') {
            return cli_usage("check", NULL);
        } else if (strcmp(optarg, "json") == 0 || strcmp(optarg, "text") == 0) {
            out->is_json = optarg[0] == 'j';
        } else {
            return cli_usage("check", "--format is text or json, not '%s'", optarg);
        }
    }
    if (places + argc - optind > 1)
        return cli_usage("check", "one revision, or --staged, or --worktree");
    if (optind < argc)
        out->revision = argv[optind];
    return CLI_OK;
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

int cmd_check(const struct cli *cli, int argc, char **argv)
{
    struct check_options options = {.revision = "HEAD"};
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    struct error err;
    int rc = parse(argc, argv, &options);
    if (rc != CLI_OK)
        return rc;
    if (open_source(cli, &options, &repo, &source, &err) != 0 ||
        candidate_judge(&source, &nothing, &candidate, &findings, &err) != 0 ||
        findings_check(&findings, &err) != 0)
        return cli_fail(&err);
    findings_sort(&findings);
    rc = (options.is_json ? print_json : print_text)(&findings, &candidate);
    return rc == CLI_OK && findings.errors > 0 ? CLI_FINDINGS : rc;
}
