/*
 * compile: from documents to keywords. Shared by load.c (which places hold schemas, and their names),
 * resolve.c (where references lead), compile.c (keywords) and the files of keywords.
 *
 * A failure is sticky: what needs memory and gets none sets `failed` and fills in `err`; whoever is asked
 * afterwards does nothing.
 */
#ifndef SCHEMA_COMPILE_H
#define SCHEMA_COMPILE_H

#include "model/codes.h"
#include "schema/compiled.h"

struct schema_list {
    struct schema **items;
    size_t len, cap;
};

struct compiling {
    struct schema_set *set;
    struct findings *findings;
    struct error *err;
    bool failed;
    struct schema_list queue;  /* all schemas, in the order they were met; compiled up to `next` */
    size_t next;
    struct schema_list strays; /* those in places that no keyword names: a reference led there */
    struct schema *schema;     /* being compiled */
    struct schema_list same, below; /* what it refers to */
};

/* --- for keywords --------------------------------------------------------------------------------------- */

void *compile_alloc(struct compiling *c, size_t size); /* zeroed, as long as the set; NULL: failed */

/* The schema at a node that a keyword holds, speaking about the same value or about one below. NULL: it is
   none (the metaschema says so), or failed. */
struct schema *compile_same(struct compiling *c, const struct doc_node *node);
struct schema *compile_below(struct compiling *c, const struct doc_node *node);

/* The pattern of a text; NULL: it is none (said so), or failed. `at` is where it stands. */
const struct pattern *compile_pattern(struct compiling *c, struct span text, const struct doc_node *at,
                                      struct doc_pos pos);

/* Says what is wrong with a schema; its document is of no use any more. */
void compile_complain(struct compiling *c, struct document *document, const char *file, struct doc_pos pos,
                      const char *code, const char *format, ...) PRINTF_LIKE(6, 7);

/* --- load.c --------------------------------------------------------------------------------------------- */

/* What names of documents are resolved against, so that they are URIs to each other. */
#define SET_BASE "repo:///"

/* Registers the document's root under its name and $id; and then, all being registered, finds its schemas. */
void load_document(struct compiling *c, struct document *document, const struct dialect *fallback);
void load_root(struct compiling *c, struct document *document);

/* The schema at `node` inside `resource`, and all below it that keywords hold; NULL: no schema, or failed. */
struct schema *load_schema(struct compiling *c, const struct doc_node *node, struct resource *resource);

/* The one that load_schema made, NULL if none. */
struct schema *load_find(const struct schema_set *set, const struct doc_node *node, const struct resource *resource);

/* The resource of a URI without fragment: of the set, built in, or the loader's. NULL: none, or failed. */
struct resource *load_resource(struct compiling *c, struct span uri, const struct dialect *fallback);

struct schema *load_anchor(const struct schema_set *set, const struct resource *resource, struct span name);

/* --- resolve.c ------------------------------------------------------------------------------------------ */

/* Where the reference `at`, a string, of the schema being compiled leads to. *anchor is the name it ends in
   (data NULL: a pointer or nothing). NULL: nowhere (said so), or failed. */
struct schema *resolve_reference(struct compiling *c, const struct doc_node *at, struct span *anchor);

/* --- cycle.c, set.c ------------------------------------------------------------------------------------- */

/* Complains about schemas that refer to themselves about the same value. */
void cycle_check(struct compiling *c);

int set_add_document(struct schema_set *set, struct span name, struct doc *doc, bool is_builtin,
                     struct document **out, struct error *err) MUST_CHECK;

/* Compiles what is in the queue, until it is empty. */
void compile_queue(struct compiling *c);

void list_push(struct compiling *c, struct schema_list *list, struct schema *schema);

#endif
