/*
 * daemon: start, wiring, signals, stop.
 *
 * The order of a start is the order of trust: the lock, the keys, what the journal and the snapshot say was in force, then the
 * repository, then the broker. Ready is said when the branch has been looked at once.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "daemon/notify.h"
#include "daemon/recover.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "util/fs.h"

#define UNIT "daemon"
#define LOCK_FILE "lock"

enum { STATE_MODE = 0750, RUN_MODE = 0755, STOP_WITHIN_MS = 1000, TIDY_AFTER_MS = 200 };

/* --- the journal ------------------------------------------------------------------------------------------------------ */

static void journal_failed(struct daemon *d, const struct error *err)
{
    enum condition condition = condition_of_code(err->code);
    if (condition == CONDITION_COUNT)
        condition = CONDITION_JOURNAL_UNWRITABLE;
    if (conditions_on(&d->conditions, condition, err->message))
        log_error_object(LOG_LEVEL_ERROR, UNIT, "journal_failed", err);
}

bool daemon_journal_later(struct daemon *d, enum record_kind kind, const struct buf *members)
{
    struct error err;
    loop_timer_arm_by(&d->loop, &d->tidy, TIDY_AFTER_MS);
    if (buf_check(members, &err) == 0 && journal_append(d->journal, kind, buf_span(members), false, NULL, &err) == 0)
        return true;
    journal_failed(d, &err);
    return false;
}

void daemon_retry_journal(struct daemon *d)
{
    struct error err;
    if (!conditions_is_on(&d->conditions, CONDITION_NO_SPACE) && !conditions_is_on(&d->conditions, CONDITION_JOURNAL_UNWRITABLE))
        return;
    if (d->journal == NULL || journal_tidy(d->journal, &err) != 0)
        return;
    conditions_off(&d->conditions, CONDITION_NO_SPACE);
    conditions_off(&d->conditions, CONDITION_JOURNAL_UNWRITABLE);
}

