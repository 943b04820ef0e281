/*
 * message_verify: the order of the checks, and each refusal. What should fail late was really signed; so
 * nothing here is refused for a lesser reason than the one asked for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "model/tail.h"
#include "verify/message.h"

enum { FIRST_SEED = 2, SECOND_SEED = 3, STRANGER_SEED = 4, GENERATION = 1 };

static const struct expectation expect_update = {.type = MESSAGE_UPDATE,
                                                 .source = SOURCE,
                                                 .service = "stt-worker"};

/* Generation 1, the keys of seeds 2 and 3. */
static struct keyset two_keys(void)
{
    struct keyset keyset = {.generation = GENERATION};
    struct signing_key first = key_of_seed(FIRST_SEED), second = key_of_seed(SECOND_SEED);
    keyset_insert(&keyset.keys, &first);
    keyset_insert(&keyset.keys, &second);
    return keyset;
}

static void sign(struct buf *body, uint8_t seed)
{
    struct error err;
    struct signing_key key = key_of_seed(seed);
    assert_int_equal(crypto_sign_object(&key, body, &err), 0);
}

/* The sample of that type, naming the key of that seed; not signed yet. */
static void compose_named(struct buf *out, enum message_type type, uint8_t seed)
{
    struct signing_key key = key_of_seed(seed);
    struct message_stamp stamp = stamp_of(key.id);
    compose_sample(out, type, &stamp);
}

/* The sample update with one place spoiled before it is signed. */
static void sign_spoiled(struct buf *out, const char *old, const char *new)
{
    compose_named(out, MESSAGE_UPDATE, FIRST_SEED);
    assert_true(spoil(out, old, new));
    sign(out, FIRST_SEED);
}

static void assert_verdict(struct span raw, const struct expectation *expected, const char *code,
                           const char *word)
{
    struct keyset keyset = two_keys();
    struct message message = {0};
    struct error err;
    if (message_verify(raw, &keyset, expected, &message, &err) == 0)
        fail_msg("accepted, but %s was expected", code);
    assert_string_equal(err.code, code);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
    assert_null(message.doc.root);
    assert_null(message.doc.arena.blocks);
}

static void assert_refused(const struct buf *raw, const char *code, const char *word)
{
    assert_verdict(buf_span(raw), &expect_update, code, word);
}

/* --- what is right --- */

static void message_verify__accepts_each_type_by_each_key(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE};
    static const uint8_t seeds[] = {FIRST_SEED, SECOND_SEED};
    struct keyset keyset = two_keys();
    for (size_t i = 0; i < ARRAY_LEN(types) * ARRAY_LEN(seeds); i++) {
        const struct expectation expected = {.type = types[i / 2], .source = SOURCE};
        AUTO_BUF struct buf raw = {0};
        AUTO_MESSAGE struct message message = {0};
        struct error err;
        compose_named(&raw, types[i / 2], seeds[i % 2]);
        sign(&raw, seeds[i % 2]);
        if (message_verify(buf_span(&raw), &keyset, &expected, &message, &err) != 0)
            fail_msg("%s", err.message);
        assert_int_equal(message.type, types[i / 2]);
        assert_string_equal(message.source, SOURCE);
        assert_int_equal(message.generation, GENERATION);
    }
}

static void message_verify__lends_the_configuration_out_of_the_message(void **state)
{
    (void)state;
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    assert_int_equal(message_verify(buf_span(&raw), &keyset, &expect_update, &message, &err), 0);
    assert_ptr_equal(message.u.update.config.data, raw.data + strlen("{\"config\":"));
    assert_true(span_is(message.u.update.config, CONFIG));
    assert_string_equal(message.u.update.service, "stt-worker");
}

static void message_verify__accepts_a_tombstone(void **state)
{
    (void)state;
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    sign_spoiled(&raw, CONFIG, "null");
    assert_int_equal(message_verify(buf_span(&raw), &keyset, &expect_update, &message, &err), 0);
    assert_null(message.u.update.config.data);
}

static void message_verify__takes_any_service_if_none_is_asked_for(void **state)
{
    (void)state;
    static const struct expectation any = {.type = MESSAGE_UPDATE, .source = SOURCE};
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    sign_spoiled(&raw, "stt-worker", "router");
    assert_int_equal(message_verify(buf_span(&raw), &keyset, &any, &message, &err), 0);
    assert_string_equal(message.u.update.service, "router");
}

