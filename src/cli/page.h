/*
 * page: the page for three in the morning, from what the daemon told: is it well, since when, why not, what is still
 * served, what to type.
 */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/fleet.h"
#include "cli/term.h"
#include "cli/told.h"

/* What the daemon does not tell of itself. */
struct page_more {
    const char *state;   /* its folder */
    const char *subject; /* of the commit in force; NULL: not known */
    const char *requests; /* what waits in the folder of requests, "pause, accept-rewrite"; "": nothing, or not known */
    const struct fleet *fleet; /* who runs what */
    int64_t now_ms;
};

/* `told` has a document. */
void page_put(const struct term *term, const struct told *told, const struct page_more *more, struct buf *out);

#endif
