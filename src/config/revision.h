/*
 * revision: what a commit says, as a catalog to compare with. Nothing is signed: a service's message is its
 * configuration.
 */
#ifndef CONFIG_REVISION_H
#define CONFIG_REVISION_H

#include "config/candidate.h"

/* A valid revision: what the next one is judged against. A zeroed struct: there is none. */
struct revision {
    struct catalog *catalog; /* NULL: its services were not read */
    struct listing *listing;
    struct environment *environment;
    struct oid commit; /* whose all of it is */
};

void revision_fini(struct revision *revision);
#define AUTO_REVISION CLEANUP(revision_fini)

/* What the commit says, if it is valid; else *out stays empty. */
int revision_load(struct repo *repo, const struct oid *commit, struct revision *out, struct error *err) MUST_CHECK;

/*
 * What is probably in force, to compare with: the newest valid commit among the last few up to `tip`, of which epochd
 * refused the others. Empty where it cannot be told; then nothing is said of what changes.
 */
int revision_before(struct repo *repo, const struct oid *tip, struct revision *out, struct error *err) MUST_CHECK;

/*
 * The same for what schemas are compared with, which needs no service to be read: listing and environment of the newest commit
 * up to `tip` that has a good one. *out stays empty where there is none.
 */
int revision_schemas(struct repo *repo, const struct oid *tip, struct revision *out, struct error *err) MUST_CHECK;

/* For candidate_judge: everything is read, so that all warnings are told; what is touched is known all the same. */
struct candidate_base revision_base(const struct revision *revision, bool mass_removal_allowed);

#endif
