/*
 * status: <run>/status.json, what the daemon knows of itself (docs/PROTOCOL.md §Status). Readers must test the lock
 * of the state folder before they believe it: a killed daemon cannot take its file back.
 */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include "config/settings.h"
#include "daemon/conditions.h"
#include "daemon/consumers.h"
#include "daemon/force.h"
#include "daemon/verdicts.h"

enum { STATUS_FORMAT = 1 };

struct status_view {
    const struct settings *settings;
    const struct conditions *conditions;
    const struct force *force;
    const struct verdicts *verdicts;
    const struct oid *tip;   /* of the branch at the last look; NULL: it cannot be read */
    const char *tip_verdict; /* "in-force", "rejected", "waiting" */
    const char *tip_code;    /* of a rejected one, else NULL */
    uint64_t published;      /* epoch, 0: none */
    const char *broker_state, *broker_reason, *broker_url;
    uint64_t snapshot_epoch; /* 0: none */
    int64_t started_ms;
    struct consumers_totals consumers;
    bool is_listening;        /* to what they acknowledge */
    const char *listening_reason; /* why not; NULL */
};

void status_write(const struct status_view *view, struct buf *out);

#endif
