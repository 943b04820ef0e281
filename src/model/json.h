/*
 * json: canonical JSON out (RFC 8785, JCS), strict JSON in (RFC 8259 with I-JSON's limits, RFC 7493).
 */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include "model/doc.h"
#include "util/buf.h"

/* --- writing ------------------------------------------------------------------------------------------------- */

/* The canonical form of a tree. Recursion is bounded by the limits the tree was built under. */
void json_write(const struct doc_node *node, struct buf *out);

/* Pieces, for composing bodies whose members are already in canonical order. Strings are UTF-8. */
void json_put_string(struct buf *out, struct span value); /* with quotes, RFC 8785 §3.2.2.2 */
void json_put_text(struct buf *out, const char *value);   /* the same for a terminated string; NULL writes null */
void json_put_int(struct buf *out, int64_t value);

/* Bytes json_put_string would write. */
size_t json_string_size(struct span value);

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
 * beyond ±(2^53-1), NUL, and what exceeds the limits. Code CODE_MESSAGE_FORM for form, the builder's codes for limits.
 * `doc` is a zeroed struct; on failure it is empty again.
 */
int json_read(struct span text, const struct json_options *options, struct doc *doc, struct error *err) MUST_CHECK;

/* True if `text` is byte for byte the canonical form of `node`. Needs as much memory as the text is long. */
bool json_is_canonical(const struct doc_node *node, struct span text);

#endif
