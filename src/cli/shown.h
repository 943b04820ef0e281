/*
 * shown: a configuration of a service as it is found: in force, or at a commit; and what is known of it.
 */
#ifndef CLI_SHOWN_H
#define CLI_SHOWN_H

#include "cli/epochs.h"
#include "config/candidate.h"

struct shown {
    struct buf config; /* canonical JSON */
    uint64_t version;  /* 0: not known */
    struct oid commit; /* of the version where that is known, else the one asked for */
    uint64_t newer;    /* an epoch that is committed and could not be looked at; 0: none */
    struct oid created;
    bool is_created_known;
    struct repo_commit about, creation; /* what the repository says of `commit` and `created` */
    bool has_about, has_creation;
    struct oid at;           /* the commit that is in force, or was asked for; zero: not known */
    struct buf title, about_it; /* what its schema says of it; empty: nothing */
    struct buf tags;            /* JSON: the names of git's tags of `commit`; empty: not known */
};

void shown_fini(struct shown *shown);
#define AUTO_SHOWN CLEANUP(shown_fini)

/*
 * What the daemon committed last: the snapshot, and the journal behind it where there is more and it can be read.
 * Opens state and keys. CODE_NO_SERVICE.
 */
int shown_in_force(struct local *local, const char *service, struct shown *out, struct error *err) MUST_CHECK;

/* Judges a commit that has to be valid. Both outputs are the caller's, also on failure. CODE_REPO_REV. */
int shown_judge(struct repo *repo, const struct oid *commit, struct source *source, struct candidate *out,
                struct error *err) MUST_CHECK;

/* What a commit says. CODE_NO_SERVICE. */
int shown_at(struct repo *repo, const struct oid *commit, const char *service, struct shown *out,
             struct error *err) MUST_CHECK;

/* Which version that was, and which commit created the service: where the journal can be read. */
void shown_trace(struct local *local, const char *service, struct shown *shown);

/* Author, time and subject, where the repository has the commits. */
void shown_describe(struct repo *repo, struct shown *shown);

/* Which of git's tags name the commit. */
void shown_list_tags(struct repo *repo, struct shown *shown);

/* What the schema says: it takes a look at the whole revision. */
void shown_ask_schema(struct repo *repo, const char *service, struct shown *shown);

#endif
