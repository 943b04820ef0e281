/*
 * json: canonical JSON out (RFC 8785, JCS), strict JSON in (RFC 8259 with I-JSON's limits, RFC 7493).
 */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include "model/doc.h"
#include "model/json_text.h"
#include "util/buf.h"

/* --- writing ------------------------------------------------------------------------------------------------- */

/* Appends the canonical form of a tree: node->size bytes. Recursion is bounded by DOC_DEPTH_MAX. */
void json_write(const struct doc_node *node, struct buf *out);

/* True if `text` is byte for byte the canonical form of `node`. Needs no memory. */
bool json_is_canonical(const struct doc_node *node, struct span text);

/* --- reading ------------------------------------------------------------------------------------------------- */

struct json_options {
    const char *file; /* for places in errors; never NULL */
    struct doc_limits limits;
    bool allow_big_numbers; /* integers beyond ±(2^53-1) become the nearest double (for JSON Schema's own data) */
    bool allow_nul;         /* \u0000 in strings */
};

/*
 * Reads one JSON value and nothing behind it but white space. Refused, with file:line:column in err: anything RFC 8259
 * does not allow, duplicate names, lone surrogates, invalid UTF-8, a byte order mark, numbers that overflow, integers
 * beyond ±(2^53-1) and what would be written as one (doc_number_is_portable), NUL, and what exceeds the limits. Code
 * CODE_MESSAGE_FORM for form, duplicates too; the builder's codes for limits.
 * `doc` is a zeroed struct; on failure it is empty again.
 */
int json_read(struct span text, const struct json_options *options, struct doc *doc, struct error *err) MUST_CHECK;

#endif
