/*
 * toml_priv: what toml.c (lines and tables) and toml_value.c (values) share.
 */
#ifndef MODEL_TOML_PRIV_H
#define MODEL_TOML_PRIV_H

#include "model/toml.h"
#include "util/buf.h"

enum { TOML_DEPTH_MAX = 60, TOML_KEY_PARTS_MAX = 32 };

/* How a table came to be, and so who may still add to it. */
enum toml_state {
    TOML_OPEN,   /* made on the way to another: a header may still define it */
    TOML_DOTTED, /* made by a dotted key: more of those, and no header */
    TOML_HEADED, /* by its own header */
    TOML_CLOSED, /* written in one piece: {…} or […] */
    TOML_LIST,   /* of [[…]] headers */
};

/* Tables are written in pieces, so there is a tree that grows before there is a document. */
struct toml_node {
    enum doc_kind kind;
    enum toml_state state;
    struct span name;
    struct doc_pos pos;
    struct toml_node *first, *last, *next;
    union {
        bool boolean;
        double number;
        struct span string;
    } u;
};

struct toml_reader {
    struct span text;
    const char *file;
    struct arena *arena;
    size_t at, line_start, values;
    uint32_t line;
    struct buf word; /* a string being unescaped */
};

struct toml_key {
    struct span parts[TOML_KEY_PARTS_MAX];
    size_t len;
    struct doc_pos pos;
};

static inline char toml_peek(const struct toml_reader *r)
{
    return r->at < r->text.len ? r->text.data[r->at] : '\0';
}

int toml_refuse(const struct toml_reader *r, struct error *err, const char *words);
void toml_skip_blanks(struct toml_reader *r);
/* Blanks, comments and line ends: inside […]. */
void toml_skip_lines(struct toml_reader *r);

/* NULL: err is set. */
struct toml_node *toml_new(struct toml_reader *r, enum doc_kind kind, struct error *err);
void toml_append(struct toml_node *parent, struct toml_node *child);

/* `key = value` into the table. */
int toml_read_pair(struct toml_reader *r, struct toml_node *table, unsigned depth, struct error *err) MUST_CHECK;

/* toml_value.c */
int toml_read_value(struct toml_reader *r, unsigned depth, struct toml_node **out, struct error *err) MUST_CHECK;
int toml_read_string(struct toml_reader *r, bool may_have_lines, struct span *out, struct error *err) MUST_CHECK;

#endif
