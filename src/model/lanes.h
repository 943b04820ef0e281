/*
 * lanes: SHA-256 of many texts at once, side by side in the lanes of vector registers.
 *
 * Thousands of services are as many names, lines and messages whose digests prove a snapshot; one after the other they are most of
 * what a restart and `epochctl show` cost. Digests are hash_sha256's, bit by bit. Where a key is involved (HMAC), and for a single
 * text, io/crypto.c is used.
 */
#ifndef MODEL_LANES_H
#define MODEL_LANES_H

#include "model/hash.h"
#include "util/span.h"

enum { LANES = 8 };

/* out[i] is the digest of texts[i], for each of `len`. Equally long neighbours cost least. */
void lanes_sha256(const struct span *texts, size_t len, uint8_t (*out)[HASH_LEN]);

#endif