static void message_verify__ignores_unknown_members(void **state)
{
    (void)state;
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    sign_spoiled(&raw, "{\"config\":", "{\"a\":\"config\",\"config\":");
    assert_int_equal(message_verify(buf_span(&raw), &keyset, &expect_update, &message, &err), 0);
    assert_true(span_is(message.u.update.config, CONFIG));
    assert_ptr_equal(message.u.update.config.data, raw.data + strlen("{\"a\":\"config\",\"config\":"));
}

/* --- before the signature --- */

static void message_verify__refuses_by_size_before_anything_else(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0}, padding = {0};
    buf_puts(&padding, "\"version\":42,\"zz\":\"");
    while (padding.len <= MESSAGE_MAX)
        buf_putc(&padding, 'x');
    buf_putc(&padding, '"');
    buf_putc(&padding, '\0');
    sign_spoiled(&raw, "\"version\":42", padding.data);
    assert_refused(&raw, CODE_MESSAGE_TOO_LARGE, "327680");
}

static void message_verify__takes_a_message_of_exactly_320_kib(void **state)
{
    (void)state;
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0}, sample = {0}, padding = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    compose_named(&sample, MESSAGE_UPDATE, FIRST_SEED);
    /* The tail takes the place of the closing brace. */
    size_t missing = MESSAGE_MAX - (TAIL_SIGNATURE_LEN - 1) - sample.len - strlen(",\"zz\":\"\"");
    buf_puts(&padding, "\"version\":42,\"zz\":\"");
    for (size_t i = 0; i < missing; i++)
        buf_putc(&padding, 'x');
    buf_putc(&padding, '"');
    buf_putc(&padding, '\0');
    sign_spoiled(&raw, "\"version\":42", padding.data);
    assert_int_equal(raw.len, MESSAGE_MAX);
    assert_int_equal(message_verify(buf_span(&raw), &keyset, &expect_update, &message, &err), 0);
    buf_putc(&raw, '\n');
    assert_refused(&raw, CODE_MESSAGE_TOO_LARGE, "327680");
}

static void message_verify__refuses_the_empty_message(void **state)
{
    (void)state;
    assert_verdict((struct span){0}, &expect_update, CODE_MESSAGE_FORM, "signature");
    assert_verdict(SPAN("{}"), &expect_update, CODE_MESSAGE_FORM, "signature");
}

static void message_verify__refuses_an_unsigned_message(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    assert_refused(&raw, CODE_MESSAGE_FORM, "signature");
}

static void message_verify__refuses_every_truncation(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    for (size_t len = 0; len < raw.len; len++)
        assert_verdict((struct span){raw.data, len}, &expect_update, CODE_MESSAGE_FORM, "signature");
}

static void message_verify__refuses_bytes_behind_the_tail(void **state)
{
    (void)state;
    static const char *const extras[] = {"\n", " ", "}", ",", "x"};
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        AUTO_BUF struct buf raw = {0};
        compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
        sign(&raw, FIRST_SEED);
        buf_puts(&raw, extras[i]);
        assert_refused(&raw, CODE_MESSAGE_FORM, "signature");
    }
}

static void message_verify__refuses_upper_case_hex(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    size_t tried = 0;
    for (size_t i = raw.len - 2 - 2 * SIGNATURE_LEN; i < raw.len - 2; i++) {
        if (raw.data[i] < 'a')
            continue;
        raw.data[i] = (char)(raw.data[i] - 'a' + 'A');
        assert_refused(&raw, CODE_MESSAGE_FORM, "signature");
        raw.data[i] = (char)(raw.data[i] - 'A' + 'a');
        tried++;
    }
    assert_true(tried > 0);
}

/* --- the signature --- */

static void message_verify__refuses_a_strangers_key(void **state)
{
    (void)state;
    AUTO_BUF struct buf disguised = {0}, named = {0};
    compose_named(&disguised, MESSAGE_UPDATE, FIRST_SEED);
    sign(&disguised, STRANGER_SEED);
    assert_refused(&disguised, CODE_BAD_SIGNATURE, "signature");
    compose_named(&named, MESSAGE_UPDATE, STRANGER_SEED);
    sign(&named, STRANGER_SEED);
    assert_refused(&named, CODE_BAD_SIGNATURE, "signature");
}

