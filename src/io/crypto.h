/*
 * crypto: libsodium, which only crypto.c names. Ed25519 (RFC 8032), SHA-256, HMAC-SHA256 (RFC 2104).
 * Thread-safe after crypto_init. Fills in model/hash.h.
 */
#ifndef IO_CRYPTO_H
#define IO_CRYPTO_H

#include "model/hash.h"
#include "model/message.h"
#include "util/buf.h"

enum { SEED_LEN = 32, SIGNATURE_LEN = 64, MAC_KEY_LEN = 32, MAC_LEN = 32, UUID_LEN = 36 };

/* Once, before anything else here. */
int crypto_init(struct error *err) MUST_CHECK;

struct signing_key {
    uint8_t secret[64]; /* libsodium's form: seed and public key */
    uint8_t public_key[PUBLIC_KEY_LEN];
    char id[KEY_ID_LEN + 1];
};

struct mac_key {
    uint8_t bytes[MAC_KEY_LEN];
    char id[KEY_ID_LEN + 1];
};

/* First 16 hex digits of SHA-256 over the raw bytes. */
void crypto_key_id(const uint8_t raw[static 32], char out[static KEY_ID_LEN + 1]);

void crypto_signing_key_from_seed(const uint8_t seed[static SEED_LEN], struct signing_key *out);
void crypto_mac_key_from_bytes(const uint8_t bytes[static MAC_KEY_LEN], struct mac_key *out);
void crypto_random(void *out, size_t len);
void crypto_wipe(void *secret, size_t len);
/* For a buffer that holds a secret: wiped before it is freed. Reserve enough at the start, growing leaves copies. */
void crypto_wipe_buf(struct buf *buf);
#define AUTO_SECRET_BUF CLEANUP(crypto_wipe_buf)

/* Signs the JSON object in `object` and appends its `signature` tail. CODE_MESSAGE_FORM if it is no object with
   members. */
int crypto_sign_object(const struct signing_key *key, struct buf *object, struct error *err) MUST_CHECK;
/* True if `signature` is the key's over the object as it was signed: its tail cut, the `}` put back. */
bool crypto_verify_object(const uint8_t public_key[static PUBLIC_KEY_LEN], struct span object,
                          const uint8_t signature[static SIGNATURE_LEN]);

/* HMAC-SHA256 in pieces. */
struct mac {
    _Alignas(64) unsigned char opaque[512];
};
void crypto_mac_init(struct mac *mac, const struct mac_key *key);
void crypto_mac_update(struct mac *mac, struct span data);
void crypto_mac_final(struct mac *mac, uint8_t out[static MAC_LEN]);
/* Appends the `hmac` tail to the object. */
void crypto_mac_object(const struct mac_key *key, struct buf *object);
/* True if `mac` is the key's over body followed by `}`; constant time. */
bool crypto_mac_verify(const struct mac_key *key, struct span body, const uint8_t mac[static MAC_LEN]);

/* A random UUID (RFC 9562 version 4), lower case. */
void crypto_uuid(char out[static UUID_LEN + 1]);

/* Standard base64 with padding (RFC 4648 §4), strict. */
void crypto_base64_encode(const uint8_t *data, size_t len, struct buf *out);
/* Exactly `len` bytes; false, with `out` zeroed, for anything else. */
bool crypto_base64_decode(struct span text, uint8_t *out, size_t len);

#endif
