/*
 * report: what the daemon tells of itself, each change once: log, health, status.json, metrics.prom, the service
 * manager.
 */
#include <fcntl.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "daemon/status.h"
#include "model/run_files.h"
#include "util/clock.h"
#include "util/fs.h"

#define UNIT "report"

/* The status is waited for by people and hooks: it comes soon after what changed, but of a stream of commits not
   each has one, which would be a tenth of its processor time. The metrics are collected every few seconds, and are
   the longer text. */
enum { STATUS_AFTER_MS = 20, STATUS_EVERY_MS = 40, METRICS_EVERY_MS = 1000, FILE_MODE = 0644, RUN_MODE = 0755 };

static void write_metrics(struct daemon *d);

static void on_report(void *context)
{
    report_now(context);
}

static void on_metrics(void *context)
{
    write_metrics(context);
}

void report_init(struct daemon *d)
{
    loop_timer_init(&d->loop, &d->report, on_report, d);
    loop_timer_init(&d->loop, &d->metrics_due, on_metrics, d);
}

void report_health(struct daemon *d, enum health_event event, const char *error)
{
    struct buf health AUTO_BUF = {0};
    struct error err;
    struct daemon_state state;
    if (d->broker.state != BROKER_OPEN)
        return;
    conditions_state(&d->conditions, &state);
    health_compose(&health, d->settings->mqtt.source, event, &state, &d->pipeline.force, &d->branch.findings,
                   error != NULL ? error : state.message);
    if (buf_check(&health, &err) == 0)
        outbox_put_health(&d->outbox, buf_span(&health));
    serve_sync(d);
}

static void tell_manager(const struct daemon *d, const struct daemon_state *state)
{
    char text[256];
    if (d->pipeline.force.exists)
        snprintf(text, sizeof text, "STATUS=%s; epoch %llu, %zu services", state->text,
                 (unsigned long long)d->pipeline.force.epoch, catalog_count(d->pipeline.force.catalog));
    else
        snprintf(text, sizeof text, "STATUS=%s", state->text);
    notify_send(text);
}

void report_settle(struct daemon *d)
{
    struct daemon_state state;
    if (!conditions_take_change(&d->conditions))
        return;
    report_soon(d);
    conditions_state(&d->conditions, &state);
    if (strcmp(state.text, d->last_state) == 0)
        return;
    bool was_ok = d->last_state[0] == '\0' || strcmp(d->last_state, "ok") == 0 || strcmp(d->last_state, "empty") == 0 ||
                  strcmp(d->last_state, "initializing") == 0;
    snprintf(d->last_state, sizeof d->last_state, "%s", state.text);
    if (state.is_ok) {
        log_info(UNIT, "state", LOG_S("state", state.text));
        if (!was_ok)
            report_health(d, HEALTH_RECOVERED, NULL);
    } else {
        log_warn(UNIT, "state", LOG_S("state", state.text),
                 LOG_S("message", state.message == NULL ? "" : state.message));
        report_health(d, health_event_of(&state), NULL);
    }
    tell_manager(d, &state);
}

void report_soon(struct daemon *d)
{
    int64_t wait = d->status_ms + STATUS_EVERY_MS - clock_boot_ms();
    loop_timer_arm_by(&d->loop, &d->report, wait > STATUS_AFTER_MS ? wait : STATUS_AFTER_MS);
}

