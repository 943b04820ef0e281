/*
 * standing: which commit a change is held against: what is in force, as far as that can be told. That is the commit below,
 * unless an epochd of this host, which serves this repository, told that it refused that one: then the one that it did not
 * refuse. It judges against that itself, so whoever judges before it says the same.
 *
 * In a clone nobody tells, and it is the commit below.
 */
#ifndef CLI_STANDING_H
#define CLI_STANDING_H

#include "config/revision.h"

struct standing {
    struct oid commit; /* zero: there is none */
    struct oid refused; /* the commit below, where it is not that one; zero: it is */
    uint64_t epoch;     /* of `commit`, where `refused` is given */
};

/* `config` is the settings file, NULL: the default. What cannot be read tells nothing. */
void standing_find(const char *config, struct repo *repo, const struct oid *below, struct standing *out);

/* revision_before of what standing_find finds. */
int standing_read(const char *config, struct repo *repo, const struct oid *below, struct standing *out, struct revision *before,
                  struct error *err) MUST_CHECK;

/* "3f2a…, which is in force as epoch 41: epochd refused 97c1…", or "3f2a…, the last valid commit below". */
void standing_put(const struct standing *standing, struct buf *out);

/* A line on standard error that says so, where it is not the commit below. */
void standing_say(const struct standing *standing, const char *program);

#endif
