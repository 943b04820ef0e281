/*
 * unit: whose manager starts the daemon that is looked at. What users run for themselves (epochctl setup --user) is a
 * unit of theirs, and what they are told to type must say so.
 */
#ifndef CLI_UNIT_H
#define CLI_UNIT_H

#include <sys/types.h>

#include "util/buf.h"

/* A state folder below the home of its owner, who is not root, is that of a user's own daemon. */
struct unit_facts {
    const char *state;
    uid_t owner, self;
    const char *name, *home; /* of the owner; NULL: not known */
};

/* Appends advice that says "systemctl" and "journalctl -u" as that daemon wants them. */
void unit_put_for(const struct unit_facts *facts, const char *advice, struct buf *out);

/* The same of the state folder, or of the first one above it that is there. */
void unit_put(const char *state, const char *advice, struct buf *out);

#endif
