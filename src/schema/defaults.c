/*
 * defaults: what a document does not say and its schema does. What comes out is bounded as a document is:
 * defaults that make objects with defaults may otherwise grow without end.
 */
#include <stdlib.h>

#include "model/codes.h"
#include "model/json_text.h"
#include "schema/keywords.h"
#include "schema/notes.h"
#include "util/array.h"

struct filling {
    struct arena *arena;
    uint64_t nodes; /* of what was filled in */
    struct error *err;
};

/* The members that are there, some with new values, and those that are added. */
struct object {
    struct doc_member *members;
    size_t len, cap;
    bool is_changed;
};

static void object_fini(struct object *object)
{
    free(object->members);
}

static int fill(struct filling *f, const struct schema_place *place, const struct doc_node *value,
                const struct doc_node *removed, unsigned depth, const struct doc_node **out);

static int push(struct object *object, struct doc_member member, struct error *err)
{
    struct doc_member *members = array_grow(object->members, object->len, &object->cap, sizeof *members);
    if (members == NULL)
        return error_memory(err);
    object->members = members;
    object->members[object->len++] = member;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return doc_name_compare(((const struct doc_member *)a)->name, ((const struct doc_member *)b)->name);
}

static int refuse(const struct doc_node *at, struct error *err)
{
    return error_at(err, CODE_SCHEMA_TOO_EXPENSIVE, at->file, at->pos.line, at->pos.column,
                    "defaults make more than %u values, or nest deeper than %u", doc_limits_config.nodes,
                    doc_limits_config.depth);
}

/* The same object with other members; weighed as a builder does. */
static int make_object(struct filling *f, const struct doc_node *old, struct object *object,
                       const struct doc_node **out)
{
    struct doc_node *node = arena_alloc(f->arena, sizeof *node);
    struct doc_member *members = arena_alloc(f->arena, object->len * sizeof *members);
    if (node == NULL || members == NULL)
        return error_memory(f->err);
    qsort(object->members, object->len, sizeof *object->members, by_name);
    memcpy(members, object->members, object->len * sizeof *members);
    uint64_t nodes = 1, size = 1; /* each member brings a comma or the last brace */
    *node = (struct doc_node){.kind = DOC_OBJECT, .height = 1, .pos = old->pos, .file = old->file};
    for (size_t i = 0; i < object->len; i++) {
        nodes += members[i].value->nodes;
        size += json_string_size(members[i].name) + 1 + members[i].value->size + 1;
        if (members[i].value->height >= node->height)
            node->height = members[i].value->height + 1;
    }
    if (nodes > UINT32_MAX || size >= UINT32_MAX)
        return refuse(old, f->err);
    node->nodes = (uint32_t)nodes;
    node->size = (uint32_t)size + (object->len == 0);
    node->u.object.members = members;
    node->u.object.len = object->len;
    *out = node;
    return 0;
}

static const struct doc_node *removed_below(const struct doc_node *removed, struct span name)
{
    const struct doc_member *member = removed == NULL ? NULL : doc_get_member(removed, name);
    return member == NULL ? NULL : member->value;
}

static int fill_present(struct filling *f, const struct schema_place *place, const struct doc_node *value,
                        const struct doc_node *removed, unsigned depth, struct object *object)
{
    for (size_t i = 0; i < value->u.object.len; i++) {
        struct doc_member member = value->u.object.members[i];
        struct schema_place below = {.len = 0};
        const struct doc_node *filled = member.value;
        if (member.value->kind == DOC_OBJECT)
            notes_of_property(place, member.name, false, &below);
        if (below.len > 0 &&
            fill(f, &below, member.value, removed_below(removed, member.name), depth + 1, &filled) != 0)
            return -1;
        object->is_changed = object->is_changed || filled != member.value;
        member.value = filled;
        if (push(object, member, f->err) != 0)
            return -1;
    }
    return 0;
}

static bool is_added(const struct object *object, size_t from, struct span name)
{
    for (size_t i = from; i < object->len; i++)
        if (span_equal(object->members[i].name, name))
            return true;
    return false;
}

static int fill_absent(struct filling *f, const struct schema_place *place, struct span name,
                       const struct doc_node *removed, unsigned depth, struct object *object)
{
    struct schema_place below;
    notes_of_property(place, name, false, &below);
    const struct doc_node *value = schema_note(&below, "default");
    const struct doc_node *patch = removed_below(removed, name);
    if (value == NULL || (patch != NULL && patch->kind == DOC_NULL))
        return 0;
    struct doc_pos pos = value->pos;
    f->nodes += value->nodes;
    if (f->nodes > doc_limits_config.nodes || depth + value->height >= doc_limits_config.depth)
        return refuse(value, f->err);
    if (fill(f, &below, value, patch, depth + 1, &value) != 0)
        return -1;
    object->is_changed = true;
    return push(object, (struct doc_member){.name = name, .pos = pos, .value = value}, f->err);
}

static int fill(struct filling *f, const struct schema_place *place, const struct doc_node *value,
                const struct doc_node *removed, unsigned depth, const struct doc_node **out)
{
    CLEANUP(object_fini) struct object object = {0};
    *out = value;
    if (value->kind != DOC_OBJECT || depth > DOC_DEPTH_MAX)
        return 0;
    if (fill_present(f, place, value, removed, depth, &object) != 0)
        return -1;
    for (size_t i = 0; i < place->len; i++) {
        const struct keyword *keyword = schema_keyword(place->schemas[i], check_members);
        for (size_t j = 0; keyword != NULL && j < keyword->u.members->len; j++) {
            struct span name = keyword->u.members->names[j].name;
            if (doc_get_member(value, name) != NULL || (i > 0 && is_added(&object, value->u.object.len, name)))
                continue;
            if (fill_absent(f, place, name, removed, depth, &object) != 0)
                return -1;
        }
    }
    return object.is_changed ? make_object(f, value, &object, out) : 0;
}

int schema_defaults(const struct schema *schema, const struct doc_node *value, const struct doc_node *removed,
                    struct arena *arena, const struct doc_node **out, struct error *err)
{
    struct filling f = {.arena = arena, .err = err};
    struct schema_place place = {.len = 0};
    const struct doc_node *filled;
    notes_collect(schema, false, &place);
    if (fill(&f, &place, value, removed, 0, &filled) != 0)
        return -1;
    *out = filled;
    return 0;
}
