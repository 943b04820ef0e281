/*
 * count: keywords that say how many: of characters, items, members.
 */
#ifndef SCHEMA_COUNT_H
#define SCHEMA_COUNT_H

#include "schema/keywords.h"

/* What a keyword says as a count; false: it is none. 2.0 is 2; more than any document has is as good as
   UINT64_MAX. */
bool count_of(const struct doc_node *at, uint64_t *out);

bool compile_count(const struct doc_node *at, keyword_check *check, unsigned kinds, struct keyword *out);

#endif
