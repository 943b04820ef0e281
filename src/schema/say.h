/*
 * say: mistakes in words. While a run explains itself, each mistake becomes a problem; what is left of them
 * in the end becomes findings. All of these give false, so that a check can end with `return say(…)`, and do
 * nothing but that when the verdict alone is wanted.
 */
#ifndef SCHEMA_SAY_H
#define SCHEMA_SAY_H

#include "schema/run.h"
#include "util/buf.h"

struct problem {
    const char *code;
    const char *file;
    struct doc_pos pos;
    const char *message;
    const char *words;           /* the part of it behind the way to the value: of an alias each way says the same */
    const struct doc_node *node; /* the value it is about */
    struct span name;            /* of the key: missing, or the nearest to an unknown one; data NULL: none */
    unsigned depth;              /* of the value in the document */
    uint8_t kinds;               /* of a wrong type: those that were wanted */
    const struct keyword *choice; /* of a wrong enum or const: which */
    bool is_of_alternative;       /* the message says already which one it is about */
};

struct problems {
    struct arena arena;
    struct problem *items;
    size_t len, cap;
    bool failed; /* for want of memory */
};

enum { PROBLEMS_MAX = FINDINGS_MAX, SHOWN_MAX = 80 };

void problems_fini(struct problems *problems);

/* Takes back what was said from `from` on, but for a range that moves there. */
void problems_keep(struct problems *problems, size_t from, size_t first, size_t len);

/* At the value: "way.to.it: message". */
bool say(struct run *run, const struct keyword *keyword, const struct place *place, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* At a key of the object at `place`; `name` as in struct problem. */
bool say_key(struct run *run, const struct keyword *keyword, const struct place *place, const struct doc_member *member,
             struct span name, const char *format, ...) PRINTF_LIKE(6, 7);

/* At the object, which misses `name`. */
bool say_missing(struct run *run, const struct keyword *keyword, const struct place *place, struct span name,
                 const char *format, ...) PRINTF_LIKE(5, 6);

bool say_type(struct run *run, const struct schema *schema, const struct place *place);
bool say_false(struct run *run, const struct schema *schema, const struct place *place);
/* Whether a string would be of one of the kinds without its quotes, or as YAML 1.1 read it. */
bool say_is_otherwise_spelled(unsigned kinds, const struct doc_node *node);
/* Of several alternatives each wants another type: all of them in one sentence. */
bool say_kinds(struct run *run, unsigned kinds, const struct place *place);

/* The last problem, to add to it; NULL if there is none or nothing is said. */
struct problem *say_last(struct run *run);

/* The text, terminated; "" for want of memory, which is remembered. */
const char *said(struct run *run, struct buf *text);

/* The value for people: short, "the mapping" for large ones, nothing of what may be secret. Terminated, in
   *out. */
const char *say_value(struct run *run, const struct place *place, struct buf *out);
bool say_is_secret(const struct run *run, const struct place *place);

/* A value of the schema, short; a name in quotes. */
void put_short(struct buf *out, const struct doc_node *node);
void put_name(struct buf *out, struct span name);

/* Whether it is worth to look for what was meant: of the first of very many mistakes only, and among not too
   many names. */
bool say_may_suggest(const struct run *run, size_t names);

/* Of the names the nearest to a wrong one; data NULL: none is near. */
struct span nearest_member(const struct run *run, struct span wrong, const struct doc_member *members, size_t len);
/* "'b' is not known here; did you mean 'a'?": a member that nobody speaks about; `nearest` without data: no guess. */
bool say_unknown(struct run *run, const struct keyword *keyword, const struct place *place, const struct doc_member *member,
                 struct span nearest);

#endif
