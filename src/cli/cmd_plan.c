/*
 * plan and diff: what would change, and what did, by service and key.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/formats.h"
#include "cli/hook_answer.h"
#include "cli/plan.h"
#include "cli/point.h"
#include "cli/standing.h"
#include "cli/verbs.h"
#include "model/codes.h"

enum { OPT_FORMAT, OPT_JSON, OPT_STAGED, OPT_WORKTREE };
enum { OPT_DIFF_WORKTREE = OPT_STAGED };

/* --- one side and the other ----------------------------------------------------------------------------- */

/* What the branch that is served holds: the newest commit of it that is valid, and that epochd is not known to have refused. */
static int read_served(const struct cli *cli, struct repo *repo, const char *revision, struct revision *out, struct error *err)
{
    struct oid tip;
    struct standing standing;
    struct error unborn;
    if (repo_resolve(repo, revision, &tip, &unborn) != 0)
        return 0;
    if (standing_read(cli->config, repo, &tip, &standing, out, err) != 0)
        return -1;
    standing_say(&standing, "epochctl");
    return 0;
}

/* A revision that must be valid: differences to half a configuration would mislead. */
static int read_epoch(const struct cli *cli, struct local *local, struct repo *repo, const char *text, struct revision *out,
                      struct error *err)
{
    struct point point;
    if (point_find_here(cli, local, repo, text, &point, err) != 0 || revision_load(repo, &point.commit, out, err) != 0)
        return -1;
    return out->catalog != NULL ? 0 : error_set(err, CODE_REPO_REV, 0, "%s is not a valid configuration: epochctl check %s", text, text);
}

/* --- output --------------------------------------------------------------------------------------------- */

static bool is_format(const struct cli_args *args, const char *name)
{
    return cli_given(args, OPT_FORMAT) && strcmp(args->options[OPT_FORMAT], name) == 0;
}

static bool is_json(const struct cli_args *args)
{
    return cli_given(args, OPT_JSON) || is_format(args, "json");
}

static void put_text(const struct plan *plan, struct buf *out)
{
    plan_put_text(plan, "", SIZE_MAX / 4, out);
    plan_put_counts(plan, out);
    buf_putc(out, '\n');
    plan_put_causes(plan, "", out);
}

static int print_plan(const struct cli_args *args, const struct plan *plan)
{
    struct buf text AUTO_BUF = {0};
    if (is_json(args))
        plan_put_json(plan, &text);
    else if (is_format(args, "markdown"))
        plan_put_markdown(plan, &text);
    else
        put_text(plan, &text);
    return cli_print(&text);
}

static int print_findings_json(const struct findings *findings)
{
    struct buf text AUTO_BUF = {0};
    buf_printf(&text, "{\"errors\":%zu,\"findings\":", findings->errors);
    findings_write_json(findings, FINDINGS_MAX, &text);
    buf_puts(&text, "}\n");
    int rc = cli_print(&text);
    return rc == CLI_OK ? CLI_FINDINGS : rc;
}

static int print_findings(const struct cli_args *args, const struct findings *findings)
{
    if (is_json(args))
        return print_findings_json(findings);
    formats_print(findings);
    fprintf(stderr, "refused: %zu error%s; there is nothing to plan\n", findings->errors, plural(findings->errors));
    return CLI_FINDINGS;
}

/* What will be in the way of the commit, though the configuration is valid. */
static void say_guards(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        if (strcmp(findings->items[i].code, CODE_GUARD_MASS_REMOVAL) != 0)
            continue;
        finding_format(&findings->items[i], &line);
        fprintf(stderr, "%.*s\n", (int)line.len, line.data);
    }
}

/* Judges `source` over `before` and prints what changes. */
static int compare(const struct cli_args *args, const struct source *source, const struct revision *before,
                   bool is_to_come)
{
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct plan plan AUTO_PLAN = {0};
    struct error err;
    /* Whether many services may go is a question of the message it will be pushed with. */
    struct candidate_base base = revision_base(before, !is_to_come);
    base.has_no_message = is_to_come;
    base.is_past = !is_to_come;
    if (candidate_judge(source, &base, &candidate, &findings, &err) != 0 || findings_check(&findings, &err) != 0)
        return cli_fail(&err);
    findings_sort(&findings);
    if (findings.errors > 0)
        return print_findings(args, &findings);
    if (!is_json(args))
        say_guards(&findings);
    return plan_make(&candidate, source, before, &plan, &err) != 0 ? cli_fail(&err) : print_plan(args, &plan);
}

/* --- plan ----------------------------------------------------------------------------------------------- */

static int open_after(const struct cli *cli, struct local *local, struct repo *repo, const struct cli_args *args,
                      struct source *out, struct error *err)
{
    struct point point;
    const char *revision = cli_operand(args, 0);
    if (cli_given(args, OPT_STAGED))
        return source_from_index(repo, out, err);
    if (revision == NULL && repo_work_dir(repo) != NULL)
        return source_from_folder(repo_work_dir(repo), out, err);
    if (point_find_here(cli, local, repo, revision == NULL ? "HEAD" : revision, &point, err) != 0)
        return -1;
    return source_from_commit(repo, &point.commit, NULL, out, err);
}

