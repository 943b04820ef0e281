/*
 * splice: one value of a YAML text set or removed, by replacing exactly its bytes. Comments, layout, quotes, anchors
 * and line ends of everything else stay as they are. Pure: text and places in, text out.
 *
 * What is done: any value is replaced where it stands; a new member becomes lines of its own at the end of its block
 * mapping, its missing parents with it; a removed one goes with its lines and the comment on them. Comments above it
 * stay: they are somebody's words. In {…} a member comes last, and one goes with its comma; a mapping that loses its last
 * becomes {}.
 *
 * What is refused, with CODE_EDIT_REFUSED and the reason: items of lists, values that an alias shares, tags, values with
 * comments inside, and members of {…} with comments beside them that would have to go. Whoever calls reads the result again and asks
 * splice_is_exact: what would change anything else is not written.
 */
#ifndef MODEL_SPLICE_H
#define MODEL_SPLICE_H

#include "model/place.h"
#include "model/pointer.h"

struct splice_change {
    struct pointer path;          /* not the root */
    const struct doc_node *value; /* NULL: remove */
    struct span typed;            /* a number as somebody typed it, kept where all readers understand it; else empty */
};

/* A text, and what was read from it. */
struct splice_source {
    struct span text;
    const char *file; /* for places in errors */
    const struct place *places;
    const struct doc_node *doc;
};

/*
 * Appends the changed text to `out`; *is_changed false (and nothing appended): the value is there already, or what is
 * to be removed is not.
 */
int splice_apply(const struct splice_source *source, const struct splice_change *change, struct buf *out,
                 bool *is_changed, struct error *err) MUST_CHECK;

/* True if `after` is `before` with that change and no other. */
bool splice_is_exact(const struct doc_node *before, const struct doc_node *after, const struct splice_change *change);

#endif
