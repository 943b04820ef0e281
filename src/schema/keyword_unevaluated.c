/*
 * keyword_unevaluated: unevaluatedItems and unevaluatedProperties: what no other part of the schema has
 * spoken about. They come last of their schema (keywords.c), when run->evaluated holds what the others did.
 */
#include "schema/keywords.h"
#include "schema/say.h"

static bool compile_unevaluated(struct compiling *c, const struct doc_node *at, keyword_check *check, unsigned kinds,
                                struct keyword *out)
{
    out->u.unevaluated.schema = compile_below(c, at);
    out->u.unevaluated.holder = c->schema;
    out->check = check;
    out->kinds = (uint8_t)kinds;
    c->schema->wants_evaluated = true;
    return out->u.unevaluated.schema != NULL;
}

bool check_unevaluated_items(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct schema *schema = keyword->u.unevaluated.schema;
    bool is_right = run_charge(run, place->node->u.array.len / 16);
    for (size_t i = 0; i < place->node->u.array.len && (is_right || run->problems != NULL); i++) {
        struct place item = place_of_item(place, i);
        if (run_is_marked(run, i))
            continue;
        if (schema->is_false)
            is_right = say(run, keyword, &item, "no item is known here");
        else if (!run_apply_below(run, schema, &item))
            is_right = false;
        if (run_is_stopped(run))
            return false;
    }
    run_mark_from(run, 0);
    return is_right;
}

bool compile_unevaluated_items(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    return compile_unevaluated(c, at, check_unevaluated_items, KIND(DOC_ARRAY), out);
}

/* Of all names that the schema, or what it refers to, knows about this value, the nearest. */
static struct span nearest_of(const struct run *run, const struct schema *schema, struct span wrong, unsigned depth)
{
    const struct keyword *keyword = schema_keyword(schema, check_members);
    struct span found = {0};
    if (keyword != NULL)
        found = nearest_member(run, wrong, keyword->u.members->names, keyword->u.members->len);
    for (uint32_t i = 0; found.data == NULL && depth > 0 && i < schema->about_same; i++)
        found = nearest_of(run, schema->links[i], wrong, depth - 1);
    return found;
}

static bool say_unevaluated(struct run *run, const struct keyword *keyword, const struct place *place,
                            const struct doc_member *member)
{
    enum { DEPTH = 4 };
    if (run->problems == NULL)
        return false;
    return say_unknown(run, keyword, place, member, nearest_of(run, keyword->u.unevaluated.holder, member->name, DEPTH));
}

bool check_unevaluated_properties(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct schema *schema = keyword->u.unevaluated.schema;
    bool is_right = run_charge(run, place->node->u.object.len / 16);
    for (size_t i = 0; i < place->node->u.object.len && (is_right || run->problems != NULL); i++) {
        const struct doc_member *member = &place->node->u.object.members[i];
        struct place below = place_of_member(place, member);
        if (run_is_marked(run, i))
            continue;
        if (schema->is_false)
            is_right = say_unevaluated(run, keyword, place, member);
        else if (!run_apply_below(run, schema, &below))
            is_right = false;
        if (run_is_stopped(run))
            return false;
    }
    run_mark_from(run, 0);
    return is_right;
}

bool compile_unevaluated_properties(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    return compile_unevaluated(c, at, check_unevaluated_properties, KIND(DOC_OBJECT), out);
}
