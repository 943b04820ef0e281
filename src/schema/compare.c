/* compare: see compare.h. The walk over both schemas side by side, and the list of what was found. */
#include "schema/compare_priv.h"

#include <stdarg.h>

#include "model/finding.h"
#include "model/pointer.h"
#include "util/array.h"
#include "util/utf8.h"

/* --- the list ------------------------------------------------------------------------------------------- */

void schema_changes_fini(struct schema_changes *changes)
{
    for (size_t i = 0; i < changes->len; i++) {
        free(changes->items[i].pointer);
        free(changes->items[i].message);
    }
    free(changes->items);
    *changes = (struct schema_changes){0};
}

enum schema_effect schema_changes_effect(const struct schema_changes *changes)
{
    if (changes->count[SCHEMA_BREAKING] > 0)
        return SCHEMA_BREAKING;
    if (changes->count[SCHEMA_UNCLEAR] > 0)
        return SCHEMA_UNCLEAR;
    return changes->count[SCHEMA_ANNOTATION] > 0 ? SCHEMA_ANNOTATION : SCHEMA_COMPATIBLE;
}

const char *schema_effect_name(enum schema_effect effect)
{
    switch (effect) {
    case SCHEMA_COMPATIBLE:
        return "compatible";
    case SCHEMA_ANNOTATION:
        return "annotation";
    case SCHEMA_UNCLEAR:
        return "unclear";
    case SCHEMA_BREAKING:
        return "breaking";
    }
    return "";
}

static bool has_room(struct schema_changes *changes)
{
    struct schema_change *items = array_grow(changes->items, changes->len, &changes->cap, sizeof *items);
    if (items == NULL)
        return false;
    changes->items = items;
    return true;
}

static void place_of(const struct comparison *c, const struct view *after, const char *keyword,
                     struct schema_change *change)
{
    const struct doc_node *part = NULL;
    const struct doc_member *member = NULL;
    if (keyword != NULL && view_get(after, keyword, &part) != NULL)
        member = doc_get_member(part, span_of(keyword));
    const struct doc_node *node = part != NULL ? part : after->len > 0 ? after->parts[0] : c->near;
    change->file = node->file;
    change->pos = member != NULL ? member->pos : node->pos;
}

void compare_report(struct comparison *c, enum schema_effect effect, const struct view *after,
                    const char *keyword, const char *format, ...)
{
    char message[FINDING_MESSAGE_MAX], printable[FINDING_MESSAGE_MAX];
    struct schema_change change = {.effect = effect};
    va_list args;
    c->changes->count[effect]++;
    if (c->failed || c->changes->len == SCHEMA_CHANGES_MAX)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    utf8_printable(span_of(message), printable, sizeof printable);
    place_of(c, after, keyword, &change);
    change.message = strdup(printable);
    change.pointer = strndup(c->pointer.len == 0 ? "" : c->pointer.data, c->pointer.len);
    if (change.message == NULL || change.pointer == NULL || !has_room(c->changes)) {
        free(change.message);
        free(change.pointer);
        c->failed = true;
        return;
    }
    c->changes->items[c->changes->len++] = change;
}

/* --- pairs that were compared already ------------------------------------------------------------------- */

/* A number for all that a view is made of; two that are alike by accident would cost a change not told. */
static uint64_t fold(const struct view *view)
{
    uint64_t hash = view->is_false ? 3 : 1;
    for (size_t i = 0; i < view->len; i++)
        hash = (hash ^ (uintptr_t)view->parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < view->others_len; i++)
        hash = (hash ^ (uintptr_t)view->others[i].data) * UINT64_C(0x9e3779b97f4a7c15);
    return hash == 0 ? 1 : hash;
}

static size_t slot_of(const struct pair *seen, size_t cap, struct pair pair)
{
    size_t at = ((pair.before ^ pair.after << 1) >> 20) & (cap - 1);
    while (seen[at].before != 0 && (seen[at].before != pair.before || seen[at].after != pair.after))
        at = (at + 1) & (cap - 1);
    return at;
}

static bool grow_seen(struct comparison *c)
{
    size_t cap = c->seen_cap == 0 ? 256 : c->seen_cap * 2;
    struct pair *seen = calloc(cap, sizeof *seen);
    if (seen == NULL)
        return false;
    for (size_t i = 0; i < c->seen_cap; i++)
        if (c->seen[i].before != 0)
            seen[slot_of(seen, cap, c->seen[i])] = c->seen[i];
    free(c->seen);
    c->seen = seen;
    c->seen_cap = cap;
    return true;
}

bool compare_was_seen(struct comparison *c, struct pair pair)
{
    if (c->seen_len * 2 >= c->seen_cap && !grow_seen(c)) {
        c->failed = true;
        return true;
    }
    size_t at = slot_of(c->seen, c->seen_cap, pair);
    if (c->seen[at].before != 0)
        return true;
    c->seen[at] = pair;
    c->seen_len++;
    return false;
}

/* A schema that many places share is told of where it is met first. */
static bool was_seen(struct comparison *c, const struct view *before, const struct view *after)
{
    return compare_was_seen(c, (struct pair){fold(before), fold(after)});
}

