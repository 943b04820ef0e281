/*
 * doc: an immutable tree of JSON values that remembers where each value and each key was written.
 *
 * YAML and JSON readers build it (doc_builder), everything after reads it. Nodes live in the arena of their struct
 * doc and may be shared: an alias of YAML is the same node in two places, so 1 MiB of bombs stays 1 MiB; each node
 * carries what it weighs when written out, so every limit is checked in O(1) while building.
 *
 * Members of an object are kept in canonical order (RFC 8785 §3.2.3: by UTF-16 code units of the name); their
 * positions tell the written order.
 */
#ifndef MODEL_DOC_H
#define MODEL_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/span.h"

/* 1-based; columns count characters, not bytes. {0, 0}: no place. */
struct doc_pos {
    uint32_t line, column;
};

enum doc_kind { DOC_NULL, DOC_BOOL, DOC_INT, DOC_DOUBLE, DOC_STRING, DOC_ARRAY, DOC_OBJECT };

struct doc_node;

struct doc_member {
    struct span name; /* UTF-8, a NUL behind it */
    struct doc_pos pos;
    const struct doc_node *value;
};

struct doc_node {
    enum doc_kind kind;
    uint32_t height; /* 1 for a scalar, else 1 + the highest child */
    uint32_t nodes;  /* itself and all below, shared ones counted every time */
    uint32_t size;   /* bytes of its canonical JSON */
    struct doc_pos pos;
    const char *file; /* where it was written: the file of the doc that built it */
    union {
        bool boolean;
        int64_t integer; /* within ±(2^53-1) */
        double number;   /* finite, and not an integer of that range: 1.0 is DOC_INT 1 */
        struct span string; /* UTF-8, a NUL behind it (NULs inside only where the reader allows them) */
        struct {
            const struct doc_node *const *items;
            size_t len;
        } array;
        struct {
            const struct doc_member *members;
            size_t len;
        } object;
    } u;
};

struct doc {
    struct arena arena;
    const struct doc_node *root;
};

#define AUTO_DOC CLEANUP(doc_fini)

/* A zeroed struct is an empty document. Frees every node. */
void doc_fini(struct doc *doc);

/* NULL if `node` is not an object or has no such member. O(log members). */
const struct doc_node *doc_get(const struct doc_node *node, const char *name);
const struct doc_member *doc_get_member(const struct doc_node *node, struct span name);

/* Same value: kinds, numbers, strings, members and order of arrays. Positions do not matter. */
bool doc_equal(const struct doc_node *a, const struct doc_node *b);

/* Typed reads of a member: true and *out only if it is there with that kind. Strings are borrowed from the doc. */
bool doc_get_string(const struct doc_node *node, const char *name, struct span *out);
bool doc_get_int(const struct doc_node *node, const char *name, int64_t *out);
bool doc_get_bool(const struct doc_node *node, const char *name, bool *out);

/* The order of member names: <0, 0, >0. Both UTF-8. */
int doc_name_compare(struct span a, struct span b);

/* "an object", "a string", …: for messages. */
const char *doc_kind_name(enum doc_kind kind);

/*
 * False for a double that canonical JSON spells as an integer beyond ±(2^53-1): 1e16 is written 10000000000000000,
 * which strict readers refuse. From 1e21 on the spelling has an exponent, and any double will do.
 */
bool doc_number_is_portable(double value);

/* --- building ------------------------------------------------------------------------------------------------ */

enum { DOC_DEPTH_MAX = 1024 }; /* whatever the limits say: everything that walks a tree may recurse */

/* 0 allows nothing; UINT32_MAX is as good as no limit (of depth: DOC_DEPTH_MAX). */
struct doc_limits {
    uint32_t depth; /* containers and scalar inside each other */
    uint32_t nodes; /* after aliases are expanded */
    uint32_t size;  /* canonical bytes of the whole */
};

/* The limits of a service file: 64, 100,000, 256 KiB. */
extern const struct doc_limits doc_limits_config;

/*
 * Builds one document from events in written order. Usage:
 *   doc_builder_init(&b, &doc.arena, "services/x.yaml", &doc_limits_config, err);
 *   doc_builder_begin_object(…); doc_builder_key(…); doc_builder_string(…); … doc_builder_end(…);
 *   doc.root = doc_builder_root(&b);
 * Every call returns 0 or -1 with a code: CODE_LIMIT_DEPTH, CODE_LIMIT_NODES, CODE_LIMIT_CONFIG, CODE_YAML_NUMBER
 * (not finite), ERR_MEMORY, each at the place given, and doc_builder_end CODE_YAML_DUPLICATE_KEY at the second of the
 * two, naming the first. After a failure only doc_builder_fini may be called. Events must balance: that is not checked.
 */
struct doc_builder {
    struct arena *arena;
    const char *file; /* a copy in the arena */
    struct doc_limits limits;
    struct doc_frame *frames; /* open containers, innermost last */
    size_t depth, frames_cap;
    struct doc_member *pending; /* the children of all open containers, in written order */
    size_t pending_len, pending_cap;
    const struct doc_node *root, *last;
    uint64_t nodes, size; /* so far, of the whole */
};

#define AUTO_DOC_BUILDER CLEANUP(doc_builder_fini)

int doc_builder_init(struct doc_builder *b, struct arena *arena, const char *file, const struct doc_limits *limits,
                     struct error *err) MUST_CHECK;
void doc_builder_fini(struct doc_builder *b); /* a zeroed builder too */

int doc_builder_null(struct doc_builder *b, struct doc_pos pos, struct error *err) MUST_CHECK;
int doc_builder_bool(struct doc_builder *b, struct doc_pos pos, bool value, struct error *err) MUST_CHECK;
/* Beyond ±(2^53-1) it becomes the nearest double. */
int doc_builder_int(struct doc_builder *b, struct doc_pos pos, int64_t value, struct error *err) MUST_CHECK;
/* One that is an integer within ±(2^53-1), -0 too, becomes DOC_INT. */
int doc_builder_double(struct doc_builder *b, struct doc_pos pos, double value, struct error *err) MUST_CHECK;
int doc_builder_string(struct doc_builder *b, struct doc_pos pos, struct span value, struct error *err) MUST_CHECK;
/* A node of the same arena once more: what an alias is. It keeps its own position; `pos` is for errors. O(1). */
int doc_builder_shared(struct doc_builder *b, struct doc_pos pos, const struct doc_node *node,
                       struct error *err) MUST_CHECK;
int doc_builder_begin_array(struct doc_builder *b, struct doc_pos pos, struct error *err) MUST_CHECK;
int doc_builder_begin_object(struct doc_builder *b, struct doc_pos pos, struct error *err) MUST_CHECK;
/* The name of the next value; only directly inside an object. */
int doc_builder_key(struct doc_builder *b, struct doc_pos pos, struct span name, struct error *err) MUST_CHECK;
/* Closes the innermost container; *out (may be NULL) is its node. */
int doc_builder_end(struct doc_builder *b, const struct doc_node **out, struct error *err) MUST_CHECK;
/* The node added last (a scalar or a closed container): what an anchor remembers. */
const struct doc_node *doc_builder_last(const struct doc_builder *b);
/* True directly inside an object where a key is due. */
bool doc_builder_wants_key(const struct doc_builder *b);
/* The finished value; NULL while a container is open or nothing was added. */
const struct doc_node *doc_builder_root(const struct doc_builder *b);

#endif
