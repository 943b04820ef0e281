/*
 * history: what a new tip of the branch means, seen from the commit in force: forward, behind, rewritten; and its
 * number.
 */
#ifndef DAEMON_HISTORY_H
#define DAEMON_HISTORY_H

#include "config/settings.h"
#include "daemon/force.h"
#include "io/repo.h"

enum { HISTORY_AMEND_MAX = 10 }; /* commits that the policy `amend` lets a new tip replace */

enum history_kind {
    HISTORY_FIRST,     /* nothing is in force yet */
    HISTORY_SAME,      /* the commit in force */
    HISTORY_FORWARD,   /* descends from it */
    HISTORY_AMENDED,   /* replaces it, and the policy takes that: a new, higher epoch */
    HISTORY_REWRITTEN, /* replaces it, and the policy does not */
    HISTORY_BEHIND,    /* the repository lost what is in force */
};

struct history {
    enum history_kind kind;
    uint64_t count;  /* commits reachable from the tip; set for all but REWRITTEN and BEHIND */
    uint64_t offset; /* so that count + offset is above the epoch in force (equal for SAME) */
};

/* True if the journal knows the commit: asked only where the commit in force is missing from the repository. */
typedef int (*history_known)(void *context, const struct oid *commit, bool *known, struct error *err);

int history_judge(struct repo *repo, const struct force *force, const struct oid *tip, enum rewrite_policy policy,
                  history_known known, void *context, struct history *out, struct error *err) MUST_CHECK;

/* The tip as an accepted rewrite, whatever the policy: count and offset of a new, higher epoch. */
int history_accept(struct repo *repo, const struct force *force, const struct oid *tip, struct history *out,
                   struct error *err) MUST_CHECK;

#endif
