/*
 * branch: a tip was seen, and what it means (history): taken down the road, held, or known already.
 *
 * branch_look compares ids and does nothing when nothing changed.
 */
#include <string.h>

#include "config/branches.h"
#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/recover.h"
#include "model/codes.h"
#include "util/failpoint.h"

#define UNIT "branch"

#define CORRELATION_TRAILER "Request-Id"

enum { JUDGE_AFTER_MS = 200 };

/* --- what a tip means --------------------------------------------------------------------------------------------- */

/* One id follows the commit from first sight into the message: the commit's own Request-Id, else a new one. */
static int find_correlation(struct daemon *d, const struct oid *commit, char out[static CORRELATION_MAX + 1],
                            struct error *err)
{
    bool found;
    if (repo_read_trailer(d->repo, commit, CORRELATION_TRAILER, &found, out, CORRELATION_MAX + 1, err) != 0)
        return -1;
    if (!found || !message_correlation_is_good(span_of(out)))
        crypto_uuid(out);
    return 0;
}

static int knows_commit(void *context, const struct oid *commit, bool *known, struct error *err)
{
    struct daemon *d = context;
    /* The tip is asked for at every poll while it holds; reading every journal file each time would be felt. */
    if (!d->branch.has_asked || !oid_equal(&d->branch.asked, commit)) {
        if (recover_knows_commit(d->state_dir, &d->keyring.journal, commit, &d->branch.asked_known, err) != 0) {
            err->code = CODE_REPO_UNREADABLE; /* what is in force is not in question */
            return -1;
        }
        d->branch.has_asked = true;
        d->branch.asked = *commit;
    }
    *known = d->branch.asked_known;
    return 0;
}

/* The ways in which a tip does not continue what is in force: one at most is true. */
static const enum condition history_holds[] = {CONDITION_REPO_REPLACED, CONDITION_HISTORY_REWRITTEN,
                                               CONDITION_REPO_BEHIND};

static void end_history_holds(struct daemon *d)
{
    for (size_t i = 0; i < ARRAY_LEN(history_holds); i++)
        conditions_off(&d->conditions, history_holds[i]);
}

static void hold(struct daemon *d, enum condition condition, const struct oid *tip)
{
    char text[400], tip_hex[OID_HEX_LEN + 1], force_hex[OID_HEX_LEN + 1];
    const char *branch = d->settings->repository.branch;
    unsigned long long epoch = d->pipeline.force.epoch;
    oid_format(tip, tip_hex);
    oid_format(&d->pipeline.force.commit, force_hex);
    for (size_t i = 0; i < ARRAY_LEN(history_holds); i++)
        if (history_holds[i] != condition)
            conditions_off(&d->conditions, history_holds[i]);
    if (condition == CONDITION_REPO_BEHIND)
        snprintf(text, sizeof text, "%s is at %.12s, behind %.12s of epoch %llu in the journal", branch, tip_hex,
                 force_hex, epoch);
    else if (condition == CONDITION_REPO_REPLACED)
        snprintf(text, sizeof text, "%s at %.12s is of another repository: it knows nothing of %.12s of epoch %llu",
                 branch, tip_hex, force_hex, epoch);
    else
        snprintf(text, sizeof text, "%s at %.12s does not contain %.12s of epoch %llu", branch, tip_hex, force_hex,
                 epoch);
    if (conditions_on(&d->conditions, condition, text))
        log_error(UNIT, "history_held", LOG_S("code", condition_code(condition)), LOG_S("message", text));
}

static bool is_blocked(const struct daemon *d)
{
    static const enum condition blocking[] = {CONDITION_JOURNAL_CORRUPT, CONDITION_STATE_LOST, CONDITION_TWO_PUBLISHERS,
                                              CONDITION_EPOCH_JUMP, CONDITION_PAUSED};
    for (size_t i = 0; i < ARRAY_LEN(blocking); i++)
        if (conditions_is_on(&d->conditions, blocking[i]))
            return true;
    return false;
}

