/*
 * run: one judgement in progress. The same functions give the verdict and the explanation: first without
 * `problems`, where everything ends at the first mistake and no memory is used, then, if there was one, once
 * more with them.
 */
#ifndef SCHEMA_RUN_H
#define SCHEMA_RUN_H

#include "schema/compiled.h"

/* A value, and the way to it. On the stack of who goes down. */
struct place {
    const struct place *parent;       /* NULL: the document */
    const struct doc_node *node;
    const struct doc_member *member;  /* of the parent's object; NULL: of its array, at: */
    size_t index;
    bool is_name; /* the node is the name itself: propertyNames */
};

/* The resources that were entered, innermost first: what $dynamicRef looks through. */
struct scope {
    const struct resource *resource;
    const struct scope *outer;
};

/* Which members or items of one value some schema has spoken about. */
struct evaluated {
    uint64_t few;   /* of up to 64 */
    uint64_t *many; /* of more */
    size_t len;
};

/* FULL: enough was said; not a word more would be kept. */
enum trouble { TROUBLE_NONE, TROUBLE_EXPENSIVE, TROUBLE_MEMORY, TROUBLE_FULL };

struct problems;

struct run {
    const struct schema *root;
    const struct scope *scope;
    struct evaluated *evaluated; /* of the value at hand; NULL: nobody asks */
    struct problems *problems;   /* NULL: the verdict alone is wanted */
    int64_t steps;               /* left */
    int64_t left;                /* the same when there was trouble, which takes them all */
    struct pattern_work work;    /* what patterns have left */
    unsigned depth;
    bool formats_are_notes;
    enum trouble trouble; /* the first counts; whatever is answered then does not */
};

/* Whether the value at `place` is right by `schema`. In trouble: false. */
bool run_apply(struct run *run, const struct schema *schema, const struct place *place);

/* The same for a value below: what it evaluates is its own. */
bool run_apply_below(struct run *run, const struct schema *schema, const struct place *place);

/* The verdict alone, whatever `problems` is: for `not`, `if` and the like, whose mistakes are nobody's. */
bool run_test(struct run *run, const struct schema *schema, const struct place *place);

/* Ends the run: nothing has steps left from here on. Gives false. */
bool run_stop(struct run *run, enum trouble trouble);

static inline bool run_is_stopped(const struct run *run)
{
    return run->trouble != TROUBLE_NONE;
}

/* Takes `steps`, at most what a document has bytes, from what is left; false when there are none. */
static inline bool run_charge(struct run *run, uint64_t steps)
{
    run->steps -= (int64_t)steps;
    return run->steps >= 0 || run_stop(run, TROUBLE_EXPENSIVE);
}

/* Whether `text` matches; all patterns of a run share its steps. */
bool run_match(struct run *run, const struct pattern *pattern, struct span text);

/* Notes that a member or item, or all from `from` on, has been spoken about. */
static inline void run_mark(struct run *run, size_t at)
{
    struct evaluated *evaluated = run->evaluated;
    if (evaluated == NULL)
        return;
    if (evaluated->many == NULL)
        evaluated->few |= UINT64_C(1) << (at & 63);
    else
        evaluated->many[at / 64] |= UINT64_C(1) << (at % 64);
}

void run_mark_from(struct run *run, size_t from);
bool run_is_marked(const struct run *run, size_t at);

static inline struct place place_of_member(const struct place *parent, const struct doc_member *member)
{
    return (struct place){.parent = parent, .node = member->value, .member = member};
}

static inline struct place place_of_item(const struct place *parent, size_t index)
{
    return (struct place){.parent = parent, .node = parent->node->u.array.items[index], .index = index};
}

#endif
