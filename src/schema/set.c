/*
 * set: documents that may refer to each other, from the first to the compiled whole. Findings about schemas
 * come from two sides: what cannot be compiled, and what the metaschema says when the documents are judged by
 * it.
 */
#include <stdlib.h>

#include "schema/compile.h"
#include "schema/uri.h"
#include "util/array.h"

enum { DOCUMENTS_MAX = 2000 };

int schema_set_new(struct schema_set **out, struct error *err)
{
    struct schema_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return error_memory(err);
    atomic_init(&set->refs, 1);
    *out = set;
    return 0;
}

struct schema_set *schema_set_ref(struct schema_set *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void schema_set_unref(struct schema_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->patterns_len; i++)
        pattern_free(set->patterns_list[i]);
    for (size_t i = 0; i < set->documents_len; i++)
        doc_fini(&set->documents[i]->doc);
    free(set->patterns_list);
    free(set->documents);
    arena_fini(&set->arena);
    free(set);
}

void schema_set_cleanup(struct schema_set **set)
{
    schema_set_unref(*set);
}

void schema_set_default(struct schema_set *set, enum schema_draft draft)
{
    set->draft = draft;
}

void schema_set_loader(struct schema_set *set, schema_loader *load, void *context)
{
    set->load = load;
    set->load_context = context;
}

/* --- documents ------------------------------------------------------------------------------------------ */

static struct document *find_document(const struct schema_set *set, struct span name)
{
    return index_get(&set->names, name);
}

static int make_room(struct schema_set *set, struct error *err)
{
    if (set->documents_len == DOCUMENTS_MAX)
        return error_set(err, CODE_SCHEMA_TOO_EXPENSIVE, 0, "there are more than %d schemas", DOCUMENTS_MAX);
    struct document **documents = array_grow(set->documents, set->documents_len, &set->documents_cap, sizeof *documents);
    if (documents == NULL)
        return error_memory(err);
    set->documents = documents;
    return 0;
}

int set_add_document(struct schema_set *set, struct span name, struct doc *doc, bool is_builtin,
                     struct document **out, struct error *err)
{
    if (make_room(set, err) != 0) {
        doc_fini(doc);
        return -1;
    }
    struct document *document = arena_alloc(&set->arena, sizeof *document);
    const char *copy = arena_copy(&set->arena, name.data, name.len);
    if (document == NULL || copy == NULL) {
        doc_fini(doc);
        return error_memory(err);
    }
    if (index_put(&set->names, &set->arena, name, document, err) != 0) {
        doc_fini(doc);
        return -1;
    }
    *document = (struct document){
        .name = {copy, name.len}, .doc = *doc, .number = set->documents_len, .is_builtin = is_builtin};
    *doc = (struct doc){0};
    set->documents[set->documents_len++] = document;
    *out = document;
    return 0;
}

int schema_set_add(struct schema_set *set, const char *name, struct doc *doc, struct error *err)
{
    struct document *document;
    if (strlen(name) > SCHEMA_NAME_MAX || find_document(set, span_of(name)) != NULL) {
        doc_fini(doc);
        return error_set(err, CODE_SCHEMA_ID, 0, "%.200s: the name is taken, or too long", name);
    }
    return set_add_document(set, span_of(name), doc, false, &document, err);
}

/* --- compiling ------------------------------------------------------------------------------------------ */

/* Judges a schema by the metaschema of its dialect. */
static void judge_schema(struct compiling *c, struct schema *schema)
{
    static const struct schema_options options = {.formats_are_notes = true, .code = CODE_SCHEMA_INVALID};
    const struct dialect *dialect = schema->resource->dialect;
    struct resource *metaschema = load_resource(c, span_of(dialect->metaschema), dialect);
    compile_queue(c);
    if (c->failed || metaschema == NULL || metaschema->schema == NULL || metaschema->document->is_broken)
        return;
    size_t before = c->findings->errors;
    if (schema_validate(metaschema->schema, schema->source, &options, c->findings, c->err) != 0)
        c->failed = true;
    if (c->findings->errors > before)
        schema->resource->document->is_broken = true;
}

