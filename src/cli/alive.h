/*
 * alive: which services exist, while the journal is read forward: what makes a change one that created a service.
 */
#ifndef CLI_ALIVE_H
#define CLI_ALIVE_H

#include "util/arena.h"
#include "util/err.h"
#include "util/span.h"

/* A set of names, each with whether the service is there now. Zeroed: empty. */
struct alive {
    struct arena names;
    struct alive_entry *slots; /* a power of two of them, half of them free at least */
    size_t cap, len;
};

void alive_fini(struct alive *alive);
#define AUTO_ALIVE CLEANUP(alive_fini)

/* Notes that the service is there now, or gone. *was_known: it was named before; *was_there: and was there. */
int alive_note(struct alive *alive, struct span name, bool is_there, bool *was_known, bool *was_there,
               struct error *err) MUST_CHECK;

#endif
