/*
 * arena: blocks of 4 KiB that double up to 256 KiB; a larger request gets a block of its own.
 */
#include "util/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_MIN = 4096, BLOCK_MAX = 256 * 1024 };

struct arena_block {
    struct arena_block *previous;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_fini(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *previous = block->previous;
        free(block);
        block = previous;
    }
    *arena = (struct arena){0};
}

static struct arena_block *block_new(struct arena *arena, size_t size)
{
    struct arena_block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    arena->total += sizeof *block + size;
    return block;
}

static void *alloc_large(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(arena, size);
    if (block == NULL)
        return NULL;
    /* Behind the current block, so that the room left in that one stays in use. */
    if (arena->blocks != NULL) {
        block->previous = arena->blocks->previous;
        arena->blocks->previous = block;
    } else {
        block->previous = NULL;
        arena->blocks = block;
    }
    return block->bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    if (size == 0)
        size = 1; /* so that NULL always means what arena.h says */
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (size > arena->left) {
        if (size > BLOCK_MAX / 4)
            return alloc_large(arena, size);
        size_t want = arena->total < BLOCK_MIN ? BLOCK_MIN : arena->total > BLOCK_MAX ? BLOCK_MAX : arena->total;
        if (want < size)
            want = size;
        struct arena_block *block = block_new(arena, want);
        if (block == NULL)
            return NULL;
        block->previous = arena->blocks;
        arena->blocks = block;
        arena->next = block->bytes;
        arena->left = want;
    }
    void *out = arena->next;
    arena->next += size;
    arena->left -= size;
    return out;
}

char *arena_copy(struct arena *arena, const void *data, size_t len)
{
    char *copy = len == SIZE_MAX ? NULL : arena_alloc(arena, len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
