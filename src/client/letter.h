/*
 * letter: a service's message exactly as it was published, with where it stands in the order. Immutable and counted.
 */
#ifndef CLIENT_LETTER_H
#define CLIENT_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/hash.h"
#include "util/err.h"
#include "util/span.h"

struct letter {
    unsigned references;
    uint64_t generation, version; /* order is by both */
    uint8_t digest[HASH_LEN];     /* SHA-256 of the bytes */
    bool is_tombstone;
    size_t len;
    char bytes[];
};

/* One reference; counts the digest itself. NULL when memory is out. */
struct letter *letter_new(struct span raw, uint64_t generation, uint64_t version, bool is_tombstone);
struct letter *letter_ref(struct letter *letter); /* NULL is fine */
void letter_unref(struct letter *letter);         /* NULL is fine */

static inline void letter_cleanup(struct letter **letter)
{
    letter_unref(*letter);
}
#define AUTO_LETTER CLEANUP(letter_cleanup)

static inline struct span letter_span(const struct letter *letter)
{
    return (struct span){letter->bytes, letter->len};
}

/* -1, 0, 1 as (generation, version) against those of the letter; NULL is before everything. */
int letter_compare(uint64_t generation, uint64_t version, const struct letter *letter);

#endif