static void message_verify__refuses_everything_by_an_empty_keyset(void **state)
{
    (void)state;
    struct keyset none = {.generation = GENERATION};
    struct message message = {0};
    struct error err;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    assert_int_equal(message_verify(buf_span(&raw), &none, &expect_update, &message, &err), -1);
    assert_string_equal(err.code, CODE_BAD_SIGNATURE);
}

static void message_verify__refuses_each_flipped_bit(void **state)
{
    (void)state;
    struct keyset keyset = two_keys();
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_KEEPALIVE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    const struct expectation expected = {.type = MESSAGE_KEEPALIVE, .source = SOURCE};
    size_t body_len = raw.len - TAIL_SIGNATURE_LEN;
    for (size_t bit = 0; bit < 8 * raw.len; bit++) {
        char flip = (char)(1 << bit % 8);
        struct message message = {0};
        struct error err;
        raw.data[bit / 8] = (char)(raw.data[bit / 8] ^ flip);
        assert_int_equal(message_verify(buf_span(&raw), &keyset, &expected, &message, &err), -1);
        if (bit / 8 < body_len)
            assert_string_equal(err.code, CODE_BAD_SIGNATURE);
        else if (strcmp(err.code, CODE_BAD_SIGNATURE) != 0)
            assert_string_equal(err.code, CODE_MESSAGE_FORM);
        raw.data[bit / 8] = (char)(raw.data[bit / 8] ^ flip);
    }
}

static void message_verify__refuses_the_signature_of_another_message(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0}, other = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    sign_spoiled(&other, "\"version\":42", "\"version\":43");
    assert_int_equal(raw.len, other.len);
    memcpy(raw.data + raw.len - TAIL_SIGNATURE_LEN, other.data + raw.len - TAIL_SIGNATURE_LEN,
           TAIL_SIGNATURE_LEN);
    assert_refused(&raw, CODE_BAD_SIGNATURE, "signature");
}

static void message_verify__never_parses_what_is_not_signed(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_UPDATE, FIRST_SEED);
    assert_true(spoil(&raw, "\"format\":1", "\"format\":2"));
    assert_true(spoil(&raw, "{\"config\":", "{\"config\"[[["));
    sign(&raw, STRANGER_SEED);
    assert_refused(&raw, CODE_BAD_SIGNATURE, "signature");
}

/* --- after the signature --- */

static void message_verify__refuses_the_name_of_another_key(void **state)
{
    (void)state;
    AUTO_BUF struct buf sibling = {0}, stranger = {0};
    compose_named(&sibling, MESSAGE_UPDATE, SECOND_SEED);
    sign(&sibling, FIRST_SEED);
    assert_refused(&sibling, CODE_BAD_KEY_ID, "names key");
    compose_named(&stranger, MESSAGE_UPDATE, STRANGER_SEED);
    sign(&stranger, FIRST_SEED);
    assert_refused(&stranger, CODE_BAD_KEY_ID, "names key");
}

static void message_verify__judges_the_key_before_the_type(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_HEAD, SECOND_SEED);
    sign(&raw, FIRST_SEED);
    assert_refused(&raw, CODE_BAD_KEY_ID, "names key");
}

static void message_verify__refuses_each_other_type(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        AUTO_BUF struct buf raw = {0};
        compose_named(&raw, types[i], FIRST_SEED);
        sign(&raw, FIRST_SEED);
        for (size_t asked = 0; asked < ARRAY_LEN(types); asked++) {
            const struct expectation expected = {.type = types[asked], .source = SOURCE};
            if (asked != i)
                assert_verdict(buf_span(&raw), &expected, CODE_WRONG_TYPE, message_type_name(types[asked]));
        }
    }
}

static void message_verify__never_takes_a_keyset(void **state)
{
    (void)state;
    static const struct expectation expected = {.type = MESSAGE_KEYSET, .source = SOURCE};
    AUTO_BUF struct buf raw = {0};
    compose_named(&raw, MESSAGE_KEYSET, FIRST_SEED);
    sign(&raw, FIRST_SEED);
    assert_verdict(buf_span(&raw), &expected, CODE_WRONG_TYPE, "keyset");
    assert_refused(&raw, CODE_WRONG_TYPE, "config.update");
}

static void message_verify__refuses_another_source(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    sign_spoiled(&raw, "\"" SOURCE "\"", "\"staging\"");
    assert_refused(&raw, CODE_WRONG_SOURCE, "staging");
}

