/*
 * compare_view: all that speaks about one value, gathered from a schema, its local references and its allOf.
 * See compare_priv.h.
 */
#include "schema/compare_priv.h"

#include "model/pointer.h"
#include "util/hex.h"

/* --- references ----------------------------------------------------------------------------------------- */

/* Undoes %XX of a fragment. False for what is no hex. */
static bool decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte == '%') {
            char digits[2];
            if (text.len - i < 3)
                return false;
            for (size_t j = 0; j < 2; j++) {
                char c = text.data[i + 1 + j];
                digits[j] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
            }
            if (!hex_decode((struct span){digits, 2}, &byte, 1))
                return false;
            i += 2;
        }
        buf_putc(out, (char)byte);
    }
    return !out->failed;
}

/* The schema with that $anchor (draft-07: an $id of its fragment alone), anywhere below. */
static const struct doc_node *find_anchor(const struct doc_node *node, struct span name)
{
    struct span value;
    const struct doc_node *found = NULL;
    if (node->kind == DOC_OBJECT) {
        if (doc_get_string(node, "$anchor", &value) && span_equal(value, name))
            return node;
        if (doc_get_string(node, "$id", &value) && value.len == name.len + 1 && value.data[0] == '#' &&
            memcmp(value.data + 1, name.data, name.len) == 0)
            return node;
        for (size_t i = 0; i < node->u.object.len && found == NULL; i++)
            found = find_anchor(node->u.object.members[i].value, name);
    } else if (node->kind == DOC_ARRAY) {
        for (size_t i = 0; i < node->u.array.len && found == NULL; i++)
            found = find_anchor(node->u.array.items[i], name);
    }
    return found;
}

/* What a reference within the document leads to; NULL for nothing, or another document. */
const struct doc_node *side_resolve(const struct side *side, struct span reference)
{
    AUTO_BUF struct buf fragment = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    struct pointer pointer;
    struct error err;
    if (reference.len == 0 || reference.data[0] != '#')
        return NULL;
    if (reference.len == 1)
        return side->root;
    bool is_hex = decode((struct span){reference.data + 1, reference.len - 1}, &fragment);
    *side->failed = *side->failed || fragment.failed;
    if (!is_hex || fragment.len == 0)
        return NULL;
    if (fragment.data[0] != '/')
        return find_anchor(side->root, buf_span(&fragment));
    if (pointer_parse(buf_span(&fragment), &arena, &pointer, &err) < 0) {
        *side->failed = *side->failed || error_is(&err, ERR_MEMORY);
        return NULL;
    }
    return pointer_find(side->root, &pointer, NULL);
}

/* --- views ---------------------------------------------------------------------------------------------- */

static bool has_part(const struct view *view, const struct doc_node *part)
{
    for (size_t i = 0; i < view->len; i++)
        if (view->parts[i] == part)
            return true;
    return false;
}

static void add_reference(const struct side *side, struct span reference, struct view *view)
{
    const struct doc_node *target = side_resolve(side, reference);
    if (target != NULL && view->followed++ < VIEW_PARTS_MAX)
        view_add(side, target, view);
    else if (reference.len > 0 && reference.data[0] != '#' && view->others_len < VIEW_OTHERS_MAX)
        view->others[view->others_len++] = reference;
    else
        view->is_cut = true;
}

void view_add(const struct side *side, const struct doc_node *schema, struct view *view)
{
    struct span reference;
    const struct doc_node *all;
    if (schema->kind == DOC_BOOL)
        view->is_false = view->is_false || !schema->u.boolean;
    if (schema->kind != DOC_OBJECT || has_part(view, schema))
        return;
    if (view->len == VIEW_PARTS_MAX) {
        view->is_cut = true;
        return;
    }
    bool has_reference = doc_get_string(schema, "$ref", &reference);
    if (!has_reference || (!side->is_draft_07 && schema->u.object.len > 1))
        view->parts[view->len++] = schema;
    if (has_reference)
        add_reference(side, reference, view);
    if ((has_reference && side->is_draft_07) || (all = doc_get(schema, "allOf")) == NULL ||
        all->kind != DOC_ARRAY)
        return;
    for (size_t i = 0; i < all->u.array.len; i++)
        view_add(side, all->u.array.items[i], view);
}

const struct doc_node *view_get(const struct view *view, const char *keyword, const struct doc_node **part)
{
    for (size_t i = 0; i < view->len; i++) {
        const struct doc_node *value = doc_get(view->parts[i], keyword);
        if (value != NULL) {
            if (part != NULL)
                *part = view->parts[i];
            return value;
        }
    }
    return NULL;
}

