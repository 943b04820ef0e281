/*
 * writing_commit: from changed files to a commit that is answered for.
 */
#include <string.h>

#include "cli/answer.h"
#include "cli/formats.h"
#include "cli/plan.h"
#include "cli/standing.h"
#include "cli/writing_priv.h"
#include "config/guard.h"
#include "model/codes.h"
#include "util/clock.h"

/* What judging makes; the plan is printed from it. */
struct judged {
    struct repo *repo; /* of its own: what is asked about stays in memory */
    struct source source;
    struct revision before;
    struct standing standing; /* what `before` is */
    struct candidate candidate;
    struct findings findings;
    struct plan plan; /* where there are no errors */
};

static void judged_fini(struct judged *judged)
{
    plan_fini(&judged->plan);
    candidate_fini(&judged->candidate);
    findings_fini(&judged->findings);
    revision_fini(&judged->before);
    source_fini(&judged->source);
    repo_close(judged->repo);
}
#define AUTO_JUDGED CLEANUP(judged_fini)

/* --- judging -------------------------------------------------------------------------------------------- */

static int write_draft(struct repo *repo, const struct writing *w, const struct writing_commit *commit,
                       struct oid *out, struct error *err)
{
    const struct repo_draft draft = {.parent = w->tip,
                                     .changes = commit->changes,
                                     .len = commit->len,
                                     .name = commit->name,
                                     .mail = commit->mail,
                                     .message = commit->message};
    return repo_write_commit(repo, &draft, out, err);
}

static int judge(const struct writing *w, const struct writing_commit *commit, struct judged *out, struct error *err)
{
    const uid_t trusted[] = {w->owner.uid};
    const struct repo_policy policy = {trusted, 1, false};
    struct oid id;
    bool is_allowed;
    if (repo_open(&out->repo, w->path, &policy, err) != 0 || repo_keep_in_memory(out->repo, err) != 0 ||
        write_draft(out->repo, w, commit, &id, err) != 0 ||
        guard_allows_mass_removal(out->repo, &id, NULL, &is_allowed, err) != 0 ||
        standing_read(w->cli->config, out->repo, &w->tip, &out->standing, &out->before, err) != 0 ||
        source_from_commit(out->repo, &id, NULL, &out->source, err) != 0)
        return -1;
    const struct candidate_base base = revision_base(&out->before, is_allowed);
    if (candidate_judge(&out->source, &base, &out->candidate, &out->findings, err) != 0)
        return -1;
    findings_sort(&out->findings);
    if (findings_check(&out->findings, err) != 0)
        return -1;
    return out->findings.errors > 0 ? 0 : plan_make(&out->candidate, &out->source, &out->before, &out->plan, err);
}

static int say_findings(const struct findings *findings, struct outcome *outcome)
{
    outcome_note_findings(outcome, findings);
    bool has_removed_too_much = false;
    for (size_t i = 0; i < findings->len; i++)
        has_removed_too_much |= strcmp(findings->items[i].code, CODE_GUARD_MASS_REMOVAL) == 0;
    formats_print(findings);
    if (findings->errors > 0)
        fputs("epochctl: epochd would refuse this; nothing was written\n", stderr);
    if (has_removed_too_much)
        fputs("What to do: if it is meant, the same with --allow-mass-removal\n", stderr);
    return findings->errors > 0 ? CLI_FINDINGS : CLI_OK;
}

static int say_plan(const struct judged *judged, struct outcome *outcome)
{
    struct buf text AUTO_BUF = {0};
    outcome_note_plan(outcome, &judged->plan);
    if (outcome->is_json)
        return CLI_OK;
    plan_put_text(&judged->plan, "", SIZE_MAX / 4, &text);
    plan_put_counts(&judged->plan, &text);
    buf_putc(&text, '\n');
    plan_put_causes(&judged->plan, "", &text);
    return cli_print(&text);
}

/* --- committing ----------------------------------------------------------------------------------------- */

static int commit_bare(const struct writing *w, const struct writing_commit *commit, struct oid *out,
                       struct error *err)
{
    char why[256];
    snprintf(why, sizeof why, "epochctl: %.*s", (int)strcspn(commit->message, "\n"), commit->message);
    if (write_draft(w->repo, w, commit, out, err) != 0)
        return -1;
    return repo_move_branch(w->repo, w->branch, &w->tip, out, why, err);
}

static int commit_changes(const struct writing *w, const struct writing_commit *commit, struct oid *out,
                          struct error *err)
{
    bool is_missing;
    if (repo_is_bare(w->repo))
        return commit_bare(w, commit, out, err);
    if (writing_commit_tree(w, commit, err) != 0 || repo_branch_tip(w->repo, w->branch, &is_missing, out, err) != 0)
        return -1;
    return is_missing ? error_set(err, CODE_REF_MISSING, 0, "branch %s is gone", w->branch) : 0;
}

static bool has_remote(const struct writing *w)
{
    const struct git git = {.dir = w->path, .owner = &w->owner};
    struct buf names AUTO_BUF = {0};
    const struct git_call call = {.args = {"remote"}, .output = &names, .is_silent = true};
    struct error ignored;
    int exit_code;
    return git_run(&git, &call, &exit_code, &ignored) == 0 && exit_code == 0 && names.len > 0;
}

