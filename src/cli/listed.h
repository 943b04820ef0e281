/*
 * listed: the services there are, in force or at a commit, with what is known of each.
 */
#ifndef CLI_LISTED_H
#define CLI_LISTED_H

#include "cli/epochs.h"
#include "util/arena.h"

struct listed_service {
    const char *name;
    const char *path;  /* in the repository; NULL: not known */
    const char *title; /* of its schema; NULL: none is known */
    uint64_t version;  /* 0: not known */
    struct oid commit; /* of that version; zero: not known */
    bool has_commit;   /* the repository has it, and the next three are told */
    int64_t time_ms;
    const char *author, *subject;
};

/* A zeroed struct is empty. */
struct listed {
    struct listed_service *services; /* by name */
    size_t len;
    uint64_t epoch; /* 0: of a commit that is none, or not known to be one */
    uint64_t newer; /* as in_force.h */
    struct arena arena; /* texts */
};

void listed_fini(struct listed *listed);
#define AUTO_LISTED CLEANUP(listed_fini)

/* What is in force. `repo` may be NULL: then paths, authors and times are not known. */
int listed_in_force(struct local *local, struct repo *repo, struct listed *out, struct error *err) MUST_CHECK;

/* What a commit says. Versions where the journal can be read. */
int listed_at(struct local *local, struct repo *repo, const struct oid *commit, struct listed *out,
              struct error *err) MUST_CHECK;

/* A table, or with `is_json` an array of objects. */
void listed_put(const struct listed *listed, const struct term *term, bool is_json, struct buf *out);

#endif
