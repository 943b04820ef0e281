/*
 * daemon: start, wiring, signals, stop.
 *
 * The order of a start is the order of trust: the lock, the keys, what the journal and the snapshot say was in force,
 * then the repository, then the broker. Ready is said when the branch has been looked at once.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "daemon/notify.h"
#include "model/codes.h"
#include "model/run_files.h"
#include "util/clock.h"
#include "util/fs.h"
#include "util/memory.h"

#define UNIT "daemon"

enum { STOP_WITHIN_MS = 1000, TIDY_AFTER_MS = 200, SUBMIT_AGAIN_MS = 1000, WRITE_AGAIN_MS = 5000 };

/* --- the snapshot ------------------------------------------------------------------------------------------------- */

static void on_snapshot_due(void *context)
{
    struct daemon *d = context;
    struct error err;
    if (d->pipeline.force.exists && !d->is_incomplete && home_is_sound(d) &&
        snapshotter_submit(d->snapshotter, &d->pipeline.force, buf_span(&d->keyring.keyset), &err) != 0)
        loop_timer_arm(&d->loop, &d->snapshot, SUBMIT_AGAIN_MS);
}

static void on_snapshot_done(void *context, uint32_t events)
{
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
        loop_timer_arm(&d->loop, &d->snapshot, WRITE_AGAIN_MS);
    } else {
        conditions_off(&d->conditions, CONDITION_SNAPSHOT_UNWRITABLE);
        log_debug(UNIT, "snapshot_written", LOG_N("epoch", result.epoch), LOG_N("micros", result.micros));
    }
    memory_give_back();
    report_soon(d);
    report_settle(d);
}

/* --- signals and the heartbeat ------------------------------------------------------------------------------------ */

static void on_heartbeat(void *context)
{
    struct daemon *d = context;
    loop_timer_arm(&d->loop, &d->heartbeat, d->settings->mqtt.heartbeat_s * INT64_C(1000));
    serve_heartbeat(d);
    broker_tick(&d->broker);
    on_snapshot_done(d, 0); /* its wake-up may have been lost */
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
            home_poll(d);
            requests_look(d);
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
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot block signals");
    loop_source_init(&d->signals, on_signal, d);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot watch for signals");
    return loop_watch(&d->loop, &d->signals, fd, EPOLLIN, err);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static int start(struct daemon *d, struct error *err)
{
    memory_setup();
    if (crypto_init(err) != 0 || loop_init(&d->loop, err) != 0 || start_signals(d, err) != 0)
        return -1;
    conditions_init(&d->conditions);
    report_init(d);
    loop_timer_init(&d->loop, &d->heartbeat, on_heartbeat, d);
    loop_timer_init(&d->loop, &d->snapshot, on_snapshot_due, d);
    loop_timer_init(&d->loop, &d->stop, on_stop_due, d);
    if (home_start(d, err) != 0)
        return -1;
    acks_start(d);
    if (serve_start(d, err) != 0)
        return -1;
    requests_start(d);
    if (snapshotter_start(&d->snapshotter, d->state_dir, &d->keyring.lkg, d->settings->mqtt.source, err) != 0)
        return -1;
    loop_source_init(&d->snapshots, on_snapshot_done, d);
    if (loop_watch(&d->loop, &d->snapshots, snapshotter_fd(d->snapshotter), EPOLLIN, err) != 0)
        return -1;
    loop_timer_arm(&d->loop, &d->tidy, TIDY_AFTER_MS); /* what a start needed is more than what stays */
    return branch_start(d, err);
}

/* --- stop --------------------------------------------------------------------------------------------------------- */

static void finish(struct daemon *d)
{
    broker_stop(&d->broker);
    acks_finish(d);
    /* A snapshot that was to come in a moment is not left to the next start. */
    if (d->snapshotter != NULL && loop_timer_is_armed(&d->snapshot))
        on_snapshot_due(d);
    snapshotter_stop(d->snapshotter);
    outbox_fini(&d->outbox);
    tombstones_fini(&d->tombstones);
    repo_close(d->repo);
    pipeline_fini(&d->pipeline);
    verdicts_fini(&d->verdicts);
    findings_fini(&d->branch.findings);
    keyring_fini(&d->keyring);
    buf_fini(&d->will);
    if (d->signals.fd >= 0)
        close(d->signals.fd);
    loop_fini(&d->loop);
    if (d->run_dir >= 0) {
        /* What it says is no longer true. */
        unlinkat(d->run_dir, STATUS_FILE, 0);
        unlinkat(d->run_dir, METRICS_FILE, 0);
        unlinkat(d->run_dir, CONSUMERS_FILE, 0);
        close(d->run_dir);
    }
    home_finish(d); /* the lock last: until then nobody else may begin */
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
        report_now(&d); /* whoever is told that it has started finds its status */
        log_info(UNIT, "started", LOG_S("version", EPOCHD_VERSION), LOG_S("repository", settings->repository.path),
                 LOG_S("branch", settings->repository.branch), LOG_S("broker", broker_display(&d.broker)),
                 LOG_N("millis", clock_wall_ms() - d.started_ms));
        notify_send("READY=1");
        loop_timer_arm(&d.loop, &d.heartbeat, settings->mqtt.heartbeat_s * INT64_C(1000));
        rc = loop_run(&d.loop, err);
        if (rc != 0)
            log_error_object(LOG_LEVEL_ERROR, UNIT, "failed", err);
        log_info(UNIT, "stopped", LOG_N("epoch", d.pipeline.force.epoch), LOG_N("published", d.published));
    } else {
        log_error_object(LOG_LEVEL_ERROR, UNIT, "not_started", err);
    }
    finish(&d);
    return rc;
}