/* --- costs ---------------------------------------------------------------------------------------------- */

bool compare_charge(struct comparison *c, uint64_t steps)
{
    bool is_enough = steps <= c->steps;
    c->steps = is_enough ? c->steps - (uint32_t)steps : 0;
    return is_enough;
}

bool compare_charge_pairs(struct comparison *c, size_t a, size_t b)
{
    enum { PAIRS_A_STEP = 256 };
    return compare_charge(c, (uint64_t)a * b / PAIRS_A_STEP);
}

/* --- the walk ------------------------------------------------------------------------------------------- */

/* References to other documents are the same as long as they are written the same. */
static void compare_others(struct comparison *c, const struct view *before, const struct view *after)
{
    for (size_t i = 0; i < after->others_len; i++) {
        bool is_kept = false;
        for (size_t j = 0; j < before->others_len; j++)
            is_kept = is_kept || span_equal(after->others[i], before->others[j]);
        if (!is_kept)
            compare_report(c, SCHEMA_UNCLEAR, after, "$ref", "refers to %.*s now", (int)after->others[i].len,
                           after->others[i].data);
    }
    if (before->is_cut || after->is_cut)
        compare_report(c, SCHEMA_UNCLEAR, after, NULL,
                       "has too many parts to be compared, or a reference to nothing");
}

/* Only what can have been a value before can be wrong now. */
static void compare_by_type(struct comparison *c, const struct view *before, const struct view *after,
                            unsigned types)
{
    if ((types & TYPES_NUMBER) != 0)
        compare_numbers(c, before, after);
    if ((types & TYPE_BIT(TYPE_STRING)) != 0)
        compare_strings(c, before, after);
    compare_sizes(c, before, after, types);
    if ((types & TYPE_BIT(TYPE_OBJECT)) != 0)
        compare_object(c, before, after);
    if ((types & TYPE_BIT(TYPE_ARRAY)) != 0)
        compare_array(c, before, after);
}

static void compare_views(struct comparison *c, const struct view *before, const struct view *after)
{
    if (before->is_false || c->failed)
        return;
    if (after->is_false) {
        compare_report(c, SCHEMA_BREAKING, after, NULL, "no value is allowed any more");
        return;
    }
    if (c->steps == 0 || c->depth > COMPARE_DEPTH_MAX) {
        compare_report(c, SCHEMA_UNCLEAR, after, NULL, "too large to be compared further");
        return;
    }
    c->steps--;
    compare_others(c, before, after);
    compare_types(c, before, after);
    compare_enums(c, before, after);
    if (compare_is_listed(before))
        compare_listed(c, before, after);
    else
        compare_by_type(c, before, after, view_types(before));
    compare_choices(c, before, after);
    compare_notes(c, before, after);
}

void compare_below(struct comparison *c, struct span name, const struct view *before,
                   const struct view *after, const struct doc_node *near)
{
    const struct doc_node *near_above = c->near;
    size_t len = c->pointer.len;
    if (was_seen(c, before, after))
        return;
    pointer_put_name(name, &c->pointer);
    if (near != NULL)
        c->near = near;
    c->depth++;
    compare_views(c, before, after);
    c->depth--;
    c->near = near_above;
    buf_truncate(&c->pointer, len);
}

void compare_schemas(struct comparison *c, const struct doc_node *before, const struct doc_node *after)
{
    struct view was = {0}, is = {0};
    const struct doc_node *near_above = c->near;
    view_add(&c->before, before, &was);
    view_add(&c->after, after, &is);
    if (was_seen(c, &was, &is))
        return;
    c->near = after;
    c->depth++;
    compare_views(c, &was, &is);
    c->depth--;
    c->near = near_above;
}

static struct side side_of(const struct doc_node *root, bool *failed)
{
    static const char old[] = "draft-07";
    struct span dialect;
    bool is_old = doc_get_string(root, "$schema", &dialect) &&
                  memmem(dialect.data, dialect.len, old, sizeof old - 1) != NULL;
    return (struct side){root, is_old, failed};
}

static void comparison_fini(struct comparison *c)
{
    buf_fini(&c->pointer);
    free(c->seen);
}

int schema_compare(const struct doc_node *before, const struct doc_node *after, uint32_t *steps,
                   struct schema_changes *changes, struct error *err)
{
    CLEANUP(comparison_fini)
    struct comparison c = {.before = side_of(before, &c.failed),
                           .after = side_of(after, &c.failed),
                           .changes = changes,
                           .near = after,
                           .is_filled = true,
                           .steps = *steps};
    struct view whole = {.parts = {after}, .len = after->kind == DOC_OBJECT};
    bool is_other = !doc_equal(before, after);
    if (is_other && (compare_is_tangled(before, before) || compare_is_tangled(after, after)))
        compare_report(&c, SCHEMA_UNCLEAR, &whole, NULL,
                       "refers by $id or $dynamicRef to schemas inside itself, which is not followed");
    compare_schemas(&c, before, after);
    if (is_other)
        compare_secrets(&c);
    *steps = c.steps;
    return c.failed || c.pointer.failed ? error_memory(err) : 0;
}
