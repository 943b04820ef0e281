/*
 * check: judges a revision as the daemon would, with the same code.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/formats.h"
#include "cli/point.h"
#include "cli/standing.h"
#include "cli/verbs.h"
#include "config/candidate.h"
#include "config/guard.h"
#include "model/codes.h"
#include "model/json_text.h"

enum check_what { CHECK_REVISION, CHECK_STAGED, CHECK_WORKTREE };

struct check_options {
    enum check_what what;
    struct point_range range;
    const char *revision;
    const char *base; /* NULL: what it is laid over does not count */
    struct point tip, over; /* those two, once they are found */
};

enum { OPT_STAGED, OPT_WORKTREE, OPT_FORMAT, OPT_JSON };

/* What is to be judged. false: said why not. */
static bool choose(const struct cli_args *args, struct check_options *out)
{
    if (cli_given(args, OPT_STAGED))
        out->what = CHECK_STAGED;
    if (cli_given(args, OPT_WORKTREE))
        out->what = CHECK_WORKTREE;
    const char *revision = cli_operand(args, 0);
    if (revision == NULL)
        return true;
    if (out->what != CHECK_REVISION) {
        cli_usage(args->verb, "one revision, or --staged, or --worktree");
        return false;
    }
    out->revision = revision;
    switch (point_split(revision, &out->range)) {
    case POINT_RANGE:
        out->base = out->range.from;
        out->revision = out->range.to;
        return true;
    case POINT_ONE:
        return true;
    case POINT_WRONG:
        break;
    }
    cli_usage(args->verb, "a revision, or A..B with A named");
    return false;
}

static bool has_repository(void)
{
    AUTO_FREE char *top = cli_nearest_repository();
    return top != NULL;
}

static int refuse_bare(struct error *err)
{
    return error_set(err, CODE_USAGE, 0, "a bare repository has only commits: epochctl check REV");
}

/* A repository without it is bare, and its folder holds nothing of ours. */
static bool is_work_tree(const char *top)
{
    AUTO_CLOSE int dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir >= 0 && faccessat(dir, ".git", F_OK, 0) == 0;
}

/* The top of the work tree we are in; a folder outside of any need not be a git repository to be judged. */
static int open_work_tree(struct source *out, struct error *err)
{
    AUTO_FREE char *top = cli_nearest_repository();
    if (top != NULL && !is_work_tree(top))
        return refuse_bare(err);
    return source_from_folder(top == NULL ? "." : top, out, err);
}

/* Where the files come from. `repo` is opened where one is needed and must outlive the source. */
static int open_source(const struct cli *cli, struct local *local, struct check_options *options, struct repo **repo,
                       struct source *out, struct error *err)
{
    if (options->what == CHECK_WORKTREE)
        return open_work_tree(out, err);
    if (cli_open_repo(cli, repo, err) != 0)
        return -1;
    if (options->what == CHECK_STAGED && repo_is_bare(*repo))
        return refuse_bare(err);
    if (options->what == CHECK_STAGED)
        return source_from_index(*repo, out, err);
    if (point_find_here(cli, local, *repo, options->revision, &options->tip, err) != 0 ||
        (options->base != NULL && point_find_here(cli, local, *repo, options->base, &options->over, err) != 0))
        return -1;
    return source_from_commit(*repo, &options->tip.commit, NULL, out, err);
}

/* What B is pushed over: that decides whether it removes too much. */
static int read_base(struct repo *repo, const struct check_options *options, struct revision *before, bool *allowed,
                     struct error *err)
{
    const struct oid *over = &options->over.commit;
    if (guard_allows_mass_removal(repo, &options->tip.commit, over, allowed, err) != 0)
        return -1;
    return revision_before(repo, over, before, err);
}

/* What the schemas are compared with: of a commit its parent's; of the files, and of what is staged, those that are
   committed; but what epochd refused counts for nothing. */
static int read_schemas(const struct cli *cli, const struct check_options *options, struct repo **repo,
                        struct standing *standing, struct revision *out, struct error *err)
{
    struct repo_commit commit;
    struct oid below;
    struct error unborn;
    if (options->what == CHECK_WORKTREE && (!has_repository() || cli_open_repo(cli, repo, &unborn) != 0))
        return 0; /* the files alone can be judged too */
    if (options->what != CHECK_REVISION) {
        if (repo_resolve(*repo, "HEAD", &below, &unborn) != 0)
            return 0;
    } else if (repo_read_commit(*repo, &options->tip.commit, &commit, err) != 0) {
        return -1;
    } else {
        below = commit.first_parent;
    }
    standing_find(cli->config, *repo, &below, standing);
    if (revision_schemas(*repo, &standing->commit, out, err) != 0)
        return -1;
    standing->commit = out->commit;
    return 0;
}

/* --- output --------------------------------------------------------------------------------------------- */

/* Of what was said about schemas, what they were compared with: another commit would have given other words. */
static void put_compared(const struct findings *findings, const struct standing *standing, struct buf *text)
{
    static const char *const codes[] = {CODE_SCHEMA_ANNOTATION, CODE_SCHEMA_BREAKING, CODE_SCHEMA_UNCLEAR};
    bool is_told = false;
    for (size_t i = 0; i < findings->len; i++)
        for (size_t j = 0; j < ARRAY_LEN(codes); j++)
            is_told = is_told || strcmp(findings->items[i].code, codes[j]) == 0;
    if (!is_told || oid_is_zero(&standing->commit))
        return;
    buf_puts(text, "schemas were compared with those of ");
    standing_put(standing, text);
    buf_putc(text, '\n');
}

