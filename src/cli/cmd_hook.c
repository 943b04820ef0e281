/*
 * hook: what git's hooks call. They judge with the daemon's own code before git accepts; the daemon never
 * relies on them.
 *
 * pre-commit, pre-merge-commit  judge what is staged
 * pre-receive                   judges what is pushed to the served branch, from the quarantine; refuses
 *                               rewinds under `deny`
 */
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/git.h"
#include "cli/verbs.h"
#include "config/candidate.h"
#include "config/guard.h"
#include "config/revision.h"
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

static void say_findings(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        finding_format(&findings->items[i], &line);
        fprintf(stderr, "%.*s\n", (int)line.len, line.data);
    }
}

/* git says by its environment which repository, index and objects it means. */
static int open_repo(struct repo **out, struct error *err)
{
    static const struct repo_policy policy = {.from_environment = true};
    return repo_open(out, ".", &policy, err);
}

/* --- judging -------------------------------------------------------------------------------------------- */

/* A removed service with '-', a new one with '+'. */
static void say_plan(const struct candidate *candidate, const struct catalog *before)
{
    enum { NAMED_MAX = 8 };
    struct buf names AUTO_BUF = {0};
    if (getenv(GIT_ANSWERED) != NULL)
        return; /* a verb of ours commits, and has printed more */
    if (before == NULL) {
        say("valid; %zu service%s", candidate->total, plural(candidate->total));
        return;
    }
    for (size_t i = 0; i < candidate->len && i < NAMED_MAX; i++) {
        const struct candidate_service *service = &candidate->services[i];
        bool is_new = catalog_find(before, service->name) == NULL;
        buf_printf(&names, "%s%s%s", i == 0 ? "" : ", ", service->path == NULL ? "-" : is_new ? "+" : "",
                   service->name);
    }
    if (candidate->len > NAMED_MAX)
        buf_printf(&names, " and %zu more", candidate->len - NAMED_MAX);
    if (candidate->len == 0)
        say("valid; no service changes");
    else
        say("valid; %zu service%s of %zu change%s: %.*s", candidate->len, plural(candidate->len),
            candidate->total, candidate->len == 1 ? "s" : "", (int)names.len, names.data);
}

static int judge(const struct source *source, const struct candidate_base *base, struct error *err,
                 bool *is_valid)
{
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    if (candidate_judge(source, base, &candidate, &findings, err) != 0 || findings_check(&findings, err) != 0)
        return -1;
    findings_sort(&findings);
    say_findings(&findings);
    *is_valid = findings.errors == 0;
    if (*is_valid)
        say_plan(&candidate, base->in_force);
    return 0;
}

/* --- pre-commit ----------------------------------------------------------------------------------------- */

static int cannot_judge(const struct error *err, const char *way_out)
{
    cli_fail(err);
    say("nothing was judged%s", way_out);
    return CLI_FAILED;
}

static int pre_commit(void)
{
    static const char way_out[] = "; git commit --no-verify goes on without";

    struct repo *repo AUTO_REPO = NULL;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct catalog *before AUTO_CATALOG = NULL;
    struct oid head;
    struct error err, unborn;
    bool is_valid;
    if (open_repo(&repo, &err) != 0 || source_from_index(repo, &source, &err) != 0)
        return cannot_judge(&err, way_out);
    if (repo_resolve(repo, "HEAD", &head, &unborn) == 0 && revision_before(repo, &head, &before, &err) != 0)
        return cannot_judge(&err, way_out);
    /* The commit's trailers do not exist yet: whether many services may go is judged with the message, by the
       daemon. */
    struct candidate_base base = {.in_force = before, .mass_removal_allowed = true};
    if (judge(&source, &base, &err, &is_valid) != 0)
        return cannot_judge(&err, way_out);
    if (is_valid)
        return CLI_OK;
    say("this commit would be refused; git commit --no-verify makes it all the same, and epochd keeps the "
        "last good epoch");
    return CLI_FINDINGS;
}

/* --- pre-receive ---------------------------------------------------------------------------------------- */

struct push {
    struct oid before, after;
    char branch[256];
};

