/*
 * resolve: where $ref and $dynamicRef lead: a resource by its URI, then a JSON Pointer or an anchor inside
 * it.
 */
#include "model/nearest.h"
#include "model/pointer.h"
#include "schema/compile.h"
#include "schema/uri.h"
#include "util/utf8.h"

static struct schema *complain(struct compiling *c, const struct doc_node *at, const char *why, const char *more)
{
    compile_complain(c, c->schema->resource->document, at->file, at->pos, CODE_SCHEMA_REF, "\"%.200s\": %s%s",
                     at->u.string.data, why, more);
    return NULL;
}

/* Behind the last slash. */
static struct span last_part(struct span name)
{
    size_t at = name.len;
    while (at > 0 && name.data[at - 1] != '/')
        at--;
    return (struct span){name.data + at, name.len - at};
}

/* Of the documents there are, the one whose name is nearest: with the name that the reference should end in. */
static struct schema *complain_of_document(struct compiling *c, const struct doc_node *at, struct span uri)
{
    static const char ours[] = SET_BASE;
    struct buf hint AUTO_BUF = {0};
    size_t base = sizeof ours - 1;
    if (uri.len <= base || memcmp(uri.data, ours, base) != 0)
        return complain(c, at, "there is no such schema here, and nothing is ever fetched", "");
    struct nearest nearest = {.text = last_part(uri)};
    for (size_t i = 0; i < c->set->documents_len; i++)
        if (!c->set->documents[i]->is_builtin)
            nearest_try(&nearest, last_part(c->set->documents[i]->name).data);
    if (nearest.name == NULL)
        return complain(c, at, "there is no such file among the schemas", "");
    buf_printf(&hint, "there is no such file among the schemas; did you mean \"%s\"?", nearest.name);
    buf_putc(&hint, '\0');
    c->failed = c->failed || buf_check(&hint, c->err) != 0;
    return c->failed ? NULL : complain(c, at, hint.data, "");
}

/* ~1 is a slash, ~0 a tilde; in place. False if a ~ means nothing. */
static bool unescape(char *name, size_t *len)
{
    size_t out = 0;
    for (size_t i = 0; i < *len; i++, out++) {
        name[out] = name[i];
        if (name[i] != '~')
            continue;
        if (++i == *len || (name[i] != '0' && name[i] != '1'))
            return false;
        name[out] = name[i] == '0' ? '~' : '/';
    }
    *len = out;
    return true;
}

/* Goes down by a pointer; where another resource begins on the way, it is that one's from there on. */
static struct schema *follow(struct compiling *c, const struct doc_node *at, struct resource *resource, char *pointer,
                             size_t len)
{
    const struct doc_node *node = resource->node;
    struct schema *schema = resource->schema;
    size_t from = 0;
    while (node != NULL && from < len) {
        size_t end = ++from; /* behind the slash */
        while (end < len && pointer[end] != '/')
            end++;
        size_t name_len = end - from;
        if (!unescape(pointer + from, &name_len))
            return complain(c, at, "a ~ in a JSON Pointer stands before 0 or 1", "");
        node = pointer_child(node, (struct span){pointer + from, name_len});
        schema = node == NULL ? NULL : load_find(c->set, node, resource);
        if (schema != NULL)
            resource = schema->resource;
        from = end;
    }
    if (node == NULL)
        return complain(c, at, "there is nothing at the end of this reference", "");
    if (schema != NULL || c->failed)
        return schema;
    schema = load_schema(c, node, resource);
    if (schema == NULL && !c->failed)
        return complain(c, at, "what it refers to is no schema but ", doc_kind_name(node->kind));
    if (schema != NULL)
        list_push(c, &c->strays, schema);
    return schema;
}

static struct schema *find_fragment(struct compiling *c, const struct doc_node *at, struct resource *resource,
                                    struct span fragment, struct span *anchor)
{
    struct buf text AUTO_BUF = {0};
    if (fragment.len == 0)
        return resource->schema;
    bool is_right = uri_decode(fragment, &text);
    c->failed = c->failed || buf_check(&text, c->err) != 0;
    if (c->failed)
        return NULL;
    if (!is_right || !utf8_is_valid(buf_span(&text)))
        return complain(c, at, "a % in a URI stands before two hexadecimal digits", "");
    if (text.data[0] == '/')
        return follow(c, at, resource, text.data, text.len);
    struct schema *schema = load_anchor(c->set, resource, buf_span(&text));
    if (schema == NULL)
        return complain(c, at, "there is no such anchor", "");
    *anchor = fragment;
    return schema;
}

struct schema *resolve_reference(struct compiling *c, const struct doc_node *at, struct span *anchor)
{
    struct buf uri AUTO_BUF = {0};
    struct span fragment, text = at->u.string;
    struct resource *resource = c->schema->resource;
    *anchor = (struct span){0};
    if (c->failed)
        return NULL;
    if (text.len > SCHEMA_NAME_MAX || memchr(text.data, '\0', text.len) != NULL)
        return complain(c, at, "this is no URI", "");
    struct span before = uri_without_fragment(text, &fragment);
    if (before.len > 0) {
        uri_resolve(resource->uri, before, &uri);
        if (buf_check(&uri, c->err) != 0) {
            c->failed = true;
            return NULL;
        }
        resource = load_resource(c, buf_span(&uri), resource->dialect);
        if (c->failed)
            return NULL;
        if (resource == NULL)
            return complain_of_document(c, at, buf_span(&uri));
    }
    if (resource->schema == NULL) /* its root is no schema, which was said there */
        return NULL;
    return find_fragment(c, at, resource, fragment, anchor);
}
