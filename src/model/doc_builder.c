/*
 * doc_builder: a document from events. Refuses what exceeds the limits at the event that does it, before memory is
 * spent on it, and duplicate keys when their object is closed.
 *
 * What is counted is the whole document so far, as it will be written; a container's own weight is the difference
 * between its end and its beginning. So nothing is ever added up twice, and an alias costs one addition.
 */
#include <math.h>
#include <stdlib.h>

#include "model/codes.h"
#include "model/doc.h"
#include "model/json_text.h"
#include "util/array.h"
#include "util/num.h"
#include "util/utf8.h"

struct doc_frame {
    enum doc_kind kind;
    bool has_key; /* of an object: a key was given, its value is due */
    uint32_t height; /* of the highest child */
    struct doc_pos pos;
    size_t first; /* of its children in `pending` */
    uint64_t nodes, size; /* of the whole, before this container */
};

int doc_builder_init(struct doc_builder *b, struct arena *arena, const char *file, const struct doc_limits *limits,
                     struct error *err)
{
    *b = (struct doc_builder){.arena = arena, .limits = *limits};
    if (b->limits.depth > DOC_DEPTH_MAX)
        b->limits.depth = DOC_DEPTH_MAX;
    b->file = arena_copy(arena, file, strlen(file));
    return b->file == NULL ? error_memory(err) : 0;
}

void doc_builder_fini(struct doc_builder *b)
{
    free(b->frames);
    free(b->pending);
    *b = (struct doc_builder){0};
}

static struct doc_frame *innermost(const struct doc_builder *b)
{
    return b->depth == 0 ? NULL : &b->frames[b->depth - 1];
}