static void put_text(const struct findings *findings, const struct candidate *candidate, const struct standing *standing,
                     struct buf *text)
{
    formats_put_text(findings, text);
    put_compared(findings, standing, text);
    if (findings->errors == 0)
        buf_printf(text, "ok: %zu service%s%s, %zu warning%s\n", candidate->total, plural(candidate->total),
                   candidate->total == 0 ? " (no file under services/)" : "", findings->warnings,
                   plural(findings->warnings));
    else
        buf_printf(text, "refused: %zu error%s, %zu warning%s\n", findings->errors, plural(findings->errors),
                   findings->warnings, plural(findings->warnings));
}

static void put_json(const struct findings *findings, const struct candidate *candidate, const struct oid *compared_with,
                     struct buf *text)
{
    char commit[OID_HEX_LEN + 1];
    oid_format(compared_with, commit);
    buf_puts(text, "{\"compared_with\":");
    json_put_text(text, oid_is_zero(compared_with) ? NULL : commit);
    buf_printf(text, ",\"errors\":%zu,\"findings\":", findings->errors);
    findings_write_json(findings, FINDINGS_MAX, text);
    buf_printf(text, ",\"ok\":%s,\"services\":", findings->errors == 0 ? "true" : "false");
    if (findings->errors == 0)
        buf_printf(text, "%zu", candidate->total);
    else
        buf_puts(text, "null");
    buf_printf(text, ",\"warnings\":%zu}\n", findings->warnings);
}

static int print(const char *format, const struct findings *findings, const struct candidate *candidate,
                 const struct standing *standing)
{
    struct buf text AUTO_BUF = {0};
    if (strcmp(format, "json") == 0)
        put_json(findings, candidate, &standing->commit, &text);
    else if (strcmp(format, "sarif") == 0)
        formats_put_sarif(findings, &text);
    else if (strcmp(format, "github") == 0)
        formats_put_github(findings, &text);
    else if (strcmp(format, "gitlab") == 0)
        formats_put_gitlab(findings, &text);
    else
        put_text(findings, candidate, standing, &text);
    return cli_print(&text);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct check_options options = {.revision = "HEAD"};
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct revision before AUTO_REVISION = {0};
    struct revision schemas AUTO_REVISION = {0};
    struct standing standing = {0};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    bool is_allowed = true;
    const char *format = cli_given(args, OPT_JSON) ? "json" : cli_given(args, OPT_FORMAT) ? args->options[OPT_FORMAT] : "text";
    if (!choose(args, &options))
        return CLI_USAGE;
    if (open_source(cli, &local, &options, &repo, &source, &err) != 0 ||
        (options.base != NULL ? read_base(repo, &options, &before, &is_allowed, &err)
                              : read_schemas(cli, &options, &repo, &standing, &schemas, &err)) != 0)
        return local_fail(&local, &err);
    struct candidate_base base = revision_base(&before, is_allowed);
    base.compared_with = schemas.environment;
    base.compared_files = schemas.listing;
    if (candidate_judge(&source, &base, &candidate, &findings, &err) != 0 || findings_check(&findings, &err) != 0)
        return cli_fail(&err);
    findings_sort(&findings);
    int rc = print(format, &findings, &candidate, &standing);
    return rc == CLI_OK && findings.errors > 0 ? CLI_FINDINGS : rc;
}

const struct cli_verb verb_check = {
    .name = "check",
    .summary = "judge a revision as epochd would",
    .help = "Judges a revision with the daemon's own code: a commit (default: HEAD), an epoch's number, or a\n"
            "time. The repository is the one at or above the current folder, else that of the settings.\n"
            "Each finding is one line, \"file:line:column: message [code]\": the errors, then warnings, marked\n"
            "(50 at most; *--format json* has 1,000); the last line is the verdict. Schemas are compared with\n"
            "those of the last valid commit below; where epochd runs on this host and refused that one, with\n"
            "those in force. What depends on the epoch in force (*guard.mass-removal*) is judged\n"
            "for _A..B_ alone: _B_ as if it were pushed over _A_.\n",
    .exit = "0: it would be accepted; 1: it would be refused.",
    .operands = {{.name = "REV|A..B", .kind = CLI_POINT, .is_optional = true}},
    .options = {[OPT_STAGED] = {.name = "staged", .help = "judge what is staged"},
                [OPT_WORKTREE] = {.name = "worktree",
                                  .help = "judge the files as they are; the folder need not be a git repository",
                                  .is_alternative = true},
                [OPT_FORMAT] = {.name = "format",
                                .argument = "text|json|sarif|github|gitlab",
                                .kind = CLI_WORDS,
                                .help = "the form of the output: SARIF 2.1.0, GitHub's workflow commands, GitLab's code "
                                        "quality report"},
                [OPT_JSON] = {.name = "json", .help = "the same as *--format json*", .is_alternative = true}},
    .run = run,
};
