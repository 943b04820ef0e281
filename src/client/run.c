/*
 * run: one pass of work, and the one descriptor that says when the next is due: an epoll set of the connections, a timer and a wake-up.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "client/client.h"
#include "util/clock.h"

enum { EVENTS = 16, ID_TIMER = 1000, ID_WAKE = 1001 };

/* --- the set ------------------------------------------------------------------------------------------------------ */

static int add(epoch_client *client, int fd, uint64_t id, struct error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};
    if (fd >= 0 && epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return error_set(err, ERR_SYSTEM, errno, "no descriptor to wait with");
}

int run_open(epoch_client *client, struct error *err)
{
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->epoll < 0)
        return error_set(err, ERR_SYSTEM, errno, "no descriptor to wait with");
    return add(client, client->timer, ID_TIMER, err) == 0 ? add(client, client->wake, ID_WAKE, err) : -1;
}

void run_close(epoch_client *client)
{
    cleanup_close(&client->epoll);
    cleanup_close(&client->timer);
    cleanup_close(&client->wake);
    client->epoll = client->timer = client->wake = -1;
}

void run_wake(epoch_client *client)
{
    uint64_t one = 1;
    ssize_t ignored = write(client->wake, &one, sizeof one);
    (void)ignored;
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t deadline_ms(const epoch_client *client, int64_t now_ms)
{
    int64_t ours = min_ms(status_deadline_ms(client, now_ms), acks_deadline_ms(client));
    return min_ms(ours, min_ms(links_deadline_ms(client), fetch_deadline_ms(client)));
}

int run_timeout_ms(epoch_client *client)
{
    int64_t now = clock_boot_ms(), left = deadline_ms(client, now) - now;
    return left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left;
}

static void set_timer(epoch_client *client)
{
    int64_t deadline = deadline_ms(client, clock_boot_ms());
    struct itimerspec when = {0};
    if (deadline != INT64_MAX) {
        int64_t at = deadline < 1 ? 1 : deadline;
        when.it_value = (struct timespec){.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
    }
    timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- SIGPIPE ------------------------------------------------------------------------------------------------------ */

/* libmosquitto writes to sockets that may be gone. The signal is this thread's own, so it is blocked here and eaten. */
void run_guard_begin(struct pipe_guard *guard)
{
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->before);
}

void run_guard_end(const struct pipe_guard *guard)
{
    const struct timespec now = {0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!guard->was_pending)
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

/* --- a pass ------------------------------------------------------------------------------------------------------- */

static void read_events(epoch_client *client)
{
    struct epoll_event events[EVENTS];
    uint64_t ignored;
    int got = epoll_wait(client->epoll, events, EVENTS, 0);
    for (int i = 0; i < got; i++) {
        uint64_t id = events[i].data.u64;
        if (id < client->links_len) {
            mqtt_io(client->links[id].mqtt, events[i].events);
        } else {
            ssize_t eaten = read(id == ID_TIMER ? client->timer : client->wake, &ignored, sizeof ignored);
            (void)eaten;
        }
    }
}

void run_pass(epoch_client *client)
{
    struct pipe_guard guard;
    run_guard_begin(&guard);
    read_events(client);
    int64_t now = clock_boot_ms();
    links_work(client, now);
    fetch_work(client, now);
    status_settle(client, now);
    acks_work(client, now);
    status_settle(client, now); /* what went out may be what somebody waits for */
    links_watch(client);
    set_timer(client);
    run_guard_end(&guard);
}