/* --- the same? ------------------------------------------------------------------------------------------ */

/* Every $ref of `node`, which both sides have, leads to the same. */
static bool are_references_same(struct comparison *c, const struct doc_node *node, unsigned depth)
{
    struct span reference;
    if (depth > COMPARE_DEPTH_MAX || c->steps == 0)
        return false;
    c->steps--;
    if (node->kind == DOC_ARRAY) {
        for (size_t i = 0; i < node->u.array.len; i++)
            if (!are_references_same(c, node->u.array.items[i], depth + 1))
                return false;
        return true;
    }
    if (node->kind != DOC_OBJECT)
        return true;
    if (doc_get_string(node, "$ref", &reference) && reference.len > 0 && reference.data[0] == '#') {
        const struct doc_node *before = side_resolve(&c->before, reference);
        const struct doc_node *after = side_resolve(&c->after, reference);
        /* A schema that refers to one above itself would be walked round and round: the text has to do. */
        if (before == NULL || after == NULL || !doc_equal(before, after) ||
            (before->height < node->height && !are_references_same(c, after, depth + 1)))
            return false;
    }
    for (size_t i = 0; i < node->u.object.len; i++)
        if (!are_references_same(c, node->u.object.members[i].value, depth + 1))
            return false;
    return true;
}

bool compare_is_same(struct comparison *c, const struct doc_node *before, const struct doc_node *after)
{
    return before != NULL && after != NULL && doc_equal(before, after) && are_references_same(c, after, 0);
}

static size_t count_parts(const struct view *view, const char *keyword, const char *other)
{
    size_t count = 0;
    for (size_t i = 0; i < view->len; i++) {
        count += doc_get(view->parts[i], keyword) != NULL;
        count += other != NULL && doc_get(view->parts[i], other) != NULL;
    }
    return count;
}

static bool is_in_some(struct comparison *c, const struct view *view, const char *keyword,
                       const struct doc_node *value)
{
    for (size_t i = 0; i < view->len; i++)
        if (compare_is_same(c, doc_get(view->parts[i], keyword), value))
            return true;
    return false;
}

bool compare_is_single(struct comparison *c, const struct view *before, const struct view *after,
                       const char *keyword, const char *other)
{
    const char *const keywords[] = {keyword, other};
    if (count_parts(before, keyword, other) <= 1 && count_parts(after, keyword, other) <= 1)
        return true;
    for (size_t i = 0; i < after->len; i++)
        for (size_t j = 0; j < ARRAY_LEN(keywords) && keywords[j] != NULL; j++) {
            const struct doc_node *value = doc_get(after->parts[i], keywords[j]);
            if (value != NULL && !is_in_some(c, before, keywords[j], value))
                compare_report(c, SCHEMA_UNCLEAR, after, keywords[j], "has another %s beside others",
                               keywords[j]);
        }
    return false;
}

/* --- what is not followed ------------------------------------------------------------------------------- */

/* The name that a document gives itself: its $id, and of that what is behind the last slash. */
static bool names_itself(const struct doc_node *root, struct span reference)
{
    struct span id;
    const char *hash = memchr(reference.data, '#', reference.len);
    size_t len = hash == NULL ? reference.len : (size_t)(hash - reference.data);
    if (len == 0 || root->kind != DOC_OBJECT || !doc_get_string(root, "$id", &id) || id.len < len)
        return false;
    if (id.data[id.len - 1] == '#')
        id.len--;
    return id.len >= len && memcmp(id.data + id.len - len, reference.data, len) == 0;
}

bool compare_is_tangled(const struct doc_node *root, const struct doc_node *node)
{
    struct span text;
    if (node->kind == DOC_OBJECT) {
        if (node != root && doc_get_string(node, "$id", &text) && text.len > 0 && text.data[0] != '#')
            return true;
        if (doc_get(node, "$dynamicRef") != NULL ||
            (doc_get_string(node, "$ref", &text) && text.len > 0 && names_itself(root, text)))
            return true;
        for (size_t i = 0; i < node->u.object.len; i++)
            if (compare_is_tangled(root, node->u.object.members[i].value))
                return true;
    }
    for (size_t i = 0; node->kind == DOC_ARRAY && i < node->u.array.len; i++)
        if (compare_is_tangled(root, node->u.array.items[i]))
            return true;
    return false;
}
