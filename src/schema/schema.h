/*
 * schema: JSON Schema, draft 2020-12 and draft-07, over our documents. Findings stand at the line and column
 * of what is wrong. Nothing is ever fetched: a schema refers to documents of its own set, to what the owner
 * of the set hands in when asked, and to the metaschemas, which are built in.
 *
 *   schema_set_new(&set, err); schema_set_add(set, "schemas/audio.yaml", &doc, err); …
 *   schema_set_compile(set, &findings, err);
 *   schema = schema_set_find(set, "schemas/audio.yaml");
 *   schema_validate(schema, service.root, NULL, &findings, err);
 *
 * A set is compiled once and never changes afterwards. Everything that takes a const schema may run in
 * several threads at once. Nodes that are given out belong to the set, or to the document that was judged.
 *
 * Bounded (docs/SCHEMAS.md has the figures): judging one document takes at most SCHEMA_STEPS_MAX steps, and
 * then ends with CODE_SCHEMA_TOO_EXPENSIVE.
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "model/finding.h"
#include "model/pointer.h"

struct schema_set;
struct schema; /* a place of a schema document: its root, or a schema inside it */

enum {
    SCHEMA_STEPS_MAX = 4000000, /* of judging one document: a schema met, a choice compared, an item sorted */
    SCHEMA_DEPTH_MAX = 1500,    /* schemas inside each other while judging */
    SCHEMA_REFERS_MAX = 128,    /* schemas that refer to each other about one value */
    SCHEMA_PATTERNS_MAX = 4000, /* different patterns of one set */
    SCHEMA_NAME_MAX = 4096,     /* bytes of a URI */
    SCHEMA_PLACE_MAX = 32,      /* schemas that speak about one place */
};

/* --- a set of documents --------------------------------------------------------------------------------- */

int schema_set_new(struct schema_set **out, struct error *err) MUST_CHECK;
struct schema_set *schema_set_ref(struct schema_set *set);
void schema_set_unref(struct schema_set *set); /* NULL-safe; the last one frees it */
void schema_set_cleanup(struct schema_set **set);
#define AUTO_SCHEMA_SET CLEANUP(schema_set_cleanup)

/*
 * Adds a document and takes it: *doc is empty afterwards, on failure too. `name` is a path of the repository
 * ("schemas/audio.yaml": others refer to it as audio.yaml, ../x.json from a folder) or an absolute URI. A
 * later document of the same name replaces nothing: it is refused (CODE_SCHEMA_ID).
 */
int schema_set_add(struct schema_set *set, const char *name, struct doc *doc, struct error *err) MUST_CHECK;

enum schema_draft { SCHEMA_DRAFT_2020_12, SCHEMA_DRAFT_07 };

/* What documents without $schema are taken for; SCHEMA_DRAFT_2020_12 if nothing is said. */
void schema_set_default(struct schema_set *set, enum schema_draft draft);

/*
 * Who is asked for a document that the set refers to and does not have. Fills in the zeroed *doc and says
 * true, or leaves it and says false (not there); -1 where it could not be read. Without one, nobody is asked.
 */
typedef int schema_loader(void *context, const char *uri, struct doc *doc, bool *found, struct error *err);
void schema_set_loader(struct schema_set *set, schema_loader *load, void *context);

/*
 * Once, after everything was added. What is wrong with the schemas themselves becomes findings in their own
 * files: what their metaschema refuses (CODE_SCHEMA_INVALID), references that lead nowhere, patterns, names
 * given twice, schemas that refer to themselves about the same value. -1 for want of memory, or what the
 * loader said.
 */
int schema_set_compile(struct schema_set *set, struct findings *findings, struct error *err) MUST_CHECK;

/* The root of a document by the name it was added under; NULL if there is none, or if it or a document that
   it refers to had findings. Lives as long as the set. */
const struct schema *schema_set_find(const struct schema_set *set, const char *name);

/* Whether a change of the document `name` may change what `schema` says: itself, or what it refers to, at any
   depth. */
bool schema_reaches(const struct schema *schema, const char *name);

/* --- judging -------------------------------------------------------------------------------------------- */

