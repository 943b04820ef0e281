/*
 * json_write: the canonical form of a tree (RFC 8785), appended to a buffer or compared with a text piece by piece. A
 * tree keeps its members in canonical order, so nothing is sorted here.
 */
#include "model/json.h"

#include "util/num.h"

/* Where the pieces go: into `out`, or, where that is NULL, against what is left of `text`. */
struct target {
    struct buf *out;
    struct span text;
    bool differs;
};

static void put(struct target *target, struct span piece)
{
    if (target->out != NULL) {
        buf_append_span(target->out, piece);
        return;
    }
    if (piece.len > target->text.len || memcmp(piece.data, target->text.data, piece.len) != 0) {
        target->differs = true;
        return;
    }
    target->text.data += piece.len;
    target->text.len -= piece.len;
}

static void put_string(struct target *target, struct span value)
{
    char escape[JSON_ESCAPE_MAX];
    if (target->out != NULL) {
        json_put_string(target->out, value);
        return;
    }
    put(target, SPAN("\""));
    while (value.len > 0)
        put(target, json_next_piece(&value, escape));
    put(target, SPAN("\""));
}

static void put_node(struct target *target, const struct doc_node *node);

static void put_array(struct target *target, const struct doc_node *node)
{
    put(target, SPAN("["));
    for (size_t i = 0; i < node->u.array.len && !target->differs; i++) {
        if (i > 0)
            put(target, SPAN(","));
        put_node(target, node->u.array.items[i]);
    }
    put(target, SPAN("]"));
}

static void put_object(struct target *target, const struct doc_node *node)
{
    put(target, SPAN("{"));
    for (size_t i = 0; i < node->u.object.len && !target->differs; i++) {
        const struct doc_member *member = &node->u.object.members[i];
        if (i > 0)
            put(target, SPAN(","));
        put_string(target, member->name);
        put(target, SPAN(":"));
        put_node(target, member->value);
    }
    put(target, SPAN("}"));
}

static void put_node(struct target *target, const struct doc_node *node)
{
    char number[NUM_TEXT_MAX];
    switch (node->kind) {
    case DOC_NULL:
        put(target, SPAN("null"));
        break;
    case DOC_BOOL:
        put(target, node->u.boolean ? SPAN("true") : SPAN("false"));
        break;
    case DOC_INT:
        put(target, (struct span){number, num_format_int(node->u.integer, number)});
        break;
    case DOC_DOUBLE:
        put(target, (struct span){number, num_format_double(node->u.number, number)});
        break;
    case DOC_STRING:
        put_string(target, node->u.string);
        break;
    case DOC_ARRAY:
        put_array(target, node);
        break;
    case DOC_OBJECT:
        put_object(target, node);
        break;
    }
}

void json_write(const struct doc_node *node, struct buf *out)
{
    struct target target = {.out = out};
    if (buf_reserve(out, node->size) != NULL) /* once for all; a failure stays in `out` */
        put_node(&target, node);
}

bool json_is_canonical(const struct doc_node *node, struct span text)
{
    struct target target = {.text = text};
    if (text.len != node->size)
        return false;
    put_node(&target, node);
    return !target.differs && target.text.len == 0;
}
