/*
 * num: numbers to text and back, independent of locale.
 */
#ifndef UTIL_NUM_H
#define UTIL_NUM_H

#include <stdint.h>

#include "util/span.h"

#define NUM_INT_MAX INT64_C(9007199254740991) /* 2^53 - 1: the largest integer every JSON reader keeps exactly */

enum { NUM_TEXT_MAX = 32 };

/*
 * ECMAScript Number::toString, as RFC 8785 §3.2.2.3 wants it: -0 gives "0". Returns the length; `out` is terminated.
 * JSON has no infinity and no NaN: they give "null", which a caller should have refused before.
 */
size_t num_format_double(double value, char out[static NUM_TEXT_MAX]);

/* The shortest decimal form of an integer. Returns the length; `out` is terminated. */
size_t num_format_int(int64_t value, char out[static NUM_TEXT_MAX]);

/* JSON number syntax (RFC 8259 §6) to the nearest double, of any length. False if it is not one; may give an
   infinity. */
bool num_parse_double(struct span text, double *out);

/* Decimal digits only, no sign, no leading zero but "0" itself; false on overflow or anything else. */
bool num_parse_u64(struct span text, uint64_t *out);

#endif