struct schema_options {
    bool formats_are_notes; /* `format` asserts nothing, as 2020-12 has it by default; ours asserts */
    uint32_t steps;         /* 0: SCHEMA_STEPS_MAX */
    const char *code;       /* for every finding instead of schema.<keyword>; NULL: their own. Static */
    uint64_t *taken;        /* what was taken, of schemas and of patterns, is added here; NULL: nobody counts */
};

/*
 * Adds what is wrong, one finding a mistake, with code "schema.<keyword>", at the value, at the key that should not be
 * there, or at the object that misses one (file and line of the node). Values of a place that is x-secret are never
 * shown. A sealed value (model/sealed.h) is right wherever a value may stand. `options` may be NULL.
 * -1 only for want of memory.
 */
int schema_validate(const struct schema *schema, const struct doc_node *value, const struct schema_options *options,
                    struct findings *findings, struct error *err) MUST_CHECK;

enum schema_verdict { SCHEMA_VALID, SCHEMA_INVALID, SCHEMA_TOO_EXPENSIVE, SCHEMA_NO_MEMORY };

/* The verdict alone, at the first mistake: fast, and without memory but for large arrays and unevaluated*. */
enum schema_verdict schema_judge(const struct schema *schema, const struct doc_node *value,
                                 const struct schema_options *options);

/* --- defaults ------------------------------------------------------------------------------------------- */

/*
 * *out is `value` with the absent members filled in that have a `default`: from `properties`, own keyword,
 * then through $ref, then allOf in order, first wins; in the objects that are there and in those made by
 * their own default; never through anyOf, oneOf, if, patternProperties or items. What `removed` (a merge
 * patch, may be NULL) holds as null is not filled in. New nodes are in `arena` and keep the place of the
 * object; unchanged ones are shared; filled in ones are the schema's own, with its file and line, so the set
 * must live as long. Nothing to fill in: *out is `value` itself.
 */
int schema_defaults(const struct schema *schema, const struct doc_node *value, const struct doc_node *removed,
                    struct arena *arena, const struct doc_node **out, struct error *err) MUST_CHECK;

/* --- what a schema says of a place ---------------------------------------------------------------------- */

/* The schemas that speak about one place, the most direct first: own, through $ref, allOf, then branches
   (anyOf, oneOf, if, then, else). */
struct schema_place {
    const struct schema *schemas[SCHEMA_PLACE_MAX];
    size_t len;
};

/* Of the place a pointer leads to (properties, patternProperties, additionalProperties, items). False:
   nothing speaks about it. It needs no value to be there. */
bool schema_at(const struct schema *schema, const struct pointer *pointer, struct schema_place *out);

/* The value of a keyword (title, description, default, examples, enum, type, minimum, x-env, …) at a place:
   the first that there is, NULL if none. */
const struct doc_node *schema_note(const struct schema_place *place, const char *keyword);

/* Whether any of them has `keyword: true`: x-secret, x-restart, deprecated. For x-secret ask
   schema_is_secret. */
bool schema_says(const struct schema_place *place, const char *keyword);

/* x-secret at the place itself or anywhere above it, in any branch. */
bool schema_is_secret(const struct schema *schema, const struct pointer *pointer);

/* The same, or anything within `value`, which stands there, is: ask this before a value that may be a mapping or a list
   is shown. */
bool schema_hides(const struct schema *schema, const struct pointer *pointer, const struct doc_node *value);

/* The names that `properties` of a place knows, each once: for completion. */
typedef void schema_name_fn(void *context, struct span name, const struct schema *property);
void schema_each_name(const struct schema_place *place, schema_name_fn *each, void *context);

/* Every place with x-env, by a walk through `properties`, $ref, allOf and branches; `pointer` is a JSON
   Pointer, `name` the variable. Recursive schemas are walked 16 deep. A non-zero answer ends the walk and is
   given back. */
typedef int schema_env_fn(void *context, const char *pointer, const char *name, const struct schema *schema);
int schema_each_env(const struct schema *schema, schema_env_fn *each, void *context);

/* The schema as it was written: a boolean or an object, with its file and line. */
const struct doc_node *schema_source(const struct schema *schema);

#endif
