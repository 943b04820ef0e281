/*
 * loop: one epoll, one timerfd. Everything the daemon decides happens in a callback from here, on one thread.
 *
 * Sources and timers are the caller's memory and must outlive their registration. A timer that is not armed costs
 * nothing, so an idle daemon wakes for its heartbeat and its poll and for nothing else. Timers are called in the
 * order they are due, however late the loop is, and none twice before all that are due had their turn.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct loop_source {
    void (*ready)(void *context, uint32_t epoll_events);
    void *context;
    int fd;            /* as registered now, -1: not */
    uint32_t events;
    struct loop_source *next; /* registered ones */
};

struct loop_timer {
    void (*expired)(void *context);
    void *context;
    int64_t due_ms; /* clock_boot_ms; 0: not armed */
    uint64_t round; /* of the loop, when it was called last */
    struct loop_timer *next;
};

struct loop {
    int epoll, timer;
    struct loop_source timer_source;
    struct loop_source *sources;
    struct loop_timer *timers;
    int64_t armed_ms; /* what the timerfd is set to; 0: nothing */
    uint64_t round;
    bool is_stopped;
};

int loop_init(struct loop *loop, struct error *err) MUST_CHECK;
void loop_fini(struct loop *loop);

/* Fills a source in and registers nothing yet. */
void loop_source_init(struct loop_source *source, void (*ready)(void *, uint32_t), void *context);

/*
 * Makes the registration what is wanted: `fd` for `events`, or nothing with fd -1. Cheap when nothing changes. Right
 * also after the descriptor was closed behind our back (epoll forgot it) or came back under the same number, for this
 * source or for another: who asks for a descriptor last has it.
 */
int loop_watch(struct loop *loop, struct loop_source *source, int fd, uint32_t events, struct error *err) MUST_CHECK;

void loop_timer_init(struct loop *loop, struct loop_timer *timer, void (*expired)(void *), void *context);
/* (Re)arms: once, in `delay_ms`. */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
/* Arms only if it is not armed or due later: for work that may be asked for many times. */
void loop_timer_arm_by(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_disarm(struct loop_timer *timer);
static inline bool loop_timer_is_armed(const struct loop_timer *timer)
{
    return timer->due_ms != 0;
}

/* Until loop_stop; -1 only if epoll itself fails. */
int loop_run(struct loop *loop, struct error *err) MUST_CHECK;
void loop_stop(struct loop *loop);

#endif
