/*
 * keyset: only a pinned root's word counts, and only about keys that are not roots. Every refusal here is of
 * a keyset that was really signed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "verify/keyset.h"

enum { ROOT_SEED = 100, SECOND_ROOT_SEED = 101, STRANGER_SEED = 102 };

/* The roots of seeds 100 and 101. */
static struct root_keys pinned_roots(void)
{
    struct signing_key first = key_of_seed(ROOT_SEED), second = key_of_seed(SECOND_ROOT_SEED);
    return (struct root_keys){.keys = {public_half(&first), public_half(&second)}, .len = 2};
}

static struct message_keyset keyset_of_seeds(const uint8_t *seeds, size_t len)
{
    struct message_keyset keyset = {0};
    for (size_t i = 0; i < len; i++) {
        struct signing_key key = key_of_seed(seeds[i]);
        keyset_insert(&keyset, &key);
    }
    return keyset;
}

static void sign(struct buf *body, uint8_t seed)
{
    struct error err;
    struct signing_key key = key_of_seed(seed);
    assert_int_equal(crypto_sign_object(&key, body, &err), 0);
}

/* The body of a keyset of generation 1 with these keys, whose `key_id` is the root's of seed 100. */
static void compose_keys(struct buf *out, const struct message_keyset *keys)
{
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct message_stamp stamp = stamp_of(root.id);
    message_compose_keyset(out, &stamp, keys);
}

static void compose_good(struct buf *out)
{
    static const uint8_t seeds[] = {2, 3};
    struct message_keyset keys = keyset_of_seeds(seeds, ARRAY_LEN(seeds));
    compose_keys(out, &keys);
}

static void assert_verdict(struct span raw, const char *code, const char *word)
{
    struct root_keys roots = pinned_roots();
    struct keyset out = {.generation = 77};
    struct error err;
    assert_int_equal(keyset_verify(raw, &roots, SOURCE, &out, &err), -1);
    assert_string_equal(err.code, code);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
    assert_int_equal(out.generation, 77);
}

static void assert_refused(const struct buf *raw, const char *word)
{
    assert_verdict(buf_span(raw), CODE_KEYSET_REFUSED, word);
}

static void keyset__accepts_what_a_root_signed(void **state)
{
    (void)state;
    static const uint8_t seeds[] = {2, 3};
    struct message_keyset expected = keyset_of_seeds(seeds, ARRAY_LEN(seeds));
    struct root_keys roots = pinned_roots();
    struct keyset keyset;
    struct error err;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    assert_true(spoil(&raw, "\"generation\":1", "\"generation\":9"));
    sign(&raw, ROOT_SEED);
    assert_int_equal(keyset_verify(buf_span(&raw), &roots, SOURCE, &keyset, &err), 0);
    assert_int_equal(keyset.generation, 9);
    assert_int_equal(keyset.keys.len, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(keyset.keys.keys[i].id, expected.keys[i].id);
        assert_memory_equal(keyset.keys.keys[i].public_key, expected.keys[i].public_key, PUBLIC_KEY_LEN);
    }
}

static void keyset__accepts_every_pinned_root(void **state)
{
    (void)state;
    static const uint8_t seeds[] = {2};
    struct signing_key second = key_of_seed(SECOND_ROOT_SEED);
    struct message_stamp stamp = stamp_of(second.id);
    struct message_keyset keys = keyset_of_seeds(seeds, 1);
    struct root_keys roots = pinned_roots();
    struct keyset keyset;
    struct error err;
    AUTO_BUF struct buf raw = {0};
    message_compose_keyset(&raw, &stamp, &keys);
    sign(&raw, SECOND_ROOT_SEED);
    assert_int_equal(keyset_verify(buf_span(&raw), &roots, SOURCE, &keyset, &err), 0);
}