static int run_plan(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct revision before AUTO_REVISION = {0};
    struct error err;
    char branch[256];
    bool is_revision = args->operands_len > 0;
    if (is_revision && (cli_given(args, OPT_STAGED) || cli_given(args, OPT_WORKTREE)))
        return cli_usage(args->verb, "one revision, or --staged, or --worktree");
    if (cli_open_repo(cli, &repo, &err) != 0 || hook_served_branch(repo, branch, &err) != 0 ||
        read_served(cli, repo, is_revision ? branch : "HEAD", &before, &err) != 0 ||
        open_after(cli, &local, repo, args, &source, &err) != 0)
        return local_fail(&local, &err);
    return compare(args, &source, &before, true);
}

#define FORMAT_OPTIONS                                                                                     \
    [OPT_FORMAT] = {.name = "format",                                                                      \
                    .argument = "text|json|markdown",                                                      \
                    .kind = CLI_WORDS,                                                                     \
                    .help = "the form of the output; markdown is for a comment on a merge request"},       \
    [OPT_JSON] = {.name = "json", .help = "the same as *--format json*; where it is refused, errors and findings instead", .is_alternative = true}

const struct cli_verb verb_plan = {
    .name = "plan",
    .summary = "what would change, by service and key",
    .help = "Judges and compares with what is in force: the newest valid commit below. Without _REV_ the\n"
            "files as they are, or what is staged, with the commit that is checked out; _REV_, a branch to be\n"
            "merged say, with the branch that is served (*epochd.branch* of the repository's config, else\n"
            "*main*).\n",
    .exit = "0: it would be accepted; 1: it would be refused, and the findings say why.",
    .operands = {{.name = "REV", .kind = CLI_POINT, .is_optional = true}},
    .options = {FORMAT_OPTIONS,
                [OPT_STAGED] = {.name = "staged", .help = "what is staged"},
                [OPT_WORKTREE] = {.name = "worktree", .help = "the files as they are; the default", .is_alternative = true}},
    .run = run_plan,
};

/* --- diff ----------------------------------------------------------------------------------------------- */

/* "A B", or "A..B" as git takes it; B is HEAD unless it is named. */
static bool choose_sides(const struct cli_args *args, struct point_range *range, const char **a, const char **b)
{
    *a = args->operands_len > 0 ? args->operands[0] : "HEAD";
    *b = args->operands_len > 1 ? args->operands[1] : "HEAD";
    switch (point_split(*a, range)) {
    case POINT_ONE:
        return true;
    case POINT_RANGE:
        *a = range->from;
        *b = range->to;
        if (args->operands_len < 2)
            return true;
        break;
    case POINT_WRONG:
        break;
    }
    cli_usage(args->verb, "two epochs, as A B or A..B");
    return false;
}

/* Without a word about it, as `git diff`: what was edited since HEAD. */
static bool wants_files(const struct cli_args *args)
{
    return cli_given(args, OPT_DIFF_WORKTREE) || args->operands_len == 0;
}

/* What is compared with: an epoch, or the files as they are. */
static int open_later(const struct cli *cli, struct local *local, struct repo *repo, const struct cli_args *args,
                      const char *later, struct source *out, struct error *err)
{
    struct point point;
    if (wants_files(args) && repo_work_dir(repo) == NULL)
        return error_set(err, CODE_USAGE, 0,
                         "a bare repository has no files to compare with: epochctl diff A B compares two epochs");
    if (wants_files(args))
        return source_from_folder(repo_work_dir(repo), out, err);
    return point_find_here(cli, local, repo, later, &point, err) != 0 ? -1 : source_from_commit(repo, &point.commit, NULL, out, err);
}

static int run_diff(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct revision before AUTO_REVISION = {0};
    struct point_range range;
    const char *earlier, *later;
    struct error err;
    if (cli_given(args, OPT_DIFF_WORKTREE) &&
        (args->operands_len > 1 || (args->operands_len == 1 && strstr(args->operands[0], "..") != NULL)))
        return cli_usage(args->verb, "one epoch to compare the files with, or two epochs");
    if (!choose_sides(args, &range, &earlier, &later))
        return CLI_USAGE;
    if (cli_open_repo(cli, &repo, &err) != 0 || read_epoch(cli, &local, repo, earlier, &before, &err) != 0 ||
        open_later(cli, &local, repo, args, later, &source, &err) != 0)
        return local_fail(&local, &err);
    return compare(args, &source, &before, false);
}

const struct cli_verb verb_diff = {
    .name = "diff",
    .summary = "what changed between two epochs, by service and key",
    .help = "From one epoch to another, _B_ being HEAD unless it is named: each a number, a commit or a\n"
            "time; _A.._ and _A..B_ are the same as _A_ and _A_ _B_. Without any of them from HEAD to the\n"
            "files as they are. Reads the repository; numbers and times are looked up in the journal.\n",
    .exit = "0: compared, also where nothing changed; 1: _B_ is not valid, and the findings say why.",
    .operands = {{.name = "A", .kind = CLI_POINT, .is_optional = true},
                 {.name = "B", .kind = CLI_POINT, .is_optional = true}},
    .options = {FORMAT_OPTIONS,
                [OPT_DIFF_WORKTREE] = {.name = "worktree", .help = "from _A_ to the files as they are, edits that are not committed too"}},
    .run = run_diff,
};