static void judge_schemas(struct compiling *c)
{
    for (size_t i = 0; i < c->set->documents_len && !c->failed; i++) {
        struct document *document = c->set->documents[i];
        if (!document->is_builtin && document->resource != NULL && document->resource->schema != NULL)
            judge_schema(c, document->resource->schema);
    }
    for (size_t i = 0; i < c->strays.len && !c->failed; i++)
        judge_schema(c, c->strays.items[i]);
}

static bool bit_is_set(const uint64_t *bits, size_t at)
{
    return (bits[at / 64] >> (at % 64) & 1) != 0;
}

static void bit_set(uint64_t *bits, size_t at)
{
    bits[at / 64] |= UINT64_C(1) << (at % 64);
}

/* Which documents each refers to: directly from the links of its schemas, then closed. */
static void find_reach(struct compiling *c)
{
    struct schema_set *set = c->set;
    size_t words = (set->documents_len + 63) / 64;
    for (size_t i = 0; i < set->documents_len; i++) {
        set->documents[i]->reaches = compile_alloc(c, words * sizeof(uint64_t));
        if (c->failed)
            return;
        bit_set(set->documents[i]->reaches, i);
    }
    for (size_t i = 0; i < c->queue.len; i++) {
        const struct schema *schema = c->queue.items[i];
        uint64_t *reaches = schema->resource->document->reaches;
        for (size_t j = 0; j < schema->links_len; j++)
            bit_set(reaches, schema->links[j]->resource->document->number);
    }
    for (size_t via = 0; via < set->documents_len; via++)
        for (size_t i = 0; i < set->documents_len; i++)
            for (size_t w = 0; bit_is_set(set->documents[i]->reaches, via) && w < words; w++)
                set->documents[i]->reaches[w] |= set->documents[via]->reaches[w];
}

static bool is_usable(const struct schema_set *set, const struct document *document)
{
    for (size_t i = 0; i < set->documents_len; i++)
        if (set->documents[i]->is_broken && bit_is_set(document->reaches, i))
            return false;
    return document->resource != NULL;
}

static void compile_all(struct compiling *c)
{
    static const struct dialect *const defaults[] = {&dialect_2020_12, &dialect_07};
    size_t given = c->set->documents_len;
    for (size_t i = 0; i < given; i++)
        load_document(c, c->set->documents[i], defaults[c->set->draft]);
    for (size_t i = 0; i < given && !c->failed; i++)
        if (c->set->documents[i]->resource != NULL)
            load_root(c, c->set->documents[i]);
    compile_queue(c);
    judge_schemas(c);
    cycle_check(c);
    find_reach(c);
    for (size_t i = 0; i < c->set->documents_len && !c->failed; i++)
        c->set->documents[i]->is_usable = is_usable(c->set, c->set->documents[i]);
}

int schema_set_compile(struct schema_set *set, struct findings *findings, struct error *err)
{
    struct compiling c = {.set = set, .findings = findings, .err = err};
    compile_all(&c);
    set->load = NULL;
    free(c.queue.items);
    free(c.strays.items);
    free(c.same.items);
    free(c.below.items);
    return c.failed ? -1 : 0;
}

/* --- asking --------------------------------------------------------------------------------------------- */

const struct schema *schema_set_find(const struct schema_set *set, const char *name)
{
    const struct document *document = find_document(set, span_of(name));
    return document == NULL || !document->is_usable ? NULL : document->resource->schema;
}

bool schema_reaches(const struct schema *schema, const char *name)
{
    const struct document *document = find_document(schema->set, span_of(name));
    return document != NULL && bit_is_set(schema->resource->document->reaches, document->number);
}

const struct doc_node *schema_source(const struct schema *schema)
{
    return schema->source;
}
