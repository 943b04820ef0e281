/*
 * index: a hash table from bytes to pointers, for compiling: what a URI, an anchor or a place of a document
 * stands for. Only grows; never walked.
 */
#ifndef SCHEMA_INDEX_H
#define SCHEMA_INDEX_H

#include "util/arena.h"
#include "util/err.h"
#include "util/span.h"

struct index_entry;

/* A zeroed struct is an empty table. Its memory is the arena's. */
struct index {
    struct index_entry *entries;
    size_t len, cap;
};

/* NULL if there is none. */
void *index_get(const struct index *index, struct span key);

/* Puts `value`, not NULL, under `key`, which is copied; the value before is replaced. */
int index_put(struct index *index, struct arena *arena, struct span key, void *value, struct error *err) MUST_CHECK;

#endif
