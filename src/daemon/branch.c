/*
 * branch: a tip was seen. What it means (history), down the road (pipeline), and what became of it, said once.
 *
 * inotify is a hint and the poll stands behind it; both end in branch_look, which compares ids and does nothing when nothing
 * changed.
 */
#include <string.h>
#include <sys/epoll.h>

#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/notify.h"
#include "daemon/recover.h"
#include "io/watch.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/failpoint.h"

#define UNIT "branch"

#define CORRELATION_TRAILER "Request-Id"

enum { SNAPSHOT_AFTER_MS = 40, TIDY_AFTER_MS = 200 };

/* --- the repository ------------------------------------------------------------------------------------------------ */

static int open_repo(struct daemon *d, struct error *err)
{
    struct repo_policy policy = {d->settings->repository.trusted_uids, d->settings->repository.trusted_len, false};
    if (d->repo != NULL)
        return 0;
    if (repo_open(&d->repo, d->settings->repository.path, &policy, err) != 0)
        return -1;
    d->pipeline.repo = d->repo;
    return 0;
}

static void close_repo(struct daemon *d)
{
    repo_close(d->repo);
    d->repo = NULL;
    d->pipeline.repo = NULL;
}

static void watch_set(struct daemon *d, int fd)
{
    struct error err;
    if (loop_watch(&d->loop, &d->watch, fd, EPOLLIN, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "watch_failed", &err);
}

static void start_watch(struct daemon *d)
{
    struct error err;
    int fd = -1;
    if (d->repo == NULL || d->watch.fd >= 0)
        return;
    if (watch_start(repo_common_dir(d->repo), d->settings->repository.branch, &fd, &err) != 0) {
        if (conditions_on(&d->conditions, CONDITION_POLL_ONLY, err.message))
            log_error_object(LOG_LEVEL_WARN, UNIT, "watch_failed", &err);
        return;
    }
    conditions_off(&d->conditions, CONDITION_POLL_ONLY);
    watch_set(d, fd);
}

static void on_watch(void *context, uint32_t events)
{
    struct daemon *d = context;
    struct error err;
    int fd = d->watch.fd;
    (void)events;
    if (watch_drain(&fd, &err) != 0) {
        fd = -1;
        conditions_on(&d->conditions, CONDITION_POLL_ONLY, err.message);
        log_error_object(LOG_LEVEL_WARN, UNIT, "watch_failed", &err);
    }
    watch_set(d, fd);
    branch_look(d);
}

static void arm_poll(struct daemon *d)
{
    int64_t period = d->settings->repository.poll_s * INT64_C(1000), watchdog = notify_watchdog_ms();
    loop_timer_arm(&d->loop, &d->poll, watchdog > 0 && watchdog < period ? watchdog : period);
}

static void on_poll(void *context)
{
    struct daemon *d = context;
    arm_poll(d);
    start_watch(d);
    daemon_retry_journal(d);
    broker_tick(&d->broker);
    branch_look(d);
    notify_send("WATCHDOG=1");
}

/* --- what became of it ---------------------------------------------------------------------------------------------- */

static void say_findings(const struct findings *findings)
{
    enum { SAID_MAX = 20 };
    for (size_t i = 0; i < findings->len && i < SAID_MAX; i++) {
        const struct finding *finding = &findings->items[i];
        log_event(finding->severity == FINDING_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, UNIT, "finding",
                  LOG_S("code", finding->code), LOG_S("file", finding->file), LOG_N("line", finding->pos.line),
                  LOG_N("column", finding->pos.column), LOG_S("message", finding->message));
    }
}

/* Before it is served: an assertion must bring the tombstones along. */
static void note_removed(struct daemon *d, const struct pipeline_result *result)
{
    struct error err;
    for (size_t i = 0; i < result->changes_len; i++) {
        const struct service *service = result->changes[i].service;
        if (!result->changes[i].is_removed)
            tombstones_drop(&d->tombstones, service->name);
        else if (tombstones_add(&d->tombstones, service, &err) != 0)
            log_error_object(LOG_LEVEL_WARN, UNIT, "tombstone_not_kept", &err);
    }
}

static void took_epoch(struct daemon *d, const struct pipeline_order *order, const struct pipeline_result *result, int64_t seen)
{
    char commit[OID_HEX_LEN + 1];
    int64_t micros = clock_mono_us() - seen;
    oid_format(&order->commit, commit);
    d->seen_us = seen;
    serve_epoch(d, result); /* on its way before anything else is done about it */
    d->metrics.committed++;
    d->metrics.superseded += result->superseded;
    metrics_observe(&d->metrics.commit_time, (uint64_t)micros);
    if (!order->is_reissue)
        findings_fini(&d->last_findings);
    conditions_set_empty(&d->conditions, false);
    note_removed(d, result);
    verdicts_add(&d->verdicts, &order->commit, order->epoch, VERDICT_COMMITTED, "", (struct span){0});
    log_info(UNIT, "update_config_start", LOG_S("correlation_id", order->correlation_id), LOG_S("config_epoch", commit),
             LOG_N("epoch", order->epoch));
    say_findings(&result->findings);
    for (size_t i = 0; i < result->changes_len; i++)
        log_debug(UNIT, "service_changed", LOG_S("correlation_id", order->correlation_id),
                  LOG_S("service", result->changes[i].service->name), LOG_N("version", order->epoch));
    log_info(UNIT, "epoch_committed", LOG_S("correlation_id", order->correlation_id), LOG_S("config_epoch", commit),
             LOG_N("epoch", order->epoch), LOG_N("changed", result->changes_len), LOG_N("superseded", result->superseded),
             LOG_N("micros", micros));
    loop_timer_arm_by(&d->loop, &d->snapshot, SNAPSHOT_AFTER_MS);
}

static void took_rejection(struct daemon *d, const struct pipeline_order *order, struct pipeline_result *result)
{
    char commit[OID_HEX_LEN + 1];
    struct buf findings AUTO_BUF = {0}, first AUTO_BUF = {0};
    oid_format(&order->commit, commit);
    d->metrics.rejected++;
    d->metrics.superseded += result->superseded;
    d->metrics.findings += result->findings.errors;
    log_error(UNIT, "epoch_rejected", LOG_S("correlation_id", order->correlation_id), LOG_S("config_epoch", commit),
              LOG_S("code", result->code), LOG_N("errors", result->findings.errors),
              LOG_N("in_force", d->pipeline.force.epoch));
    say_findings(&result->findings);
    findings_write_json(&result->findings, VERDICT_FINDINGS_MAX, &findings);
    verdicts_add(&d->verdicts, &order->commit, 0, VERDICT_REJECTED, result->code, buf_span(&findings));
    findings_fini(&d->last_findings);
    d->last_findings = result->findings;
    result->findings = (struct findings){0};
    for (size_t i = 0; i < d->last_findings.len && first.len == 0; i++)
        if (d->last_findings.items[i].severity == FINDING_ERROR)
            finding_format(&d->last_findings.items[i], &first);
    buf_putc(&first, '\0');
    report_health(d, HEALTH_REJECTED, first.failed ? result->code : first.data);
}

/* Not judged, or not durable: nothing changed, and the next look tries again. */
static void took_failure(struct daemon *d, const struct error *err)
{
    enum condition condition = condition_of_code(err->code);
    if (condition == CONDITION_COUNT)
        condition = CONDITION_REPO_UNREADABLE;
    if (conditions_on(&d->conditions, condition, err->message))
        log_error_object(LOG_LEVEL_ERROR, UNIT, "epoch_held", err);
}

/* Down the road; true unless it has to be tried again. */
static bool take(struct daemon *d, struct pipeline_order *order)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    struct error err;
    int64_t seen = clock_mono_us();
    if (pipeline_take(&d->pipeline, order, &result, &err) != 0) {
        took_failure(d, &err);
        return false;
    }
    conditions_off(&d->conditions, CONDITION_NO_SPACE);
    conditions_off(&d->conditions, CONDITION_JOURNAL_UNWRITABLE);
    if (!order->is_reissue)
        conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
    switch (result.verdict) {
    case PIPELINE_COMMITTED:
        took_epoch(d, order, &result, seen);
        break;
    case PIPELINE_REJECTED:
        took_rejection(d, order, &result);
        break;
    case PIPELINE_UNCHANGED:
        say_findings(&result.findings);
        d->must_judge = false;
        return true;
    }
    if (!order->is_reissue)
        d->must_judge = false;
    if (result.verdict == PIPELINE_COMMITTED && d->is_incomplete) {
        d->is_incomplete = false;
        serve_everything(d);
    }
    loop_timer_arm(&d->loop, &d->tidy, TIDY_AFTER_MS);
    report_soon(d);
    /* libgit2 keeps packs that gc removed for as long as the handle lives. */
    if (d->repo != NULL && repo_refresh(d->repo, &err) != 0)
        close_repo(d);
    return true;
}