static int push_pending(struct doc_builder *b, struct doc_member member, struct error *err)
{
    if (b->pending_len == b->pending_cap) {
        struct doc_member *grown = array_grow(b->pending, b->pending_len, &b->pending_cap, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        b->pending = grown;
    }
    b->pending[b->pending_len++] = member;
    return 0;
}

static int charge_bytes(struct doc_builder *b, struct doc_pos pos, uint64_t bytes, struct error *err)
{
    b->size += bytes;
    if (b->size > b->limits.size)
        return error_at(err, CODE_LIMIT_CONFIG, b->file, pos.line, pos.column,
                        "the canonical JSON is larger than %u bytes", b->limits.size);
    return 0;
}

/* Takes a value's weight into account, the comma in front of it too. */
static int charge(struct doc_builder *b, struct doc_pos pos, struct doc_node weight, struct error *err)
{
    const struct doc_frame *frame = innermost(b);
    bool comma = frame != NULL && frame->kind == DOC_ARRAY && b->pending_len > frame->first;
    if (b->depth + weight.height > b->limits.depth)
        return error_at(err, CODE_LIMIT_DEPTH, b->file, pos.line, pos.column, "values nest deeper than %u",
                        b->limits.depth);
    b->nodes += weight.nodes;
    if (b->nodes > b->limits.nodes)
        return error_at(err, CODE_LIMIT_NODES, b->file, pos.line, pos.column,
                        "more than %u values, aliases expanded", b->limits.nodes);
    return charge_bytes(b, pos, (uint64_t)weight.size + comma, err);
}

/* Puts a node where the innermost container, or the document, has room for the next one. */
static int attach(struct doc_builder *b, const struct doc_node *node, struct error *err)
{
    struct doc_frame *frame = innermost(b);
    b->last = node;
    if (frame == NULL) {
        b->root = node;
        return 0;
    }
    if (node->height > frame->height)
        frame->height = node->height;
    if (frame->kind == DOC_ARRAY)
        return push_pending(b, (struct doc_member){.value = node}, err);
    b->pending[b->pending_len - 1].value = node;
    frame->has_key = false;
    return 0;
}

static int add_node(struct doc_builder *b, const struct doc_node *model, struct error *err)
{
    struct doc_node *node = arena_alloc(b->arena, sizeof *node);
    if (node == NULL)
        return error_memory(err);
    *node = *model;
    node->file = b->file;
    return attach(b, node, err);
}

static int add_scalar(struct doc_builder *b, struct doc_node scalar, struct error *err)
{
    scalar.height = scalar.nodes = 1;
    if (charge(b, scalar.pos, scalar, err) < 0)
        return -1;
    return add_node(b, &scalar, err);
}

int doc_builder_null(struct doc_builder *b, struct doc_pos pos, struct error *err)
{
    return add_scalar(b, (struct doc_node){.kind = DOC_NULL, .size = 4, .pos = pos}, err);
}

int doc_builder_bool(struct doc_builder *b, struct doc_pos pos, bool value, struct error *err)
{
    struct doc_node node = {.kind = DOC_BOOL, .size = value ? 4 : 5, .pos = pos, .u.boolean = value};
    return add_scalar(b, node, err);
}

int doc_builder_int(struct doc_builder *b, struct doc_pos pos, int64_t value, struct error *err)
{
    if (value > NUM_INT_MAX || value < -NUM_INT_MAX)
        return doc_builder_double(b, pos, (double)value, err);
    char digits[NUM_TEXT_MAX];
    uint32_t size = (uint32_t)num_format_int(value, digits);
    return add_scalar(b, (struct doc_node){.kind = DOC_INT, .size = size, .pos = pos, .u.integer = value}, err);
}

int doc_builder_double(struct doc_builder *b, struct doc_pos pos, double value, struct error *err)
{
    if (!isfinite(value))
        return error_at(err, CODE_YAML_NUMBER, b->file, pos.line, pos.column, "a number that is not finite");
    if (fabs(value) <= (double)NUM_INT_MAX && trunc(value) == value)
        return doc_builder_int(b, pos, (int64_t)value, err);
    char digits[NUM_TEXT_MAX];
    uint32_t size = (uint32_t)num_format_double(value, digits);
    return add_scalar(b, (struct doc_node){.kind = DOC_DOUBLE, .size = size, .pos = pos, .u.number = value}, err);
}

int doc_builder_string(struct doc_builder *b, struct doc_pos pos, struct span value, struct error *err)
{
    size_t size = json_string_size(value);
    if (size > b->limits.size) /* before it is cut to 32 bits */
        return charge_bytes(b, pos, size, err);
    struct doc_node node = {.kind = DOC_STRING, .height = 1, .nodes = 1, .size = (uint32_t)size, .pos = pos};
    if (charge(b, pos, node, err) < 0)
        return -1;
    const char *copy = arena_copy(b->arena, value.data, value.len);
    if (copy == NULL)
        return error_memory(err);
    node.u.string = (struct span){copy, value.len};
    return add_node(b, &node, err);
}

int doc_builder_shared(struct doc_builder *b, struct doc_pos pos, const struct doc_node *node, struct error *err)
{
    if (charge(b, pos, *node, err) < 0)
        return -1;
    return attach(b, node, err);
}

static int begin(struct doc_builder *b, struct doc_pos pos, enum doc_kind kind, struct error *err)
{
    const struct doc_node empty = {.kind = kind, .height = 1, .nodes = 1, .size = 2};
    if (charge(b, pos, empty, err) < 0)
        return -1;
    if (b->depth == b->frames_cap) {
        struct doc_frame *grown = array_grow(b->frames, b->depth, &b->frames_cap, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        b->frames = grown;
    }
    b->frames[b->depth++] = (struct doc_frame){
        .kind = kind,
        .pos = pos,
        .first = b->pending_len,
        .nodes = b->nodes - empty.nodes,
        .size = b->size - empty.size,
    };
    return 0;
}

int doc_builder_begin_array(struct doc_builder *b, struct doc_pos pos, struct error *err)
{
    return begin(b, pos, DOC_ARRAY, err);
}

int doc_builder_begin_object(struct doc_builder *b, struct doc_pos pos, struct error *err)
{
    return begin(b, pos, DOC_OBJECT, err);
}

int doc_builder_key(struct doc_builder *b, struct doc_pos pos, struct span name, struct error *err)
{
    struct doc_frame *frame = innermost(b);
    size_t punctuation = b->pending_len > frame->first ? 2 : 1; /* the colon, the comma before */
    if (charge_bytes(b, pos, json_string_size(name) + punctuation, err) < 0)
        return -1;
    const char *copy = arena_copy(b->arena, name.data, name.len);
    if (copy == NULL)
        return error_memory(err);
    frame->has_key = true;
    return push_pending(b, (struct doc_member){.name = {copy, name.len}, .pos = pos}, err);
}

static bool is_before(struct doc_pos a, struct doc_pos b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* By name, then in written order. */
static int compare_members(const void *a, const void *b)
{
    const struct doc_member *x = a, *y = b;
    int order = doc_name_compare(x->name, y->name);
    return order != 0 ? order : is_before(y->pos, x->pos) - is_before(x->pos, y->pos);
}

static bool are_ascending(const struct doc_member *members, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (doc_name_compare(members[i - 1].name, members[i].name) >= 0)
            return false;
    return true;
}

/* Canonical order; of several duplicates the one is told that was written first. */
static int sort_members(const struct doc_builder *b, struct doc_member *members, size_t len, struct error *err)
{
    if (are_ascending(members, len))
        return 0;
    qsort(members, len, sizeof *members, compare_members);
    const struct doc_member *second = NULL;
    for (size_t i = 1; i < len; i++)
        if (span_equal(members[i - 1].name, members[i].name) &&
            (second == NULL || is_before(members[i].pos, second->pos)))
            second = &members[i];
    if (second == NULL)
        return 0;
    char name[128];
    struct doc_pos first = second[-1].pos;
    utf8_printable(second->name, name, sizeof name);
    return error_at(err, CODE_YAML_DUPLICATE_KEY, b->file, second->pos.line, second->pos.column,
                    "key '%s' stands twice: first at %u:%u", name, first.line, first.column);
}

static int close_object(const struct doc_builder *b, struct doc_node *node, struct doc_member *members, size_t len,
                        struct error *err)
{
    if (sort_members(b, members, len, err) < 0)
        return -1;
    struct doc_member *copy = arena_alloc(b->arena, len * sizeof *copy);
    if (copy == NULL)
        return error_memory(err);
    memcpy(copy, members, len * sizeof *copy);
    node->u.object.members = copy;
    node->u.object.len = len;
    return 0;
}

static int close_array(const struct doc_builder *b, struct doc_node *node, const struct doc_member *items, size_t len,
                       struct error *err)
{
    const struct doc_node **copy = arena_alloc(b->arena, len * sizeof *copy);
    if (copy == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++)
        copy[i] = items[i].value;
    node->u.array.items = copy;
    node->u.array.len = len;
    return 0;
}

int doc_builder_end(struct doc_builder *b, const struct doc_node **out, struct error *err)
{
    const struct doc_frame *frame = innermost(b);
    struct doc_node node = {
        .kind = frame->kind,
        .height = frame->height + 1,
        .nodes = (uint32_t)(b->nodes - frame->nodes),
        .size = (uint32_t)(b->size - frame->size),
        .pos = frame->pos,
    };
    size_t len = b->pending_len - frame->first;
    if (len > 0) {
        struct doc_member *children = b->pending + frame->first;
        int closed = node.kind == DOC_OBJECT ? close_object(b, &node, children, len, err)
                                             : close_array(b, &node, children, len, err);
        if (closed < 0)
            return -1;
    }
    b->pending_len = frame->first;
    b->depth--;
    if (add_node(b, &node, err) < 0)
        return -1;
    if (out != NULL)
        *out = b->last;
    return 0;
}

const struct doc_node *doc_builder_last(const struct doc_builder *b)
{
    return b->last;
}

bool doc_builder_wants_key(const struct doc_builder *b)
{
    const struct doc_frame *frame = innermost(b);
    return frame != NULL && frame->kind == DOC_OBJECT && !frame->has_key;
}

const struct doc_node *doc_builder_root(const struct doc_builder *b)
{
    return b->depth == 0 ? b->root : NULL;
}
