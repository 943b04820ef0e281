/*
 * point: a point of the history as it is typed: one grammar for every verb that asks for one.
 *
 *   412                                  the epoch of that number; the journal knows its commit
 *   HEAD, main, v1.2, HEAD~2, 1c9e0b2    a commit, as git takes it
 *   yesterday, 2h, "2026-11-20 10:30"    the epoch that was in force then (when.h)
 *
 * What is a revision of this repository is never read as a time. A number that the journal does not know, or of which
 * nothing can be learnt since there is no journal here, may be an abbreviated commit id: one in thirty has digits alone.
 */
#ifndef CLI_POINT_H
#define CLI_POINT_H

#include "cli/local.h"

enum { POINT_MAX = 512 };

struct point {
    struct oid commit;
    uint64_t epoch; /* 0: a commit was named */
};

/* `local` with its settings, or {.state_dir = -1}: then they are loaded where the journal is needed. CODE_REPO_REV. */
int point_find(const struct cli *cli, struct local *local, struct repo *repo, const char *text, struct point *out,
               struct error *err) MUST_CHECK;

/* The same, and the commit is in this repository: what the journal knows may be gone, or this may be another one. CODE_REPO_REV. */
int point_find_here(const struct cli *cli, struct local *local, struct repo *repo, const char *text, struct point *out,
                    struct error *err) MUST_CHECK;
int point_check(struct repo *repo, const struct point *point, struct error *err) MUST_CHECK;

/* The two of "A..B"; `to` is "HEAD" for "A..", as git has it. */
struct point_range {
    char from[POINT_MAX], to[POINT_MAX];
};
enum point_form { POINT_ONE, POINT_RANGE, POINT_WRONG /* no A, three dots, too long */ };
enum point_form point_split(const char *text, struct point_range *out);

#endif
