/*
 * compare_priv: what the parts of the comparison share. Nobody else includes it.
 *
 * compare.c walks both schemas side by side, compare_view.c gathers what speaks about one value,
 * compare_rules.c judges the keywords about single values, compare_objects.c those about mappings and lists,
 * compare_choices.c the alternatives; compare_secret.c says which values are shown, and which will be.
 */
#ifndef SCHEMA_COMPARE_PRIV_H
#define SCHEMA_COMPARE_PRIV_H

#include "schema/compare.h"

enum { VIEW_PARTS_MAX = 32, VIEW_OTHERS_MAX = 8, COMPARE_DEPTH_MAX = 64 };

/* One of the two documents. */
struct side {
    const struct doc_node *root;
    bool is_draft_07; /* beside a $ref nothing counts */
    bool *failed;     /* set for want of memory */
};

/* All that must hold of one value: a schema, what it refers to, its allOf. No parts: anything goes. */
struct view {
    const struct doc_node *parts[VIEW_PARTS_MAX]; /* objects */
    size_t len;
    struct span others[VIEW_OTHERS_MAX]; /* references to other documents */
    size_t others_len;
    size_t followed; /* references */
    bool is_false;   /* nothing is valid */
    bool is_cut;     /* there was more than fits, or a reference that leads nowhere */
};

/* Two views that were compared, as a number each; 0: none. */
struct pair {
    uint64_t before, after;
};

struct comparison {
    struct side before, after;
    struct schema_changes *changes;
    struct buf pointer;
    const struct doc_node *near; /* the node of the newer document that is nearest, for places */
    bool is_filled;              /* defaults are filled in here */
    bool failed; /* for want of memory */
    unsigned depth;
    uint32_t steps;
    struct pair *seen; /* an open hash of seen_cap places, a power of two */
    size_t seen_len, seen_cap;
};

/* --- costs ---------------------------------------------------------------------------------------------- */

/* False: they are used up, and what they were asked for is not done. */
bool compare_charge(struct comparison *c, uint64_t steps);
/* For holding each of one list against each of another. */
bool compare_charge_pairs(struct comparison *c, size_t a, size_t b);

/* True the second time that it is asked about the two. */
bool compare_was_seen(struct comparison *c, struct pair pair);

/* --- views ---------------------------------------------------------------------------------------------- */

void view_add(const struct side *side, const struct doc_node *schema, struct view *view);

/* The first part's keyword; *part (may be NULL) is which. */
const struct doc_node *view_get(const struct view *view, const char *keyword, const struct doc_node **part);

/* What a reference within the document leads to; NULL for nothing, or another document. */
const struct doc_node *side_resolve(const struct side *side, struct span reference);

/* The same text, and what it refers to within its document is the same too. */
bool compare_is_same(struct comparison *c, const struct doc_node *before, const struct doc_node *after);

/*
 * True if at most one part of each view has one of the keywords (`other` may be NULL), so that view_get sees all there
 * is. Else all is told: unclear, unless every one of the newer is the same as one of the older.
 */
bool compare_is_single(struct comparison *c, const struct view *before, const struct view *after,
                       const char *keyword, const char *other);

/* Whether a document has schemas with an $id of their own inside, names itself, or refers dynamically: none of that is
   followed. */
bool compare_is_tangled(const struct doc_node *root, const struct doc_node *node);

/* --- reporting ------------------------------------------------------------------------------------------ */

/* At the keyword in the newer schema, or at the schema itself where it has none. */
void compare_report(struct comparison *c, enum schema_effect effect, const struct view *after,
                    const char *keyword, const char *format, ...) PRINTF_LIKE(5, 6);

/* Whether the place that is compared is a secret by anything either document says, of a place above too. */
bool compare_is_secret(struct comparison *c);

/* Reports the places that were secret and are none any more. A walk of its own, after the other. */
void compare_secrets(struct comparison *c);

/* --- the rules ------------------------------------------------------------------------------------------ */

enum type {
    TYPE_NULL,
    TYPE_BOOLEAN,
    TYPE_INTEGER,
    TYPE_FRACTION,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_OBJECT,
    TYPES
};
#define TYPE_BIT(type) (1u << (type))
#define TYPES_ALL (TYPE_BIT(TYPES) - 1)
#define TYPES_NUMBER (TYPE_BIT(TYPE_INTEGER) | TYPE_BIT(TYPE_FRACTION))

/* The types a view allows, a bit each: `number` is integers and fractions. */
unsigned view_types(const struct view *view);

void compare_types(struct comparison *c, const struct view *before, const struct view *after);
void compare_enums(struct comparison *c, const struct view *before, const struct view *after);
bool compare_is_listed(const struct view *view);
void compare_listed(struct comparison *c, const struct view *before, const struct view *after);
void compare_numbers(struct comparison *c, const struct view *before, const struct view *after);
void compare_sizes(struct comparison *c, const struct view *before, const struct view *after, unsigned types);
void compare_strings(struct comparison *c, const struct view *before, const struct view *after);
void compare_notes(struct comparison *c, const struct view *before, const struct view *after);
void compare_object(struct comparison *c, const struct view *before, const struct view *after);
void compare_array(struct comparison *c, const struct view *before, const struct view *after);
/* Keywords that are compared by their text: the same is compatible, gone too, anything else unclear. NULL
 * ends them. */
void compare_whole(struct comparison *c, const struct view *before, const struct view *after,
                   const char *const *keywords);
void compare_choices(struct comparison *c, const struct view *before, const struct view *after);

/* --- the walk ------------------------------------------------------------------------------------------- */

/* Two views of the values at `name` below the place; `near` may be NULL. */
void compare_below(struct comparison *c, struct span name, const struct view *before,
                   const struct view *after, const struct doc_node *near);

/* Two schemas about the same value. */
void compare_schemas(struct comparison *c, const struct doc_node *before, const struct doc_node *after);

#endif
