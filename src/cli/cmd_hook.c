/*
 * hook: what git's hooks call. They judge with the daemon's own code before git accepts; the daemon never
 * relies on them.
 *
 * pre-commit, pre-merge-commit  judge what is staged
 * pre-receive                   judges what is pushed to the served branch, from the quarantine; refuses
 *                               rewinds under `deny`
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/formats.h"
#include "cli/git.h"
#include "cli/hook_answer.h"
#include "cli/plan.h"
#include "cli/standing.h"
#include "cli/verbs.h"
#include "config/candidate.h"
#include "config/guard.h"
#include "model/codes.h"
#include "model/oid.h"

static void say(const char *format, ...) PRINTF_LIKE(1, 2);

static void say(const char *format, ...)
{
    va_list args;
    fputs("epochd: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* git says by its environment which repository, index and objects it means. */
static int open_repo(struct repo **out, struct error *err)
{
    static const struct repo_policy policy = {.from_environment = true};
    return repo_open(out, ".", &policy, err);
}

/* --- judging -------------------------------------------------------------------------------------------- */

static int say_plan(const struct candidate *candidate, const struct source *source, const struct revision *before, struct error *err)
{
    enum { KEYS_SHOWN = 12 };
    struct plan plan AUTO_PLAN = {0};
    struct buf text AUTO_BUF = {0};
    if (getenv(GIT_ANSWERED) != NULL)
        return 0; /* a verb of ours commits, and has printed more */
    if (before->catalog == NULL) {
        say("valid; %zu service%s", candidate->total, plural(candidate->total));
        return 0;
    }
    if (plan_make(candidate, source, before, &plan, err) != 0)
        return -1;
    plan_put_names(&plan, &text);
    if (plan.len == 0)
        say("valid; no service changes");
    else
        say("valid; %zu service%s of %zu change%s: %.*s", plan.len, plural(plan.len), plan_count_all(&plan), plan.len == 1 ? "s" : "",
            (int)text.len, text.data);
    buf_reset(&text);
    plan_put_text(&plan, "  ", KEYS_SHOWN, &text);
    plan_put_causes(&plan, "  ", &text);
    if (text.len > 0)
        fwrite(text.data, 1, text.len, stderr);
    return buf_check(&text, err);
}

static int judge(const struct source *source, const struct candidate_base *base, const struct revision *before, struct error *err,
                 bool *is_valid)
{
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    if (candidate_judge(source, base, &candidate, &findings, err) != 0 || findings_check(&findings, err) != 0)
        return -1;
    findings_sort(&findings);
    if (findings.errors > 0 || getenv(GIT_ANSWERED) == NULL)
        formats_print(&findings);
    *is_valid = findings.errors == 0;
    return *is_valid ? say_plan(&candidate, source, before, err) : 0;
}

/* --- pre-commit ----------------------------------------------------------------------------------------- */

static int cannot_judge(const struct error *err, const char *way_out)
{
    cli_fail(err);
    say("nothing was judged%s", way_out);
    return CLI_FAILED;
}

static int pre_commit(const struct cli *cli)
{
    static const char way_out[] = "; git commit --no-verify goes on without";

    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct revision before AUTO_REVISION = {0};
    struct standing standing = {0};
    struct oid head;
    struct error err, unborn;
    bool is_valid;
    if (open_repo(&repo, &err) != 0 || source_from_index(repo, &source, &err) != 0)
        return cannot_judge(&err, way_out);
    if (repo_resolve(repo, "HEAD", &head, &unborn) == 0 &&
        standing_read(cli->config, repo, &head, &standing, &before, &err) != 0)
        return cannot_judge(&err, way_out);
    struct candidate_base base = revision_base(&before, false);
    base.has_no_message = true;
    standing_say(&standing, "epochd");
    if (judge(&source, &base, &before, &err, &is_valid) != 0)
        return cannot_judge(&err, way_out);
    if (is_valid)
        return CLI_OK;
    say("this commit would be refused; git commit --no-verify makes it all the same, and epochd keeps the "
        "last good epoch");
    return CLI_FINDINGS;
}

/* --- pre-receive ---------------------------------------------------------------------------------------- */

/* What `epochctl init` wrote, or what the admin set: the hook runs as the pusher, who may not read the
   daemon's settings. */
static int read_policy(struct repo *repo, char branch[static 256], bool *is_deny, struct error *err)
{
    char rewrite[64];
    bool found;
    if (hook_served_branch(repo, branch, err) != 0)
        return -1;
    if (repo_config_get(repo, "epochd.rewrite", &found, rewrite, sizeof rewrite, err) != 0)
        return -1;
    *is_deny = found ? strcmp(rewrite, "deny") == 0 : repo_is_bare(repo);
    if (!found || *is_deny || strcmp(rewrite, "amend") == 0 || strcmp(rewrite, "allow") == 0)
        return 0;
    return error_set(err, CODE_SETTINGS, 0, "git config epochd.rewrite is '%s', and not amend, deny or allow",
                     rewrite);
}

static int judge_push(const struct cli *cli, struct repo *repo, const struct hook_push *push, struct error *err, bool *is_valid)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct revision before AUTO_REVISION = {0};
    struct standing standing = {0};
    bool is_allowed;
    const struct oid *hide = oid_is_zero(&push->before) ? NULL : &push->before;
    if (guard_allows_mass_removal(repo, &push->after, hide, &is_allowed, err) != 0)
        return -1;
    if (!oid_is_zero(&push->before) && standing_read(cli->config, repo, &push->before, &standing, &before, err) != 0)
        return -1;
    if (source_from_commit(repo, &push->after, NULL, &source, err) != 0)
        return -1;
    const struct candidate_base base = revision_base(&before, is_allowed);
    standing_say(&standing, "epochd");
    return judge(&source, &base, &before, err, is_valid);
}

