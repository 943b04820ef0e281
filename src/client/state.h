/*
 * state: what a consumer has applied, and what it needs to apply more (docs/PROTOCOL.md §8). Messages go in, a complete epoch
 * comes out; order and trust are here, disk, network and the application are not.
 *
 * Pure: no clock, no files. A refusal leaves the state as it was. Nothing that was applied ever goes back in its order.
 *
 *   state_take(…)            each message, from whatever source
 *   state_prepare(…)         true: there is an epoch that can be applied, every row has its `next`
 *   state_commit(…)          it is, once it is durable
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "client/letter.h"
#include "model/topics.h"
#include "verify/index.h"
#include "verify/view.h"

enum { STATE_SERVICES_MAX = INDEX_SERVICES_MAX };

/* A service that is followed. */
struct state_service {
    char name[LAYOUT_NAME_MAX + 1];
    struct letter *applied; /* NULL: there is none */
    struct letter *held;    /* the highest that verified and is not applied, NULL: none */
    struct letter *early;   /* cannot be verified before a newer keyset comes; its generation is what it claims */
    struct letter *next;    /* borrowed: what the complete head gives it; NULL, or a tombstone: it is removed */
    bool is_indexed;        /* by the index that is here: */
    uint64_t index_version;
    uint8_t index_digest[HASH_LEN];
    bool is_subscribed;     /* for whoever fetches: on this connection */
};

struct state_head {
    bool exists;
    struct buf raw;
    uint8_t digest[HASH_LEN];
    uint64_t generation, epoch;
    struct message message;
};

struct state {
    struct view view;
    bool follows_all;
    struct state_service **rows; /* sorted by name; a row stays where it is in memory */
    size_t len, cap;
    struct buf keyset;          /* the newest, its exact bytes */
    struct buf applied_keyset;  /* that of the applied head, where it is an older one; else empty */
    struct state_head applied;
    struct state_head waiting;  /* verified, above the applied one */
    struct buf early_head;
    uint64_t early_generation;  /* what it claims */
    struct buf late_index;      /* followers of all: one that no head vouches for yet */
    bool has_index;             /* the rows tell of an index with this digest: */
    uint8_t index_digest[HASH_LEN];
    size_t missing;             /* rows without the message that the fitting index names */
    bool is_partial;            /* a row was not followed when the applied head was */
};

/* Empty: believes what `roots` vouch for of `source`; both are borrowed. */
void state_init(struct state *state, const struct root_keys *roots, const char *source, bool follows_all);
void state_fini(struct state *state);
#define AUTO_STATE CLEANUP(state_fini)

/* Follows a service, from the start or later. CODE_LIMIT_SERVICES. Once more: fine. */
int state_follow(struct state *state, const char *name, struct error *err) MUST_CHECK;
/* NULL if it is not followed. */
struct state_service *state_find_service(const struct state *state, const char *name);

enum state_outcome {
    STATE_SAME,   /* nothing new */
    STATE_HELD,   /* kept until its keyset comes */
    STATE_NEWS,   /* ask state_prepare */
    STATE_KEYSET, /* a newer keyset is in force: to be kept durably; and ask state_prepare */
};

/*
 * A message that came on a topic of that kind: TOPIC_KEYS, TOPIC_EPOCH, TOPIC_INDEX, TOPIC_SERVICE (of that service). What is not
 * believed has its code: those of keyset_verify, message_verify and index_read, CODE_MESSAGE_OLDER, CODE_EQUIVOCATION.
 */
int state_take(struct state *state, enum topic_kind kind, const char *service, struct span raw,
               enum state_outcome *outcome, struct error *err) MUST_CHECK;

/* What a keepalive says of the applied head; as view_take_keepalive. */
int state_take_keepalive(struct state *state, struct span raw, int64_t wall_ms, int64_t boot_ms, enum view_vouch *vouch,
                         struct error *err) MUST_CHECK;

/*
 * What was applied before a restart, from a source whose HMAC was right: the head, verified by its own keyset, becomes the applied one,
 * and each service of it that is followed goes into its row. `is_vouched`: its signature is not verified, for the caller asks
 * state_is_whole afterwards, and takes nothing of it for good where that is false.
 */
int state_restore_head(struct state *state, struct span keyset, struct span head, struct error *err) MUST_CHECK;
int state_restore_service(struct state *state, const char *name, struct span raw, bool is_vouched,
                          struct error *err) MUST_CHECK;
/* *is_whole: what the rows have is all that the applied head's index names, digest by digest. */
int state_is_whole(const struct state *state, bool *is_whole, struct error *err) MUST_CHECK;

/* --- completeness: state_ready.c --------------------------------------------------------------------------------- */

/* True: the waiting head is complete, and every row has its `next`. */
bool state_prepare(struct state *state);
/* It is applied: the head, and each row's `next`. */
void state_commit(struct state *state);

/* True: nothing but an index brings us on. */
bool state_wants_index(const struct state *state);
/* True: the waiting head cannot be applied without a message of this row that is not here. */
bool state_is_missing(const struct state *state, const struct state_service *row);

/* The index that is here is the one that the waiting head vouches for. */
bool state_index_fits(const struct state *state);
/* Counts anew what is missing; after the head or the index changed. */
void state_count_missing(struct state *state);

#endif
