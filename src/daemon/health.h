/*
 * health: the envelope on system/health/<source> (docs/PROTOCOL.md §Health). Not signed: it is for people and
 * dashboards, no client decides by it.
 */
#ifndef DAEMON_HEALTH_H
#define DAEMON_HEALTH_H

#include "daemon/conditions.h"
#include "daemon/force.h"
#include "model/finding.h"

enum health_event {
    HEALTH_READY,
    HEALTH_EPOCH,
    HEALTH_REJECTED,
    HEALTH_HOLD,
    HEALTH_DEGRADED,
    HEALTH_RECOVERED,
    HEALTH_SHUTDOWN,
    HEALTH_LOST,
};

enum { HEALTH_FINDINGS_MAX = 20 };

/*
 * Writes one envelope. `findings` (of the commit the event is about, or of the last rejected one) may be NULL;
 * `error` is the sentence for people, NULL: none. ok is false for rejected, hold, shutdown and lost, and while the
 * state is a hold.
 */
void health_compose(struct buf *out, const char *source, enum health_event event, const struct daemon_state *state,
                    const struct force *force, const struct findings *findings, const char *error);

const char *health_event_name(enum health_event event);

/* The event that tells of a state by itself: recovered, hold, degraded. */
enum health_event health_event_of(const struct daemon_state *state);

#endif
