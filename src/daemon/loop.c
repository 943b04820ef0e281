/*
 * loop: see loop.h. A dozen timers at most, so a list does; the timerfd is set only when the earliest changes.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "util/clock.h"

enum { EVENTS_AT_ONCE = 16, WAIT_MAX_MS = 60 * 1000 };

/* The earliest of those that are due and had no turn in this round. */
static struct loop_timer *next_due(const struct loop *loop, int64_t now)
{
    struct loop_timer *next = NULL;
    for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
        if (timer->due_ms != 0 && timer->due_ms <= now && timer->round != loop->round &&
            (next == NULL || timer->due_ms < next->due_ms))
            next = timer;
    return next;
}

static void run_timers(struct loop *loop)
{
    loop->armed_ms = 0;
    int64_t now = clock_boot_ms();
    loop->round++;
    for (struct loop_timer *timer; (timer = next_due(loop, now)) != NULL;) {
        timer->round = loop->round;
        timer->due_ms = 0;
        timer->expired(timer->context);
    }
}

static void timers_expired(void *context, uint32_t events)
{
    struct loop *loop = context;
    uint64_t expirations;
    (void)events;
    if (read(loop->timer, &expirations, sizeof expirations) < 0)
        return; /* EAGAIN: re-armed since */
    run_timers(loop);
}

int loop_init(struct loop *loop, struct error *err)
{
    *loop = (struct loop){.epoll = -1, .timer = -1};
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot make an epoll descriptor");
    loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot make a timer descriptor");
    loop_source_init(&loop->timer_source, timers_expired, loop);
    return loop_watch(loop, &loop->timer_source, loop->timer, EPOLLIN, err);
}

void loop_fini(struct loop *loop)
{
    if (loop->timer >= 0)
        close(loop->timer);
    if (loop->epoll >= 0)
        close(loop->epoll);
    loop->timer = loop->epoll = -1;
}

void loop_source_init(struct loop_source *source, void (*ready)(void *, uint32_t), void *context)
{
    *source = (struct loop_source){.ready = ready, .context = context, .fd = -1};
}

/* Out of the list; epoll is not told. */
static void unlink_source(struct loop *loop, struct loop_source *source)
{
    struct loop_source **at = &loop->sources;
    while (*at != NULL && *at != source)
        at = &(*at)->next;
    if (*at == source)
        *at = source->next;
    source->next = NULL;
    source->fd = -1;
    source->events = 0;
}

static void forget(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    /* Fails harmlessly when the descriptor was closed behind our back: epoll forgot it then. */
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    unlink_source(loop, source);
}

static struct loop_source *find_source(const struct loop *loop, int fd)
{
    struct loop_source *source = loop->sources;
    while (source != NULL && source->fd != fd)
        source = source->next;
    return source;
}

int loop_watch(struct loop *loop, struct loop_source *source, int fd, uint32_t events, struct error *err)
{
    if (fd != source->fd)
        forget(loop, source);
    if (fd < 0)
        return 0;
    struct epoll_event event = {.events = events, .data.ptr = source};
    /* A closed and reopened descriptor keeps its number but not its registration, so equality is not trusted. */
    if (source->fd == fd && epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) == 0) {
        source->events = events;
        return 0;
    }
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0 &&
        (errno != EEXIST || epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) != 0))
        return error_set(err, ERR_SYSTEM, errno, "cannot watch a descriptor");
    /* Whoever had the number before holds a closed descriptor, and must not take this one along when it lets go. */
    struct loop_source *before = find_source(loop, fd);
    if (before != NULL)
        unlink_source(loop, before);
    source->fd = fd;
    source->events = events;
    source->next = loop->sources;
    loop->sources = source;
    return 0;
}

void loop_timer_init(struct loop *loop, struct loop_timer *timer, void (*expired)(void *), void *context)
{
    *timer = (struct loop_timer){.expired = expired, .context = context, .next = loop->timers};
    loop->timers = timer;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    (void)loop;
    timer->due_ms = clock_boot_ms() + (delay_ms > 0 ? delay_ms : 0);
}

void loop_timer_arm_by(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    int64_t due = clock_boot_ms() + delay_ms;
    if (timer->due_ms == 0 || timer->due_ms > due)
        loop_timer_arm(loop, timer, delay_ms);
}

void loop_timer_disarm(struct loop_timer *timer)
{
    timer->due_ms = 0;
}

/*
 * Sets the timerfd to the earliest timer. A timer that was disarmed costs at most one wakeup too many. Gives how long
 * epoll may wait: for ever, or if the timerfd was refused, until the timer (and a suspend longer, for epoll's clock
 * stands still in it).
 */
static int set_alarm(struct loop *loop)
{
    int64_t earliest = 0;
    for (const struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
        if (timer->due_ms != 0 && (earliest == 0 || timer->due_ms < earliest))
            earliest = timer->due_ms;
    if (earliest == 0 || (loop->armed_ms != 0 && loop->armed_ms == earliest))
        return -1;
    struct itimerspec spec = {.it_value = {.tv_sec = earliest / 1000, .tv_nsec = earliest % 1000 * 1000000 + 1}};
    if (timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &spec, NULL) == 0) {
        loop->armed_ms = earliest;
        return -1;
    }
    int64_t left = earliest - clock_boot_ms();
    return left <= 0 ? 0 : left < WAIT_MAX_MS ? (int)left : WAIT_MAX_MS;
}

int loop_run(struct loop *loop, struct error *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!loop->is_stopped) {
        int wait_ms = set_alarm(loop);
        int n = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, wait_ms);
        if (n < 0 && errno != EINTR)
            return error_set(err, ERR_SYSTEM, errno, "waiting for events");
        if (wait_ms >= 0)
            run_timers(loop);
        for (int i = 0; i < n; i++) {
            struct loop_source *source = events[i].data.ptr;
            /* An earlier callback of this round may have let go of it. */
            if (source->fd >= 0)
                source->ready(source->context, events[i].events);
        }
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}
