/*
 * lanes: SHA-256 of many texts at once, side by side in the lanes of vector registers.
 *
 * Thousands of services are as many names, lines and messages whose digests prove a snapshot; one after the other they
 * are most of what `epochctl show` costs, and much of a restart. Digests are hash_sha256's, bit by bit. What has a key
 * (HMAC), or is a single text, is left to io/crypto.c.
 */
#ifndef MODEL_LANES_H
#define MODEL_LANES_H

#include "model/hash.h"
#include "util/span.h"

enum { LANES = 8 };

/* out[i] is the digest of texts[i], for each of `len`. Equally long neighbours cost least. */
void lanes_sha256(const struct span *texts, size_t len, uint8_t (*out)[HASH_LEN]);

#endif
