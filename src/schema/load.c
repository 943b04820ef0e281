/*
 * load: which places of a document hold schemas, what they are called ($id, anchors), and where a document
 * comes from that is not in the set: the built-in metaschemas, or the loader. Goes only where a keyword holds
 * a schema, so an $id in an enum or an example names nothing.
 */
#include <string.h>

#include "model/json.h"
#include "schema/compile.h"
#include "schema/keywords.h"
#include "schema/metaschema.h"
#include "schema/uri.h"

/* --- keys of the tables --------------------------------------------------------------------------------- */

static struct span key_of_place(const void *pair[static 2], const struct doc_node *node,
                                const struct resource *resource)
{
    pair[0] = node;
    pair[1] = resource;
    return (struct span){(const char *)pair, 2 * sizeof pair[0]};
}

enum { ANCHOR_MAX = 512 };

struct anchor_key {
    const struct resource *resource;
    char name[ANCHOR_MAX];
};

/* `name` is at most ANCHOR_MAX bytes. */
static struct span key_of_anchor(struct anchor_key *key, const struct resource *resource, struct span name)
{
    key->resource = resource;
    memcpy(key->name, name.data, name.len);
    return (struct span){(const char *)key, offsetof(struct anchor_key, name) + name.len};
}

struct schema *load_find(const struct schema_set *set, const struct doc_node *node, const struct resource *resource)
{
    const void *pair[2];
    return index_get(&set->schemas, key_of_place(pair, node, resource));
}

struct schema *load_anchor(const struct schema_set *set, const struct resource *resource, struct span name)
{
    struct anchor_key key;
    return name.len > ANCHOR_MAX ? NULL : index_get(&set->anchors, key_of_anchor(&key, resource, name));
}

static void put(struct compiling *c, struct index *index, struct span key, void *value)
{
    if (!c->failed && index_put(index, &c->set->arena, key, value, c->err) != 0)
        c->failed = true;
}

/* --- resources ------------------------------------------------------------------------------------------ */

static struct resource *add_resource(struct compiling *c, struct span uri, const struct doc_node *node,
                                     struct document *document, struct doc_pos pos)
{
    struct resource *known = index_get(&c->set->uris, uri);
    if (known != NULL && known->node != node)
        compile_complain(c, document, document->doc.root->file, pos, CODE_SCHEMA_ID,
                         "%.*s is the name of another schema already, at %s:%u:%u", (int)uri.len, uri.data,
                         known->node->file, known->node->pos.line, known->node->pos.column);
    struct resource *resource = compile_alloc(c, sizeof *resource);
    const char *copy = c->failed ? NULL : arena_copy(&c->set->arena, uri.data, uri.len);
    if (resource == NULL || copy == NULL) {
        c->failed = c->failed || error_memory(c->err) != 0;
        return NULL;
    }
    *resource = (struct resource){.uri = {copy, uri.len}, .node = node, .document = document};
    if (known == NULL)
        put(c, &c->set->uris, resource->uri, resource);
    return c->failed ? NULL : resource;
}

/* What $id says, if it names a resource; in draft-07 an $id beside $ref means nothing, and "#name" is an
   anchor. */
static const struct doc_node *id_of(const struct doc_node *node, enum schema_draft draft)
{
    const struct doc_node *id = doc_get(node, "$id");
    if (id == NULL || id->kind != DOC_STRING)
        return NULL;
    if (draft == SCHEMA_DRAFT_07 &&
        (doc_get(node, "$ref") != NULL || (id->u.string.len > 0 && id->u.string.data[0] == '#')))
        return NULL;
    return id;
}