/* Down the road. -1: nothing changed, and the next look tries again. */
static int take(struct daemon *d, const struct pipeline_order *order, enum pipeline_verdict *verdict, struct error *err)
{
    struct error ignored;
    d->branch.has_read_all |= d->pipeline.force.listing == NULL || order->only_if_changed;
    if (branch_take(d, order, verdict, err) != 0)
        return -1;
    /* libgit2 keeps packs that gc removed for as long as the handle lives. */
    if (d->repo != NULL && repo_refresh(d->repo, &ignored) != 0)
        lookout_close(d);
    return 0;
}

/* The commit in force is in this repository: from now on it is the one that is served. */
static void repo_was_fine(struct daemon *d)
{
    if (d->repo != NULL)
        repo_identity(d->repo, &d->branch.good_device, &d->branch.good_inode);
}

static const char *rewrite_reason(const struct daemon *d)
{
    return d->settings->repository.rewrite == REWRITE_ALLOW ? "allow" : "amend";
}

static void take_tip(struct daemon *d, const struct oid *tip, const struct history *history)
{
    struct error err;
    enum pipeline_verdict verdict;
    char correlation[CORRELATION_MAX + 1];
    struct pipeline_order order = {
        .commit = *tip,
        .correlation_id = correlation,
        .epoch = history->count + history->offset,
        .offset = history->offset,
        .is_rewrite = history->kind == HISTORY_AMENDED,
        .reason = rewrite_reason(d),
    };
    if (!d->pipeline.force.exists && d->foreign.floor >= order.epoch) {
        /* What was lost had got this far: clients and broker know it. */
        order.epoch = d->foreign.floor + 1;
        order.offset = order.epoch - history->count;
    }
    if (d->branch.must_judge && history->kind == HISTORY_SAME) {
        /* An upgrade may see the same commit differently: that is a new epoch. */
        order.only_if_changed = !d->is_incomplete;
        order.is_rewrite = true;
        order.reason = "upgrade";
        order.offset++;
        order.epoch++;
    }
    if (find_correlation(d, tip, correlation, &err) != 0)
        branch_failed(d, &err);
    else if (take(d, &order, &verdict, &err) == 0)
        repo_was_fine(d);
}

/*
 * The commit in force is not in this repository. In the one that was served a moment ago it was pruned after a
 * rewrite; in another one, or at a start, it is another repository if none of the commits that got a verdict lately
 * is there.
 */
static int is_replaced(struct daemon *d, bool *out, struct error *err)
{
    const struct verdict *verdict;
    dev_t device;
    ino_t inode;
    repo_identity(d->repo, &device, &inode);
    *out = false;
    if (d->branch.good_inode == inode && d->branch.good_device == device)
        return 0;
    for (size_t i = 0; (verdict = verdicts_get(&d->verdicts, i)) != NULL; i++) {
        bool exists;
        if (repo_has_commit(d->repo, &verdict->commit, &exists, err) != 0)
            return -1;
        if (exists)
            return 0;
    }
    *out = true;
    return 0;
}

/* 0: *condition is the hold, CONDITION_COUNT if the tip may be taken. */
static int find_hold(struct daemon *d, const struct oid *tip, struct history *history, enum condition *condition,
                     struct error *err)
{
    bool exists = true, replaced = false;
    const struct force *force = &d->pipeline.force;
    *condition = CONDITION_COUNT;
    if (history_judge(d->repo, force, tip, d->settings->repository.rewrite, knows_commit, d, history, err) != 0)
        return -1;
    if (history->kind != HISTORY_REWRITTEN && history->kind != HISTORY_AMENDED) {
        if (history->kind == HISTORY_BEHIND)
            *condition = CONDITION_REPO_BEHIND;
        return 0;
    }
    if (repo_has_commit(d->repo, &force->commit, &exists, err) != 0 || (!exists && is_replaced(d, &replaced, err) != 0))
        return -1;
    if (replaced)
        *condition = CONDITION_REPO_REPLACED;
    else if (history->kind == HISTORY_REWRITTEN)
        *condition = CONDITION_HISTORY_REWRITTEN;
    return 0;
}

