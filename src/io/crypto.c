/*
 * crypto: see crypto.h. Everything here is libsodium's; this file gives it our names and our shapes.
 *
 * It refuses to sign what is not a JSON object with members, and base64 that is not the one spelling of its
 * bytes. MACs are compared in constant time. libsodium itself refuses small-order and non-canonical public
 * keys and signatures.
 */
#include "io/crypto.h"

#include <sodium.h>

#include "model/codes.h"
#include "model/tail.h"
#include "util/hex.h"

_Static_assert(sizeof(crypto_auth_hmacsha256_state) <= sizeof(struct mac),
               "struct mac holds libsodium's state");
_Static_assert(_Alignof(crypto_auth_hmacsha256_state) <= _Alignof(struct mac),
               "struct mac is aligned for it");
_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct hash),
               "struct hash holds libsodium's state");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= _Alignof(struct hash), "struct hash is aligned for it");

_Static_assert((int)HASH_LEN == crypto_hash_sha256_BYTES, "a hash is SHA-256");
_Static_assert((int)MAC_LEN == crypto_auth_hmacsha256_BYTES, "a MAC is HMAC-SHA256");
_Static_assert((int)SEED_LEN == crypto_sign_SEEDBYTES, "a seed is Ed25519's");
_Static_assert((int)SIGNATURE_LEN == crypto_sign_BYTES, "a signature is Ed25519's");
_Static_assert((int)PUBLIC_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "a public key is Ed25519's");
_Static_assert(sizeof((struct signing_key){0}.secret) == crypto_sign_SECRETKEYBYTES, "a secret is Ed25519's");

int crypto_init(struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, ERR_SYSTEM, 0, "cannot initialise libsodium (no source of randomness?)");
    return 0;
}

/* --- keys ----------------------------------------------------------------------------------------------- */

void crypto_key_id(const uint8_t raw[static 32], char out[static KEY_ID_LEN + 1])
{
    uint8_t digest[HASH_LEN];
    hash_sha256(raw, 32, digest);
    hex_encode(digest, KEY_ID_LEN / 2, out);
}

void crypto_signing_key_from_seed(const uint8_t seed[static SEED_LEN], struct signing_key *out)
{
    crypto_sign_seed_keypair(out->public_key, out->secret, seed);
    crypto_key_id(out->public_key, out->id);
}

void crypto_mac_key_from_bytes(const uint8_t bytes[static MAC_KEY_LEN], struct mac_key *out)
{
    memcpy(out->bytes, bytes, MAC_KEY_LEN);
    crypto_key_id(out->bytes, out->id);
}

void crypto_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

void crypto_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

void crypto_wipe_buf(struct buf *buf)
{
    if (buf->data != NULL)
        crypto_wipe(buf->data, buf->cap);
    buf_fini(buf);
}

/* --- Ed25519 -------------------------------------------------------------------------------------------- */

int crypto_sign_object(const struct signing_key *key, struct buf *object, struct error *err)
{
    uint8_t signature[SIGNATURE_LEN];
    if (buf_check(object, err) != 0)
        return -1;
    size_t len = object->len;
    if (len <= 2 || object->data[0] != '{' || object->data[len - 1] != '}')
        return error_set(err, CODE_MESSAGE_FORM, 0, "what is to be signed is not an object with members");
    crypto_sign_detached(signature, NULL, (const unsigned char *)object->data, len, key->secret);
    tail_append(object, "signature", signature, sizeof signature);
    return buf_check(object, err);
}

bool crypto_verify_object(const uint8_t public_key[static PUBLIC_KEY_LEN], struct span object,
                          const uint8_t signature[static SIGNATURE_LEN])
{
    return crypto_sign_verify_detached(signature, (const unsigned char *)object.data, object.len,
                                       public_key) == 0;
}

/* --- HMAC-SHA256 ---------------------------------------------------------------------------------------- */

static crypto_auth_hmacsha256_state *mac_state(struct mac *mac)
{
    return (void *)mac->opaque;
}

void crypto_mac_init(struct mac *mac, const struct mac_key *key)
{
    crypto_auth_hmacsha256_init(mac_state(mac), key->bytes, sizeof key->bytes);
}

void crypto_mac_update(struct mac *mac, struct span data)
{
    crypto_auth_hmacsha256_update(mac_state(mac), (const unsigned char *)data.data, data.len);
}

void crypto_mac_final(struct mac *mac, uint8_t out[static MAC_LEN])
{
    crypto_auth_hmacsha256_final(mac_state(mac), out); /* wipes its state, which knows the key */
}

static void mac_of(const struct mac_key *key, struct span a, struct span b, uint8_t out[static MAC_LEN])
{
    struct mac mac;
    crypto_mac_init(&mac, key);
    crypto_mac_update(&mac, a);
    crypto_mac_update(&mac, b);
    crypto_mac_final(&mac, out);
}

void crypto_mac_object(const struct mac_key *key, struct buf *object)
{
    uint8_t mac[MAC_LEN];
    if (object->failed)
        return;
    mac_of(key, buf_span(object), (struct span){0}, mac);
    tail_append(object, "hmac", mac, sizeof mac);
}

bool crypto_mac_verify(const struct mac_key *key, struct span body, const uint8_t mac[static MAC_LEN])
{
    uint8_t expected[MAC_LEN];
    mac_of(key, body, SPAN("}"), expected);
    bool is_right = sodium_memcmp(expected, mac, MAC_LEN) == 0;
    crypto_wipe(expected, sizeof expected);
    return is_right;
}

/* --- identifiers and base64 ----------------------------------------------------------------------------- */

void crypto_uuid(char out[static UUID_LEN + 1])
{
    uint8_t bytes[16];
    char hex[2 * sizeof bytes + 1];
    crypto_random(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant 10 */
    hex_encode(bytes, sizeof bytes, hex);
    snprintf(out, UUID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void crypto_base64_encode(const uint8_t *data, size_t len, struct buf *out)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL); /* counts its NUL */
    char *to = buf_reserve(out, size);
    if (to == NULL)
        return;
    sodium_bin2base64(to, size, data, len, sodium_base64_VARIANT_ORIGINAL);
    out->len += size - 1;
}

bool crypto_base64_decode(struct span text, uint8_t *out, size_t len)
{
    size_t decoded;
    if (sodium_base642bin(out, len, text.data, text.len, NULL, &decoded, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        decoded == len)
        return true;
    crypto_wipe(out, len);
    return false;
}

/* --- SHA-256 -------------------------------------------------------------------------------------------- */

void hash_sha256(const void *data, size_t len, uint8_t out[static HASH_LEN])
{
    crypto_hash_sha256(out, data, len);
}

static crypto_hash_sha256_state *hash_state(struct hash *hash)
{
    return (void *)hash->opaque;
}

void hash_init(struct hash *hash)
{
    crypto_hash_sha256_init(hash_state(hash));
}

void hash_update(struct hash *hash, const void *data, size_t len)
{
    crypto_hash_sha256_update(hash_state(hash), data, len);
}

void hash_final(struct hash *hash, uint8_t out[static HASH_LEN])
{
    crypto_hash_sha256_final(hash_state(hash), out);
}
