/*
 * infer: a first schema out of values that exist, for people to go on with.
 *
 * It says what can be seen: the types, the keys and which of them are always there, what items of lists are like. It
 * says nothing that a few values cannot tell: no bounds, no choices, no patterns, and with one value alone nothing is
 * required. Unknown keys are refused, since that is what finds a misspelt one. No value is copied into it; a key whose
 * name says so, or that holds a sealed value, is x-secret.
 */
#ifndef SCHEMA_INFER_H
#define SCHEMA_INFER_H

#include "model/doc.h"
#include "util/buf.h"

/* Appends a YAML file that all of the values are valid under. */
int schema_infer(struct span title, const struct doc_node *const *values, size_t len, struct buf *out,
                 struct error *err) MUST_CHECK;

/* The same as one line of canonical JSON. */
int schema_infer_json(struct span title, const struct doc_node *const *values, size_t len, struct buf *out,
                      struct error *err) MUST_CHECK;

#endif
