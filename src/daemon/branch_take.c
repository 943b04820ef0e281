/*
 * branch_take: a tip goes down the road, and what became of it is said once: log, verdicts, metrics, health.
 */
#include <string.h>

#include "daemon/daemon.h"
#include "model/codes.h"
#include "util/clock.h"

#define UNIT "branch"

enum { SNAPSHOT_AFTER_MS = 40, SNAPSHOT_WITHIN_MS = 800, TIDY_AFTER_MS = 200 };

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

/* In the first quiet moment, for its bytes would be in the way of the next epoch's sync; but within a second. */
static void arm_snapshot(struct daemon *d)
{
    int64_t now = clock_boot_ms();
    if (!loop_timer_is_armed(&d->snapshot))
        d->snapshot_by_ms = now + SNAPSHOT_WITHIN_MS;
    int64_t left = d->snapshot_by_ms - now;
    loop_timer_arm(&d->loop, &d->snapshot, left < SNAPSHOT_AFTER_MS ? left : SNAPSHOT_AFTER_MS);
}

static void took_epoch(struct daemon *d, const struct pipeline_order *order, const struct pipeline_result *result,
                       int64_t seen)
{
    char commit[OID_HEX_LEN + 1];
    int64_t micros = clock_mono_us() - seen;
    oid_format(&order->commit, commit);
    d->seen_us = seen;
    serve_epoch(d, result); /* on its way before anything else is done about it */
    acks_epoch(d, result);
    d->metrics.committed++;
    d->metrics.superseded += result->superseded;
    metrics_observe(&d->metrics.commit_time, (uint64_t)micros);
    if (!order->is_reissue)
        findings_fini(&d->branch.findings);
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
             LOG_N("epoch", order->epoch), LOG_N("changed", result->changes_len),
             LOG_N("superseded", result->superseded), LOG_N("micros", micros));
    arm_snapshot(d);
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
    findings_fini(&d->branch.findings);
    d->branch.findings = result->findings;
    result->findings = (struct findings){0};
    for (size_t i = 0; i < d->branch.findings.len && first.len == 0; i++)
        if (d->branch.findings.items[i].severity == FINDING_ERROR)
            finding_format(&d->branch.findings.items[i], &first);
    buf_putc(&first, '\0');
    report_health(d, HEALTH_REJECTED, first.failed ? result->code : first.data);
}

void branch_failed(struct daemon *d, const struct error *err)
{
    enum condition condition = condition_of_code(err->code);
    if (condition == CONDITION_COUNT)
        condition = CONDITION_REPO_UNREADABLE;
    if (conditions_on(&d->conditions, condition, err->message))
        log_error_object(LOG_LEVEL_ERROR, UNIT, "epoch_held", err);
}

static void took(struct daemon *d, const struct pipeline_order *order, struct pipeline_result *result, int64_t seen)
{
    switch (result->verdict) {
    case PIPELINE_COMMITTED:
        took_epoch(d, order, result, seen);
        break;
    case PIPELINE_REJECTED:
        took_rejection(d, order, result);
        break;
    case PIPELINE_UNCHANGED:
        say_findings(&result->findings);
        d->branch.must_judge = false;
        return;
    }
    if (!order->is_reissue)
        d->branch.must_judge = false;
    if (result->verdict == PIPELINE_COMMITTED && d->is_incomplete) {
        d->is_incomplete = false;
        serve_everything(d);
    }
    loop_timer_arm(&d->loop, &d->tidy, TIDY_AFTER_MS);
    report_soon(d);
}

int branch_take(struct daemon *d, const struct pipeline_order *order, enum pipeline_verdict *verdict, struct error *err)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    int64_t seen = clock_mono_us();
    d->branch.has_tried = true;
    if (pipeline_take(&d->pipeline, order, &result, err) != 0) {
        branch_failed(d, err);
        return -1;
    }
    conditions_off(&d->conditions, CONDITION_NO_SPACE);
    conditions_off(&d->conditions, CONDITION_JOURNAL_UNWRITABLE);
    conditions_off(&d->conditions, CONDITION_READ_ONLY);
    if (!order->is_reissue)
        conditions_off(&d->conditions, CONDITION_REPO_UNREADABLE);
    *verdict = result.verdict;
    took(d, order, &result, seen);
    acks_judged(d);
    return 0;
}