/* Somebody removed the run folder: it is made again under the same descriptor. */
static int replace_again(struct daemon *d, const char *name, struct span text, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    if (fs_make_dir(d->settings->run, RUN_MODE, &dir, err) != 0)
        return -1;
    if (dup3(dir, d->run_dir, O_CLOEXEC) < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot move into %s", d->settings->run);
    d->metrics_ms = 0; /* they are gone too */
    return fs_replace_volatile(d->run_dir, name, text, FILE_MODE, err);
}

static int try_replace(struct daemon *d, const char *name, struct buf *text, struct error *err)
{
    if (buf_check(text, err) != 0)
        return -1;
    if (fs_replace_volatile(d->run_dir, name, buf_span(text), FILE_MODE, err) == 0)
        return 0;
    return err->sys == ENOENT ? replace_again(d, name, buf_span(text), err) : -1;
}

void report_file(struct daemon *d, const char *name, struct buf *text)
{
    struct error err;
    if (try_replace(d, name, text, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "report_failed", &err);
}

/* What became of the tip; a rejected one leaves the state as it is, and must be seen all the same. */
static void put_tip(const struct daemon *d, struct status_view *view)
{
    const struct pipeline *pipeline = &d->pipeline;
    if (!d->branch.has_tip)
        return;
    view->tip = &d->branch.tip;
    bool is_accounted = pipeline->has_accounted && oid_equal(&pipeline->accounted, &d->branch.tip);
    view->tip_verdict = !is_accounted ? "waiting" : pipeline->accounted_code[0] == '\0' ? "in-force" : "rejected";
    view->tip_code = is_accounted && pipeline->accounted_code[0] != '\0' ? pipeline->accounted_code : NULL;
}

static void write_status(struct daemon *d)
{
    struct buf text AUTO_BUF = {0};
    struct status_view view = {
        .settings = d->settings,
        .conditions = &d->conditions,
        .force = &d->pipeline.force,
        .verdicts = &d->verdicts,
        .published = d->published,
        .broker_state = broker_state_name(d->broker.state),
        .broker_reason = d->broker.reason,
        .broker_url = broker_display(&d->broker),
        .snapshot_epoch = d->snapshot_epoch,
        .started_ms = d->started_ms,
        .consumers = d->acks.consumers.totals,
        .is_listening = d->acks.listener.is_listening,
        .listening_reason = d->acks.listener.is_listening ? NULL : d->acks.listener.reason,
    };
    put_tip(d, &view);
    status_write(&view, &text);
    report_file(d, STATUS_FILE, &text);
    d->status_ms = clock_boot_ms();
    log_debug(UNIT, "status_written", LOG_S("state", d->last_state), LOG_N("epoch", d->pipeline.force.epoch),
              LOG_N("published", d->published));
}

static void write_metrics(struct daemon *d)
{
    struct buf text AUTO_BUF = {0};
    struct snapshotter_result snapshot = {0};
    if (d->snapshotter != NULL)
        snapshotter_peek(d->snapshotter, &snapshot);
    struct metrics_view view = {
        .epoch = d->pipeline.force.epoch,
        .published_epoch = d->published,
        .generation = d->keyring.verified.generation,
        .services = catalog_count(d->pipeline.force.catalog),
        .snapshot_epoch = d->snapshot_epoch,
        .snapshot_writes = snapshot.writes,
        .snapshot_failures = snapshot.failures,
        .snapshot_micros = snapshot.micros,
        .snapshot_written_ms = snapshot.written_ms,
        .messages_acknowledged = d->outbox.published,
        .messages_refused = d->outbox.refused,
        .broker_connects = d->broker.connects,
        .broker_disconnects = d->broker.disconnects,
        .is_broker_open = d->broker.state == BROKER_OPEN,
        .consumers = d->acks.consumers.totals,
        .acks_taken = d->acks.consumers.taken,
        .acks_discarded = d->acks.consumers.discarded,
        .acks_rests = d->acks.listener.rests,
        .is_listening = d->acks.listener.is_listening,
    };
    metrics_write(&d->metrics, &view, &d->conditions, &text);
    report_file(d, METRICS_FILE, &text);
    d->metrics_ms = clock_boot_ms();
    log_debug(UNIT, "metrics_written", LOG_N("epoch", d->pipeline.force.epoch));
}

void report_now(struct daemon *d)
{
    loop_timer_disarm(&d->report);
    write_status(d);
    int64_t wait = d->metrics_ms + METRICS_EVERY_MS - clock_boot_ms();
    if (d->metrics_ms == 0 || wait <= 0)
        write_metrics(d);
    else
        loop_timer_arm_by(&d->loop, &d->metrics_due, wait);
}