static void keyset__takes_eight_keys_and_not_nine(void **state)
{
    (void)state;
    static const uint8_t seeds[] = {2, 3, 4, 5, 6, 7, 8, 9};
    struct message_keyset keys = keyset_of_seeds(seeds, ARRAY_LEN(seeds));
    struct root_keys roots = pinned_roots();
    struct keyset keyset;
    struct error err;
    AUTO_BUF struct buf most = {0}, over = {0}, ninth = {0};
    compose_keys(&most, &keys);
    buf_append_span(&over, buf_span(&most));
    sign(&most, ROOT_SEED);
    assert_int_equal(keyset_verify(buf_span(&most), &roots, SOURCE, &keyset, &err), 0);
    assert_int_equal(keyset.keys.len, KEYSET_MAX);

    buf_puts(&ninth, "},{\"id\":\"ffffffffffffffff\",\"public\":\"" DIGEST "\"}]");
    buf_putc(&ninth, '\0');
    assert_true(spoil(&over, "}]", ninth.data));
    sign(&over, ROOT_SEED);
    assert_refused(&over, "1 to 8");
}

static void keyset__refuses_no_keys(void **state)
{
    (void)state;
    struct message_keyset none = {0};
    AUTO_BUF struct buf raw = {0};
    compose_keys(&raw, &none);
    sign(&raw, ROOT_SEED);
    assert_refused(&raw, "1 to 8");
}

static void keyset__refuses_an_unsigned_one(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    assert_refused(&raw, "signature");
    assert_verdict((struct span){0}, CODE_KEYSET_REFUSED, "signature");
}

static void keyset__refuses_the_signature_of_a_signing_key(void **state)
{
    (void)state;
    struct signing_key signer = key_of_seed(2);
    struct message_stamp stamp = stamp_of(signer.id);
    AUTO_BUF struct buf named = {0}, disguised = {0};
    compose_good(&disguised);
    sign(&disguised, 2);
    assert_refused(&disguised, "signature");
    compose_sample(&named, MESSAGE_KEYSET, &stamp);
    sign(&named, 2);
    assert_refused(&named, "signature");
}

static void keyset__refuses_a_root_that_is_not_pinned(void **state)
{
    (void)state;
    struct signing_key stranger = key_of_seed(STRANGER_SEED);
    struct message_stamp stamp = stamp_of(stranger.id);
    AUTO_BUF struct buf raw = {0};
    compose_sample(&raw, MESSAGE_KEYSET, &stamp);
    sign(&raw, STRANGER_SEED);
    assert_refused(&raw, "signature");
}

static void keyset__refuses_everything_without_roots(void **state)
{
    (void)state;
    struct root_keys none = {0};
    struct keyset keyset;
    struct error err;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    sign(&raw, ROOT_SEED);
    assert_int_equal(keyset_verify(buf_span(&raw), &none, SOURCE, &keyset, &err), -1);
    assert_string_equal(err.code, CODE_KEYSET_REFUSED);
}

static void keyset__refuses_the_name_of_the_other_root(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw); /* names the first root */
    sign(&raw, SECOND_ROOT_SEED);
    assert_refused(&raw, "names key");
}

static void keyset__refuses_a_root_key_among_its_keys(void **state)
{
    (void)state;
    static const uint8_t roots[] = {ROOT_SEED, SECOND_ROOT_SEED};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        const uint8_t seeds[] = {2, roots[i]};
        struct message_keyset keys = keyset_of_seeds(seeds, 2);
        AUTO_BUF struct buf raw = {0};
        compose_keys(&raw, &keys);
        sign(&raw, ROOT_SEED);
        assert_refused(&raw, "root key");
    }
}

static void keyset__refuses_a_key_under_another_id(void **state)
{
    (void)state;
    static const uint8_t seeds[] = {2, 3};
    struct message_keyset keys = keyset_of_seeds(seeds, 2);
    uint8_t first[PUBLIC_KEY_LEN];
    AUTO_BUF struct buf raw = {0};
    memcpy(first, keys.keys[0].public_key, PUBLIC_KEY_LEN);
    memcpy(keys.keys[0].public_key, keys.keys[1].public_key, PUBLIC_KEY_LEN);
    memcpy(keys.keys[1].public_key, first, PUBLIC_KEY_LEN);
    compose_keys(&raw, &keys);
    sign(&raw, ROOT_SEED);
    assert_refused(&raw, "not the key of that id");
}

