/*
 * hash: the foreign functions that the pure floor needs. Declared here, filled in by io/crypto.c.
 */
#ifndef MODEL_HASH_H
#define MODEL_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_LEN = 32, HASH_HEX_LEN = 64 };

/* SHA-256 (FIPS 180-4). `data` may be NULL if len is 0. */
void hash_sha256(const void *data, size_t len, uint8_t out[static HASH_LEN]);

/* The same in pieces. The state may be copied, to go on from there more than once. */
struct hash {
    _Alignas(max_align_t) unsigned char opaque[112];
};
void hash_init(struct hash *hash);
void hash_update(struct hash *hash, const void *data, size_t len);
void hash_final(struct hash *hash, uint8_t out[static HASH_LEN]);

#endif
