/*
 * place: where each value of a YAML text stands in its bytes, so that one of them can be replaced and the rest stay
 * as somebody wrote it: comments, layout, quotes, line ends. io/yaml_places.c makes the tree, model/splice.c uses it.
 */
#ifndef MODEL_PLACE_H
#define MODEL_PLACE_H

#include "model/doc.h"

enum place_kind { PLACE_SCALAR, PLACE_SEQUENCE, PLACE_MAPPING, PLACE_ALIAS };
enum place_style {
    PLACE_PLAIN,
    PLACE_SINGLE,  /* 'text' */
    PLACE_DOUBLE,  /* "text" */
    PLACE_LITERAL, /* | and lines */
    PLACE_FOLDED,  /* > and lines */
    PLACE_BLOCK,   /* a collection of lines */
    PLACE_FLOW,    /* {…} or […] */
};

/* Offsets are in bytes, ends are behind the last one. All of it lives in the arena that was given. */
struct place {
    enum place_kind kind;
    enum place_style style;
    size_t start;        /* of the anchor and tag, where there are any */
    size_t body;         /* of the value itself */
    size_t end;          /* block scalars and collections: of their last line that is not blank, before its break */
    struct span anchor;  /* its name, or the one an alias uses; empty: none */
    bool has_tag;
    struct span name;    /* of a member of a mapping */
    size_t key_start, key_end;
    bool key_is_odd;     /* an alias, or with an anchor or a tag */
    struct place *parent, *first, *last, *next;
};

/* The child of that name (of a sequence: decimal position), NULL if there is none. */
struct place *place_child(const struct place *place, struct span name);

/* True if some alias uses that anchor. */
bool place_is_used(const struct place *root, struct span anchor);

#endif
