/*
 * compare: two versions of a schema, and what becomes of the values that were valid under the first.
 *
 *   breaking    some value that was valid is not any more
 *   unclear     it may be either: what would tell them apart is not worked out
 *   annotation  every value that was valid still is, and yet people should know: a secret would be shown from
 *               now on, a variable that overrode a value does not any more
 *   compatible  every value that was valid still is
 *
 * Only the two documents are looked at: what they refer to in other documents is the same as long as the
 * reference is, and a change over there is that document's. A key that is wanted anew but has a default is
 * filled in before anything is judged, so it breaks nothing. Defaults are never shown; of choices text,
 * numbers and the like, where nothing that may speak about the place calls it x-secret.
 */
#ifndef SCHEMA_COMPARE_H
#define SCHEMA_COMPARE_H

#include "model/doc.h"
#include "util/buf.h"

enum {
    SCHEMA_CHANGES_MAX = 200,       /* further ones are counted only */
    COMPARE_STEPS_MAX = 200 * 1000, /* of all schemas of a revision: then the rest is unclear */
};

enum schema_effect { SCHEMA_COMPATIBLE, SCHEMA_ANNOTATION, SCHEMA_UNCLEAR, SCHEMA_BREAKING };

struct schema_change {
    enum schema_effect effect;
    const char *file; /* of the newer document, as its nodes have it */
    struct doc_pos pos;
    char *
        pointer; /* the values it is about: /audio/rate; * for any item or any other key; owned by the list */
    char *message; /* one sentence for people, without the pointer; the same */
};

/* A zeroed struct is an empty list. */
struct schema_changes {
    struct schema_change *items;
    size_t len, cap;
    size_t count[SCHEMA_BREAKING + 1]; /* of each effect, also those beyond SCHEMA_CHANGES_MAX */
};

#define AUTO_SCHEMA_CHANGES CLEANUP(schema_changes_fini)
void schema_changes_fini(struct schema_changes *changes);

/*
 * Adds what differs, in the order of the walk. Both are roots of valid schemas. *steps is what is left of
 * COMPARE_STEPS_MAX: a place takes one, long lists and patterns more. -1 only for want of memory.
 */
int schema_compare(const struct doc_node *before, const struct doc_node *after, uint32_t *steps,
                   struct schema_changes *changes, struct error *err) MUST_CHECK;

/* The worst of them; compatible if there is none. */
enum schema_effect schema_changes_effect(const struct schema_changes *changes);

/* "breaking", "unclear", "annotation", "compatible". */
const char *schema_effect_name(enum schema_effect effect);

#endif
