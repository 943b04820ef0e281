/*
 * daemon: the deciding thread. One struct holds the parts; each part's file decides about its own side and speaks
 * there:
 *
 *   daemon.c   start, wiring, signals, stop
 *   home.c     the state folder: its lock, its journal, what was in force; and when it is lost
 *   requests.c what an operator asks
 *   lookout.c  the repository is open, watched and polled
 *   branch.c   a tip was seen: what it means
 *   branch_take.c  down the road, and what became of it
 *   serve.c    the broker: floor, assertion, published, keepalives, index
 *   acks.c     what the consumers acknowledge
 *   foreign.c  what stands on our topics and is not from us
 *   report.c   state changes: log, health, status.json, metrics.prom, the service manager
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "config/rules.h"
#include "config/settings.h"
#include "daemon/broker.h"
#include "daemon/conditions.h"
#include "daemon/consumers.h"
#include "daemon/health.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/outbox.h"
#include "daemon/pipeline.h"
#include "daemon/snapshotter.h"
#include "daemon/tombstones.h"
#include "daemon/verdicts.h"

enum { FLOOR_RAISES_A_MINUTE = 3, EPOCH_JUMP_MAX = 1000000, REASSERT_MS = 1000, MINUTE_MS = 60000 };
/* The highest floor that somebody may name: epochs are integers up to 2^53-1, and some must be left. */
#define FLOOR_MAX ((UINT64_C(1) << 53) - 1 - 2 * (uint64_t)EPOCH_JUMP_MAX)

/* The consumers' side. */
struct acks {
    struct listener listener;
    struct consumers consumers;
    struct consumers_totals told; /* in status.json */
    struct rules *rules;          /* one reference: who is expected was taken from them */
    struct loop_timer write;
    int64_t quiet_until_ms;       /* clock_boot_ms: the file is not written before */
    int64_t written_ms, pruned_ms; /* clock_boot_ms */
};

/* What was seen of the branch, and what is still to be done about it. */
struct branch {
    bool has_tip;             /* at the last look */
    struct oid tip;
    struct findings findings; /* of the last rejected commit while it is the tip */
    bool must_judge;          /* the commit in force has not been judged in this run */
    bool judges_later;        /* and will be by the timer `judgement`, unless the branch moves on before */
    bool has_tried;           /* this look took a commit down the road */
    bool has_read_all;        /* since the repository was opened: of all services at once */
    bool has_asked;           /* for history: the last commit asked of the journal, and its answer */
    struct oid asked;
    bool asked_known;
    dev_t good_device, watched_device; /* of the repository that held the commit in force, and of the watched one */
    ino_t good_inode, watched_inode;
};

/* What was seen on our topics and is not from this connection. */
struct foreign {
    uint64_t floor;                        /* a head of our own source; 0: none */
    int64_t raises[FLOOR_RAISES_A_MINUTE]; /* clock_boot_ms when what is in force was last issued anew above a floor */
    bool has_jump;                         /* this connection retains a head beyond EPOCH_JUMP_MAX */
    int64_t seen_ms;                       /* clock_boot_ms when somebody else was last seen */
    int64_t mended_ms;                     /* clock_boot_ms when what they overwrote was last put right at once */
};