static void judge_tip(struct daemon *d, const struct oid *tip)
{
    struct error err;
    struct history history;
    enum condition condition;
    if (FAILPOINT("epoch.seen", &err) != 0 || find_hold(d, tip, &history, &condition, &err) != 0) {
        branch_failed(d, &err);
        return;
    }
    conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
    if (condition != CONDITION_COUNT) {
        hold(d, condition, tip);
        return;
    }
    if (history.kind == HISTORY_SAME) {
        d->pipeline.accounted = *tip; /* back from a rejected commit */
        d->pipeline.accounted_code[0] = '\0';
        findings_fini(&d->branch.findings);
        repo_was_fine(d);
    }
    end_history_holds(d);
    if (history.kind == HISTORY_SAME && d->branch.judges_later && !d->is_incomplete)
        loop_timer_arm_by(&d->loop, &d->judgement, JUDGE_AFTER_MS);
    else if (history.kind != HISTORY_SAME || d->branch.must_judge)
        take_tip(d, tip, &history);
}

static void on_judgement(void *context)
{
    struct daemon *d = context;
    d->branch.judges_later = false;
    branch_look(d);
    loop_timer_arm_by(&d->loop, &d->tidy, 0); /* it needed much more than what stays */
}

static void branch_is_missing(struct daemon *d)
{
    char text[BRANCHES_TEXT_MAX];
    struct error err;
    bool has_others;
    d->branch.has_tip = false;
    if (branches_explain(d->repo, d->settings->repository.branch, &has_others, text, &err) != 0) {
        branch_failed(d, &err);
        return;
    }
    /* A repository without any branch is a beginning, unless something was in force. */
    conditions_set_empty(&d->conditions, !has_others && !d->pipeline.force.exists);
    if (!has_others && !d->pipeline.force.exists)
        conditions_off(&d->conditions, CONDITION_REF_MISSING);
    else if (conditions_on(&d->conditions, CONDITION_REF_MISSING, text))
        log_error(UNIT, "ref_missing", LOG_S("message", text));
}

/* No branch, a damaged one, no repository: only one can be true, and what is over must not hide what is now. */
static void cannot_look(struct daemon *d, const struct error *err)
{
    conditions_off(&d->conditions, CONDITION_REF_MISSING);
    if (condition_of_code(err->code) != CONDITION_REF_UNREADABLE)
        conditions_off(&d->conditions, CONDITION_REF_UNREADABLE);
    branch_failed(d, err);
    lookout_close(d);
}

static void look(struct daemon *d)
{
    struct error err;
    struct oid tip;
    bool is_missing;
    if (d->repo != NULL && repo_has_moved(d->repo))
        lookout_close(d);
    bool was_closed = d->repo == NULL;
    if (lookout_open(d, &err) == 0 && was_closed)
        lookout_watch(d); /* first the watch, then the look: nothing falls between */
    if (d->repo == NULL || repo_branch_tip(d->repo, d->settings->repository.branch, &is_missing, &tip, &err) != 0) {
        cannot_look(d, &err);
        return;
    }
    conditions_off(&d->conditions, CONDITION_REF_UNREADABLE);
    if (is_missing) {
        conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
        branch_is_missing(d);
        return;
    }
    conditions_off(&d->conditions, CONDITION_REF_MISSING);
    d->branch.has_tip = true;
    d->branch.tip = tip;
    bool is_known = d->pipeline.has_accounted && oid_equal(&d->pipeline.accounted, &tip);
    if (is_known && !d->branch.must_judge) {
        conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
        end_history_holds(d);
        return;
    }
    if (!is_blocked(d))
        judge_tip(d, &tip);
}

void branch_look(struct daemon *d)
{
    d->branch.has_tried = false;
    if (!d->is_stopping)
        look(d);
    /* A commit that was tried has told itself how the journal is; one that waits for room is no end of the hold. */
    if (!d->branch.has_tried)
        home_retry_journal(d);
    report_settle(d);
}

void branch_reopen(struct daemon *d)
{
    lookout_close(d);
    lookout_unwatch(d);
    branch_look(d);
}

int branch_start(struct daemon *d, struct error *err)
{
    lookout_start(d);
    /* Once it has served, the daemon starts whatever became of the repository; at a first start a wrong path or a
       shallow clone is best told at once. */
    bool is_good = lookout_open(d, err) == 0 && repo_check_whole(d->repo, err) == 0;
    if (!is_good && !d->pipeline.force.exists && home_is_sound(d))
        return -1;
    lookout_watch(d);
    d->branch.must_judge = true;
    /* What is in force was judged once and is served as it is; judging it anew is half the work of a restart, and
       changes something after an upgrade at most. */
    d->branch.judges_later = true;
    loop_timer_init(&d->loop, &d->judgement, on_judgement, d);
    branch_raise_to_floor(d);
    look(d);
    conditions_set_ready(&d->conditions);
    report_settle(d);
    return 0;
}