static void keyset__refuses_keys_twice_or_out_of_order(void **state)
{
    (void)state;
    static const uint8_t seeds[] = {2, 3};
    struct message_keyset keys = keyset_of_seeds(seeds, 2), twice = keys, turned = keys;
    AUTO_BUF struct buf first = {0}, second = {0};
    twice.keys[1] = twice.keys[0];
    compose_keys(&first, &twice);
    sign(&first, ROOT_SEED);
    assert_refused(&first, "sorted");
    turned.keys[0] = keys.keys[1];
    turned.keys[1] = keys.keys[0];
    compose_keys(&second, &turned);
    sign(&second, ROOT_SEED);
    assert_refused(&second, "sorted");
}

static void keyset__refuses_another_source(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    assert_true(spoil(&raw, "\"" SOURCE "\"", "\"staging\""));
    sign(&raw, ROOT_SEED);
    assert_verdict(buf_span(&raw), CODE_WRONG_SOURCE, "staging");
}

static void keyset__names_a_newer_format(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    assert_true(spoil(&raw, "\"format\":1", "\"format\":7"));
    sign(&raw, ROOT_SEED);
    assert_verdict(buf_span(&raw), CODE_FORMAT_NEWER, "format 7");
}

static void keyset__refuses_another_type_signed_by_the_root(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE};
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct message_stamp stamp = stamp_of(root.id);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        AUTO_BUF struct buf raw = {0};
        compose_sample(&raw, types[i], &stamp);
        sign(&raw, ROOT_SEED);
        assert_refused(&raw, "config.keyset");
    }
}

static void keyset__refuses_what_is_not_canonical(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    assert_true(spoil(&raw, "\"generation\":1", "\"generation\": 1"));
    sign(&raw, ROOT_SEED);
    assert_refused(&raw, "canonical");
}

static void keyset__refuses_each_flipped_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_good(&raw);
    sign(&raw, ROOT_SEED);
    for (size_t i = 0; i < raw.len; i++) {
        raw.data[i] = (char)(raw.data[i] ^ 1);
        assert_refused(&raw, "");
        raw.data[i] = (char)(raw.data[i] ^ 1);
    }
}

static void keyset__refuses_more_than_320_kib_unread(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    while (raw.len <= MESSAGE_MAX)
        buf_putc(&raw, 'x');
    assert_verdict(buf_span(&raw), CODE_MESSAGE_TOO_LARGE, "327680");
    raw.len = MESSAGE_MAX;
    assert_refused(&raw, "signature");
}

static int start_crypto(void **state)
{
    (void)state;
    struct error err;
    return crypto_init(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyset__accepts_what_a_root_signed),
        cmocka_unit_test(keyset__accepts_every_pinned_root),
        cmocka_unit_test(keyset__takes_eight_keys_and_not_nine),
        cmocka_unit_test(keyset__refuses_no_keys),
        cmocka_unit_test(keyset__refuses_an_unsigned_one),
        cmocka_unit_test(keyset__refuses_the_signature_of_a_signing_key),
        cmocka_unit_test(keyset__refuses_a_root_that_is_not_pinned),
        cmocka_unit_test(keyset__refuses_everything_without_roots),
        cmocka_unit_test(keyset__refuses_the_name_of_the_other_root),
        cmocka_unit_test(keyset__refuses_a_root_key_among_its_keys),
        cmocka_unit_test(keyset__refuses_a_key_under_another_id),
        cmocka_unit_test(keyset__refuses_keys_twice_or_out_of_order),
        cmocka_unit_test(keyset__refuses_another_source),
        cmocka_unit_test(keyset__names_a_newer_format),
        cmocka_unit_test(keyset__refuses_another_type_signed_by_the_root),
        cmocka_unit_test(keyset__refuses_what_is_not_canonical),
        cmocka_unit_test(keyset__refuses_each_flipped_byte),
        cmocka_unit_test(keyset__refuses_more_than_320_kib_unread),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
