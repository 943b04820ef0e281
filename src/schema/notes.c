/*
 * notes: what a schema says of a place without a value: annotations, secrets. Everything that may apply
 * speaks, so that an x-secret in one branch of a oneOf is one.
 */
#include "schema/notes.h"

#include <stdio.h>

#include "schema/keywords.h"

const struct keyword *schema_keyword(const struct schema *schema, keyword_check *check)
{
    for (uint32_t i = 0; i < schema->keywords_len; i++)
        if (schema->keywords[i].check == check)
            return &schema->keywords[i];
    return NULL;
}

/* --- schemas about one value ---------------------------------------------------------------------------- */

static bool add(struct schema_place *place, const struct schema *schema)
{
    for (size_t i = 0; i < place->len; i++)
        if (place->schemas[i] == schema)
            return true;
    if (place->len == SCHEMA_PLACE_MAX)
        return false;
    place->schemas[place->len++] = schema;
    const struct keyword *ref = schema_keyword(schema, check_ref);
    const struct keyword *dynamic = schema_keyword(schema, check_dynamic_ref);
    const struct keyword *all = schema_keyword(schema, check_all_of);
    bool fits = ref == NULL || add(place, ref->u.schema);
    fits = (dynamic == NULL || add(place, dynamic->u.dynamic.initial)) && fits;
    for (size_t i = 0; all != NULL && i < all->u.list.len; i++)
        fits = add(place, all->u.list.schemas[i]) && fits;
    return fits;
}

static bool add_branches_of(struct schema_place *place, const struct keyword *keyword)
{
    bool fits = true;
    if (keyword->check == check_any_of || keyword->check == check_one_of) {
        for (size_t i = 0; i < keyword->u.list.len; i++)
            fits = add(place, keyword->u.list.schemas[i]) && fits;
    } else if (keyword->check == check_if) {
        const struct condition *condition = keyword->u.condition;
        fits = condition->then == NULL || add(place, condition->then);
        fits = (condition->otherwise == NULL || add(place, condition->otherwise)) && fits;
    } else if (keyword->check == check_dependencies) {
        for (size_t i = 0; i < keyword->u.dependencies.len; i++)
            if (keyword->u.dependencies.items[i].schema != NULL)
                fits = add(place, keyword->u.dependencies.items[i].schema) && fits;
    }
    return fits;
}

/* What else may apply to the same value: some alternative, a then or else, a dependency. What `not` and `if`
   hold describes values, but not this one. */
static bool add_branches(struct schema_place *place)
{
    bool fits = true;
    for (size_t i = 0; i < place->len; i++) {
        const struct schema *schema = place->schemas[i];
        for (uint32_t j = 0; j < schema->keywords_len; j++)
            fits = add_branches_of(place, &schema->keywords[j]) && fits;
    }
    return fits;
}

bool notes_collect(const struct schema *schema, bool with_branches, struct schema_place *place)
{
    bool fits = add(place, schema);
    return (!with_branches || add_branches(place)) && fits;
}

/* --- one step down -------------------------------------------------------------------------------------- */

