/*
 * owner: root acting as the user a file or folder belongs to. Root who commits into somebody's repository would leave objects
 * and files there that its owner cannot write any more, and would run the owner's hooks as root; what root leaves in the
 * daemon's state folder the daemon could not remove; and what root can read says nothing about whether the daemon can.
 */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "util/err.h"

struct owner {
    bool is_other; /* we are root and it is not: the calls below do something */
    uid_t uid;
    gid_t gid;
    char name[64], home[256]; /* "" and "/" for a uid without a name */
};

/* Of the file or folder at `path`. For anybody but root: is_other is false, whoever owns it. */
int owner_of(const char *path, struct owner *out, struct error *err) MUST_CHECK;
/* The same of what was looked at already. */
void owner_from(const struct stat *st, struct owner *out);

/* From here on files are made and judged with the owner's rights; owner_leave makes us root again. Both may be called
   twice. */
int owner_enter(const struct owner *owner, struct error *err) MUST_CHECK;
void owner_leave(const struct owner *owner);

/* For ever, with the environment that goes with it: in a child before exec. 0, or -1 with errno. */
int owner_become(const struct owner *owner);

#endif
