/*
 * pointer: the way to one value of a document, as people write it and as programs do.
 *
 *   /audio/rate     JSON Pointer (RFC 6901): ~1 is a slash in a name, ~0 a tilde
 *   audio.rate      names with dots between them; \ before a dot, a '=' or a \ takes its meaning away
 *
 * Names count members of objects and, as plain decimals, items of arrays. Pure text: nothing is looked up while
 * parsing.
 */
#ifndef MODEL_POINTER_H
#define MODEL_POINTER_H

#include "model/doc.h"
#include "util/buf.h"

enum { POINTER_NAMES_MAX = 64, POINTER_TEXT_MAX = 16 * 1024 };

struct pointer {
    struct span names[POINTER_NAMES_MAX]; /* UTF-8, a NUL behind it, in the arena it was parsed into */
    size_t len;                           /* 0: the whole document */
};

/*
 * Reads either form: the first character decides, and "" is the whole document. CODE_USAGE with a clause that says
 * what is wrong: too long, too deep, not UTF-8, a ~ before anything but 0 and 1, an empty name between dots.
 */
int pointer_parse(struct span text, struct arena *arena, struct pointer *out, struct error *err) MUST_CHECK;

/* The value it leads to, NULL if there is none. *depth (may be NULL): how many names were found on the way. */
const struct doc_node *pointer_find(const struct doc_node *root, const struct pointer *pointer, size_t *depth);

/* The child of that name: of an object a member, of an array an item. NULL if there is none. */
const struct doc_node *pointer_child(const struct doc_node *node, struct span name);

/* The position of an item that a name means, false if it is no plain decimal. */
bool pointer_index(struct span name, size_t *out);

/* Appends "/name" as RFC 6901 spells it; and the first `len` names of a pointer. */
void pointer_put_name(struct span name, struct buf *out);
void pointer_put(const struct pointer *pointer, size_t len, struct buf *out);

#endif
