/*
 * compiled: what schemas are made into. Built by set.c, load.c and compile.c, then only read.
 *
 *   document   a file, or a text that is built in
 *   resource   what one URI stands for: a document, or a part of one with an $id of its own
 *   schema     one place that holds a schema, with its keywords in the order in which they are checked
 *   keyword    a function and what it needs, found once
 */
#ifndef SCHEMA_COMPILED_H
#define SCHEMA_COMPILED_H

#include <stdatomic.h>

#include "schema/decimal.h"
#include "schema/dialect.h"
#include "schema/format.h"
#include "schema/index.h"
#include "schema/pattern.h"
#include "schema/schema.h"

struct keyword;
struct run;
struct place;

/* Bits of doc_kind: which values something is about. */
#define KIND(kind) (1u << (kind))
#define KIND_INTEGRAL (1u << 7) /* doubles without a fraction: integers beyond ±(2^53-1) */
#define KINDS_NUMBER (KIND(DOC_INT) | KIND(DOC_DOUBLE))
#define KINDS_ALL 0x7fu

struct document {
    struct span name; /* as it was added */
    struct doc doc;
    struct resource *resource;
    const struct dialect *fallback; /* without $schema */
    size_t number;                  /* in the set */
    bool is_builtin;
    bool is_broken; /* had findings */
    bool is_usable; /* neither it nor what it refers to had any */
    uint64_t *reaches;  /* bits by number: what it refers to, at any depth, and itself */
};

/* A name with a schema: a $dynamicAnchor. */
struct dynamic_anchor {
    struct dynamic_anchor *next;
    struct span name;
    struct schema *schema;
};

struct resource {
    struct span uri; /* absolute, no fragment */
    const struct doc_node *node;
    struct document *document;
    const struct dialect *dialect;
    struct schema *schema;
    struct dynamic_anchor *dynamics;
};

struct schema {
    const struct doc_node *source;
    struct resource *resource;
    struct schema_set *set;
    const struct keyword *keywords;
    struct schema **links; /* what it refers to; of them the first `about_same` speak about the same value */
    uint32_t keywords_len, links_len, about_same;
    uint8_t kinds;          /* that `type` allows; bits of doc_kind and KIND_INTEGRAL */
    uint8_t about;          /* kinds of values that some keyword is about */
    bool is_false;          /* the boolean schema */
    bool wants_evaluated;   /* has unevaluatedItems or unevaluatedProperties */
    uint8_t height_state;   /* for cycle.c */
    uint16_t height;
};

/* properties, patternProperties and additionalProperties, in one pass over the members. */
struct members {
    const struct doc_member *names; /* of `properties`: sorted */
    struct schema **schemas;
    size_t len;
    struct pattern_member {
        const struct pattern *pattern;
        const struct doc_member *source;
        struct schema *schema;
    } *patterns;
    size_t patterns_len;
    struct schema *additional; /* NULL: anything */
};

/* prefixItems and items; in draft-07 items and additionalItems. */
struct items {
    struct schema **first;
    size_t first_len;
    struct schema *rest; /* NULL: anything */
};

struct contains {
    struct schema *schema;
    uint64_t min, max;
    bool says_min, notes; /* minContains is written; what matches counts as evaluated */
};

struct condition {
    struct schema *test, *then, *otherwise; /* then and else may be NULL */
};

/* dependentRequired, dependentSchemas, dependencies: of one key. */
struct dependency {
    struct span name;
    struct schema *schema;       /* or NULL, and then: */
    const struct doc_node *names; /* an array of strings */
};

struct keyword {
    bool (*check)(struct run *run, const struct keyword *keyword, const struct place *place);
    const struct doc_node *at; /* what the schema says, as written */
    const char *code;
    uint8_t kinds; /* of the values it is about */
    uint8_t order; /* lower ones are checked first */
    union {
        struct schema *schema;
        struct {
            struct schema **schemas;
            size_t len;
        } list;
        const struct members *members;
        const struct items *items;
        const struct contains *contains;
        const struct condition *condition;
        struct {
            const struct dependency *items;
            size_t len;
        } dependencies;
        struct {
            const struct span *names; /* sorted */
            size_t len;
        } required;
        struct {
            const struct doc_node **values; /* sorted by order.h */
            size_t len;
        } values;
        struct {
            struct span name; /* of the anchor; data NULL: nothing is looked for */
            struct schema *initial;
        } dynamic;
        struct {
            struct schema *schema;
            const struct schema *holder; /* whose keyword it is */
        } unevaluated;
        struct {
            const struct pattern *pattern;
            const struct doc_node *words; /* what is said instead of it; NULL: it is shown */
        } text;
        const struct format *format;
        struct decimal step;
        uint64_t count;
    } u;
};

struct schema_set {
    atomic_uint refs;
    enum schema_draft draft; /* of documents without $schema */
    struct arena arena;
    struct document **documents;
    size_t documents_len, documents_cap;
    struct index names;    /* name → document */
    struct index uris;     /* URI → resource */
    struct index schemas;  /* node and enclosing resource → schema */
    struct index anchors;  /* resource and name → schema */
    struct index patterns; /* text → pattern */
    struct pattern **patterns_list;
    size_t patterns_len, patterns_cap;
    schema_loader *load;
    void *load_context;
};

/* The first keyword that `check` checks, NULL if there is none. */
const struct keyword *schema_keyword(const struct schema *schema,
                                     bool (*check)(struct run *, const struct keyword *, const struct place *));

#endif
