/*
 * hex: lower-case hexadecimal, the only spelling the formats accept.
 */
#ifndef UTIL_HEX_H
#define UTIL_HEX_H

#include <stdint.h>

#include "util/span.h"

/* Writes 2 × len digits and a NUL. */
void hex_encode(const uint8_t *data, size_t len, char *out);

/* Reads exactly 2 × len lower-case digits; false (out untouched) for anything else. */
bool hex_decode(struct span text, uint8_t *out, size_t len);

#endif