/* "<old> <new> <ref>": false for anything else, and for refs that are not branches. */
static bool parse_push(struct span line, struct push *out)
{
    static const char heads[] = "refs/heads/";
    const size_t ref_at = 2 * (OID_HEX_LEN + 1);
    if (line.len <= ref_at + sizeof heads - 1 || line.len - ref_at - (sizeof heads - 1) >= sizeof out->branch)
        return false;
    if (!oid_parse((struct span){line.data, OID_HEX_LEN}, &out->before) ||
        !oid_parse((struct span){line.data + OID_HEX_LEN + 1, OID_HEX_LEN}, &out->after) ||
        memcmp(line.data + ref_at, heads, sizeof heads - 1) != 0)
        return false;
    size_t len = line.len - ref_at - (sizeof heads - 1);
    memcpy(out->branch, line.data + ref_at + sizeof heads - 1, len);
    out->branch[len] = '\0';
    return true;
}

/* What `epochctl init` wrote, or what the admin set: the hook runs as the pusher, who may not read the
   daemon's settings. */
static int read_policy(struct repo *repo, char branch[static 256], bool *is_deny, struct error *err)
{
    char rewrite[64];
    bool found;
    if (repo_config_get(repo, "epochd.branch", &found, branch, 256, err) != 0)
        return -1;
    if (!found)
        snprintf(branch, 256, "main");
    if (repo_config_get(repo, "epochd.rewrite", &found, rewrite, sizeof rewrite, err) != 0)
        return -1;
    *is_deny = found ? strcmp(rewrite, "deny") == 0 : repo_is_bare(repo);
    if (!found || *is_deny || strcmp(rewrite, "amend") == 0 || strcmp(rewrite, "allow") == 0)
        return 0;
    return error_set(err, CODE_SETTINGS, 0, "git config epochd.rewrite is '%s', and not amend, deny or allow",
                     rewrite);
}

static int judge_push(struct repo *repo, const struct push *push, struct error *err, bool *is_valid)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct catalog *before AUTO_CATALOG = NULL;
    bool is_allowed;
    const struct oid *hide = oid_is_zero(&push->before) ? NULL : &push->before;
    if (guard_allows_mass_removal(repo, &push->after, hide, &is_allowed, err) != 0)
        return -1;
    if (!oid_is_zero(&push->before) && revision_before(repo, &push->before, &before, err) != 0)
        return -1;
    struct candidate_base base = {.in_force = before,
                                  .mass_removal_allowed = is_allowed};
    if (source_from_commit(repo, &push->after, NULL, &source, err) != 0)
        return -1;
    return judge(&source, &base, err, is_valid);
}

static int receive(struct repo *repo, const struct push *push, bool is_deny)
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
    if (judge_push(repo, push, &err, &is_valid) != 0)
        return cannot_judge(&err, "");
    if (is_valid)
        return CLI_OK;
    say("refused; %s stays where it is", push->branch);
    return CLI_FINDINGS;
}

static int pre_receive(void)
{
    struct repo *repo AUTO_REPO = NULL;
    struct error err;
    struct push push;
    char branch[256], *line AUTO_FREE = NULL;
    size_t cap = 0;
    ssize_t len;
    bool is_deny;
    int rc = CLI_OK;
    if (open_repo(&repo, &err) != 0 || read_policy(repo, branch, &is_deny, &err) != 0)
        return cannot_judge(&err, "");
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct span text = {line, (size_t)len - (line[len - 1] == '\n')};
        if (!parse_push(text, &push) || strcmp(push.branch, branch) != 0)
            continue; /* another branch, or a tag: not served */
        int one = receive(repo, &push, is_deny);
        rc = one > rc ? one : rc;
    }
    return rc;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    (void)cli;
    return strcmp(args->operands[0], "pre-receive") == 0 ? pre_receive() : pre_commit();
}

const struct cli_verb verb_hook = {
    .name = "hook",
    .summary = "what git's hooks call",
    .help = "What the hooks that *init* installs call. *pre-commit* and *pre-merge-commit* judge what is\n"
            "staged. *pre-receive* judges what is pushed to the served branch, before git accepts it,\n"
            "refuses to delete that branch, and refuses a rewind where the policy is *deny*; other branches\n"
            "and tags pass. Findings, or what would change, go to standard error, which git shows to whoever\n"
            "pushes. The repository's own config says what the daemon's settings say, because a hook runs as\n"
            "the pusher:\n"
            "\n"
            "*epochd.branch*\n"
            "\tThe served branch; default *main*.\n"
            "*epochd.rewrite*\n"
            "\t*amend*, *deny* or *allow*; default *deny* for a bare repository, *amend* for a work tree.\n",
    .exit = "0: accepted; 1: refused; 3: could not judge, which git takes for a refusal too.",
    .operands = {{.name = "pre-commit|pre-merge-commit|pre-receive", .kind = CLI_WORDS}},
    .run = run,
};
