/*
 * index: the version and digest of every service, as `config.index` tells them (docs/PROTOCOL.md §7). It is not
 * signed: it is worth something once its digest is the `index` of a verified head.
 */
#ifndef VERIFY_INDEX_H
#define VERIFY_INDEX_H

#include "model/doc.h"
#include "model/hash.h"
#include "model/layout.h"
#include "util/buf.h"

enum { INDEX_MAX = 4 * 1024 * 1024, INDEX_SERVICES_MAX = 20000 };

struct index {
    struct doc doc;
    const struct doc_node *services; /* object: name → {sha256, version}, in byte order of the names */
    uint8_t digest[HASH_LEN];        /* of the set: compare it with the head's */
};

#define AUTO_INDEX CLEANUP(index_fini)
void index_fini(struct index *index);

/* CODE_MESSAGE_FORM, CODE_MESSAGE_TOO_LARGE. `out` is a zeroed struct, empty again on failure; borrows nothing from
   `raw`. */
int index_read(struct span raw, struct index *out, struct error *err) MUST_CHECK;

struct index_entry {
    const char *name; /* borrowed */
    uint64_t version;
    uint8_t digest[HASH_LEN];
};

/* The digest of a set of services, one after the other in byte order of their names. After a failure too:
   index_sum_fini. */
struct index_sum {
    struct hash *buckets;
    struct buf line;
};
#define AUTO_INDEX_SUM CLEANUP(index_sum_fini)
int index_sum_init(struct index_sum *sum, struct error *err) MUST_CHECK;
int index_sum_add(struct index_sum *sum, const struct index_entry *entry, struct error *err) MUST_CHECK;
void index_sum_end(struct index_sum *sum, uint8_t out[static HASH_LEN]);
void index_sum_fini(struct index_sum *sum);

size_t index_count(const struct index *index);
struct index_entry index_at(const struct index *index, size_t at);

#endif
