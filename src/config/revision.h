/*
 * revision: what a commit says, as a catalog to compare with. Nothing is signed: a service's message is its
 * configuration.
 */
#ifndef CONFIG_REVISION_H
#define CONFIG_REVISION_H

#include "io/repo.h"
#include "model/catalog.h"

/* What the commit says, if it is valid; else *out stays NULL. */
int revision_catalog(struct repo *repo, const struct oid *commit, struct catalog **out, struct error *err) MUST_CHECK;

/*
 * What is probably in force, to compare with: the newest valid commit among the last few up to `tip`, of which epochd
 * refused the others. NULL where it cannot be told; then nothing is said of what changes.
 */
int revision_before(struct repo *repo, const struct oid *tip, struct catalog **out, struct error *err) MUST_CHECK;

#endif
