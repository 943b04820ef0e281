/*
 * ground: the configuration that a verb looks at without changing it: the files of a work tree as they are, else the
 * commit that is checked out, or the one that was asked for.
 */
#ifndef CLI_GROUND_H
#define CLI_GROUND_H

#include "cli/local.h"
#include "config/source.h"

struct ground {
    struct local local;   /* settings loaded, where a number had to be looked up */
    struct repo *repo;
    struct source source; /* borrows from the repository */
    struct oid commit;    /* what is looked at, or what the files were checked out from */
    bool has_commit;      /* false: nothing is committed yet */
    bool is_edited;       /* the files as they are: they may differ from the commit */
};

void ground_fini(struct ground *ground);
#define AUTO_GROUND CLEANUP(ground_fini)

/* {.local = {.state_dir = -1}, .source = {.work_dir = -1}}; see ground_open. */
struct ground ground_new(void);

/* `at` (may be NULL): see point.h. `out` is from ground_new. */
int ground_open(const struct cli *cli, const char *at, struct ground *out, struct error *err) MUST_CHECK;

#endif