static void on_tidy(void *context)
{
    struct daemon *d = context;
    struct error err;
    /* It costs no line; when there is really no room left, the next append says so. */
    if (d->journal != NULL && journal_tidy(d->journal, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "journal_not_prepared", &err);
}

/* A journal begins with who wrote it and which keys hold. */
static int begin_journal(struct daemon *d, struct error *err)
{
    struct buf baseline AUTO_BUF = {0}, keyset AUTO_BUF = {0};
    record_write_baseline(&baseline, "epochd " EPOCHD_VERSION, d->settings->mqtt.source);
    record_write_keyset(&keyset, d->keyring.verified.generation, buf_span(&d->keyring.keyset));
    if (buf_check(&baseline, err) != 0 || buf_check(&keyset, err) != 0 || FAILPOINT("start.baseline", err) != 0 ||
        journal_append(d->journal, RECORD_BASELINE, buf_span(&baseline), false, NULL, err) != 0)
        return -1;
    return journal_append(d->journal, RECORD_KEYSET, buf_span(&keyset), true, NULL, err);
}

/* --- the snapshot ------------------------------------------------------------------------------------------------------ */

static void on_snapshot_due(void *context)
{
    struct daemon *d = context;
    struct error err;
    if (d->pipeline.force.exists && !d->is_incomplete && snapshotter_submit(d->snapshotter, &d->pipeline.force, buf_span(&d->keyring.keyset), &err) != 0)
        loop_timer_arm(&d->loop, &d->snapshot, 1000);
}

static void on_snapshot_done(void *context, uint32_t events)
{
    enum { RETRY_MS = 5000 };
    struct daemon *d = context;
    struct snapshotter_result result;
    (void)events;
    snapshotter_result(d->snapshotter, &result);
    if (!result.is_new)
        return;
    d->snapshot_epoch = result.epoch;
    if (result.is_failed) {
        if (conditions_on(&d->conditions, CONDITION_SNAPSHOT_UNWRITABLE, result.error.message))
            log_error_object(LOG_LEVEL_ERROR, UNIT, "snapshot_failed", &result.error);
        loop_timer_arm(&d->loop, &d->snapshot, RETRY_MS);
    } else {
        conditions_off(&d->conditions, CONDITION_SNAPSHOT_UNWRITABLE);
        log_debug(UNIT, "snapshot_written", LOG_N("epoch", result.epoch), LOG_N("micros", result.micros));
    }
    report_soon(d);
    report_settle(d);
}

/* --- signals and the heartbeat ------------------------------------------------------------------------------------------ */

static void on_heartbeat(void *context)
{
    struct daemon *d = context;
    loop_timer_arm(&d->loop, &d->heartbeat, d->settings->mqtt.heartbeat_s * INT64_C(1000));
    serve_heartbeat(d);
    broker_tick(&d->broker);
    report_now(d);
}

static void on_stop_due(void *context)
{
    struct daemon *d = context;
    loop_stop(&d->loop);
}

/* Says goodbye and gives the broker a moment to acknowledge it: the will must not be the last word. */
static void begin_stop(struct daemon *d)
{
    if (d->is_stopping)
        return;
    d->is_stopping = true;
    notify_send("STOPPING=1");
    report_health(d, HEALTH_SHUTDOWN, "epochd was stopped");
    loop_timer_arm(&d->loop, &d->stop, d->broker.state == BROKER_OPEN ? STOP_WITHIN_MS : 0);
}

static void on_signal(void *context, uint32_t events)
{
    struct daemon *d = context;
    struct signalfd_siginfo info;
    (void)events;
    while (read(d->signals.fd, &info, sizeof info) == (ssize_t)sizeof info) {
        log_info(UNIT, "signal", LOG_S("signal", strsignal((int)info.ssi_signo)), LOG_N("pid", info.ssi_pid));
        if (info.ssi_signo == SIGHUP) {
            branch_reopen(d);
            serve_hurry(d);
        } else {
            begin_stop(d);
        }
    }
}

static int start_signals(struct daemon *d, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, not a death */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    loop_source_init(&d->signals, on_signal, d);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot watch for signals");
    return loop_watch(&d->loop, &d->signals, fd, EPOLLIN, err);
}

/* --- start -------------------------------------------------------------------------------------------------------------- */

static int open_folders(struct daemon *d, struct error *err)
{
    pid_t holder;
    if (fs_make_dir(d->settings->state, STATE_MODE, &d->state_dir, err) != 0)
        return error_wrap(err, "the state folder (setting: state)");
    if (FAILPOINT("start.lock", err) != 0 || fs_lock(d->state_dir, LOCK_FILE, &d->lock, &holder, err) != 0)
        return -1;
    if (d->lock < 0)
        return error_set(err, CODE_LOCKED, 0, "another epochd (pid %lld) runs with the state folder %s", (long long)holder,
                         d->settings->state);
    if (fs_make_dir(d->settings->run, RUN_MODE, &d->run_dir, err) != 0)
        return error_wrap(err, "the run folder (setting: run)");
    return 0;
}

/* *is_lost: keys have been in force here, but there is not even an empty journal. Whoever makes keys prepares one first. */
static int load_keys(struct daemon *d, bool *is_lost, struct error *err)
{
    bool made, had_keyset;
    if (keyring_exists(d->settings->keys, &had_keyset, err) != 0)
        return -1;
    if (FAILPOINT("start.keys", err) != 0)
        return -1;
    if (!had_keyset && journal_prepare(d->state_dir, err) != 0)
        return -1;
    *is_lost = faccessat(d->state_dir, JOURNAL_FILE, F_OK, 0) != 0;
    if (keyring_make(d->settings->keys, d->settings->mqtt.source, &made, err) != 0)
        return error_wrap(err, had_keyset ? "the keys" : "making keys");
    if (made)
        log_info(UNIT, "keys_made", LOG_S("folder", d->settings->keys));
    return keyring_load(d->settings->keys, d->settings->mqtt.source, &d->keyring, err);
}

static void say_recovered(const struct daemon *d, const struct recovery *recovery)
{
    if (recovery->snapshot_refused.code != NULL)
        log_error_object(LOG_LEVEL_WARN, UNIT, "snapshot_refused", &recovery->snapshot_refused);
    if (recovery->report.torn_bytes > 0)
        log_warn(UNIT, "journal_torn_line_set_aside", LOG_N("bytes", recovery->report.torn_bytes));
    if (recovery->is_incomplete)
        log_error(UNIT, "recovered_incomplete", LOG_N("epoch", d->pipeline.force.epoch));
    if (d->pipeline.force.exists)
        log_info(UNIT, "recovered", LOG_N("epoch", d->pipeline.force.epoch),
                 LOG_N("services", catalog_count(d->pipeline.force.catalog)), LOG_N("published", d->published));
}

static int open_journal(struct daemon *d, const struct journal_report *report, struct error *err)
{
    if (journal_open(&d->journal, d->state_dir, &d->keyring.journal, report, err) != 0)
        return -1;
    d->pipeline.journal = d->journal;
    return report->last.seq > 0 ? 0 : begin_journal(d, err);
}

int daemon_begin_again(struct daemon *d, struct error *err)
{
    struct journal_report nothing = {0};
    return d->journal != NULL ? 0 : open_journal(d, &nothing, err);
}

static int recover_state(struct daemon *d, bool is_lost, struct error *err)
{
    struct recovery recovery CLEANUP(recovery_fini) = {0};
    d->pipeline.keyring = &d->keyring;
    if (FAILPOINT("start.recover", err) != 0 || recover(d->state_dir, &d->keyring, &d->pipeline, &d->verdicts, &recovery, err) != 0)
        return error_wrap(err, "reading the journal");
    d->published = d->announced = recovery.published;
    d->tombstones = recovery.tombstones;
    recovery.tombstones = (struct tombstones){0};
    d->is_incomplete = recovery.is_incomplete;
    if (recovery.has_snapshot && !recovery.is_snapshot_stale)
        d->snapshot_epoch = d->pipeline.force.epoch;
    say_recovered(d, &recovery);
    if (is_lost && !recovery.has_journal && !recovery.has_snapshot) {
        /* No journal is begun: a restart must find the loss again. */
        conditions_on(&d->conditions, CONDITION_STATE_LOST,
                      "keys exist, but neither journal nor snapshot: waiting for the broker's retained head to tell the floor");
        return 0;
    }
    if (open_journal(d, &recovery.report, err) != 0)
        return -1;
    if (recovery.is_snapshot_stale)
        loop_timer_arm(&d->loop, &d->snapshot, 0);
    FAILPOINT_PASS("start.recovered");
    return 0;
}

static int start(struct daemon *d, struct error *err)
{
    bool is_lost;
    if (crypto_init(err) != 0 || loop_init(&d->loop, err) != 0 || start_signals(d, err) != 0 || open_folders(d, err) != 0)
        return -1;
    conditions_init(&d->conditions);
    report_init(d);
    loop_timer_init(&d->loop, &d->heartbeat, on_heartbeat, d);
    loop_timer_init(&d->loop, &d->snapshot, on_snapshot_due, d);
    loop_timer_init(&d->loop, &d->tidy, on_tidy, d);
    loop_timer_init(&d->loop, &d->stop, on_stop_due, d);
    if (pipeline_init(&d->pipeline, d->settings->mqtt.source, err) != 0 || load_keys(d, &is_lost, err) != 0 ||
        recover_state(d, is_lost, err) != 0 || serve_start(d, err) != 0)
        return -1;
    if (snapshotter_start(&d->snapshotter, d->state_dir, &d->keyring.lkg, d->settings->mqtt.source, err) != 0)
        return -1;
    loop_source_init(&d->snapshots, on_snapshot_done, d);
    if (loop_watch(&d->loop, &d->snapshots, snapshotter_fd(d->snapshotter), EPOLLIN, err) != 0)
        return -1;
    return branch_start(d, err);
}

/* --- stop ---------------------------------------------------------------------------------------------------------------- */

static void finish(struct daemon *d)
{
    broker_stop(&d->broker);
    /* A snapshot that was to come in a moment is not left to the next start. */
    if (d->snapshotter != NULL && loop_timer_is_armed(&d->snapshot))
        on_snapshot_due(d);
    snapshotter_stop(d->snapshotter);
    outbox_fini(&d->outbox);
    tombstones_fini(&d->tombstones);
    journal_close(d->journal);
    repo_close(d->repo);
    pipeline_fini(&d->pipeline);
    verdicts_fini(&d->verdicts);
    findings_fini(&d->last_findings);
    keyring_fini(&d->keyring);
    buf_fini(&d->will);
    if (d->signals.fd >= 0)
        close(d->signals.fd);
    loop_fini(&d->loop);
    if (d->run_dir >= 0) {
        /* What it says is no longer true. */
        unlinkat(d->run_dir, "status.json", 0);
        unlinkat(d->run_dir, "metrics.prom", 0);
        close(d->run_dir);
    }
    if (d->lock >= 0)
        close(d->lock);
    if (d->state_dir >= 0)
        close(d->state_dir);
}

int daemon_run(const struct settings *settings, struct error *err)
{
    struct daemon d = {
        .settings = settings,
        .state_dir = -1,
        .run_dir = -1,
        .lock = -1,
        .signals.fd = -1,
        .watch.fd = -1,
        .snapshots.fd = -1,
        .started_ms = clock_wall_ms(),
        .loop = {.epoll = -1, .timer = -1},
    };
    /* Keys are in this memory: no core dump, no ptrace by the same user. */
    prctl(PR_SET_DUMPABLE, 0);
    int rc = start(&d, err);
    if (rc == 0) {
        log_info(UNIT, "started", LOG_S("version", EPOCHD_VERSION), LOG_S("repository", settings->repository.path),
                 LOG_S("branch", settings->repository.branch), LOG_S("broker", broker_display(&d.broker)),
                 LOG_N("millis", clock_wall_ms() - d.started_ms));
        report_now(&d);
        notify_send("READY=1");
        loop_timer_arm(&d.loop, &d.heartbeat, settings->mqtt.heartbeat_s * INT64_C(1000));
        rc = loop_run(&d.loop, err);
        log_info(UNIT, "stopped", LOG_N("epoch", d.pipeline.force.epoch), LOG_N("published", d.published));
    }
    finish(&d);
    return rc;
}
