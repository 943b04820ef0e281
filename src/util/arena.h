/*
 * arena: memory that is released all at once. What a document is made of lives in one.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>

#include "util/macros.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    char *next;
    size_t left;
    size_t total; /* bytes asked of malloc so far */
};

/* A zeroed struct is an empty arena. */
void arena_fini(struct arena *arena);

/* `size` bytes aligned for any type, not initialised; NULL when memory is out. They live until arena_fini. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of `len` bytes with a NUL behind; NULL when memory is out. */
char *arena_copy(struct arena *arena, const void *data, size_t len);

#endif