/* What became of it. Where epochd never ran, a commit waits for a push. */
static int say_answer(const struct writing *w, const struct judged *judged, const struct oid *commit,
                      int64_t asked_us, unsigned least_ms, struct outcome *outcome)
{
    struct answer_told told AUTO_ANSWER_TOLD = {0};
    struct buf names AUTO_BUF = {0};
    struct error err;
    unsigned wait_ms;
    plan_put_names(&judged->plan, &names);
    buf_putc(&names, '\0');
    if (buf_check(&names, &err) != 0 || answer_wait_ms(w->repo, &wait_ms, &err) != 0)
        return cli_fail(&err);
    const struct answer_question question = {
        .branch = w->branch, .commit = *commit, .services = names.data, .asked_us = asked_us};
    enum answer answer = answer_wait(w->cli->config, w->repo, &question, wait_ms > least_ms ? wait_ms : least_ms, &told);
    if (answer == ANSWER_NOT_HERE && !repo_is_bare(w->repo) && has_remote(w)) {
        buf_reset(&told.line);
        buf_puts(&told.line, "epochd does not run here; git push takes it to where it does");
    }
    outcome_note_answer(outcome, answer, &told);
    if (!outcome->is_json)
        printf("%.12s  %.*s\n", outcome->commit, (int)told.line.len, told.line.data);
    return answer_exit(answer);
}

static int push(const struct writing *w, struct outcome *outcome)
{
    const struct git git = {.dir = w->path, .owner = &w->owner};
    const struct git_call call = {.args = {"push", "--quiet"}};
    struct error err;
    if (git_must(&git, &call, &err) == 0) {
        outcome_say(outcome, "pushed", "committed, and pushed");
        return CLI_OK;
    }
    error_wrap(&err, "committed as %.12s, and not pushed", outcome->commit);
    outcome_note_error(outcome, &err);
    outcome->verdict = "not-pushed";
    return cli_fail(&err);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

/* True if the last paragraph is trailers already: more of them join it, or git would count the new ones alone. */
static bool ends_in_trailers(const char *message)
{
    const char *paragraph = NULL;
    for (const char *at = strstr(message, "\n\n"); at != NULL; at = strstr(at + 1, "\n\n"))
        paragraph = at + 2;
    size_t name = paragraph == NULL ? 0 : strcspn(paragraph, ": \n");
    return name > 0 && paragraph[name] == ':' && paragraph[name + 1] == ' ';
}

static int make_message(const char *what, const struct writing_options *options, struct buf *out, struct error *err)
{
    const char *message = options->message == NULL ? what : options->message;
    size_t len = strlen(message);
    if (len > WRITING_MESSAGE_MAX)
        return error_set(err, CODE_USAGE, 0, "a message of more than %d bytes", WRITING_MESSAGE_MAX);
    while (len > 0 && message[len - 1] == '\n')
        len--;
    buf_append(out, message, len);
    if (options->trailer != NULL)
        buf_printf(out, "%s%s", ends_in_trailers(message) ? "\n" : "\n\n", options->trailer);
    buf_puts(out, "\n");
    buf_putc(out, '\0');
    return buf_check(out, err);
}

static int prepare(struct writing *w, const struct writing_options *options, const struct writing_commit *commit,
                   char name[static 256], char mail[static 256], struct error *err)
{
    const struct git git = {.dir = w->path, .owner = &w->owner};
    if (options->pushes && repo_is_bare(w->repo))
        return error_set(err, CODE_USAGE, 0, "a bare repository is what others push to; --push is for work trees");
    if (options->pushes && !has_remote(w))
        return error_set(err, CODE_USAGE, 0, "there is nowhere to push to, and nothing was written: git remote add origin URL");
    if (git_identity(&git, name, mail, err) != 0)
        return -1;
    return repo_is_bare(w->repo) ? 0 : writing_check_clean(w, commit, err);
}

static int commit_and_answer(struct writing *w, const struct writing_commit *commit, const struct judged *judged,
                             const struct writing_options *options, struct outcome *outcome)
{
    struct oid id;
    struct error err;
    int64_t asked_us = clock_mono_us();
    if (commit_changes(w, commit, &id, &err) != 0)
        return writing_fail(&err, NULL, outcome);
    w->has_committed = true;
    writing_end_turn(w);
    outcome_note_commit(outcome, &id);
    if (options->made != NULL)
        outcome_made(outcome, options->made);
    if (options->pushes)
        return push(w, outcome);
    owner_leave(&w->owner); /* root may look into the state folder, which the owner may not be allowed to */
    return say_answer(w, judged, &id, asked_us, options->wait_ms, outcome);
}

int writing_is_clean(struct writing *w, const char *path, struct error *err)
{
    const struct repo_change change = {.path = path};
    const struct writing_commit commit = {.changes = &change, .len = 1};
    return repo_is_bare(w->repo) ? 0 : writing_check_clean(w, &commit, err);
}

int writing_commit(struct writing *w, const struct repo_change *changes, size_t len, const char *what,
                   const struct writing_options *options, struct outcome *outcome)
{
    struct judged judged AUTO_JUDGED = {.source = {.work_dir = -1}};
    struct buf message AUTO_BUF = {0};
    char name[256] = "", mail[256] = "";
    struct error err;
    struct writing_commit commit = {changes, len, name, mail, NULL};
    if (make_message(what, options, &message, &err) != 0 || prepare(w, options, &commit, name, mail, &err) != 0)
        return writing_fail(&err, NULL, outcome);
    commit.message = message.data;
    if (judge(w, &commit, &judged, &err) != 0)
        return writing_fail(&err, NULL, outcome);
    standing_say(&judged.standing, "epochctl");
    int rc = say_findings(&judged.findings, outcome);
    if (rc != CLI_OK || (rc = say_plan(&judged, outcome)) != CLI_OK)
        return rc;
    if (!options->is_dry_run)
        return commit_and_answer(w, &commit, &judged, options, outcome);
    outcome_say(outcome, "dry-run", "dry run: nothing was written");
    return CLI_OK;
}