static int receive(const struct cli *cli, struct repo *repo, const struct hook_push *push, bool is_deny)
{
    struct error err;
    bool contains = true, is_valid;
    if (oid_is_zero(&push->after)) {
        say("%s is the branch that is served; it is not deleted by a push [%s]", push->branch,
            CODE_REF_MISSING);
        return CLI_FINDINGS;
    }
    if (is_deny && !oid_is_zero(&push->before) &&
        repo_is_ancestor(repo, &push->before, &push->after, &contains, NULL, &err) != 0)
        return cannot_judge(&err, "");
    if (!contains) {
        say("the push does not contain what %s holds now; rewinds are denied here [%s]", push->branch,
            CODE_HISTORY_REWRITTEN);
        say("git pull --rebase, then push again; or git revert what is not wanted");
        return CLI_FINDINGS;
    }
    if (judge_push(cli, repo, push, &err, &is_valid) != 0)
        return cannot_judge(&err, "");
    if (is_valid)
        return CLI_OK;
    say("refused; %s stays where it is", push->branch);
    return CLI_FINDINGS;
}

static int pre_receive(const struct cli *cli)
{
    struct repo *repo AUTO_REPO = NULL;
    struct error err;
    struct hook_push push;
    char branch[256], *line AUTO_FREE = NULL;
    size_t cap = 0;
    ssize_t len;
    bool is_deny;
    int rc = CLI_OK;
    if (open_repo(&repo, &err) != 0 || read_policy(repo, branch, &is_deny, &err) != 0)
        return cannot_judge(&err, "");
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct span text = {line, (size_t)len - (line[len - 1] == '\n')};
        if (!hook_parse_push(text, &push) || strcmp(push.branch, branch) != 0)
            continue; /* another branch, or a tag: not served */
        int one = receive(cli, repo, &push, is_deny);
        rc = one > rc ? one : rc;
    }
    if (feof(stdin) == 0) {
        error_set(&err, ERR_SYSTEM, errno, "cannot read what is pushed");
        return cannot_judge(&err, "");
    }
    return rc;
}

/* --- afterwards ----------------------------------------------------------------------------------------- */

/* What is done is done: whatever goes wrong here, git must not be told of a failure. */
static int tell(const struct cli *cli, void (*answer)(const char *config, struct repo *repo))
{
    struct repo *repo AUTO_REPO = NULL;
    struct error err;
    if (getenv(GIT_ANSWERED) != NULL)
        return CLI_OK;
    if (open_repo(&repo, &err) != 0)
        cli_fail(&err);
    else
        answer(cli->config, repo);
    return CLI_OK;
}

static int post_receive(const struct cli *cli)
{
    return tell(cli, hook_answer_push);
}

static int post_commit(const struct cli *cli)
{
    return tell(cli, hook_answer_head);
}

/* After --amend post-commit has told already. */
static int post_rewrite(const struct cli *cli, const struct cli_args *args)
{
    const char *command = cli_operand(args, 1);
    return command != NULL && strcmp(command, "amend") == 0 ? CLI_OK : tell(cli, hook_answer_head);
}

/* A squash commits nothing yet. */
static int post_merge(const struct cli *cli, const struct cli_args *args)
{
    const char *is_squash = cli_operand(args, 1);
    return is_squash != NULL && strcmp(is_squash, "1") == 0 ? CLI_OK : tell(cli, hook_answer_head);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    const char *name = args->operands[0];
    if (strcmp(name, "pre-receive") == 0)
        return pre_receive(cli);
    if (strcmp(name, "post-receive") == 0)
        return post_receive(cli);
    if (strcmp(name, "post-commit") == 0)
        return post_commit(cli);
    if (strcmp(name, "post-rewrite") == 0)
        return post_rewrite(cli, args);
    if (strcmp(name, "post-merge") == 0)
        return post_merge(cli, args);
    return pre_commit(cli);
}

const struct cli_verb verb_hook = {
    .name = "hook",
    .summary = "what git's hooks call",
    .help = "What the hooks that *init* installs call. *pre-commit* and *pre-merge-commit* judge what is\n"
            "staged. *pre-receive* judges what is pushed to the served branch, before git accepts it,\n"
            "refuses to delete that branch, and refuses a rewind where the policy is *deny*; other branches\n"
            "and tags pass. Findings, or what would change, go to standard error, which git shows to whoever\n"
            "pushes. *post-commit*, *post-merge*, *post-rewrite* and *post-receive* tell what became of it:\n"
            "published, committed, rejected, not served and why; where epochd never ran they are silent. The\n"
            "repository's own config says what the daemon's settings say, because a hook runs as the pusher:\n"
            "\n"
            "*epochd.branch*\n"
            "\tThe served branch; default *main*.\n"
            "*epochd.rewrite*\n"
            "\t*amend*, *deny* or *allow*; default *deny* for a bare repository, *amend* for a work tree.\n"
            "*epochd.wait*\n"
            "\tSeconds to wait for what became of a commit; default 2.\n",
    .exit = "0: accepted, and always afterwards; 1: refused; 3: could not judge, which git takes for a refusal too.",
    .operands = {{.name = "pre-commit|pre-merge-commit|pre-receive|post-commit|post-merge|post-rewrite|post-receive",
                  .kind = CLI_WORDS},
                 {.name = "ARGUMENT", .is_optional = true, .is_repeated = true}},
    .run = run,
};
