/*
 * compare_secret: whether anything that either document says about a place calls it secret. See
 * compare_priv.h.
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
    bool is_secret;
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
        out->is_secret = true;
    if (!doc_get_string(schema, "$ref", &reference))
        return;
    target = side_resolve(side, reference);
    if (target == NULL)
        out->is_secret = true;
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
        out->is_secret = true;
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

/* What speaks about a member or an item: of patterns all, whether they match or not. */
static void step(const struct side *side, const struct speakers *here, struct span name, struct speakers *out)
{
    static const char *const others[] = {"additionalProperties", "unevaluatedProperties", "items",
                                         "prefixItems",          "additionalItems",       "unevaluatedItems"};
    *out = (struct speakers){.is_secret = here->is_secret};
    for (size_t i = 0; i < here->len; i++) {
        const struct doc_node *properties = doc_get(here->nodes[i], "properties");
        const struct doc_member *own = properties == NULL ? NULL : doc_get_member(properties, name);
        if (own != NULL)
            add(side, own->value, out);
        add_members(side, doc_get(here->nodes[i], "patternProperties"), out);
        for (size_t j = 0; j < ARRAY_LEN(others); j++)
            add_all(side, doc_get(here->nodes[i], others[j]), out);
    }
}

static bool is_secret_in(const struct side *side, const struct pointer *way)
{
    struct speakers here = {.len = 0}, below;
    add(side, side->root, &here);
    for (size_t i = 0; i < way->len && !here.is_secret; i++) {
        step(side, &here, way->names[i], &below);
        here = below;
    }
    return here.is_secret;
}

#define AUTO_ARENA CLEANUP(arena_fini)

bool compare_is_secret(struct comparison *c)
{
    struct arena arena AUTO_ARENA = {0};
    struct pointer way;
    struct error err;
    if (pointer_parse(buf_span(&c->pointer), &arena, &way, &err) < 0) {
        c->failed = c->failed || strcmp(err.code, ERR_MEMORY) == 0;
        return true;
    }
    return is_secret_in(&c->before, &way) || is_secret_in(&c->after, &way);
}
