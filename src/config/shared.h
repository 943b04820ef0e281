/*
 * shared: the files of schemas/ and of bases/, read and compiled: what services have in common.
 *
 * Immutable, and kept from one candidate to the next while the folder is the same tree. A file that is broken is a finding,
 * and is there without a content, so that what needs it can be told apart from what does not.
 *
 * One thread at a time (reference counts are plain).
 */
#ifndef CONFIG_SHARED_H
#define CONFIG_SHARED_H

#include "config/source.h"
#include "model/finding.h"
#include "model/hash.h"
#include "model/layout.h"
#include "schema/schema.h"

/* Of schemas/, and of bases/. */
enum { SHARED_FILES_MAX = 1000, SHARED_BYTES_MAX = 16 * 1024 * 1024 };

struct shared_file {
    char name[LAYOUT_NAME_MAX + 1];
    char *path;
    uint8_t digest[HASH_LEN];    /* SHA-256 of the file's bytes */
    struct doc doc;              /* of a base; its root is NULL: it is broken */
    const struct schema *schema; /* of a schema; NULL: it is broken */
};

/* The files of one folder. */
struct shared {
    unsigned references;
    struct oid tree;           /* of the folder; zero where that is not known, or there is none */
    struct shared_file *files; /* by name */
    size_t len, cap;
    struct schema_set *set; /* of schemas/ */
};

void shared_unref(struct shared *shared); /* NULL is fine */

/*
 * Reads the folder of an area (LAYOUT_SCHEMAS or LAYOUT_BASES) of the source, if there is one; *out is `old` (may be NULL)
 * where it is the same tree. What is wrong becomes findings; names were judged by the layout.
 */
int shared_load(const struct source *source, enum layout_area area, struct shared *old, struct shared **out,
                struct findings *findings, struct error *err) MUST_CHECK;

/* The file of a name; NULL if there is none. */
const struct shared_file *shared_find(const struct shared *shared, const char *name);

/*
 * For each file of `after`, whether it differs from the one of its name in `before`: it is new, its bytes differ, or (of a
 * schema) those of a schema that it refers to. A malloc'ed array; NULL: none differs.
 */
int shared_compare(const struct shared *before, const struct shared *after, bool **out, struct error *err) MUST_CHECK;

#endif
