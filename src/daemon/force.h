/*
 * force: the epoch in force: the accepted commit, its number, and every signed byte needed to serve it again.
 */
#ifndef DAEMON_FORCE_H
#define DAEMON_FORCE_H

#include "config/environment.h"
#include "io/journal.h"
#include "model/catalog.h"
#include "model/listing.h"
#include "model/message.h"
#include "model/oid.h"
#include "util/buf.h"

struct force {
    bool exists; /* false: no epoch yet, catalog is empty */
    struct oid commit;
    uint64_t epoch, offset, generation;
    char correlation_id[CORRELATION_MAX + 1];
    struct catalog *catalog;  /* never NULL after force_init */
    struct listing *listing;  /* of the commit; NULL until its tree has been read in this run */
    struct environment *environment; /* what its services were judged by; NULL until then */
    struct buf head;          /* the exact signed bytes */
    uint8_t head_digest[HASH_LEN];
    struct journal_position position; /* of its committed line */
};

int force_init(struct force *force, struct error *err) MUST_CHECK;
void force_fini(struct force *force);

/* What is in force was read: the tree, and what its services are judged by. */
void force_set_tree(struct force *force, struct listing *listing, struct environment *environment);

/*
 * After a start the tree of the epoch in force may not have been read yet, and a commit that changes a schema is
 * compared with it all the same. Where it cannot be read (pruned, say), there is nothing to compare with.
 */
void force_recall_environment(struct force *force, struct repo *repo);

/* Sets the head and its digest from the exact bytes. */
int force_set_head(struct force *force, struct span head, struct error *err) MUST_CHECK;

#endif