struct daemon {
    const struct settings *settings;
    struct loop loop;
    struct conditions conditions;
    int state_dir, run_dir, lock;       /* descriptors; -1: not open */
    bool has_lost;                      /* the state: no journal is begun by itself */
    uint64_t files_seen, files_refused; /* of a state that was lost or corrupt, at the last poll */
    struct keyring keyring;
    struct journal *journal;
    struct repo *repo; /* NULL while it cannot be opened */
    struct pipeline pipeline;
    struct verdicts verdicts;
    struct metrics metrics;
    struct snapshotter *snapshotter;
    struct broker broker;
    struct outbox outbox;
    struct acks acks;
    struct branch branch;
    struct foreign foreign;
    struct loop_source signals, watch, snapshots;
    struct loop_timer poll, heartbeat, index, snapshot, report, metrics_due, tidy, reassert, overdue, judgement, stop;
    struct buf will;
    char last_state[CONDITION_STATE_MAX];
    uint64_t published;            /* epoch, 0: none that we know of */
    uint64_t announced;            /* services of a higher version have not all been acknowledged on config/update */
    struct tombstones tombstones;  /* not yet known to be cleared */
    uint64_t sequence;             /* of the last keepalive */
    uint64_t snapshot_epoch;
    int64_t snapshot_by_ms;        /* clock_boot_ms: no quiet moment is awaited beyond it */
    int64_t seen_us;               /* first sight of the commit in force, CLOCK_MONOTONIC; 0: not in this run */
    int64_t index_sent_ms;         /* clock_boot_ms */
    int64_t status_ms, metrics_ms; /* clock_boot_ms when status.json and metrics.prom were written; 0: not yet */
    int64_t started_ms;            /* wall */
    bool is_incomplete;            /* what was recovered is not whole: first a judgement, then it is served and kept */
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
void branch_raise_to_floor(struct daemon *d); /* above what was seen, where what is in force is not */
/* Takes the tip that `wanted` begins, in whatever history hold it is, as a new, higher epoch. 0: it is in force. */
int branch_accept(struct daemon *d, const char *wanted, const char *by, struct error *err) MUST_CHECK;

/* lookout.c */
int lookout_open(struct daemon *d, struct error *err) MUST_CHECK; /* the repository, unless it is open */
void lookout_close(struct daemon *d);
void lookout_watch(struct daemon *d);  /* inotify, for as long as it is to be had */
void lookout_unwatch(struct daemon *d);
void lookout_start(struct daemon *d);  /* the poll */

/* branch_take.c */
/* Down the road. -1: not judged, or not durable: its condition is on, nothing changed. */
int branch_take(struct daemon *d, const struct pipeline_order *order, enum pipeline_verdict *verdict,
                struct error *err) MUST_CHECK;
void branch_failed(struct daemon *d, const struct error *err); /* turns the error's condition on */

/* home.c */
int home_start(struct daemon *d, struct error *err) MUST_CHECK;
void home_poll(struct daemon *d);      /* is it still there, is there room */
/* Ends what a failed write of the journal began, if it can be written again: for when no commit waits to try that
   itself. */
void home_retry_journal(struct daemon *d);
/* A lost state has a floor now: a journal begins above it. `by` NULL: the broker's head told it. */
int home_begin_again(struct daemon *d, uint64_t floor, const char *by, struct error *err) MUST_CHECK;
int home_accept_loss(struct daemon *d, uint64_t floor, const char *by, struct error *err) MUST_CHECK;
void home_finish(struct daemon *d);
/* Appends a line that is not synced now. False: it failed, and the journal's condition is on. */
bool home_journal_later(struct daemon *d, enum record_kind kind, const struct buf *members);
/* Everything that is in force may be written down and told: nothing is lost or corrupt. */
bool home_is_sound(const struct daemon *d);

/* requests.c */
void requests_start(struct daemon *d);
void requests_look(struct daemon *d);

/* serve.c */
int serve_start(struct daemon *d, struct error *err) MUST_CHECK;
void serve_epoch(struct daemon *d, const struct pipeline_result *result);
void serve_heartbeat(struct daemon *d);
void serve_sync(struct daemon *d);       /* after all that may have sent: the loop's registration, and what is due */
void serve_hurry(struct daemon *d);      /* tries now what would be tried again later: a connection, what was refused */
void serve_everything(struct daemon *d); /* asserts all that is in force, if the broker is there */

/* foreign.c */
void foreign_take(void *context, enum topic_kind topic, const char *name, struct span payload, bool is_retained);

/* acks.c */
void acks_start(struct daemon *d);
void acks_epoch(struct daemon *d, const struct pipeline_result *result);
void acks_judged(struct daemon *d); /* after a commit: who is expected, as epoch.yaml says now */
/* Clears what that instance said. CODE_BROKER_AWAY, CODE_CONSUMER_UNKNOWN: it was cleared, and there was nothing we
   knew of. */
int acks_forget(struct daemon *d, const char *service, const char *instance, struct error *err) MUST_CHECK;
void acks_finish(struct daemon *d);

/* report.c */
void report_init(struct daemon *d);
void report_health(struct daemon *d, enum health_event event, const char *error);
void report_settle(struct daemon *d);        /* at the end of every callback that may have changed a condition */
void report_soon(struct daemon *d);          /* status.json is out of date */
void report_now(struct daemon *d);           /* writes status.json and metrics.prom */
/* Writes a file into the run folder, which is made again where it is gone. */
void report_file(struct daemon *d, const char *name, struct buf *text);

#endif
