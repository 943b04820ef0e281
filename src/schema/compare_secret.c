/*
 * compare_secret: whether anything that either document says about a place calls it secret, and which places are secret no
 * more. See compare_priv.h.
 *
 * The views of the comparison hold what must be true of a value; a secret may also be called one by a branch
 * of anyOf, of a place above too. So the way to the place is gone once more, with everything that might speak
 * about it. What cannot be looked into (another document, more than fits) counts as a secret.
 */
#include "schema/compare_priv.h"

#include <stdlib.h>

#include "model/pointer.h"

enum { SPEAKERS_MAX = 256 };

/* What may speak about one value. */
struct speakers {
    const struct doc_node *nodes[SPEAKERS_MAX]; /* objects */
    size_t len;
    bool is_secret;  /* one of them says so, or of a place above */
    bool is_unknown; /* there is more, that is not looked into */
    bool is_closed;  /* no value can stand here */
};

static void add(const struct side *side, const struct doc_node *schema, struct speakers *out);

static void add_all(const struct side *side, const struct doc_node *list, struct speakers *out)
{
    if (list == NULL)
        return;
    if (list->kind != DOC_ARRAY)
        add(side, list, out); /* draft-07 has both forms of `items` */
    for (size_t i = 0; list->kind == DOC_ARRAY && i < list->u.array.len; i++)
        add(side, list->u.array.items[i], out);
}

static void add_members(const struct side *side, const struct doc_node *map, struct speakers *out)
{
    for (size_t i = 0; map != NULL && map->kind == DOC_OBJECT && i < map->u.object.len; i++)
        add(side, map->u.object.members[i].value, out);
}

static void add_reference(const struct side *side, const struct doc_node *schema, struct speakers *out)
{
    struct span reference;
    const struct doc_node *target = NULL;
    if (doc_get(schema, "$dynamicRef") != NULL)
        out->is_unknown = true;
    if (!doc_get_string(schema, "$ref", &reference))
        return;
    target = side_resolve(side, reference);
    if (target == NULL)
        out->is_unknown = true;
    else
        add(side, target, out);
}

/* The schema, and what else may apply to the same value. */
static void add(const struct side *side, const struct doc_node *schema, struct speakers *out)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"}, *const single[] = {"then", "else"},
                             *const maps[] = {"dependentSchemas", "dependencies"};
    const struct doc_node *note;
    if (schema->kind != DOC_OBJECT)
        return;
    for (size_t i = 0; i < out->len; i++)
        if (out->nodes[i] == schema)
            return;
    if (out->len == SPEAKERS_MAX) {
        out->is_unknown = true;
        return;
    }
    out->nodes[out->len++] = schema;
    note = doc_get(schema, "x-secret");
    out->is_secret = out->is_secret || (note != NULL && note->kind == DOC_BOOL && note->u.boolean);
    add_reference(side, schema, out);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        add_all(side, doc_get(schema, lists[i]), out);
    for (size_t i = 0; i < ARRAY_LEN(single); i++)
        add_all(side, doc_get(schema, single[i]), out);
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        add_members(side, doc_get(schema, maps[i]), out);
}

static const char *const others[] = {"additionalProperties", "unevaluatedProperties", "items",
                                     "prefixItems",          "additionalItems",       "unevaluatedItems"};

static bool is_false(const struct doc_node *node)
{
    return node != NULL && node->kind == DOC_BOOL && !node->u.boolean;
}

/* What speaks about a member or an item: of patterns all, whether they match or not. */
static void step(const struct side *side, const struct speakers *here, struct span name, struct speakers *out)
{
    bool is_known = false, is_refused = false;
    *out = (struct speakers){
        .is_secret = here->is_secret, .is_unknown = here->is_unknown, .is_closed = here->is_closed};
    for (size_t i = 0; i < here->len; i++) {
        const struct doc_node *schema = here->nodes[i];
        const struct doc_node *properties = doc_get(schema, "properties");
        const struct doc_member *own = properties == NULL ? NULL : doc_get_member(properties, name);
        if (own != NULL)
            add(side, own->value, out);
        add_members(side, doc_get(schema, "patternProperties"), out);
        for (size_t j = 0; j < ARRAY_LEN(others); j++)
            add_all(side, doc_get(schema, others[j]), out);
        is_known = is_known || own != NULL || doc_get(schema, "patternProperties") != NULL;
        is_refused = is_refused || is_false(doc_get(schema, "additionalProperties")) ||
                     is_false(doc_get(schema, "unevaluatedProperties"));
    }
    out->is_closed = out->is_closed || (is_refused && !is_known);
}

