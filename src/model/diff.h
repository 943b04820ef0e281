/*
 * diff: what differs between two documents, as a list of (pointer, before, after) in one order: that of the
 * canonical form, depth first.
 *
 * Objects are compared member by member and arrays of one length item by item. Anything else that differs is one
 * change as a whole, an array of another length too: that is how a patch would replace it. Pure; memory grows with
 * what differs, and a way is kept as a chain of names, so long names above many changes are kept once.
 */
#ifndef MODEL_DIFF_H
#define MODEL_DIFF_H

#include "model/doc.h"
#include "util/buf.h"

/* One name of a way; the chain leads up to the root, whose changes have the way NULL. */
struct diff_step {
    const struct diff_step *up;
    struct span name; /* of a member, borrowed from the documents; data NULL: an item of an array */
    size_t index;
};

struct diff_change {
    const struct diff_step *way;
    const struct doc_node *before, *after; /* borrowed; NULL: there is none on that side */
};

/* A zeroed struct is empty. Borrows from both documents. */
struct diff {
    struct arena arena;
    struct diff_change *changes;
    size_t len, cap;
};

void diff_fini(struct diff *diff);
#define AUTO_DIFF CLEANUP(diff_fini)

/* Appends what differs. `before` or `after` NULL: the whole document is new, or gone. */
int diff_docs(const struct doc_node *before, const struct doc_node *after, struct diff *out, struct error *err) MUST_CHECK;

/* Appends the JSON Pointer of a way; "" for the root. */
void diff_put_way(const struct diff_step *way, struct buf *out);

#endif
