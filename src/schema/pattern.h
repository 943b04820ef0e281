/*
 * pattern: regular expressions of ECMA-262, as `pattern` and `patternProperties` want them. Declared here, filled in by
 * io/regex.c: the pure floor names no foreign library.
 */
#ifndef SCHEMA_PATTERN_H
#define SCHEMA_PATTERN_H

#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

enum { PATTERN_LIMIT_MAX = 100000 }; /* backtracks of one match: about 3 ms */

struct pattern;

/* CODE_SCHEMA_REGEX with a clause that says what is wrong, or ERR_MEMORY. */
int pattern_compile(struct span text, struct pattern **out, struct error *err) MUST_CHECK;
void pattern_free(struct pattern *pattern); /* NULL-safe */

/* Whether it matches somewhere in `text` (UTF-8): 1 or 0; -1 when it took more than `limit` backtracks (or memory).
   Any number of threads at once. */
int pattern_match(const struct pattern *pattern, struct span text, uint32_t limit);

#endif
