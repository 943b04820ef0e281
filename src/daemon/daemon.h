/*
 * daemon: the deciding thread. One struct holds the parts; each part's file decides about its own side and speaks there:
 *
 *   daemon.c   start, wiring, signals, stop
 *   branch.c   a tip was seen: what it means, down the road, what became of it
 *   serve.c    the broker: floor, assertion, published, keepalives, index
 *   report.c   state changes: log, health, status.json, metrics.prom, the service manager
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "config/settings.h"
#include "daemon/broker.h"
#include "daemon/conditions.h"
#include "daemon/health.h"
#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/outbox.h"
#include "daemon/pipeline.h"
#include "daemon/snapshotter.h"
#include "daemon/tombstones.h"
#include "daemon/verdicts.h"

enum { FLOOR_RAISES_A_MINUTE = 3, EPOCH_JUMP_MAX = 1000000 };

struct daemon {
    const struct settings *settings;
    struct loop loop;
    struct conditions conditions;
    int state_dir, run_dir, lock; /* descriptors */
    struct keyring keyring;
    struct journal *journal;
    struct repo *repo; /* NULL while it cannot be opened */
    struct pipeline pipeline;
    struct verdicts verdicts;
    struct metrics metrics;
    struct snapshotter *snapshotter;
    struct broker broker;
    struct outbox outbox;
    struct loop_source signals, watch, snapshots;
    struct loop_timer poll, heartbeat, index, snapshot, report, tidy, reassert, overdue, stop;
    struct buf will;
    char last_state[CONDITION_STATE_MAX];
    struct findings last_findings; /* of the last rejected commit while it is the tip */
    uint64_t published;            /* epoch, 0: none that we know of */
    uint64_t announced;            /* services of a higher version have not all been acknowledged on config/update */
    struct tombstones tombstones;  /* not yet known to be cleared */
    uint64_t sequence;             /* of the last keepalive */
    uint64_t snapshot_epoch;
    int64_t seen_us;               /* first sight of the commit in force, CLOCK_MONOTONIC; 0: not in this run */
    int64_t index_sent_ms;         /* clock_boot_ms */
    int64_t floor_raises[FLOOR_RAISES_A_MINUTE]; /* clock_boot_ms of the last ones */
    int64_t started_ms;            /* wall */
    uint64_t floor;                /* a head of our own source that was seen on the broker; 0: none */
    int64_t foreign_ms;            /* clock_boot_ms when somebody else was last seen on our topics */
    bool has_jump;                 /* this connection retains a head beyond EPOCH_JUMP_MAX */
    bool is_incomplete;            /* what was recovered is not whole: nothing is served or snapshotted before a judgement */
    bool must_judge;               /* the commit in force has not been judged in this run */
    bool has_asked;                /* for history: the last commit asked of the journal, and its answer */
    struct oid asked;
    bool asked_known;
    bool has_been_open;            /* ready was said */
    bool is_stopping;
};

/* Everything from the settings to the end; 0 after a clean stop. Speaks through log. */
int daemon_run(const struct settings *settings, struct error *err) MUST_CHECK;

/* branch.c */
void branch_look(struct daemon *d);          /* reads the branch and takes what is new */
void branch_reopen(struct daemon *d);        /* opens the repository and the watch anew: SIGHUP */
int branch_start(struct daemon *d, struct error *err) MUST_CHECK;
void branch_raise_floor(struct daemon *d, uint64_t floor);

/* serve.c */
int serve_start(struct daemon *d, struct error *err) MUST_CHECK;
void serve_epoch(struct daemon *d, const struct pipeline_result *result);
void serve_heartbeat(struct daemon *d);
void serve_sync(struct daemon *d);       /* after everything that may have sent: the loop's registration, and what is due */
void serve_hurry(struct daemon *d);      /* tries now what would be tried again later: a connection, what was refused */
void serve_everything(struct daemon *d); /* asserts all that is in force, if the broker is there */

/* report.c */
void report_init(struct daemon *d);
void report_health(struct daemon *d, enum health_event event, const char *error);
void report_settle(struct daemon *d);        /* at the end of every callback that may have changed a condition */
void report_soon(struct daemon *d);          /* status.json is out of date */
void report_now(struct daemon *d);           /* writes status.json and metrics.prom */

/* Appends a line that is not synced now. False: it failed, and the journal's condition is on. */
bool daemon_journal_later(struct daemon *d, enum record_kind kind, const struct buf *members);

/* With the poll: a journal that could not be written is tried again. */
void daemon_retry_journal(struct daemon *d);

/* A lost state has a floor now: begins the journal again. */
int daemon_begin_again(struct daemon *d, struct error *err) MUST_CHECK;

#endif
