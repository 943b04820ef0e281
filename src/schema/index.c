/*
 * index: open addressing, half full at most, FNV-1a. Tables that were outgrown stay in the arena: all of them
 * together are no larger than the last.
 *
 * Keys come from strangers and the hash is not keyed. Colliding them is possible and buys little: a file of 1
 * MiB holds some ten thousand names, and probing stops at INDEX_PROBES_MAX by growing.
 */
#include "schema/index.h"

#include <stdint.h>

enum { INDEX_MIN = 64, INDEX_PROBES_MAX = 256, INDEX_GROWTH_MAX = 16 };

struct index_entry {
    struct span key;
    uint64_t hash;
    void *value; /* NULL: free */
};

static uint64_t hash_of(struct span key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(1099511628211);
    return hash ^ (hash >> 29);
}

/* Where the key is, or would be. */
static struct index_entry *slot_of(const struct index *index, uint64_t hash, struct span key, size_t *probes)
{
    size_t at = (size_t)hash & (index->cap - 1);
    for (*probes = 0;; ++*probes) {
        struct index_entry *entry = &index->entries[at];
        if (entry->value == NULL || (entry->hash == hash && span_equal(entry->key, key)))
            return entry;
        at = (at + 1) & (index->cap - 1);
    }
}

void *index_get(const struct index *index, struct span key)
{
    size_t probes;
    return index->cap == 0 ? NULL : slot_of(index, hash_of(key), key, &probes)->value;
}

static int grow(struct index *index, struct arena *arena, struct error *err)
{
    struct index bigger = {.cap = index->cap == 0 ? INDEX_MIN : index->cap * 2, .len = index->len};
    size_t probes;
    bigger.entries = arena_alloc(arena, bigger.cap * sizeof *bigger.entries);
    if (bigger.entries == NULL)
        return error_memory(err);
    memset(bigger.entries, 0, bigger.cap * sizeof *bigger.entries);
    for (size_t i = 0; i < index->cap; i++)
        if (index->entries[i].value != NULL)
            *slot_of(&bigger, index->entries[i].hash, index->entries[i].key, &probes) = index->entries[i];
    *index = bigger;
    return 0;
}

int index_put(struct index *index, struct arena *arena, struct span key, void *value, struct error *err)
{
    uint64_t hash = hash_of(key);
    size_t probes;
    if (index->len * 2 >= index->cap && grow(index, arena, err) != 0)
        return -1;
    struct index_entry *entry = slot_of(index, hash, key, &probes);
    if (probes > INDEX_PROBES_MAX && index->cap / INDEX_GROWTH_MAX < index->len) {
        if (grow(index, arena, err) != 0)
            return -1;
        entry = slot_of(index, hash, key, &probes);
    }
    if (entry->value == NULL) {
        const char *copy = arena_copy(arena, key.data, key.len);
        if (copy == NULL)
            return error_memory(err);
        *entry = (struct index_entry){.key = {copy, key.len}, .hash = hash};
        index->len++;
    }
    entry->value = value;
    return 0;
}
