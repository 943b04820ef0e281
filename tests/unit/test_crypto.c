/*
 * crypto against the published vectors: RFC 8032 §7.1, RFC 4231 §4, FIPS 180-4's examples, RFC 4648 §10.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "io/crypto.h"
#include "model/codes.h"
#include "model/tail.h"
#include "util/hex.h"

static void unhex(const char *hex, uint8_t *out, size_t len)
{
    assert_true(hex_decode(span_of(hex), out, len));
}

static int set_up(void **state)
{
    (void)state;
    struct error err;
    return crypto_init(&err);
}

/* --- SHA-256 -------------------------------------------------------------------------------------------- */

static void assert_sha256(const char *text, const char *hex)
{
    uint8_t expected[HASH_LEN], digest[HASH_LEN];
    unhex(hex, expected, sizeof expected);
    hash_sha256(text, strlen(text), digest);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void crypto__hashes_the_examples_of_fips_180_4(void **state)
{
    (void)state;
    assert_sha256("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_sha256("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void crypto__hashes_nothing_given_as_null(void **state)
{
    (void)state;
    uint8_t empty[HASH_LEN], null[HASH_LEN];
    hash_sha256("", 0, empty);
    hash_sha256(NULL, 0, null);
    assert_memory_equal(null, empty, sizeof null);
}

static void crypto__hashes_in_pieces_as_in_one(void **state)
{
    (void)state;
    /* A million times "a", the third example, in pieces that never match the block size. */
    uint8_t expected[HASH_LEN], digest[HASH_LEN];
    char piece[997];
    struct hash hash;
    memset(piece, 'a', sizeof piece);
    hash_init(&hash);
    for (size_t left = 1000000; left > 0;) {
        size_t len = left < sizeof piece ? left : sizeof piece;
        hash_update(&hash, piece, len);
        left -= len;
    }
    hash_update(&hash, NULL, 0);
    hash_final(&hash, digest);
    unhex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", expected, sizeof expected);
    assert_memory_equal(digest, expected, sizeof digest);
}

/* --- Ed25519 -------------------------------------------------------------------------------------------- */

/*
 * RFC 8032 §7.1: the keys of tests 1 to 3. Its messages are no JSON objects and our interface signs nothing
 * else, so the signatures are OpenSSL's, by the same keys, of {"a":1}: Ed25519 leaves a signer no choice.
 */
static const struct {
    const char *seed, *public_key, *id, *signature;
} rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "21fe31dfa154a261",
     "dc2a199ab86f27979a7e7eb3c4a890f1cf7f991531b716b03380c58a909ea23a"
     "7f6e4b347a6486178aa98908e417d6ae59e15e534610f2c60861c7bf79b4610f"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "39f713d0a644253f",
     "f4a7a589bcc1e242616bd1b00a619a752154c38e396bc1cb0f345fef983b0d37"
     "5215b7295dfe8af55b901249fab97c3a3389009e237d0e726610063e9875780c"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "dac073e0123bdea5",
     "380b0172ffc3d617f68827e8064b1f1f98db220626f7d2055b305cddc71ab1e1"
     "b348435b6f5608f844a20ae1c4b8aee1c225be1ad607368d0878460ee562de05"},
};

static void crypto__derives_the_public_keys_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc8032); i++) {
        uint8_t seed[SEED_LEN], expected[PUBLIC_KEY_LEN];
        struct signing_key key;
        unhex(rfc8032[i].seed, seed, sizeof seed);
        unhex(rfc8032[i].public_key, expected, sizeof expected);
        crypto_signing_key_from_seed(seed, &key);
        assert_memory_equal(key.public_key, expected, sizeof expected);
        assert_string_equal(key.id,
                            rfc8032[i].id); /* by hashlib: first 16 digits of SHA-256 of the public key */
    }
}

static struct signing_key key_of(const char *seed_hex)
{
    uint8_t seed[SEED_LEN];
    struct signing_key key;
    unhex(seed_hex, seed, sizeof seed);
    crypto_signing_key_from_seed(seed, &key);
    return key;
}

static void crypto__signs_an_object_as_it_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc8032); i++) {
        struct error err;
        AUTO_BUF struct buf object = {0}, expected = {0};
        struct signing_key key = key_of(rfc8032[i].seed);
        buf_puts(&object, "{\"a\":1}");
        assert_int_equal(crypto_sign_object(&key, &object, &err), 0);
        buf_printf(&expected, "{\"a\":1,\"signature\":\"%s\"}", rfc8032[i].signature);
        assert_true(span_equal(buf_span(&object), buf_span(&expected)));
    }
}

