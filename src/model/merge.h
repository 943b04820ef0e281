/*
 * merge: one document laid over another. Objects merge member by member, everything else replaces.
 *
 * Pure: what comes out shares every value that did not have to be made anew, and so each still knows the file and line it
 * was written at. A mapping that two layers have a part in is told the place of one: of the upper layer (a service's own
 * file is what people look at first), and under a patch that of the target, unless the patch took something away from
 * it: then what is missing was taken there. A member's key is of the same file as its value.
 *
 * Nothing here is bounded but by its inputs: merge_check counts the result against the limits of a service.
 */
#ifndef MODEL_MERGE_H
#define MODEL_MERGE_H

#include "model/doc.h"

/* `upper` over `lower`: null is a value like any other. Both live as long as *out is used; *out may be one of them. */
int merge_layers(struct arena *arena, const struct doc_node *lower, const struct doc_node *upper, const struct doc_node **out,
                 struct error *err) MUST_CHECK;

/* A JSON Merge Patch (RFC 7386): null takes the member away. */
int merge_patch(struct arena *arena, const struct doc_node *target, const struct doc_node *patch, const struct doc_node **out,
                struct error *err) MUST_CHECK;

/* CODE_LIMIT_DEPTH, CODE_LIMIT_NODES, CODE_LIMIT_CONFIG, at the place of the document. */
int merge_check(const struct doc_node *node, const struct doc_limits *limits, struct error *err) MUST_CHECK;

#endif
