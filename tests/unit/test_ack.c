/*
 * ack: acknowledgements judged: signed, by a key nobody knows, unsigned; and what is none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "model/topics.h"
#include "verify/ack.h"

enum { INSTANCE_SEED = 4, OTHER_SEED = 5 };

static void compose_signed(struct buf *out, const struct signing_key *key)
{
    struct message_stamp stamp = stamp_of(key->id);
    struct error err;
    compose_sample(out, MESSAGE_ACK, &stamp);
    assert_int_equal(crypto_sign_object(key, out, &err), 0);
}

static void compose_unsigned(struct buf *out)
{
    struct message_stamp stamp = stamp_of(NULL);
    compose_sample(out, MESSAGE_ACK, &stamp);
}

static struct ack_expectation expectation(const struct message_key *known)
{
    return (struct ack_expectation){SOURCE, SPAN("stt-worker"), SPAN("pi3.local"), known, known == NULL ? 0 : 1};
}

static enum ack_trust trust_in(const struct buf *raw, const struct message_key *known)
{
    AUTO_MESSAGE struct message message = {0};
    struct ack_expectation expected = expectation(known);
    struct error err;
    enum ack_trust trust;
    if (ack_open(buf_span(raw), &expected, &message, &trust, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(message.u.ack.reason, "no such voice");
    assert_int_equal(message.key_id[0] == '\0', trust == ACK_UNSIGNED);
    return trust;
}

static void assert_refused(struct span raw, const struct ack_expectation *expected, const char *code)
{
    struct message message = {0};
    struct error err;
    enum ack_trust trust;
    if (ack_open(raw, expected, &message, &trust, &err) == 0)
        fail_msg("accepted, but %s was expected", code);
    assert_string_equal(err.code, code);
    assert_null(message.doc.root);
    assert_null(message.doc.arena.blocks);
}

static void ack__tells_what_is_known_of_a_signature(void **state)
{
    (void)state;
    struct signing_key key = key_of_seed(INSTANCE_SEED), other = key_of_seed(OTHER_SEED);
    struct message_key known = public_half(&key);
    AUTO_BUF struct buf by_key = {0}, by_other = {0}, by_nobody = {0};
    compose_signed(&by_key, &key);
    compose_signed(&by_other, &other);
    compose_unsigned(&by_nobody);
    assert_int_equal(trust_in(&by_key, &known), ACK_SIGNED);
    assert_int_equal(trust_in(&by_other, &known), ACK_UNKNOWN_KEY);
    assert_int_equal(trust_in(&by_key, NULL), ACK_UNKNOWN_KEY);
    assert_int_equal(trust_in(&by_nobody, &known), ACK_UNSIGNED);
}

static void ack__refuses_a_false_signature_of_a_known_key(void **state)
{
    (void)state;
    struct signing_key key = key_of_seed(INSTANCE_SEED), other = key_of_seed(OTHER_SEED);
    struct message_key known = public_half(&key);
    struct ack_expectation expected = expectation(&known);
    struct error err;
    AUTO_BUF struct buf changed = {0}, forged = {0};
    struct message_stamp stamp = stamp_of(key.id);
    compose_signed(&changed, &key);
    assert_true(spoil(&changed, "\"refused\"", "\"applied\""));
    assert_refused(buf_span(&changed), &expected, CODE_BAD_SIGNATURE);
    compose_sample(&forged, MESSAGE_ACK, &stamp);
    assert_int_equal(crypto_sign_object(&other, &forged, &err), 0);
    assert_refused(buf_span(&forged), &expected, CODE_BAD_SIGNATURE);
}

static void ack__wants_key_and_signature_or_neither(void **state)
{
    (void)state;
    struct signing_key key = key_of_seed(INSTANCE_SEED);
    struct ack_expectation expected = expectation(NULL);
    struct error err;
    AUTO_BUF struct buf no_tail = {0}, no_key = {0};
    struct message_stamp stamp = stamp_of(key.id);
    compose_sample(&no_tail, MESSAGE_ACK, &stamp);
    assert_refused(buf_span(&no_tail), &expected, CODE_MESSAGE_FORM);
    compose_unsigned(&no_key);
    assert_int_equal(crypto_sign_object(&key, &no_key, &err), 0);
    assert_refused(buf_span(&no_key), &expected, CODE_MESSAGE_FORM);
}

static void ack__refuses_another_place(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0}, update = {0};
    struct ack_expectation source = expectation(NULL), service = source, instance = source, expected = source;
    source.source = "other-manager";
    service.service = SPAN("tts-worker");
    instance.instance = SPAN("pi4.local");
    compose_unsigned(&raw);
    assert_refused(buf_span(&raw), &source, CODE_WRONG_SOURCE);
    assert_refused(buf_span(&raw), &service, CODE_WRONG_SERVICE);
    assert_refused(buf_span(&raw), &instance, CODE_WRONG_SERVICE);
    compose(&update, MESSAGE_UPDATE);
    assert_refused(buf_span(&update), &expected, CODE_WRONG_TYPE);
}

static void ack__refuses_garbage_and_what_is_too_large(void **state)
{
    (void)state;
    static char large[ACK_MAX + 1];
    static const char *const texts[] = {"", "{}", "null", "\xff", "{\"type\":\"config.ack\"}"};
    struct ack_expectation expected = expectation(NULL);
    memset(large, ' ', sizeof large);
    assert_refused((struct span){large, sizeof large}, &expected, CODE_MESSAGE_TOO_LARGE);
    assert_refused((struct span){large, sizeof large - 1}, &expected, CODE_MESSAGE_FORM);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refused(span_of(texts[i]), &expected, CODE_MESSAGE_FORM);
}

static void ack__names_a_newer_format(void **state)
{
    (void)state;
    AUTO_BUF struct buf raw = {0};
    struct ack_expectation expected = expectation(NULL);
    compose_unsigned(&raw);
    assert_true(spoil(&raw, "\"format\":1", "\"format\":2"));
    assert_refused(buf_span(&raw), &expected, CODE_FORMAT_NEWER);
}

static void ack__topics_are_written_and_read_back(void **state)
{
    (void)state;
    static const char *const bad[] = {"system/ack/a", "system/ack/a/", "system/ack//b", "system/ack/A/b", "system/ack/a/b/c",
                                      "system/config/a/b", "home/system/ack/a/b", "system/ack/a/.b", "system/ack/", ""};
    char topic[TOPIC_MAX + 1];
    struct span service, instance;
    topic_write_ack(topic, "home/one", "stt-worker", "pi3.local");
    assert_string_equal(topic, "home/one/system/ack/stt-worker/pi3.local");
    assert_true(topic_read_ack(topic, "home/one", &service, &instance));
    assert_true(span_is(service, "stt-worker") && span_is(instance, "pi3.local"));
    assert_false(topic_read_ack(topic, "home", &service, &instance));
    assert_true(topic_read_ack("system/ack/a/0", "", &service, &instance));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(topic_read_ack(bad[i], "", &service, &instance));
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack__tells_what_is_known_of_a_signature),
        cmocka_unit_test(ack__refuses_a_false_signature_of_a_known_key),
        cmocka_unit_test(ack__wants_key_and_signature_or_neither),
        cmocka_unit_test(ack__refuses_another_place),
        cmocka_unit_test(ack__refuses_garbage_and_what_is_too_large),
        cmocka_unit_test(ack__names_a_newer_format),
        cmocka_unit_test(ack__topics_are_written_and_read_back),
    };
    return crypto_init(&err) != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
