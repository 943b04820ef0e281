/*
 * view: what a reader of the broker may believe: the newest keyset that a pinned root signed, the newest head, and
 * whether the publisher is alive. Order is (generation, epoch); nothing ever goes back.
 *
 * Pure: messages and times go in, outcomes come out. A refusal leaves the view as it was.
 */
#ifndef VERIFY_VIEW_H
#define VERIFY_VIEW_H

#include "model/hash.h"
#include "verify/message.h"

enum { VIEW_CLOCK_SLACK_MS = 30 * 1000 };

struct view {
    const struct root_keys *roots; /* borrowed */
    const char *source;            /* borrowed */
    struct keyset keyset;          /* generation 0: none yet */
    uint64_t generation, epoch;    /* of the head; epoch 0: none yet */
    uint8_t head[HASH_LEN];        /* SHA-256 of its message */
    uint64_t sequence;             /* of the last keepalive */
    int64_t fresh_until_ms;        /* by the clock that counts suspend */
};

enum view_outcome { VIEW_NEWER, VIEW_SAME };

/* CODE_KEYSET_REFUSED and what keyset_verify says; CODE_MESSAGE_OLDER. */
int view_take_keyset(struct view *view, struct span raw, enum view_outcome *outcome, struct error *err) MUST_CHECK;

/* *head is filled in for both outcomes. Codes of message_verify; CODE_MESSAGE_OLDER; CODE_EQUIVOCATION. */
int view_take_head(struct view *view, struct span raw, enum view_outcome *outcome, struct message *head,
                   struct error *err) MUST_CHECK;

/* A service's message, verified by the keyset of now. `service` is the one whose topic it came on. */
int view_read_update(const struct view *view, struct span raw, const char *service, struct message *out,
                     struct error *err) MUST_CHECK;

/* `wall_ms` and `boot_ms` are now. *is_of_head: it vouches for the head we have. CODE_MESSAGE_OLDER for one that was
   seen before or whose time is not now. */
int view_take_keepalive(struct view *view, struct span raw, int64_t wall_ms, int64_t boot_ms, bool *is_of_head,
                        struct error *err) MUST_CHECK;

bool view_is_fresh(const struct view *view, int64_t boot_ms);

#endif
