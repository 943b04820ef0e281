/*
 * setup: what stands between an installed package and a served repository, as a list of steps. What there is was looked at
 * before (setup_facts); the plan is derived from it alone, so that --dry-run shows exactly what would be done, and doing it
 * twice changes nothing the second time.
 */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "util/buf.h"

#define SETUP_DROP_IN "/etc/systemd/system/epochd.service.d/50-setup.conf"

enum { SETUP_STEPS_MAX = 12, SETUP_WORDS_MAX = 12, SETUP_NAME_MAX = 64 };

struct setup_facts {
    bool is_user;               /* for the user who calls, with a unit of their own */
    char home[PATH_MAX];        /* is_user: theirs */
    char runtime[PATH_MAX];     /* is_user: $XDG_RUNTIME_DIR */
    char repository[PATH_MAX];  /* absolute */
    bool is_missing, is_bare;   /* the repository */
    uid_t owner, daemon;        /* whose it is; epochd's, without is_user */
    char owner_name[SETUP_NAME_MAX];
    const char *url;            /* of the broker; as asked for or as set */
    bool has_settings;          /* the file is there, names this repository and broker, and is left as it is */
    bool has_drop_in;           /* of an earlier setup */
    const char *self;           /* the path of epochctl */
};

struct setup_step {
    char *path;                         /* a file to be written, or removed where `text` is empty; NULL: a command */
    struct buf text;                    /* its content */
    mode_t mode;
    const char *words[SETUP_WORDS_MAX]; /* the command, NULL at the end; borrowed from the facts */
    bool is_start;                      /* only where a file changed or the unit does not run */
};

struct setup_plan {
    struct setup_step steps[SETUP_STEPS_MAX];
    size_t len;
};

/* Appends the steps. The plan borrows from `facts`. */
int setup_make_plan(const struct setup_facts *facts, struct setup_plan *out, struct error *err) MUST_CHECK;
void setup_plan_fini(struct setup_plan *plan);
#define AUTO_SETUP_PLAN CLEANUP(setup_plan_fini)

/* Where the settings are: /etc/epochd/epochd.yaml, or in the user's home. */
void setup_settings_path(const struct setup_facts *facts, char out[static PATH_MAX]);

#endif
