/*
 * snapshotter: the one worker thread. It writes the last-known-good snapshot from an immutable view while the
 * deciding thread goes on; of several views that wait, only the newest is written.
 */
#ifndef DAEMON_SNAPSHOTTER_H
#define DAEMON_SNAPSHOTTER_H

#include "daemon/force.h"
#include "io/crypto.h"

struct snapshotter;

/* Starts the thread. `dir`, `key` and `source` are borrowed until snapshotter_stop. */
int snapshotter_start(struct snapshotter **out, int dir, const struct mac_key *key, const char *source,
                      struct error *err) MUST_CHECK;

/* Becomes readable when a snapshot was written or failed; snapshotter_result then says how it went. */
int snapshotter_fd(const struct snapshotter *snapshotter);

/* Hands over a view of what is in force (copies the small parts, takes a reference to the catalog). Never waits for
   the disk. */
int snapshotter_submit(struct snapshotter *snapshotter, const struct force *force, struct span keyset,
                       struct error *err) MUST_CHECK;

struct snapshotter_result {
    bool is_new;      /* something ended since the last call */
    bool is_failed;
    uint64_t epoch;   /* the newest one written so far; 0: none */
    int64_t written_ms; /* wall */
    uint64_t writes, failures, micros; /* totals; micros of the last write */
    struct error error; /* of the failure */
};
/* Takes the news: is_new is true once for each end. Also empties the descriptor. */
void snapshotter_result(struct snapshotter *snapshotter, struct snapshotter_result *out);
/* The same without taking the news. */
void snapshotter_peek(struct snapshotter *snapshotter, struct snapshotter_result *out);

/* Writes what waits, then ends the thread. NULL is fine. */
void snapshotter_stop(struct snapshotter *snapshotter);

#endif
