/*
 * followed: the services that `watch` follows, each with what it believes of it and what waits for a head.
 */
#ifndef CLI_FOLLOWED_H
#define CLI_FOLLOWED_H

#include "model/layout.h"
#include "util/buf.h"

enum { FOLLOWED_MAX = 20000 };

struct followed_service {
    char name[LAYOUT_NAME_MAX + 1];
    uint64_t generation, version; /* of what was shown; 0: nothing yet */
    struct buf shown;             /* its message */
    uint64_t waiting_generation, waiting_version; /* 0: nothing waits */
    struct buf waiting;           /* a message that no head vouches for yet */
};

struct followed {
    struct followed_service **services; /* sorted by name */
    size_t len, cap;
};

void followed_fini(struct followed *followed);
#define AUTO_FOLLOWED CLEANUP(followed_fini)

/* The one of that name, made where there is none. More than FOLLOWED_MAX: CODE_LIMIT_SERVICES. */
int followed_get(struct followed *followed, const char *name, struct followed_service **out,
                 struct error *err) MUST_CHECK;

#endif
