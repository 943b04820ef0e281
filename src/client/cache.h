/*
 * cache: what a consumer keeps on disk, in a folder of its own (docs/PROTOCOL.md §10).
 *
 *   lkg.key           hmac-sha256, made at first use, 0600
 *   config.lkg.json   the applied epoch as a snapshot, in the form of the publisher's, of the services that are followed
 *   applied.jsonl     what changed since, a line each, written and synced before an epoch is applied
 *
 * A line says with its HMAC that this consumer wrote it; that the publisher said so is in the signatures of what it holds, which
 * whoever restores checks. So a restart goes on where it was: never below the last line, whatever became of the snapshot.
 * Refused: another host's, another source's, a folder that another client has open.
 */
#ifndef CLIENT_CACHE_H
#define CLIENT_CACHE_H

#include "client/state.h"
#include "io/snapshot.h"
#include "io/crypto.h"

enum { CACHE_LOG_SIZE = 256 * 1024 };

/* A service that is not as the head says: refused, or removed and its last values kept. */
struct cache_kept {
    char name[LAYOUT_NAME_MAX + 1];
    struct letter *letter; /* what stays in force; NULL: nothing is */
    bool is_refused;
    char reason[ACK_REASON_MAX + 1];
};

struct cache {
    int dir, log; /* -1: there is no cache */
    off_t end;    /* of the lines that count */
    bool is_behind; /* a write failed: the lines do not lead to what is applied */
    uint64_t seq;
    struct mac_key key;
    const char *source; /* borrowed */
};

/* What was found. */
struct cache_service {
    char name[LAYOUT_NAME_MAX + 1];
    struct span message; /* data NULL: it is gone; borrowed from the documents */
    size_t order;
};

struct cache_content {
    struct doc *docs; /* of the lines */
    size_t docs_len;
    struct snapshot *snapshot; /* NULL: none */
    struct span keyset, head_keyset, head; /* data NULL: none */
    struct cache_service *services; /* sorted, each once */
    size_t services_len, services_cap;
    bool follows_all, has_follows;
    const struct doc_node *follows; /* array of names */
    const struct doc_node *kept;    /* object of the last line that tells: name → {message, refused, reason} */
    bool is_floor_only;             /* head and keysets alone can be used: what they are made of is damaged */
    int64_t written_ms;             /* Unix time of the last sign of life of the publisher; 0: never */
};

void cache_content_fini(struct cache_content *content);
#define AUTO_CACHE_CONTENT CLEANUP(cache_content_fini)

/* Opens, makes what is missing. A key that is no good is made anew: *damage says why (code NULL: it was good). CODE_CACHE_BUSY, what
   the system says. */
int cache_open(struct cache *cache, const char *path, const char *source, struct error *damage,
               struct error *err) MUST_CHECK;
void cache_close(struct cache *cache);
static inline bool cache_is_open(const struct cache *cache)
{
    return cache->log >= 0;
}

/* Reads it. What is damaged is told through `damaged` with its code, and the rest is used as far as it goes. `out` is a zeroed struct. */
int cache_load(struct cache *cache, struct cache_content *out,
               void (*damaged)(void *context, const char *file, const struct error *err), void *context,
               struct error *err) MUST_CHECK;

/*
 * Makes durable what state_prepare found, before it is committed. Where the log is full, was removed, or a write failed before, the
 * whole is written anew with what is kept beside. CODE_CACHE_FAILED: nothing was written that counts.
 */
int cache_put_epoch(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                    struct error *err) MUST_CHECK;
/* A newer keyset. */
int cache_put_keyset(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                     struct error *err) MUST_CHECK;
/* All that is kept beside the head, now. */
int cache_put_kept(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                   struct error *err) MUST_CHECK;

/* The publisher was heard: remembered without a sync, for the age of what is here after a restart. */
void cache_touch(struct cache *cache);

#endif
