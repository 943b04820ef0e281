/*
 * doc: reading a finished tree. Building one is in doc_builder.c.
 */
#include "model/doc.h"

#include <math.h>

#include "util/num.h"

const struct doc_limits doc_limits_config = {.depth = 64, .nodes = 100000, .size = 256 * 1024};

void doc_fini(struct doc *doc)
{
    arena_fini(&doc->arena);
    doc->root = NULL;
}

/* How many leading bytes two texts share. */
static size_t common_length(const char *a, const char *b, size_t len)
{
    size_t at = 0;
    uint64_t x, y;
    for (; at + sizeof x <= len; at += sizeof x) {
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        if (x != y)
            break;
    }
    while (at < len && a[at] == b[at])
        at++;
    return at;
}

int doc_name_compare(struct span a, struct span b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    size_t at = common_length(a.data, b.data, shorter);
    if (at == shorter)
        return (a.len > b.len) - (a.len < b.len);
    unsigned char x = (unsigned char)a.data[at], y = (unsigned char)b.data[at];
    /* UTF-8 sorts like code points. UTF-16 differs in one thing: what takes a surrogate pair (first byte F0 and up)
       sorts before U+E000 to U+FFFF (first bytes EE and EF). */
    bool x_is_pair = x >= 0xF0, y_is_pair = y >= 0xF0;
    if (x >= 0xEE && y >= 0xEE && x_is_pair != y_is_pair)
        return x_is_pair ? -1 : 1;
    return x < y ? -1 : 1;
}

const struct doc_member *doc_get_member(const struct doc_node *node, struct span name)
{
    if (node->kind != DOC_OBJECT)
        return NULL;
    size_t low = 0, high = node->u.object.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = doc_name_compare(name, node->u.object.members[middle].name);
        if (order == 0)
            return &node->u.object.members[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct doc_node *doc_get(const struct doc_node *node, const char *name)
{
    const struct doc_member *member = doc_get_member(node, span_of(name));
    return member == NULL ? NULL : member->value;
}

static const struct doc_node *get_kind(const struct doc_node *node, const char *name, enum doc_kind kind)
{
    const struct doc_node *value = doc_get(node, name);
    return value != NULL && value->kind == kind ? value : NULL;
}

bool doc_get_string(const struct doc_node *node, const char *name, struct span *out)
{
    const struct doc_node *value = get_kind(node, name, DOC_STRING);
    if (value == NULL)
        return false;
    *out = value->u.string;
    return true;
}

bool doc_get_int(const struct doc_node *node, const char *name, int64_t *out)
{
    const struct doc_node *value = get_kind(node, name, DOC_INT);
    if (value == NULL)
        return false;
    *out = value->u.integer;
    return true;
}

bool doc_get_bool(const struct doc_node *node, const char *name, bool *out)
{
    const struct doc_node *value = get_kind(node, name, DOC_BOOL);
    if (value == NULL)
        return false;
    *out = value->u.boolean;
    return true;
}

static bool arrays_are_equal(const struct doc_node *a, const struct doc_node *b)
{
    if (a->u.array.len != b->u.array.len)
        return false;
    for (size_t i = 0; i < a->u.array.len; i++)
        if (!doc_equal(a->u.array.items[i], b->u.array.items[i]))
            return false;
    return true;
}

static bool objects_are_equal(const struct doc_node *a, const struct doc_node *b)
{
    if (a->u.object.len != b->u.object.len)
        return false;
    for (size_t i = 0; i < a->u.object.len; i++) {
        const struct doc_member *x = &a->u.object.members[i], *y = &b->u.object.members[i];
        if (!span_equal(x->name, y->name) || !doc_equal(x->value, y->value))
            return false;
    }
    return true;
}

bool doc_equal(const struct doc_node *a, const struct doc_node *b)
{
    if (a == b)
        return true;
    /* Equal values weigh the same, so that most differences show without going down. */
    if (a->kind != b->kind || a->nodes != b->nodes || a->size != b->size || a->height != b->height)
        return false;
    switch (a->kind) {
    case DOC_NULL:
        return true;
    case DOC_BOOL:
        return a->u.boolean == b->u.boolean;
    case DOC_INT:
        return a->u.integer == b->u.integer;
    case DOC_DOUBLE:
        return a->u.number == b->u.number;
    case DOC_STRING:
        return span_equal(a->u.string, b->u.string);
    case DOC_ARRAY:
        return arrays_are_equal(a, b);
    case DOC_OBJECT:
        return objects_are_equal(a, b);
    }
    return false;
}

const char *doc_kind_name(enum doc_kind kind)
{
    switch (kind) {
    case DOC_NULL:
        return "null";
    case DOC_BOOL:
        return "a boolean";
    case DOC_INT:
        return "an integer";
    case DOC_DOUBLE:
        return "a number";
    case DOC_STRING:
        return "a string";
    case DOC_ARRAY:
        return "an array";
    case DOC_OBJECT:
        return "an object";
    }
    return "nothing";
}

bool doc_number_is_portable(double value)
{
    double size = fabs(value);
    return size <= (double)NUM_INT_MAX || size >= 1e21;
}
