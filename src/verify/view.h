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
    uint8_t keyset_digest[HASH_LEN];
    uint64_t generation, epoch;    /* of the head; epoch 0: none yet */
    uint8_t head[HASH_LEN];        /* SHA-256 of its message */
    uint64_t sequence;             /* of the last keepalive */
    int64_t fresh_until_ms;        /* by the clock that counts suspend */
};

enum view_outcome { VIEW_NEWER, VIEW_SAME };

/* CODE_KEYSET_REFUSED and what keyset_verify says; CODE_MESSAGE_OLDER; CODE_EQUIVOCATION: of a generation that is here
   already, and with other bytes. */
int view_take_keyset(struct view *view, struct span raw, enum view_outcome *outcome, struct error *err) MUST_CHECK;

/* *head is filled in for both outcomes. Codes of message_verify; CODE_MESSAGE_OLDER; CODE_EQUIVOCATION. */
int view_take_head(struct view *view, struct span raw, enum view_outcome *outcome, struct message *head,
                   struct error *err) MUST_CHECK;

/* A service's message, verified by the keyset of now. `service` is the one whose topic it came on. */
int view_read_update(const struct view *view, struct span raw, const char *service, struct message *out,
                     struct error *err) MUST_CHECK;

/* The same of one that a digest vouches for, so that its signature need not be. `body` is scratch. */
int view_read_vouched(const struct view *view, struct span raw, const char *service, struct buf *body,
                      struct message *out, struct error *err) MUST_CHECK;

enum view_vouch {
    VIEW_VOUCHES,    /* for the head asked about */
    VIEW_OTHER_HEAD, /* verified, and of another head */
    VIEW_CLOCK,      /* it would, but its time is not ours: one of the two clocks is wrong */
};

/* Whether a keepalive vouches for `head` (the digest of a message; NULL: the newest that was seen). `wall_ms` and
   `boot_ms` are now. CODE_MESSAGE_OLDER for one that was seen before. */
int view_take_keepalive(struct view *view, struct span raw, const uint8_t *head, int64_t wall_ms, int64_t boot_ms,
                        enum view_vouch *vouch, struct error *err) MUST_CHECK;

/* A keepalive that vouched came less than its time to live ago. */
bool view_is_fresh(const struct view *view, int64_t boot_ms);

#endif
