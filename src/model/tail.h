/*
 * tail: a JSON object with one member added at its very end, which vouches for everything before it:
 *
 *   {"a":1,…,"signature":"<128 hex>"}      messages        (144 bytes of tail)
 *   {"seq":1,…,"hmac":"<64 hex>"}          journal lines and snapshots (75 bytes of tail)
 *
 * What is signed is the object without that member: cut the tail, put `}` back.
 */
#ifndef MODEL_TAIL_H
#define MODEL_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

enum { TAIL_SIGNATURE_LEN = 144, TAIL_HMAC_LEN = 75 };

/* Replaces the closing `}` of the non-empty object in `object` by `,"<name>":"<hex of value>"}`. */
void tail_append(struct buf *object, const char *name, const uint8_t *value, size_t value_len);

/*
 * Takes an object apart: *body is everything before the tail, without the `}` to put back (borrowed), `value` the decoded
 * hex. False if the bytes do not end in exactly that tail.
 */
bool tail_cut(struct span object, const char *name, size_t value_len, struct span *body, uint8_t *value);

/* The same, and what is signed is appended to `out`, closed again: buf_check tells whether there was memory for it. */
bool tail_open(struct span object, const char *name, size_t value_len, struct buf *out, uint8_t *value);

#endif