/* Follows the way as far as it goes; *near is the last that speaks about a part of it. False: it costs too much. */
static bool follow(struct comparison *c, const struct side *side, const struct pointer *way, struct speakers *out,
                   const struct doc_node **near)
{
    struct speakers below;
    *out = (struct speakers){.len = 0};
    add(side, side->root, out);
    for (size_t i = 0; i < way->len; i++) {
        if (!compare_charge(c, out->len))
            return false;
        if (out->len > 0)
            *near = out->nodes[0];
        step(side, out, way->names[i], &below);
        *out = below;
    }
    if (out->len > 0)
        *near = out->nodes[0];
    return true;
}

#define AUTO_ARENA CLEANUP(arena_fini)

/* The way to the place that is compared. False: for want of memory. */
static bool read_way(struct comparison *c, struct arena *arena, struct pointer *out)
{
    struct error err;
    if (pointer_parse(buf_span(&c->pointer), arena, out, &err) == 0)
        return true;
    c->failed = c->failed || error_is(&err, ERR_MEMORY);
    return false;
}

static bool is_secret_in(struct comparison *c, const struct side *side, const struct pointer *way)
{
    struct speakers there;
    const struct doc_node *near;
    return !follow(c, side, way, &there, &near) || there.is_secret || there.is_unknown;
}

bool compare_is_secret(struct comparison *c)
{
    struct arena arena AUTO_ARENA = {0};
    struct pointer way;
    return !read_way(c, &arena, &way) || is_secret_in(c, &c->before, &way) || is_secret_in(c, &c->after, &way);
}

/* --- secrets that are none any more --------------------------------------------------------------------- */

/* The place was one. */
static void tell_if_shown(struct comparison *c)
{
    struct arena arena AUTO_ARENA = {0};
    struct pointer way;
    struct speakers there;
    struct view at = {.len = 1};
    if (!read_way(c, &arena, &way))
        return;
    at.parts[0] = c->after.root;
    if (follow(c, &c->after, &way, &there, &at.parts[0]) && !there.is_secret && !there.is_unknown && !there.is_closed)
        compare_report(c, SCHEMA_ANNOTATION, &at, "x-secret",
                       "is no secret any more: plans, findings and explain show it");
}

static void seek(struct comparison *c, const struct doc_node *schema);

static void seek_at(struct comparison *c, struct span name, const struct doc_node *schema)
{
    size_t len = c->pointer.len;
    pointer_put_name(name, &c->pointer);
    c->depth++;
    seek(c, schema);
    c->depth--;
    buf_truncate(&c->pointer, len);
}

static void seek_members(struct comparison *c, const struct doc_node *map, bool is_by_name)
{
    for (size_t i = 0; map != NULL && map->kind == DOC_OBJECT && i < map->u.object.len; i++)
        seek_at(c, is_by_name ? map->u.object.members[i].name : SPAN("*"), map->u.object.members[i].value);
}

static void seek_all(struct comparison *c, const struct doc_node *list)
{
    if (list != NULL && list->kind == DOC_OBJECT)
        seek_at(c, SPAN("*"), list);
    for (size_t i = 0; list != NULL && list->kind == DOC_ARRAY && i < list->u.array.len; i++)
        seek_at(c, SPAN("*"), list->u.array.items[i]);
}

/* A schema of the older document, at the place that c->pointer says, and what is below. */
static void seek(struct comparison *c, const struct doc_node *schema)
{
    enum { SPEAKERS_A_STEP = 2 };
    static const uint64_t SPREAD = UINT64_C(0x9e3779b97f4a7c15), SEEKING = 2; /* no number that a view has */
    struct speakers here = {.len = 0};
    if (schema->kind != DOC_OBJECT || c->depth > COMPARE_DEPTH_MAX || c->failed || c->steps == 0 ||
        compare_was_seen(c, (struct pair){(uintptr_t)schema * SPREAD, SEEKING}))
        return;
    add(&c->before, schema, &here);
    if (!compare_charge(c, 1 + here.len / SPEAKERS_A_STEP))
        return;
    if (here.is_secret) {
        tell_if_shown(c);
        return;
    }
    for (size_t i = 0; i < here.len; i++) {
        seek_members(c, doc_get(here.nodes[i], "properties"), true);
        seek_members(c, doc_get(here.nodes[i], "patternProperties"), false);
        for (size_t j = 0; j < ARRAY_LEN(others); j++)
            seek_all(c, doc_get(here.nodes[i], others[j]));
    }
}

void compare_secrets(struct comparison *c)
{
    struct view whole = {.parts = {c->after.root}, .len = c->after.root->kind == DOC_OBJECT};
    bool had_steps = c->steps > 0;
    seek(c, c->before.root);
    if (had_steps && c->steps == 0)
        compare_report(c, SCHEMA_UNCLEAR, &whole, NULL, "too large to tell whether all secrets are secrets still");
}
