/*
 * lookout: the repository is open, watched and polled. inotify is a hint and the poll stands behind it; both end in
 * branch_look.
 */
#include <sys/epoll.h>

#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "io/watch.h"

#define UNIT "branch"

int lookout_open(struct daemon *d, struct error *err)
{
    struct repo_policy policy = {d->settings->repository.trusted_uids, d->settings->repository.trusted_len, false};
    if (d->repo != NULL)
        return 0;
    if (repo_open(&d->repo, d->settings->repository.path, &policy, err) != 0)
        return -1;
    d->pipeline.repo = d->repo;
    return 0;
}

void lookout_close(struct daemon *d)
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

void lookout_unwatch(struct daemon *d)
{
    watch_stop();
    watch_set(d, -1);
}

void lookout_watch(struct daemon *d)
{
    struct error err;
    dev_t device;
    ino_t inode;
    int fd = -1;
    if (d->repo == NULL)
        return;
    repo_identity(d->repo, &device, &inode);
    if (d->watch.fd >= 0 && (device != d->branch.watched_device || inode != d->branch.watched_inode))
        lookout_unwatch(d);
    if (d->watch.fd >= 0)
        return;
    d->branch.watched_device = device;
    d->branch.watched_inode = inode;
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
    bool is_news;
    (void)events;
    if (watch_drain(&fd, &is_news, &err) != 0) {
        fd = -1;
        conditions_on(&d->conditions, CONDITION_POLL_ONLY, err.message);
        log_error_object(LOG_LEVEL_WARN, UNIT, "watch_failed", &err);
    }
    watch_set(d, fd);
    if (is_news)
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
    lookout_watch(d);
    home_poll(d);
    requests_look(d);
    broker_tick(&d->broker);
    branch_look(d);
    notify_send("WATCHDOG=1");
}

void lookout_start(struct daemon *d)
{
    loop_source_init(&d->watch, on_watch, d);
    loop_timer_init(&d->loop, &d->poll, on_poll, d);
    arm_poll(d);
}
