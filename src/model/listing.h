/*
 * listing: the files of one revision under the paths that matter, as an immutable tree that shares unchanged
 * folders with the listing it was made from. Names are raw; nothing is judged here.
 *
 * One thread at a time (reference counts are plain).
 */
#ifndef MODEL_LISTING_H
#define MODEL_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "model/oid.h"
#include "util/err.h"

struct listing_entry {
    char *name;             /* terminated; owned by the folder */
    uint32_t mode;          /* git's, layout.h names them */
    struct oid oid;         /* of the blob or tree; zero for files of a work tree */
    struct listing *folder; /* for LAYOUT_MODE_DIR that was read, else NULL */
};

struct listing {
    unsigned references;
    struct oid oid;                /* of the tree; zero if not from one */
    struct listing_entry *entries; /* sorted by name as bytes */
    size_t len, cap;
    size_t files; /* entries that are not folders, here and below */
};

enum { LISTING_FILES_MAX = 65536 }; /* readers stop there: CODE_LIMIT_SERVICES */

struct listing *listing_new(const struct oid *oid); /* one reference; NULL when memory is out */
struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing); /* NULL is fine */
static inline void listing_cleanup(struct listing **listing)
{
    listing_unref(*listing);
}
#define AUTO_LISTING CLEANUP(listing_cleanup)

/* Adds an entry while building; `folder` (may be NULL) is taken over, also on failure. Any order;
 * listing_finish sorts. */
int listing_add(struct listing *listing, struct span name, uint32_t mode, const struct oid *oid,
                struct listing *folder, struct error *err) MUST_CHECK;
void listing_finish(struct listing *listing);

/* The entry of that name in this folder, NULL if there is none. O(log n). */
const struct listing_entry *listing_find(const struct listing *listing, const char *name);

/* The entry at a path with slashes, NULL if there is none. */
const struct listing_entry *listing_find_path(const struct listing *listing, const char *path);

/*
 * Calls `visit` for every entry that differs between two listings, folders that are the same (pointer or tree
 * id) skipped. `before` NULL: everything is new. before/after of the call: NULL where the entry does not
 * exist on that side. Folders are visited too, parents first: return 1 to go into it, 0 to pass over it, -1
 * (with err) to end the walk. `folder` is the path of the folder the entry is in.
 */
typedef int (*listing_visit)(void *context, const char *folder, const struct listing_entry *before,
                             const struct listing_entry *after, struct error *err);
int listing_compare(const struct listing *before, const struct listing *after, listing_visit visit,
                    void *context, struct error *err) MUST_CHECK;

#endif