static void crypto__verifies_what_it_signed_and_nothing_else(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf object = {0};
    struct signing_key key = key_of(rfc8032[1].seed), other = key_of(rfc8032[2].seed);
    struct span body;
    uint8_t signature[SIGNATURE_LEN];
    buf_puts(&object, "{\"service\":\"router\",\"version\":42}");
    assert_int_equal(crypto_sign_object(&key, &object, &err), 0);
    assert_true(tail_cut(buf_span(&object), "signature", sizeof signature, &body, signature));
    object.data[body.len++] = '}'; /* what was signed stands in place of what vouches for it */
    assert_true(crypto_verify_object(key.public_key, body, signature));
    assert_false(crypto_verify_object(other.public_key, body, signature));
    assert_false(crypto_verify_object(key.public_key, (struct span){body.data, body.len - 1}, signature));

    for (size_t bit = 0; bit < 8 * body.len; bit++) {
        object.data[bit / 8] = (char)(object.data[bit / 8] ^ 1 << bit % 8);
        assert_false(crypto_verify_object(key.public_key, body, signature));
        object.data[bit / 8] = (char)(object.data[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1 << bit % 8);
        assert_false(crypto_verify_object(key.public_key, body, signature));
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(crypto_verify_object(key.public_key, body, signature));
}

/* The whole group order added to S gives another signature of the same message; RFC 8032 §5.1.7 refuses it.
 */
static void crypto__refuses_a_malleated_signature(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct error err;
    AUTO_BUF struct buf object = {0};
    struct signing_key key = key_of(rfc8032[0].seed);
    struct span body;
    uint8_t signature[SIGNATURE_LEN];
    buf_puts(&object, "{\"a\":1}");
    assert_int_equal(crypto_sign_object(&key, &object, &err), 0);
    assert_true(tail_cut(buf_span(&object), "signature", sizeof signature, &body, signature));
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof order; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    object.data[body.len++] = '}';
    assert_false(crypto_verify_object(key.public_key, body, signature));
}

/* With the neutral element as public key, (R = neutral, S = 0) would verify every message. */
static void crypto__refuses_small_order_public_keys(void **state)
{
    (void)state;
    uint8_t neutral[PUBLIC_KEY_LEN] = {1}, signature[SIGNATURE_LEN] = {1};
    assert_false(crypto_verify_object(neutral, SPAN("{\"a\":1}"), signature));
}

static void crypto__signs_objects_with_members_only(void **state)
{
    (void)state;
    static const char *const refused[] = {"",    "{",     "}",           "{}",        "[]",
                                          "[1]", "\"x\"", "{\"a\":1}\n", " {\"a\":1}"};
    struct signing_key key = key_of(rfc8032[0].seed);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct error err;
        AUTO_BUF struct buf object = {0};
        buf_puts(&object, refused[i]);
        assert_int_equal(crypto_sign_object(&key, &object, &err), -1);
        assert_string_equal(err.code, CODE_MESSAGE_FORM);
        assert_true(span_is(buf_span(&object), refused[i]));
    }
}

static void crypto__never_signs_a_body_that_ran_out_of_memory(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf object = {0};
    struct signing_key key = key_of(rfc8032[0].seed);
    struct mac_key mac_key = {0};
    buf_puts(&object, "{\"a\":1}");
    assert_null(buf_reserve(&object, SIZE_MAX / 2));
    assert_int_equal(crypto_sign_object(&key, &object, &err), -1);
    assert_string_equal(err.code, ERR_MEMORY);
    crypto_mac_object(&mac_key, &object);
    assert_int_equal(object.len, 7);
}

/* --- HMAC-SHA256 ---------------------------------------------------------------------------------------- */

/*
 * RFC 4231 §4.2, §4.3: keys shorter than ours. HMAC pads a key with zeros to the block, so a key of 20 or 4
 * bytes followed by zeros is the same key.
 */
static void assert_mac(const char *key_hex, size_t key_len, const char *data, const char *mac_hex)
{
    struct mac_key key = {0};
    struct mac mac;
    uint8_t expected[MAC_LEN], out[MAC_LEN];
    unhex(key_hex, key.bytes, key_len);
    unhex(mac_hex, expected, sizeof expected);
    crypto_mac_init(&mac, &key);
    crypto_mac_update(&mac, span_of(data));
    crypto_mac_final(&mac, out);
    assert_memory_equal(out, expected, sizeof out);

    crypto_mac_init(&mac, &key);
    for (size_t i = 0; i < strlen(data); i++)
        crypto_mac_update(&mac, (struct span){data + i, 1});
    crypto_mac_update(&mac, (struct span){0});
    crypto_mac_final(&mac, out);
    assert_memory_equal(out, expected, sizeof out);
}

static void crypto__authenticates_the_vectors_of_rfc_4231(void **state)
{
    (void)state;
    assert_mac("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", 20, "Hi There",
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_mac("4a656665", 4, "what do ya want for nothing?",
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char dd[51] = "", cd[51] = "";
    memset(dd, '\xdd', 50);
    memset(cd, '\xcd', 50);
    assert_mac("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 20, dd,
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    assert_mac("0102030405060708090a0b0c0d0e0f10111213141516171819", 25, cd,
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

static void crypto__appends_a_mac_that_verifies_and_nothing_else_does(void **state)
{
    (void)state;
    AUTO_BUF struct buf object = {0};
    struct mac_key key, other;
    struct span body;
    uint8_t mac[MAC_LEN];
    crypto_mac_key_from_bytes((const uint8_t *)"01234567890123456789012345678901", &key);
    crypto_mac_key_from_bytes((const uint8_t *)"01234567890123456789012345678902", &other);
    buf_puts(&object, "{\"seq\":1,\"kind\":\"baseline\"}");
    crypto_mac_object(&key, &object);
    assert_true(tail_cut(buf_span(&object), "hmac", sizeof mac, &body, mac));
    assert_true(span_is(body, "{\"seq\":1,\"kind\":\"baseline\""));
    assert_true(crypto_mac_verify(&key, body, mac));
    assert_false(crypto_mac_verify(&other, body, mac));
    assert_false(crypto_mac_verify(&key, (struct span){body.data, body.len - 1}, mac));
    for (size_t bit = 0; bit < 8 * sizeof mac; bit++) {
        mac[bit / 8] = (uint8_t)(mac[bit / 8] ^ 1 << bit % 8);
        assert_false(crypto_mac_verify(&key, body, mac));
        mac[bit / 8] = (uint8_t)(mac[bit / 8] ^ 1 << bit % 8);
    }
}

/* --- key ids, randomness, base64 ------------------------------------------------------------------------ */

static void crypto__names_a_key_by_the_hash_of_its_raw_bytes(void **state)
{
    (void)state;
    uint8_t raw[32];
    struct mac_key key;
    unhex(rfc8032[0].public_key, raw, sizeof raw);
    crypto_mac_key_from_bytes(raw, &key);
    assert_string_equal(key.id, rfc8032[0].id);
}

static void crypto__makes_version_4_uuids_in_lower_case(void **state)
{
    (void)state;
    char first[UUID_LEN + 1], uuid[UUID_LEN + 1];
    crypto_uuid(first);
    for (int i = 0; i < 100; i++) {
        crypto_uuid(uuid);
        assert_int_equal(strlen(uuid), UUID_LEN);
        for (size_t at = 0; at < UUID_LEN; at++)
            if (at == 8 || at == 13 || at == 18 || at == 23)
                assert_int_equal(uuid[at], '-');
            else
                assert_non_null(strchr("0123456789abcdef", uuid[at]));
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, first);
    }
}

static void crypto__wipes(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t bytes[32];
    crypto_random(bytes, sizeof bytes);
    assert_memory_not_equal(bytes, zeros, sizeof bytes); /* fails once in 2^256 */
    crypto_wipe(bytes, sizeof bytes);
    assert_memory_equal(bytes, zeros, sizeof bytes);
}

static const struct {
    const char *plain, *base64;
} rfc4648[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void crypto__speaks_the_base64_of_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
        AUTO_BUF struct buf out = {0};
        uint8_t back[8];
        size_t len = strlen(rfc4648[i].plain);
        crypto_base64_encode((const uint8_t *)rfc4648[i].plain, len, &out);
        assert_true(span_is(buf_span(&out), rfc4648[i].base64));
        assert_true(crypto_base64_decode(span_of(rfc4648[i].base64), back, len));
        assert_memory_equal(back, rfc4648[i].plain, len);
    }
}

static void crypto__refuses_any_other_spelling_of_base64(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "Zm8",                     /* no padding */
        "Zm8==",                   /* too much of it */
        "Zm9=",                    /* bits behind the last byte */
        "Zm8=\n",                  /* white space */
        " Zm8=",  "Z m8=", "Zm-=", /* the other alphabet */
        "Zm9v",                    /* a byte more */
        "Zg==",                    /* a byte less */
        "",       "====",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        uint8_t out[2] = {1, 1};
        assert_false(crypto_base64_decode(span_of(refused[i]), out, sizeof out));
        assert_int_equal(out[0] | out[1], 0);
    }
    uint8_t out[2];
    assert_false(crypto_base64_decode((struct span){"Zm8\0=", 5}, out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crypto__hashes_the_examples_of_fips_180_4),
        cmocka_unit_test(crypto__hashes_nothing_given_as_null),
        cmocka_unit_test(crypto__hashes_in_pieces_as_in_one),
        cmocka_unit_test(crypto__derives_the_public_keys_of_rfc_8032),
        cmocka_unit_test(crypto__signs_an_object_as_it_stands),
        cmocka_unit_test(crypto__verifies_what_it_signed_and_nothing_else),
        cmocka_unit_test(crypto__refuses_a_malleated_signature),
        cmocka_unit_test(crypto__refuses_small_order_public_keys),
        cmocka_unit_test(crypto__signs_objects_with_members_only),
        cmocka_unit_test(crypto__never_signs_a_body_that_ran_out_of_memory),
        cmocka_unit_test(crypto__authenticates_the_vectors_of_rfc_4231),
        cmocka_unit_test(crypto__appends_a_mac_that_verifies_and_nothing_else_does),
        cmocka_unit_test(crypto__names_a_key_by_the_hash_of_its_raw_bytes),
        cmocka_unit_test(crypto__makes_version_4_uuids_in_lower_case),
        cmocka_unit_test(crypto__wipes),
        cmocka_unit_test(crypto__speaks_the_base64_of_rfc_4648),
        cmocka_unit_test(crypto__refuses_any_other_spelling_of_base64),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