/* Control characters, and what no name is as long as, are in no URI. */
static bool is_uri(struct span text)
{
    if (text.len > SCHEMA_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ')
            return false;
    return true;
}

/* The absolute URI of an $id in *out, without fragment; false: it is none, and this was said. */
static bool resolve_id(struct compiling *c, struct document *document, struct span base, const struct doc_node *id,
                       struct buf *out)
{
    struct span fragment;
    if (!is_uri(id->u.string)) {
        compile_complain(c, document, id->file, id->pos, CODE_SCHEMA_ID, "this $id is no URI");
        return false;
    }
    uri_resolve(base, uri_without_fragment(id->u.string, &fragment), out);
    c->failed = c->failed || buf_check(out, c->err) != 0;
    return !c->failed;
}

/* --- dialects ------------------------------------------------------------------------------------------- */

enum { METASCHEMAS_MAX = 8 }; /* metaschemas of metaschemas */

static const struct dialect *dialect_of(struct compiling *c, struct resource *resource,
                                        const struct dialect *fallback, unsigned depth);

/* The vocabularies that a metaschema of somebody's own asks for. */
static const struct dialect *dialect_made(struct compiling *c, struct resource *metaschema,
                                          const struct dialect *fallback, const struct doc_node *at,
                                          struct document *document, unsigned depth)
{
    const struct dialect *own = dialect_of(c, metaschema, fallback, depth + 1);
    const struct doc_node *wanted = doc_get(metaschema->node, "$vocabulary");
    struct dialect *made = compile_alloc(c, sizeof *made);
    if (made == NULL || own == NULL)
        return own;
    *made = *own;
    made->metaschema = metaschema->uri.data;
    if (wanted == NULL || wanted->kind != DOC_OBJECT || own->draft != SCHEMA_DRAFT_2020_12)
        return made;
    made->vocabularies = VOCABULARY_CORE;
    for (size_t i = 0; i < wanted->u.object.len; i++) {
        const struct doc_member *member = &wanted->u.object.members[i];
        unsigned bit = dialect_vocabulary(member->name);
        bool is_required = member->value->kind == DOC_BOOL && member->value->u.boolean;
        made->vocabularies |= bit;
        if (bit == 0 && is_required)
            compile_complain(c, document, at->file, at->pos, CODE_SCHEMA_VOCABULARY,
                             "the metaschema requires the vocabulary %s, which is not known", member->name.data);
    }
    return made;
}

static const struct dialect *dialect_of(struct compiling *c, struct resource *resource,
                                        const struct dialect *fallback, unsigned depth)
{
    const struct doc_node *at = doc_get(resource->node, "$schema");
    struct span fragment;
    if (resource->dialect != NULL || at == NULL || at->kind != DOC_STRING)
        return resource->dialect != NULL ? resource->dialect : fallback;
    const struct dialect *known = dialect_find(at->u.string);
    if (known != NULL)
        return known;
    struct span uri = uri_without_fragment(at->u.string, &fragment);
    struct resource *metaschema =
        depth < METASCHEMAS_MAX && is_uri(uri) && uri_is_absolute(uri) ? load_resource(c, uri, fallback) : NULL;
    if (metaschema != NULL && metaschema != resource)
        return dialect_made(c, metaschema, fallback, at, resource->document, depth);
    compile_complain(c, resource->document, at->file, at->pos, CODE_SCHEMA_DIALECT,
                     "$schema: this dialect is not known; known are %s and %s#", dialect_2020_12.metaschema,
                     dialect_07.metaschema);
    return fallback;
}

/* --- schemas -------------------------------------------------------------------------------------------- */

static void add_anchor(struct compiling *c, struct schema *schema, struct span name, const struct doc_node *at)
{
    struct anchor_key key;
    struct schema *known = load_anchor(c->set, schema->resource, name);
    if (name.len > ANCHOR_MAX) {
        compile_complain(c, schema->resource->document, at->file, at->pos, CODE_SCHEMA_ID,
                         "an anchor is at most %d bytes long", ANCHOR_MAX);
        return;
    }
    if (known != NULL && known != schema)
        compile_complain(c, schema->resource->document, at->file, at->pos, CODE_SCHEMA_ID,
                         "the anchor \"%s\" stands at %s:%u:%u already", name.data, known->source->file,
                         known->source->pos.line, known->source->pos.column);
    put(c, &c->set->anchors, key_of_anchor(&key, schema->resource, name), schema);
}

static void add_dynamic(struct compiling *c, struct schema *schema, struct span name)
{
    struct dynamic_anchor *dynamic = compile_alloc(c, sizeof *dynamic);
    if (dynamic == NULL)
        return;
    *dynamic = (struct dynamic_anchor){schema->resource->dynamics, name, schema};
    schema->resource->dynamics = dynamic;
}

static void add_anchors(struct compiling *c, struct schema *schema)
{
    struct span name;
    const struct doc_node *node = schema->source;
    if (schema->resource->dialect->draft == SCHEMA_DRAFT_07) {
        if (doc_get_string(node, "$id", &name) && name.len > 0 && doc_get(node, "$ref") == NULL) {
            struct span fragment;
            uri_without_fragment(name, &fragment);
            if (fragment.len > 0)
                add_anchor(c, schema, fragment, doc_get(node, "$id"));
        }
        return;
    }
    if (doc_get_string(node, "$anchor", &name))
        add_anchor(c, schema, name, doc_get(node, "$anchor"));
    if (doc_get_string(node, "$dynamicAnchor", &name)) {
        add_anchor(c, schema, name, doc_get(node, "$dynamicAnchor"));
        add_dynamic(c, schema, name);
    }
}

static void load_list(struct compiling *c, const struct doc_node *node, struct resource *resource)
{
    for (size_t i = 0; node->kind == DOC_ARRAY && i < node->u.array.len; i++)
        load_schema(c, node->u.array.items[i], resource);
}

static void load_held(struct compiling *c, const struct doc_node *node, enum holds holds, struct resource *resource)
{
    switch (holds) {
    case HOLDS_NOTHING:
        break;
    case HOLDS_SCHEMA:
        load_schema(c, node, resource);
        break;
    case HOLDS_LIST:
        load_list(c, node, resource);
        break;
    case HOLDS_EITHER:
        if (node->kind == DOC_ARRAY)
            load_list(c, node, resource);
        else
            load_schema(c, node, resource);
        break;
    case HOLDS_MAP:
        for (size_t i = 0; node->kind == DOC_OBJECT && i < node->u.object.len; i++)
            load_schema(c, node->u.object.members[i].value, resource);
        break;
    }
}

static struct schema *new_schema(struct compiling *c, const struct doc_node *node, struct resource *resource)
{
    const void *pair[2];
    struct schema *schema = compile_alloc(c, sizeof *schema);
    if (schema == NULL)
        return NULL;
    *schema = (struct schema){.source = node, .resource = resource, .set = c->set, .kinds = KINDS_ALL};
    schema->is_false = node->kind == DOC_BOOL && !node->u.boolean;
    put(c, &c->set->schemas, key_of_place(pair, node, resource), schema);
    list_push(c, &c->queue, schema);
    return c->failed ? NULL : schema;
}

/* The resource that begins at this schema. */
static void begin_resource(struct compiling *c, struct schema *schema, const struct doc_node *id)
{
    struct buf uri AUTO_BUF = {0};
    struct resource *outer = schema->resource;
    if (outer->node == schema->source || !resolve_id(c, outer->document, outer->uri, id, &uri))
        return; /* the root's own was seen by load_document */
    if (span_equal(buf_span(&uri), outer->uri))
        return;
    struct resource *inner = add_resource(c, buf_span(&uri), schema->source, outer->document, id->pos);
    if (inner == NULL)
        return;
    inner->dialect = dialect_of(c, inner, outer->dialect, 0);
    inner->schema = schema;
    schema->resource = inner;
}

struct schema *load_schema(struct compiling *c, const struct doc_node *node, struct resource *resource)
{
    if (c->failed || (node->kind != DOC_OBJECT && node->kind != DOC_BOOL))
        return NULL;
    struct schema *schema = load_find(c->set, node, resource);
    if (schema != NULL)
        return schema;
    schema = new_schema(c, node, resource);
    if (schema == NULL || node->kind == DOC_BOOL)
        return schema;
    const struct doc_node *id = id_of(node, resource->dialect->draft);
    if (id != NULL)
        begin_resource(c, schema, id);
    add_anchors(c, schema);
    for (size_t i = 0; !c->failed && i < node->u.object.len; i++) {
        const struct doc_member *member = &node->u.object.members[i];
        const struct rule *rule = rule_find(member->name, schema->resource->dialect);
        if (rule != NULL)
            load_held(c, member->value, rule->holds, schema->resource);
    }
    return c->failed ? NULL : schema;
}

/* --- documents ------------------------------------------------------------------------------------------ */

void load_document(struct compiling *c, struct document *document, const struct dialect *fallback)
{
    struct buf name AUTO_BUF = {0}, uri AUTO_BUF = {0};
    const struct doc_node *root = document->doc.root;
    const struct doc_node *id = id_of(root, SCHEMA_DRAFT_2020_12);
    uri_resolve(SPAN(SET_BASE), document->name, &name);
    c->failed = c->failed || buf_check(&name, c->err) != 0;
    if (c->failed)
        return;
    if (id == NULL || !resolve_id(c, document, buf_span(&name), id, &uri)) {
        buf_reset(&uri);
        buf_append_span(&uri, buf_span(&name));
    }
    if (!c->failed && buf_check(&uri, c->err) != 0)
        c->failed = true;
    if (c->failed)
        return;
    document->resource = add_resource(c, buf_span(&uri), root, document, id == NULL ? root->pos : id->pos);
    if (document->resource == NULL)
        return;
    if (index_get(&c->set->uris, buf_span(&name)) == NULL)
        put(c, &c->set->uris, buf_span(&name), document->resource);
    document->fallback = fallback;
}

static struct resource *load_new(struct compiling *c, struct span uri, struct doc *doc, bool is_builtin,
                                 const struct dialect *fallback)
{
    struct document *document;
    if (set_add_document(c->set, uri, doc, is_builtin, &document, c->err) != 0) {
        c->failed = true;
        return NULL;
    }
    load_document(c, document, fallback);
    load_root(c, document);
    return c->failed ? NULL : document->resource;
}

void load_root(struct compiling *c, struct document *document)
{
    struct resource *resource = document->resource;
    if (c->failed || resource->schema != NULL)
        return;
    resource->dialect = dialect_of(c, resource, document->fallback, 0);
    resource->schema = load_schema(c, resource->node, resource);
    if (resource->schema == NULL && !c->failed)
        compile_complain(c, document, resource->node->file, resource->node->pos, CODE_SCHEMA_INVALID,
                         "a schema is a mapping, or true or false; this is %s", doc_kind_name(resource->node->kind));
}

struct resource *load_resource(struct compiling *c, struct span uri, const struct dialect *fallback)
{
    struct doc doc AUTO_DOC = {0};
    char name[SCHEMA_NAME_MAX + 1];
    bool found = false;
    struct resource *known = c->failed ? NULL : index_get(&c->set->uris, uri);
    if (known != NULL || c->failed || uri.len > SCHEMA_NAME_MAX)
        return known;
    const char *text = metaschema_find(uri);
    memcpy(name, uri.data, uri.len);
    name[uri.len] = '\0';
    if (text != NULL) {
        struct json_options options = {.file = name, .limits = {DOC_DEPTH_MAX, UINT32_MAX, UINT32_MAX}};
        if (json_read(span_of(text), &options, &doc, c->err) != 0) {
            c->failed = true;
            return NULL;
        }
        return load_new(c, uri, &doc, true, fallback);
    }
    if (c->set->load == NULL)
        return NULL;
    if (c->set->load(c->set->load_context, name, &doc, &found, c->err) != 0) {
        c->failed = true;
        return NULL;
    }
    return found ? load_new(c, uri, &doc, false, fallback) : NULL;
}