/* --- what a tip means ----------------------------------------------------------------------------------------------- */

static bool correlation_is_good(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= CORRELATION_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

/* One id follows the commit from first sight into the message: the commit's own Request-Id, else a new one. */
static int find_correlation(struct daemon *d, const struct oid *commit, char out[static CORRELATION_MAX + 1], struct error *err)
{
    bool found;
    if (repo_read_trailer(d->repo, commit, CORRELATION_TRAILER, &found, out, CORRELATION_MAX + 1, err) != 0)
        return -1;
    if (!found || !correlation_is_good(out))
        crypto_uuid(out);
    return 0;
}

static int knows_commit(void *context, const struct oid *commit, bool *known, struct error *err)
{
    struct daemon *d = context;
    /* The tip is asked for at every poll while it holds; reading every journal file each time would be felt. */
    if (!d->has_asked || !oid_equal(&d->asked, commit)) {
        if (recover_knows_commit(d->state_dir, &d->keyring.journal, commit, &d->asked_known, err) != 0) {
            err->code = CODE_REPO_UNREADABLE; /* what is in force is not in question */
            return -1;
        }
        d->has_asked = true;
        d->asked = *commit;
    }
    *known = d->asked_known;
    return 0;
}

static void hold(struct daemon *d, enum condition condition, const struct oid *tip)
{
    char text[256], tip_hex[OID_HEX_LEN + 1], force_hex[OID_HEX_LEN + 1];
    oid_format(tip, tip_hex);
    oid_format(&d->pipeline.force.commit, force_hex);
    conditions_off(&d->conditions, condition == CONDITION_REPO_BEHIND ? CONDITION_HISTORY_REWRITTEN : CONDITION_REPO_BEHIND);
    if (condition == CONDITION_REPO_BEHIND)
        snprintf(text, sizeof text, "%s is at %.12s, behind %.12s of epoch %llu in the journal", d->settings->repository.branch,
                 tip_hex, force_hex, (unsigned long long)d->pipeline.force.epoch);
    else
        snprintf(text, sizeof text, "%s at %.12s does not contain %.12s of epoch %llu", d->settings->repository.branch, tip_hex,
                 force_hex, (unsigned long long)d->pipeline.force.epoch);
    if (conditions_on(&d->conditions, condition, text))
        log_error(UNIT, "history_held", LOG_S("code", condition_code(condition)), LOG_S("message", text));
}

static bool is_blocked(const struct daemon *d)
{
    static const enum condition blocking[] = {CONDITION_JOURNAL_CORRUPT, CONDITION_STATE_LOST, CONDITION_TWO_PUBLISHERS,
                                              CONDITION_EPOCH_JUMP};
    for (size_t i = 0; i < ARRAY_LEN(blocking); i++)
        if (conditions_is_on(&d->conditions, blocking[i]))
            return true;
    return false;
}

static const char *rewrite_reason(const struct daemon *d)
{
    return d->settings->repository.rewrite == REWRITE_ALLOW ? "allow" : "amend";
}

static void take_tip(struct daemon *d, const struct oid *tip, const struct history *history)
{
    struct error err;
    char correlation[CORRELATION_MAX + 1];
    struct pipeline_order order = {
        .commit = *tip,
        .correlation_id = correlation,
        .epoch = history->count + history->offset,
        .offset = history->offset,
        .is_rewrite = history->kind == HISTORY_AMENDED,
        .reason = rewrite_reason(d),
    };
    if (!d->pipeline.force.exists && d->floor >= order.epoch) {
        /* What was lost had got this far: clients and broker know it. */
        order.epoch = d->floor + 1;
        order.offset = order.epoch - history->count;
    }
    if (d->must_judge && history->kind == HISTORY_SAME) {
        /* An upgrade may see the same commit differently: that is a new epoch. */
        order.only_if_changed = !d->is_incomplete;
        order.is_rewrite = true;
        order.reason = "upgrade";
        order.offset++;
        order.epoch++;
    }
    if (find_correlation(d, tip, correlation, &err) != 0)
        took_failure(d, &err);
    else
        take(d, &order);
}

static void judge_tip(struct daemon *d, const struct oid *tip)
{
    struct error err;
    struct history history;
    if (FAILPOINT("epoch.seen", &err) != 0 ||
        history_judge(d->repo, &d->pipeline.force, tip, d->settings->repository.rewrite, knows_commit, d, &history, &err) != 0) {
        took_failure(d, &err);
        return;
    }
    conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
    switch (history.kind) {
    case HISTORY_REWRITTEN:
        hold(d, CONDITION_HISTORY_REWRITTEN, tip);
        return;
    case HISTORY_BEHIND:
        hold(d, CONDITION_REPO_BEHIND, tip);
        return;
    case HISTORY_SAME:
        d->pipeline.accounted = *tip; /* back from a rejected commit */
        d->pipeline.accounted_code[0] = '\0';
        findings_fini(&d->last_findings);
        break;
    case HISTORY_FIRST:
    case HISTORY_FORWARD:
    case HISTORY_AMENDED:
        break;
    }
    conditions_off(&d->conditions, CONDITION_HISTORY_REWRITTEN);
    conditions_off(&d->conditions, CONDITION_REPO_BEHIND);
    if (history.kind != HISTORY_SAME || d->must_judge)
        take_tip(d, tip, &history);
}

static void branch_is_missing(struct daemon *d)
{
    char text[256];
    if (!d->pipeline.force.exists) {
        conditions_set_empty(&d->conditions, true);
        return;
    }
    snprintf(text, sizeof text, "there is no branch %s in %s", d->settings->repository.branch, d->settings->repository.path);
    if (conditions_on(&d->conditions, CONDITION_REF_MISSING, text))
        log_error(UNIT, "ref_missing", LOG_S("message", text));
}

/* No branch, a damaged one, no repository: only one can be true, and what is over must not hide what is now. */
static void cannot_look(struct daemon *d, const struct error *err)
{
    conditions_off(&d->conditions, CONDITION_REF_MISSING);
    if (condition_of_code(err->code) != CONDITION_REF_UNREADABLE)
        conditions_off(&d->conditions, CONDITION_REF_UNREADABLE);
    took_failure(d, err);
    close_repo(d);
}

static void look(struct daemon *d)
{
    struct error err;
    struct oid tip;
    bool is_missing;
    bool was_closed = d->repo == NULL;
    if (open_repo(d, &err) == 0 && was_closed)
        start_watch(d); /* first the watch, then the look: nothing falls between */
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
    bool is_known = d->pipeline.has_accounted && oid_equal(&d->pipeline.accounted, &tip);
    if (is_known && !d->must_judge) {
        conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
        conditions_off(&d->conditions, CONDITION_HISTORY_REWRITTEN);
        conditions_off(&d->conditions, CONDITION_REPO_BEHIND);
        return;
    }
    if (!is_blocked(d))
        judge_tip(d, &tip);
}

void branch_look(struct daemon *d)
{
    if (!d->is_stopping)
        look(d);
    report_settle(d);
}

void branch_reopen(struct daemon *d)
{
    close_repo(d);
    watch_stop();
    watch_set(d, -1);
    branch_look(d);
}

int branch_start(struct daemon *d, struct error *err)
{
    loop_source_init(&d->watch, on_watch, d);
    loop_timer_init(&d->loop, &d->poll, on_poll, d);
    /* With an epoch in force the daemon serves it whatever became of the repository; without one there is nothing to serve,
       and a wrong path or a shallow clone is best told at once. */
    bool is_good = open_repo(d, err) == 0 && repo_check_whole(d->repo, err) == 0;
    if (!is_good && !d->pipeline.force.exists)
        return -1;
    start_watch(d);
    d->must_judge = true;
    look(d);
    conditions_set_ready(&d->conditions);
    report_settle(d);
    arm_poll(d);
    return 0;
}

/* --- the floor ------------------------------------------------------------------------------------------------------ */

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
    crypto_uuid(correlation);
    log_warn(UNIT, "floor_raised", LOG_N("floor", floor), LOG_N("epoch", force->epoch), LOG_N("new_epoch", floor + 1));
    take(d, &order);
}
