/*
 * spell_document: a whole document as lines of YAML, for files that nobody has written yet.
 */
#include "model/spell.h"

enum { INDENT = 2 };

static int put_node(const struct doc_node *node, size_t indent, struct buf *out, struct error *err);

static int compare_places(const void *a, const void *b)
{
    const struct doc_member *x = *(const struct doc_member *const *)a, *y = *(const struct doc_member *const *)b;
    if (x->pos.line != y->pos.line)
        return x->pos.line < y->pos.line ? -1 : 1;
    return (x->pos.column > y->pos.column) - (x->pos.column < y->pos.column);
}

static bool is_empty(const struct doc_node *node)
{
    return node->kind == DOC_OBJECT ? node->u.object.len == 0 : node->kind == DOC_ARRAY && node->u.array.len == 0;
}

static bool is_collection(const struct doc_node *node)
{
    return (node->kind == DOC_OBJECT || node->kind == DOC_ARRAY) && !is_empty(node);
}

/* Behind "name:" or "-" on its line; ends it. */
static void put_inline(const struct doc_node *node, size_t indent, struct buf *out)
{
    buf_putc(out, ' ');
    if (node->kind == DOC_STRING && spell_has_lines(node->u.string)) {
        spell_lines_header(node->u.string, out);
        spell_lines(node->u.string, indent + INDENT, SPAN("\n"), out);
    } else {
        spell_value(node, SPELL_PLAIN, false, out);
    }
    buf_putc(out, '\n');
}

static int put_member(const struct doc_member *member, size_t indent, struct buf *out, struct error *err)
{
    spell_name(member->name, SPELL_PLAIN, false, out);
    buf_putc(out, ':');
    if (!is_collection(member->value)) {
        put_inline(member->value, indent, out);
        return 0;
    }
    buf_putc(out, '\n');
    buf_printf(out, "%*s", (int)(indent + INDENT), "");
    return put_node(member->value, indent + INDENT, out, err);
}

/* The first line's indentation is written already: it may stand behind a dash. */
static int put_object(const struct doc_node *node, size_t indent, struct buf *out, struct error *err)
{
    size_t len = node->u.object.len;
    AUTO_FREE const struct doc_member **members = reallocarray(NULL, len, sizeof(struct doc_member *));
    if (members == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++)
        members[i] = &node->u.object.members[i];
    qsort(members, len, sizeof *members, compare_places);
    for (size_t i = 0; i < len; i++) {
        if (i > 0)
            buf_printf(out, "%*s", (int)indent, "");
        if (put_member(members[i], indent, out, err) != 0)
            return -1;
    }
    return 0;
}

static int put_array(const struct doc_node *node, size_t indent, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < node->u.array.len; i++) {
        const struct doc_node *item = node->u.array.items[i];
        if (i > 0)
            buf_printf(out, "%*s", (int)indent, "");
        buf_putc(out, '-');
        if (!is_collection(item)) {
            put_inline(item, indent, out);
            continue;
        }
        buf_putc(out, ' ');
        if (put_node(item, indent + INDENT, out, err) != 0)
            return -1;
    }
    return 0;
}

/* Recursion as deep as the document, at most DOC_DEPTH_MAX. */
static int put_node(const struct doc_node *node, size_t indent, struct buf *out, struct error *err)
{
    return node->kind == DOC_OBJECT ? put_object(node, indent, out, err) : put_array(node, indent, out, err);
}

int spell_document(const struct doc_node *root, struct buf *out, struct error *err)
{
    if (is_collection(root)) {
        if (put_node(root, 0, out, err) != 0)
            return -1;
    } else {
        spell_value(root, SPELL_PLAIN, false, out);
        buf_putc(out, '\n');
    }
    return buf_check(out, err);
}
