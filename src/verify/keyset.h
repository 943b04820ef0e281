/*
 * keyset: which keys count, and for how long. A keyset counts if a pinned root key signed it
 * (docs/PROTOCOL.md §Keyset).
 */
#ifndef VERIFY_KEYSET_H
#define VERIFY_KEYSET_H

#include "model/message.h"

enum { ROOTS_MAX = 8 };

/* The pinned root keys: the lines of root.pub. */
struct root_keys {
    struct message_key keys[ROOTS_MAX];
    size_t len;
};

struct keyset {
    uint64_t generation;
    struct message_keyset keys;
};

/*
 * Verifies the signed keyset `raw` against the roots and reads it. CODE_KEYSET_REFUSED (with why),
 * CODE_MESSAGE_TOO_LARGE, CODE_FORMAT_NEWER, CODE_WRONG_SOURCE. A root key inside the keyset is refused: it
 * signs nothing else.
 */
int keyset_verify(struct span raw, const struct root_keys *roots, const char *source, struct keyset *out,
                  struct error *err) MUST_CHECK;

#endif
