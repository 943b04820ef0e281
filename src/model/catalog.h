/*
 * catalog: the services in force with their exact signed messages; immutable and shared. A new catalog copies only the
 * buckets that changed, so the cost of an epoch grows with what changed, not with what exists.
 *
 * The 256 buckets (by the first byte of SHA-256 of the name) are those of the index digest (docs/PROTOCOL.md):
 * a bucket's digest is SHA-256 over its lines `name SP version SP sha256 LF` in byte order of names, the catalog's is
 * SHA-256 over the 256 raw bucket digests.
 *
 * Reference counts are atomic: the snapshot worker reads a catalog while the deciding thread goes on.
 */
#ifndef MODEL_CATALOG_H
#define MODEL_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/hash.h"
#include "model/layout.h"
#include "util/err.h"
#include "util/span.h"

struct service {
    unsigned references; /* atomic */
    char name[LAYOUT_NAME_MAX + 1];
    char *path;          /* in the repository; "" if not known (yet) */
    uint64_t version;
    uint8_t digest[HASH_LEN]; /* SHA-256 of the message */
    struct span message;      /* the exact signed bytes, owned by the service */
    struct span config;       /* canonical JSON, inside the message */
};

/*
 * A service from its message; copies name, path and message. `name` is a good one (layout_name_is_good); `config` must point
 * into `message`. One reference. NULL when memory is out.
 */
struct service *service_new(const char *name, const char *path, uint64_t version, struct span message,
                            struct span config);
/* A reference of the caller's own, also to a borrowed service: counting is not changing. */
struct service *service_ref(const struct service *service);
void service_unref(struct service *service); /* NULL is fine */

struct catalog;

struct catalog *catalog_new(void); /* empty, one reference; NULL when memory is out */
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog); /* NULL is fine */
static inline void catalog_cleanup(struct catalog **catalog)
{
    catalog_unref(*catalog);
}
#define AUTO_CATALOG CLEANUP(catalog_cleanup)

struct catalog_change {
    const char *name;        /* the service's own, where there is one */
    struct service *service; /* NULL: removed. The catalog takes a reference of its own. */
};

/* The catalog after the changes (each name at most once, any order; removing what is not there is no error). */
int catalog_with(const struct catalog *base, const struct catalog_change *changes, size_t len, struct catalog **out,
                 struct error *err) MUST_CHECK;

size_t catalog_count(const struct catalog *catalog);
uint64_t catalog_config_bytes(const struct catalog *catalog); /* sum of config.len */

/* Borrowed from the catalog; NULL if there is none. */
const struct service *catalog_find(const struct catalog *catalog, const char *name);

void catalog_digest(const struct catalog *catalog, uint8_t out[static HASH_LEN]);

/* All services sorted by name: a malloc'ed array of catalog_count() borrowed pointers. */
int catalog_sorted(const struct catalog *catalog, const struct service ***out, struct error *err) MUST_CHECK;

#endif
