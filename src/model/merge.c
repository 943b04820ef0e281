/*
 * merge: see merge.h. Members are kept in canonical order, so two objects are merged as two sorted lists are. The recursion
 * is as deep as the shallower of the two documents, which the readers have limited.
 */
#include "model/merge.h"

#include "model/codes.h"
#include "model/json_text.h"

/* An object being made: room for every member of both. */
struct draft {
    struct arena *arena;
    struct doc_member *members;
    size_t len;
};

static int draft_init(struct draft *draft, struct arena *arena, size_t len, struct error *err)
{
    *draft = (struct draft){.arena = arena};
    draft->members = arena_alloc(arena, len * sizeof draft->members[0] + 1);
    return draft->members == NULL ? error_memory(err) : 0;
}

static void add(struct draft *draft, const struct doc_member *member)
{
    draft->members[draft->len++] = *member;
}

/* The value of two members of one name; the key is that of the file the value says it is of. */
static void add_merged(struct draft *draft, const struct doc_member *lower, const struct doc_member *upper,
                       const struct doc_node *value)
{
    struct doc_member member = value->file == upper->value->file ? *upper : *lower;
    member.value = value;
    add(draft, &member);
}

/* The object, weighed as doc.h says, at the place of `place`. */
static int finish(const struct draft *draft, const struct doc_node *place, const struct doc_node **out, struct error *err)
{
    struct doc_node *node = arena_alloc(draft->arena, sizeof *node);
    if (node == NULL)
        return error_memory(err);
    *node = (struct doc_node){.kind = DOC_OBJECT, .nodes = 1, .size = 2, .pos = place->pos, .file = place->file};
    node->size += draft->len == 0 ? 0 : (uint32_t)draft->len - 1;
    for (size_t i = 0; i < draft->len; i++) {
        const struct doc_member *member = &draft->members[i];
        node->nodes += member->value->nodes;
        node->size += (uint32_t)json_string_size(member->name) + 1 + member->value->size;
        if (member->value->height > node->height)
            node->height = member->value->height;
    }
    node->height++;
    node->u.object.members = draft->members;
    node->u.object.len = draft->len;
    *out = node;
    return 0;
}

/* Walks two lists of members in canonical order; of one name both, else the other is NULL. False at the end. */
struct walk {
    const struct doc_node *lower, *upper;
    size_t i, j;
};

static bool walk_next(struct walk *walk, const struct doc_member **lower, const struct doc_member **upper)
{
    const struct doc_member *was = walk->i < walk->lower->u.object.len ? &walk->lower->u.object.members[walk->i] : NULL;
    const struct doc_member *is = walk->j < walk->upper->u.object.len ? &walk->upper->u.object.members[walk->j] : NULL;
    int order = was == NULL ? 1 : is == NULL ? -1 : doc_name_compare(was->name, is->name);
    *lower = order <= 0 ? was : NULL;
    *upper = order >= 0 ? is : NULL;
    walk->i += *lower != NULL;
    walk->j += *upper != NULL;
    return was != NULL || is != NULL;
}

int merge_layers(struct arena *arena, const struct doc_node *lower, const struct doc_node *upper, const struct doc_node **out,
                 struct error *err)
{
    const struct doc_member *below, *above;
    struct draft draft;
    if (lower->kind != DOC_OBJECT || upper->kind != DOC_OBJECT) {
        *out = upper;
        return 0;
    }
    if (draft_init(&draft, arena, lower->u.object.len + upper->u.object.len, err) < 0)
        return -1;
    for (struct walk walk = {.lower = lower, .upper = upper}; walk_next(&walk, &below, &above);) {
        const struct doc_node *value;
        if (below == NULL || above == NULL) {
            add(&draft, below == NULL ? above : below);
            continue;
        }
        if (merge_layers(arena, below->value, above->value, &value, err) < 0)
            return -1;
        add_merged(&draft, below, above, value);
    }
    return finish(&draft, upper, out, err);
}

int merge_patch(struct arena *arena, const struct doc_node *target, const struct doc_node *patch, const struct doc_node **out,
                struct error *err)
{
    /* What a patch adds may hold nulls of its own: they are taken away from nothing. */
    const struct doc_node nothing = {.kind = DOC_OBJECT, .pos = patch->pos, .file = patch->file};
    const struct doc_member *was, *change;
    struct draft draft;
    bool takes_away = false;
    if (patch->kind != DOC_OBJECT) {
        *out = patch;
        return 0;
    }
    if (target->kind != DOC_OBJECT)
        target = &nothing;
    if (draft_init(&draft, arena, target->u.object.len + patch->u.object.len, err) < 0)
        return -1;
    for (struct walk walk = {.lower = target, .upper = patch}; walk_next(&walk, &was, &change);) {
        const struct doc_node *value;
        if (change != NULL && change->value->kind == DOC_NULL) {
            takes_away = takes_away || was != NULL;
            continue;
        }
        if (change == NULL) {
            add(&draft, was);
            continue;
        }
        if (merge_patch(arena, was == NULL ? &nothing : was->value, change->value, &value, err) < 0)
            return -1;
        add_merged(&draft, was == NULL ? change : was, change, value);
    }
    return finish(&draft, takes_away ? patch : target, out, err);
}

int merge_check(const struct doc_node *node, const struct doc_limits *limits, struct error *err)
{
    const struct doc_pos pos = node->pos;
    if (node->height > limits->depth)
        return error_at(err, CODE_LIMIT_DEPTH, node->file, pos.line, pos.column, "values nest deeper than %u", limits->depth);
    if (node->nodes > limits->nodes)
        return error_at(err, CODE_LIMIT_NODES, node->file, pos.line, pos.column, "more than %u values", limits->nodes);
    if (node->size > limits->size)
        return error_at(err, CODE_LIMIT_CONFIG, node->file, pos.line, pos.column, "the canonical JSON is larger than %u bytes",
                        limits->size);
    return 0;
}