static const struct schema *find_property(const struct members *members, struct span name)
{
    size_t low = 0, high = members->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = doc_name_compare(name, members->names[middle].name);
        if (order == 0)
            return members->schemas[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool notes_of_property(const struct schema_place *place, struct span name, bool with_branches,
                       struct schema_place *out)
{
    bool fits = true;
    out->len = 0;
    for (size_t i = 0; i < place->len; i++) {
        const struct keyword *keyword = schema_keyword(place->schemas[i], check_members);
        const struct schema *schema = keyword == NULL ? NULL : find_property(keyword->u.members, name);
        if (schema != NULL)
            fits = add(out, schema) && fits;
    }
    return (!with_branches || add_branches(out)) && fits;
}

static bool add_member(const struct members *members, struct span name, struct schema_place *out)
{
    const struct schema *known = find_property(members, name);
    struct pattern_work work AUTO_PATTERN_WORK = {.steps = PATTERN_STEPS};
    bool is_known = known != NULL, fits = known == NULL || add(out, known);
    for (size_t i = 0; i < members->patterns_len; i++) {
        const struct pattern_member *pattern = &members->patterns[i];
        if (pattern_match(pattern->pattern, name, &work) == PATTERN_NO)
            continue; /* what cannot be told speaks too */
        is_known = true;
        if (pattern->schema != NULL)
            fits = add(out, pattern->schema) && fits;
    }
    if (!is_known && members->additional != NULL && !members->additional->is_false)
        fits = add(out, members->additional) && fits;
    return fits;
}

static bool add_item(const struct items *items, struct span name, struct schema_place *out)
{
    size_t index;
    if (!pointer_index(name, &index))
        return true;
    const struct schema *schema = index < items->first_len ? items->first[index] : items->rest;
    return schema == NULL || schema->is_false || add(out, schema);
}

/* What nothing else speaks about. */
static bool add_unevaluated(const struct schema_place *place, struct span name, struct schema_place *out)
{
    bool fits = true;
    size_t index;
    for (size_t i = 0; i < place->len; i++) {
        const struct keyword *members = schema_keyword(place->schemas[i], check_unevaluated_properties);
        const struct keyword *items = schema_keyword(place->schemas[i], check_unevaluated_items);
        if (members != NULL && !members->u.unevaluated.schema->is_false)
            fits = add(out, members->u.unevaluated.schema) && fits;
        if (items != NULL && pointer_index(name, &index) && !items->u.unevaluated.schema->is_false)
            fits = add(out, items->u.unevaluated.schema) && fits;
    }
    return fits;
}

static bool step(const struct schema_place *place, struct span name, struct schema_place *out)
{
    bool fits = true;
    out->len = 0;
    for (size_t i = 0; i < place->len; i++) {
        const struct keyword *members = schema_keyword(place->schemas[i], check_members);
        const struct keyword *items = schema_keyword(place->schemas[i], check_items);
        if (members != NULL)
            fits = add_member(members->u.members, name, out) && fits;
        if (items != NULL)
            fits = add_item(items->u.items, name, out) && fits;
    }
    if (out->len == 0)
        fits = add_unevaluated(place, name, out) && fits;
    return add_branches(out) && fits;
}

/* --- asking --------------------------------------------------------------------------------------------- */

bool schema_at(const struct schema *schema, const struct pointer *pointer, struct schema_place *out)
{
    struct schema_place here = {.len = 0}, below;
    notes_collect(schema, true, &here);
    for (size_t i = 0; i < pointer->len; i++) {
        step(&here, pointer->names[i], &below);
        here = below;
    }
    *out = here;
    return here.len > 0;
}

bool schema_is_secret(const struct schema *schema, const struct pointer *pointer)
{
    struct schema_place here = {.len = 0}, below;
    bool fits = notes_collect(schema, true, &here);
    for (size_t i = 0; fits && !schema_says(&here, "x-secret"); i++) {
        if (i == pointer->len)
            return false;
        fits = step(&here, pointer->names[i], &below);
        here = below;
    }
    return true; /* said so, or more is said than can be looked at */
}

static bool hides(const struct schema_place *here, bool fits, const struct doc_node *value)
{
    struct schema_place below;
    if (!fits || schema_says(here, "x-secret"))
        return true;
    for (size_t i = 0; value->kind == DOC_OBJECT && i < value->u.object.len; i++) {
        fits = step(here, value->u.object.members[i].name, &below);
        if ((!fits || below.len > 0) && hides(&below, fits, value->u.object.members[i].value))
            return true;
    }
    for (size_t i = 0; value->kind == DOC_ARRAY && i < value->u.array.len; i++) {
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%zu", i);
        fits = step(here, (struct span){digits, (size_t)len}, &below);
        if ((!fits || below.len > 0) && hides(&below, fits, value->u.array.items[i]))
            return true;
    }
    return false;
}

bool schema_hides(const struct schema *schema, const struct pointer *pointer, const struct doc_node *value)
{
    struct schema_place here;
    if (schema_is_secret(schema, pointer))
        return true; /* more than can be looked at on the way, too */
    schema_at(schema, pointer, &here);
    return hides(&here, true, value);
}

static const struct doc_node *note_of(const struct schema *schema, const char *keyword)
{
    return schema->source->kind == DOC_OBJECT ? doc_get(schema->source, keyword) : NULL;
}

const struct doc_node *schema_note(const struct schema_place *place, const char *keyword)
{
    const struct doc_node *note = NULL;
    for (size_t i = 0; note == NULL && i < place->len; i++)
        note = note_of(place->schemas[i], keyword);
    return note;
}

bool schema_says(const struct schema_place *place, const char *keyword)
{
    for (size_t i = 0; i < place->len; i++) {
        const struct doc_node *note = note_of(place->schemas[i], keyword);
        if (note != NULL && note->kind == DOC_BOOL && note->u.boolean)
            return true;
    }
    return false;
}

static bool knows_name(const struct schema_place *place, size_t before, struct span name)
{
    for (size_t i = 0; i < before; i++) {
        const struct keyword *keyword = schema_keyword(place->schemas[i], check_members);
        if (keyword != NULL && find_property(keyword->u.members, name) != NULL)
            return true;
    }
    return false;
}

void schema_each_name(const struct schema_place *place, schema_name_fn *each, void *context)
{
    for (size_t i = 0; i < place->len; i++) {
        const struct keyword *keyword = schema_keyword(place->schemas[i], check_members);
        for (size_t j = 0; keyword != NULL && j < keyword->u.members->len; j++) {
            struct span name = keyword->u.members->names[j].name;
            if (keyword->u.members->schemas[j] != NULL && !knows_name(place, i, name))
                each(context, name, keyword->u.members->schemas[j]);
        }
    }
}

/* --- the environment ------------------------------------------------------------------------------------ */

struct env_walk {
    schema_env_fn *each;
    void *context;
    struct buf pointer;
    unsigned visits;
};

struct env_step {
    const struct env_step *outer;
    const struct schema *schema;
};

enum { ENV_DEPTH_MAX = 256, ENV_VISITS_MAX = 20000 };

static int walk_env(struct env_walk *walk, const struct schema *schema, const struct env_step *outer, unsigned depth);

static int tell_env(struct env_walk *walk, const struct schema *schema)
{
    struct span name;
    if (schema->source->kind != DOC_OBJECT || !doc_get_string(schema->source, "x-env", &name))
        return 0;
    buf_putc(&walk->pointer, '\0');
    walk->pointer.len--;
    return walk->pointer.failed ? -1 : walk->each(walk->context, walk->pointer.data, name.data, schema);
}

static int walk_env_members(struct env_walk *walk, const struct members *members, const struct env_step *here,
                            unsigned depth)
{
    size_t len = walk->pointer.len;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < members->len; i++) {
        if (members->schemas[i] == NULL)
            continue;
        pointer_put_name(members->names[i].name, &walk->pointer);
        rc = walk->pointer.failed ? -1 : walk_env(walk, members->schemas[i], here, depth + 1);
        buf_truncate(&walk->pointer, len);
    }
    return rc;
}

static int walk_env(struct env_walk *walk, const struct schema *schema, const struct env_step *outer, unsigned depth)
{
    struct env_step here = {outer, schema};
    for (const struct env_step *step = outer; step != NULL; step = step->outer)
        if (step->schema == schema)
            return 0;
    if (depth == ENV_DEPTH_MAX || ++walk->visits > ENV_VISITS_MAX)
        return 0;
    int rc = tell_env(walk, schema);
    for (uint32_t i = 0; rc == 0 && i < schema->about_same; i++)
        rc = walk_env(walk, schema->links[i], &here, depth + 1);
    const struct keyword *members = schema_keyword(schema, check_members);
    return rc != 0 || members == NULL ? rc : walk_env_members(walk, members->u.members, &here, depth);
}

int schema_each_env(const struct schema *schema, schema_env_fn *each, void *context)
{
    struct env_walk walk = {.each = each, .context = context};
    int rc = walk_env(&walk, schema, NULL, 0);
    buf_fini(&walk.pointer);
    return rc;
}