/* --- the floor ---------------------------------------------------------------------------------------------------- */

void branch_raise_floor(struct daemon *d, uint64_t floor)
{
    const struct force *force = &d->pipeline.force;
    char correlation[CORRELATION_MAX + 1];
    struct pipeline_order order = {
        .commit = force->commit,
        .correlation_id = correlation,
        .epoch = floor + 1,
        .offset = floor + 1 - (force->epoch - force->offset),
        .is_rewrite = true,
        .reason = "floor",
        .is_reissue = true,
    };
    struct error err;
    enum pipeline_verdict verdict;
    if (d->journal == NULL)
        return; /* told by its own hold; the floor is raised when the journal is back */
    crypto_uuid(correlation);
    log_warn(UNIT, "floor_raised", LOG_N("floor", floor), LOG_N("epoch", force->epoch), LOG_N("new_epoch", floor + 1));
    (void)!take(d, &order, &verdict, &err);
}

void branch_raise_to_floor(struct daemon *d)
{
    const struct force *force = &d->pipeline.force;
    if (force->exists && d->foreign.floor >= force->epoch && d->foreign.floor > 0 && home_is_sound(d))
        branch_raise_floor(d, d->foreign.floor);
}

/* --- what somebody accepts ---------------------------------------------------------------------------------------- */

static bool is_history_held(const struct daemon *d)
{
    for (size_t i = 0; i < ARRAY_LEN(history_holds); i++)
        if (conditions_is_on(&d->conditions, history_holds[i]))
            return true;
    return false;
}

/* Is the tip the one that was meant, and is there anything to accept? -1 with the reason. */
static int check_accepted(struct daemon *d, const char *wanted, bool *is_in_force, struct error *err)
{
    char hex[OID_HEX_LEN + 1];
    *is_in_force = false;
    if (!d->branch.has_tip || d->repo == NULL)
        return error_set(err, CODE_REQUEST_REFUSED, 0, "the branch cannot be read at the moment: epochctl status");
    oid_format(&d->branch.tip, hex);
    if (strncmp(hex, wanted, strlen(wanted)) != 0)
        return error_set(err, CODE_REQUEST_REFUSED, 0, "%s is at %s now, not at %s", d->settings->repository.branch,
                         hex, wanted);
    *is_in_force = d->pipeline.force.exists && oid_equal(&d->branch.tip, &d->pipeline.force.commit);
    if (*is_in_force || is_history_held(d))
        return 0;
    return error_set(err, CODE_REQUEST_REFUSED, 0,
                     "there is nothing to accept: epochd is not in hold:history-rewritten, hold:repo-behind or "
                     "hold:repo-replaced");
}

int branch_accept(struct daemon *d, const char *wanted, const char *by, struct error *err)
{
    char correlation[CORRELATION_MAX + 1];
    struct history history;
    enum pipeline_verdict verdict;
    bool is_in_force;
    branch_look(d);
    if (check_accepted(d, wanted, &is_in_force, err) != 0)
        return -1;
    if (is_in_force)
        return 0;
    if (is_blocked(d))
        return error_set(err, CODE_REQUEST_REFUSED, 0, "another hold comes first: epochctl status");
    if (history_accept(d->repo, &d->pipeline.force, &d->branch.tip, &history, err) != 0 ||
        find_correlation(d, &d->branch.tip, correlation, err) != 0)
        return -1;
    struct pipeline_order order = {
        .commit = d->branch.tip,
        .correlation_id = correlation,
        .epoch = history.count + history.offset,
        .offset = history.offset,
        .is_rewrite = true,
        .reason = "accepted",
        .by = by,
    };
    if (take(d, &order, &verdict, err) != 0)
        return -1;
    end_history_holds(d);
    if (verdict == PIPELINE_COMMITTED) {
        repo_was_fine(d);
        return 0;
    }
    return error_set(err, CODE_REQUEST_REFUSED, 0, "%.12s is rejected: %s; epochctl status shows the findings", wanted,
                     d->pipeline.accounted_code);
}
