/*
 * utf8: well-formed UTF-8 (RFC 3629) and nothing else: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

/* The length of the sequence `text` begins with, 1 to 4; 0 if that is malformed or cut off. */
size_t utf8_sequence(const char *text, size_t len);

bool utf8_is_valid(struct span text);

/* The code point of a sequence of that length, which utf8_sequence gave. */
uint32_t utf8_decode(const char *text, size_t len);

/*
 * What a terminal or a pager obeys and does not show: control characters, and those that reorder what stands around
 * them (bidi marks, embeddings and isolates), end a line or mark a byte order.
 */
bool utf8_is_obeyed(uint32_t code_point);

/* UTF-8, and nothing in it is obeyed: it may be printed as it is, and is one line. */
bool utf8_is_shown(struct span text);

/* Writes one code point, which is no surrogate and at most U+10FFFF. Returns the length. */
size_t utf8_encode(uint32_t code_point, char out[static 4]);

/*
 * Bytes made fit for a message or a terminal: control characters and bytes that are not UTF-8 become \xNN, what else
 * a terminal obeys \uNNNN, and what does not fit ends in an ellipsis. `out` is terminated; four bytes of room for each
 * of `text` and one more are always enough. `size` is at least 4. Returns the length.
 */
size_t utf8_printable(struct span text, char *out, size_t size);

/* Bytes made UTF-8, for programs: what is malformed becomes U+FFFD, everything else stays. As utf8_printable. */
size_t utf8_repair(struct span text, char *out, size_t size);

#endif