static void message_verify__refuses_another_service(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    sign_spoiled(&raw, "stt-worker", "stt-worker2");
    assert_refused(&raw, CODE_WRONG_SERVICE, "stt-worker2");
}

static void message_verify__refuses_other_generations(void **state)
{
    (void)state;
    static const char *const generations[] = {"\"generation\":0", "\"generation\":2"};
    for (size_t i = 0; i < ARRAY_LEN(generations); i++) {
        AUTO_BUF struct buf raw = {0};
        sign_spoiled(&raw, "\"generation\":1", generations[i]);
        assert_refused(&raw, CODE_WRONG_GENERATION, "generation");
    }
}

static void message_verify__names_a_newer_format(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    sign_spoiled(&raw, "\"format\":1", "\"format\":2");
    assert_refused(&raw, CODE_FORMAT_NEWER, "format 2");
}

static void message_verify__refuses_duplicate_names_even_signed(void **state)
{
    (void)state;
    AUTO_BUF struct buf top = {0}, inside = {0}, second_signature = {0};
    sign_spoiled(&top, "\"version\":42", "\"version\":42,\"version\":42");
    assert_refused(&top, CODE_MESSAGE_FORM, "");
    sign_spoiled(&inside, CONFIG, "{\"a\":1,\"a\":2}");
    assert_refused(&inside, CODE_MESSAGE_FORM, "");
    /* Signed twice: the inner signature is a member like any other, but then it is not where canonical JSON
       has it. */
    compose_named(&second_signature, MESSAGE_UPDATE, FIRST_SEED);
    sign(&second_signature, FIRST_SEED);
    sign(&second_signature, FIRST_SEED);
    assert_refused(&second_signature, CODE_MESSAGE_FORM, "canonical");
}

static void message_verify__refuses_what_is_not_canonical_even_signed(void **state)
{
    (void)state;
    static const char *const spellings[] = {"\"version\": 42", "\"version\":42.0", "\"v\\u0065rsion\":42"};
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        AUTO_BUF struct buf raw = {0};
        sign_spoiled(&raw, "\"version\":42", spellings[i]);
        assert_refused(&raw, CODE_MESSAGE_FORM, "canonical");
    }
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
        cmocka_unit_test(message_verify__accepts_each_type_by_each_key),
        cmocka_unit_test(message_verify__lends_the_configuration_out_of_the_message),
        cmocka_unit_test(message_verify__accepts_a_tombstone),
        cmocka_unit_test(message_verify__takes_any_service_if_none_is_asked_for),
        cmocka_unit_test(message_verify__ignores_unknown_members),
        cmocka_unit_test(message_verify__refuses_by_size_before_anything_else),
        cmocka_unit_test(message_verify__takes_a_message_of_exactly_320_kib),
        cmocka_unit_test(message_verify__refuses_the_empty_message),
        cmocka_unit_test(message_verify__refuses_an_unsigned_message),
        cmocka_unit_test(message_verify__refuses_every_truncation),
        cmocka_unit_test(message_verify__refuses_bytes_behind_the_tail),
        cmocka_unit_test(message_verify__refuses_upper_case_hex),
        cmocka_unit_test(message_verify__refuses_a_strangers_key),
        cmocka_unit_test(message_verify__refuses_everything_by_an_empty_keyset),
        cmocka_unit_test(message_verify__refuses_each_flipped_bit),
        cmocka_unit_test(message_verify__refuses_the_signature_of_another_message),
        cmocka_unit_test(message_verify__never_parses_what_is_not_signed),
        cmocka_unit_test(message_verify__refuses_the_name_of_another_key),
        cmocka_unit_test(message_verify__judges_the_key_before_the_type),
        cmocka_unit_test(message_verify__refuses_each_other_type),
        cmocka_unit_test(message_verify__never_takes_a_keyset),
        cmocka_unit_test(message_verify__refuses_another_source),
        cmocka_unit_test(message_verify__refuses_another_service),
        cmocka_unit_test(message_verify__refuses_other_generations),
        cmocka_unit_test(message_verify__names_a_newer_format),
        cmocka_unit_test(message_verify__refuses_duplicate_names_even_signed),
        cmocka_unit_test(message_verify__refuses_what_is_not_canonical_even_signed),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
