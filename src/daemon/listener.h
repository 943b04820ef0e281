/*
 * listener: hears what the consumers acknowledge, over a connection of its own, so that no flood of theirs stands
 * before the broker's acknowledgements of ours.
 *
 * It lives while the publisher's own connection is open. It reads one message at a time, and in all no longer than a
 * quarter of each second: what comes faster waits in the sockets, and then the broker lets go of it. So nothing that
 * anybody writes there costs more than that; and when it is quiet again, what is retained is read once more.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "config/settings.h"
#include "daemon/loop.h"
#include "io/mqtt.h"
#include "model/topics.h"

struct listener_events {
    void *context;
    void (*began)(void *context); /* all that is retained comes now */
    void (*heard)(void *context, struct span service, struct span instance, struct span payload);
    void (*caught_up)(void *context); /* that was all of it */
    void (*changed)(void *context);   /* is_listening, reason */
};

struct listener {
    struct loop *loop;
    const struct settings *settings; /* borrowed */
    struct listener_events events;
    struct mqtt *mqtt; /* NULL: not wanted */
    struct loop_source source;
    struct loop_timer retry, tick, rest, again;
    int first, fence; /* message ids of the two SUBSCRIBEs */
    bool is_up;
    bool is_listening;   /* what the broker retains has been heard, and what comes is */
    bool is_resting;     /* its share of this second is used up */
    int64_t second_us, spent_us; /* CLOCK_MONOTONIC: since when, and how much of it */
    uint64_t rests;      /* seconds in which there was more than its share */
    char reason[256];    /* why it does not listen, "" if it does */
};

void listener_init(struct listener *listener, struct loop *loop, const struct settings *settings,
                   const struct listener_events *events);
void listener_open(struct listener *listener);  /* the publisher's connection is open */
void listener_close(struct listener *listener); /* or is not, any more */

/* Clears the retained acknowledgement of an instance. CODE_BROKER_AWAY. */
int listener_clear(struct listener *listener, const char *service, const char *instance, struct error *err) MUST_CHECK;

#endif
