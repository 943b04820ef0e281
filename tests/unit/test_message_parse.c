/*
 * message_parse: each thing that can be wrong with a message is refused, and by the name of the member that
 * is wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"
#include "model/json.h"

static void message__misses_every_member_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        AUTO_DOC struct doc doc = {0};
        compose(&body, parsed_types[i]);
        read_json(buf_span(&body), &doc);
        for (size_t skip = 0; skip < doc.root->u.object.len; skip++) {
            AUTO_BUF struct buf partial = {0};
            for (size_t m = 0; m < doc.root->u.object.len; m++) {
                if (m == skip)
                    continue;
                buf_putc(&partial, partial.len == 0 ? '{' : ',');
                json_put_string(&partial, doc.root->u.object.members[m].name);
                buf_putc(&partial, ':');
                json_write(doc.root->u.object.members[m].value, &partial);
            }
            buf_putc(&partial, '}');
            if (parsed_types[i] == MESSAGE_ACK && span_is(doc.root->u.object.members[skip].name, "key_id"))
                continue; /* the unsigned form */
            assert_parse_refused(&partial, parsed_types[i], CODE_MESSAGE_FORM,
                                 doc.root->u.object.members[skip].name.data);
        }
    }
}

struct spoiled {
    enum message_type type;
    const char *old, *new;
    const char *word; /* of the message */
};

#define HEX63 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1"
#define NAME64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct spoiled spoiled_members[] = {
    /* common */
    {MESSAGE_KEEPALIVE, "\"format\":1", "\"format\":0", "format"},
    {MESSAGE_KEEPALIVE, "\"format\":1", "\"format\":-1", "format"},
    {MESSAGE_KEEPALIVE, "\"format\":1", "\"format\":1.5", "format"},
    {MESSAGE_KEEPALIVE, "\"format\":1", "\"format\":\"1\"", "format"},
    {MESSAGE_KEEPALIVE, "\"format\":1", "\"format\":null", "format"},
    {MESSAGE_KEEPALIVE, "\"generation\":1", "\"generation\":-1", "generation"},
    {MESSAGE_KEEPALIVE, "\"generation\":1", "\"generation\":\"1\"", "generation"},
    {MESSAGE_KEEPALIVE, "0123456789abcdef\"", "0123456789abcde\"", "key_id"},
    {MESSAGE_KEEPALIVE, "0123456789abcdef\"", "0123456789abcdef0\"", "key_id"},
    {MESSAGE_KEEPALIVE, "0123456789abcdef\"", "0123456789ABCDEF\"", "key_id"},
    {MESSAGE_KEEPALIVE, "\"" SOURCE "\"", "\"Config\"", "source"},
    {MESSAGE_KEEPALIVE, "\"" SOURCE "\"", "\"\"", "source"},
    {MESSAGE_KEEPALIVE, "\"" SOURCE "\"", "\"" NAME64 "\"", "source"},
    {MESSAGE_KEEPALIVE, "\"" SOURCE "\"", "7", "source"},
    {MESSAGE_KEEPALIVE, TIMESTAMP, "2026-11-21T03:23:22Z", "timestamp"},
    {MESSAGE_KEEPALIVE, TIMESTAMP, "2026-02-30T03:23:22.123Z", "timestamp"},
    {MESSAGE_KEEPALIVE, TIMESTAMP, "2026-11-21T03:23:22.123+00:00", "timestamp"},
    {MESSAGE_KEEPALIVE, "\"" TIMESTAMP "\"", "1795231402123", "timestamp"},
    {MESSAGE_KEEPALIVE, "\"config.keepalive\"", "null", "type"},
    /* update */
    {MESSAGE_UPDATE, CONFIG, "[]", "config"},
    {MESSAGE_UPDATE, CONFIG, "\"{}\"", "config"},
    {MESSAGE_UPDATE, COMMIT, "4f2c8d1e9b7a6053c4d2e1f00918273645aabbc", "config_epoch"},
    {MESSAGE_UPDATE, COMMIT, "4F2c8d1e9b7a6053c4d2e1f00918273645aabbcc", "config_epoch"},
    {MESSAGE_UPDATE, "req-7.a_B", "", "correlation_id"},
    {MESSAGE_UPDATE, "req-7.a_B", "with space", "correlation_id"},
    {MESSAGE_UPDATE, "req-7.a_B", NAME64 "a", "correlation_id"},
    {MESSAGE_UPDATE, "\"" DIGEST "\"", "\"" HEX63 "\"", "schema"},
    {MESSAGE_UPDATE, "\"" DIGEST "\"", "\"" DIGEST "0\"", "schema"},
    {MESSAGE_UPDATE, "\"" DIGEST "\"", "\"" HEX63 "F\"", "schema"},
    {MESSAGE_UPDATE, "\"" DIGEST "\"", "false", "schema"},
    {MESSAGE_UPDATE, "\"stt-worker\"", "\"stt_worker\"", "service"},
    {MESSAGE_UPDATE, "\"stt-worker\"", "\"\"", "service"},
    {MESSAGE_UPDATE, "\"stt-worker\"", "\"" NAME64 "\"", "service"},
    {MESSAGE_UPDATE, "\"version\":42", "\"version\":-1", "version"},
    {MESSAGE_UPDATE, "\"version\":42", "\"version\":0.5", "version"},
    {MESSAGE_UPDATE, "\"version\":42", "\"version\":null", "version"},
    {MESSAGE_UPDATE, "\"version\":42", "\"version\":\"42\"", "version"},
    /* head */
    {MESSAGE_HEAD, "{\"router\":40,\"stt-worker\":42}", "[]", "changed"},
    {MESSAGE_HEAD, "\"router\":40", "\"Router\":40", "changed"},
    {MESSAGE_HEAD, "\"router\":40", "\"router\":-40", "changed"},
    {MESSAGE_HEAD, "\"router\":40", "\"router\":null", "changed"},
    {MESSAGE_HEAD, COMMIT, "", "config_epoch"},
    {MESSAGE_HEAD, "req-7.a_B", "a/b", "correlation_id"},
    {MESSAGE_HEAD, "\"epoch\":42", "\"epoch\":-42", "epoch"},
    {MESSAGE_HEAD, "\"index\":\"" DIGEST, "\"index\":\"" HEX63, "index"},
    {MESSAGE_HEAD, "\"offset\":3", "\"offset\":-3", "offset"},
    {MESSAGE_HEAD, "{\"epoch\":41,\"sha256\":\"" DIGEST "\"}", "[]", "parent"},
    {MESSAGE_HEAD, "{\"epoch\":41,\"sha256\":\"" DIGEST "\"}", "{}", "parent"},
    {MESSAGE_HEAD, "\"epoch\":41,", "\"epoch\":-1,", "parent"},
    {MESSAGE_HEAD, "\"sha256\":\"" DIGEST, "\"sha256\":\"" HEX63, "parent"},
    {MESSAGE_HEAD, "\"services\":6", "\"services\":-6", "services"},
    /* keepalive */
    {MESSAGE_KEEPALIVE, "\"epoch\":42", "\"epoch\":\"42\"", "epoch"},
    {MESSAGE_KEEPALIVE, DIGEST, HEX63, "head"},
    {MESSAGE_KEEPALIVE, "\"sequence\":1795231402123", "\"sequence\":-1", "sequence"},
    {MESSAGE_KEEPALIVE, "\"ttl_s\":30", "\"ttl_s\":-30", "ttl_s"},
    /* acknowledgement */
    {MESSAGE_ACK, "\"epoch\":43", "\"epoch\":\"43\"", "epoch"},
    {MESSAGE_ACK, "\"STALE\"", "\"stale\"", "freshness"},
    {MESSAGE_ACK, "\"STALE\"", "1", "freshness"},
    {MESSAGE_ACK, "\"pi3.local\"", "\"\"", "instance"},
    {MESSAGE_ACK, "\"pi3.local\"", "\"Pi3\"", "instance"},
    {MESSAGE_ACK, "\"pi3.local\"", "\".pi3\"", "instance"},
    {MESSAGE_ACK, "\"pi3.local\"", "\"pi/3\"", "instance"},
    {MESSAGE_ACK, "\"pi3.local\"", "\"" NAME64 "\"", "instance"},
    {MESSAGE_ACK, "\"pi3.local\"", "null", "instance"},
    {MESSAGE_ACK, "\"libepoch 0.1.0\"", "null", "library"},
    {MESSAGE_ACK, "\"libepoch 0.1.0\"", "\"" NAME64 "5\"", "library"},
    {MESSAGE_ACK, "[\"/model\",\"/a~1b/0\"]", "{}", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "0", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "\"a\"", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "\"/a~2\"", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "\"/a~\"", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "\"/\\u001b[2J\"", "overridden"},
    {MESSAGE_ACK, "\"/a~1b/0\"", "\"/" NAME64 NAME64 "\"", "overridden"},
    {MESSAGE_ACK, "\"no such voice\"", "1", "reason"},
    {MESSAGE_ACK, "no such voice", "no \\u001b[31mvoice", "reason"},
    {MESSAGE_ACK, "no such voice", "no\\nvoice", "reason"},
    {MESSAGE_ACK, "no such voice", "no \xe2\x80\xae" "voice", "reason"}, /* U+202E turns around what follows */
    {MESSAGE_ACK, "}", ",\"will\":\"Router\"}", "will"},
    {MESSAGE_ACK, "}", ",\"will\":null}", "will"},
    {MESSAGE_ACK, "[\"/model\"]", "null", "restart_pending"},
    {MESSAGE_ACK, "\"stt-worker\"", "\"stt_worker\"", "service"},
    {MESSAGE_ACK, "\"refused\"", "\"ignored\"", "status"},
    {MESSAGE_ACK, "\"refused\"", "null", "status"},
    {MESSAGE_ACK, "\"version\":42", "\"version\":-1", "version"},
};

static void message__refuses_each_spoiled_member_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spoiled_members); i++) {
        const struct spoiled *s = &spoiled_members[i];
        AUTO_BUF struct buf body = {0};
        compose(&body, s->type);
        if (!spoil(&body, s->old, s->new))
            fail_msg("nothing to spoil: %s", s->old);
        assert_parse_refused(&body, s->type, CODE_MESSAGE_FORM, s->word);
    }
}

static void message__takes_integers_up_to_2_53_minus_1(void **state)
{
    (void)state;
    AUTO_BUF struct buf most = {0}, over = {0};
    compose(&most, MESSAGE_UPDATE);
    assert_true(spoil(&most, "\"version\":42", "\"version\":9007199254740991"));
    assert_parses(&most, MESSAGE_UPDATE);
    compose(&over, MESSAGE_UPDATE);
    assert_true(spoil(&over, "\"version\":42", "\"version\":9007199254740992"));
    assert_parse_refused(&over, MESSAGE_UPDATE, CODE_MESSAGE_FORM, "");
}

static void message__takes_names_and_ids_up_to_their_limits(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    compose(&body, MESSAGE_UPDATE);
    assert_true(spoil(&body, "\"" SOURCE "\"",
                      "\"a"
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""));
    assert_true(spoil(&body, "req-7.a_B", NAME64));
    assert_parses(&body, MESSAGE_UPDATE);
}

static void message__names_a_newer_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, parsed_types[i]);
        assert_true(spoil(&body, "\"format\":1", "\"format\":2"));
        assert_parse_refused(&body, parsed_types[i], CODE_FORMAT_NEWER, "format 2");
        /* A newer format may have changed anything else. */
        assert_true(spoil(&body, "\"generation\":1", "\"generation\":{}"));
        assert_parse_refused(&body, parsed_types[i], CODE_FORMAT_NEWER, "format 2");
    }
}

static void message__refuses_every_other_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, parsed_types[i]);
        for (size_t asked = 0; asked < ARRAY_LEN(parsed_types); asked++)
            if (asked != i)
                assert_parse_refused(&body, parsed_types[asked], CODE_WRONG_TYPE,
                                     message_type_name(parsed_types[asked]));
    }
}

static void message__needs_no_key_for_acknowledgements_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, parsed_types[i]);
        assert_true(spoil(&body, "\"key_id\":\"" KEY_ID "\",", ""));
        if (parsed_types[i] == MESSAGE_ACK)
            assert_parses(&body, MESSAGE_ACK);
        else
            assert_parse_refused(&body, parsed_types[i], CODE_MESSAGE_FORM, "key_id");
    }
}

static void message__refuses_whatever_is_not_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"\"version\":42", "\"version\": 42"},
        {"\"version\":42", "\"version\":42.0"},
        {"\"version\":42", "\"version\":4.2e1"},
        {"\"stt-worker\"", "\"stt\\u002dworker\""},
        {"\"format\":1,\"generation\":1", "\"generation\":1,\"format\":1"},
        {"\"format\":1", "\"format\":1,\"format\":1"},
        {CONFIG, "{\"threads\":4,\"model\":\"base.en\"}"},
        {CONFIG, "{\"a\":1,\"a\":1}"},
        {CONFIG, "{\"a\":\"\xff\"}"},
        {CONFIG, "{\"a\":\"\\ud800\"}"},
        {CONFIG, "{\"a\":\"\\u0000\"}"},
        {CONFIG, "{\"a\":\"\\/\"}"},
        {CONFIG, "{\"a\":-0}"},
        {CONFIG, "{\"a\":}"},
        {CONFIG, "{\"a\":1e400}"},
        {"{\"config\":", "\xef\xbb\xbf{\"config\":"},
        {"\"version\":42}", "\"version\":42}\n"},
        {"\"version\":42}", "\"version\":42} {}"},
        {"\"version\":42}", "\"version\":42"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, MESSAGE_UPDATE);
        assert_true(spoil(&body, cases[i].old, cases[i].new));
        assert_parse_refused(&body, MESSAGE_UPDATE, CODE_MESSAGE_FORM, "");
    }
}

static void message__refuses_what_is_not_an_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "null", "[]", "\"x\"", "1", "true", "{}", "}", "{"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_BUF struct buf body = {0};
        buf_puts(&body, texts[i]);
        assert_parse_refused(&body, MESSAGE_UPDATE, CODE_MESSAGE_FORM, "");
    }
}

/* An update of exactly `size` bytes: what is missing is in an unknown member. */
static void compose_update_of_size(struct buf *out, size_t size)
{
    AUTO_BUF struct buf padding = {0};
    compose(out, MESSAGE_UPDATE);
    size_t missing = size - out->len - strlen(",\"zz\":\"\"");
    buf_puts(&padding, "\"version\":42,\"zz\":\"");
    for (size_t i = 0; i < missing; i++)
        buf_putc(&padding, 'x');
    buf_puts(&padding, "\"");
    buf_putc(&padding, '\0');
    assert_true(spoil(out, "\"version\":42", padding.data));
    assert_int_equal(out->len, size);
}

static void message__refuses_more_than_320_kib(void **state)
{
    (void)state;
    AUTO_BUF struct buf most = {0}, over = {0};
    compose_update_of_size(&most, MESSAGE_MAX);
    assert_parses(&most, MESSAGE_UPDATE);
    compose_update_of_size(&over, MESSAGE_MAX + 1);
    assert_parse_refused(&over, MESSAGE_UPDATE, CODE_MESSAGE_TOO_LARGE, "327680");
}

static void put_nested(struct buf *out, size_t depth)
{
    for (size_t i = 1; i < depth; i++)
        buf_puts(out, "{\"a\":");
    buf_puts(out, "{}");
    for (size_t i = 1; i < depth; i++)
        buf_putc(out, '}');
    buf_putc(out, '\0');
}

static void message__takes_configurations_64_deep(void **state)
{
    (void)state;
    AUTO_BUF struct buf most = {0}, over = {0}, deep = {0}, deeper = {0};
    compose(&most, MESSAGE_UPDATE);
    put_nested(&deep, 64);
    assert_true(spoil(&most, CONFIG, deep.data));
    assert_parses(&most, MESSAGE_UPDATE);
    compose(&over, MESSAGE_UPDATE);
    put_nested(&deeper, 65);
    assert_true(spoil(&over, CONFIG, deeper.data));
    assert_parse_refused(&over, MESSAGE_UPDATE, CODE_MESSAGE_FORM, "");
}

/* An update whose configuration is canonical JSON of exactly `size` bytes. */
static void compose_config_of_size(struct buf *out, size_t size)
{
    AUTO_BUF struct buf config = {0};
    compose(out, MESSAGE_UPDATE);
    buf_puts(&config, "{\"a\":\"");
    for (size_t i = strlen("{\"a\":\"\"}"); i < size; i++)
        buf_putc(&config, 'x');
    buf_puts(&config, "\"}");
    buf_putc(&config, '\0');
    assert_true(spoil(out, CONFIG, config.data));
}

static void message__takes_configurations_of_256_kib(void **state)
{
    (void)state;
    AUTO_BUF struct buf most = {0}, over = {0};
    compose_config_of_size(&most, 256 * 1024);
    assert_parses(&most, MESSAGE_UPDATE);
    compose_config_of_size(&over, 256 * 1024 + 1);
    assert_parse_refused(&over, MESSAGE_UPDATE, CODE_MESSAGE_FORM, "config");
}

/* --- keysets --- */

static void compose_keyset_of(struct buf *out, size_t len)
{
    AUTO_BUF struct buf keys = {0};
    compose(out, MESSAGE_KEYSET);
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf old = {0};
    read_json(buf_span(out), &doc);
    json_write(doc_get(doc.root, "keys"), &old);
    buf_putc(&old, '\0');
    buf_putc(&keys, '[');
    for (size_t i = 0; i < len; i++)
        buf_printf(&keys, "%s{\"id\":\"%016zx\",\"public\":\"" DIGEST "\"}", i == 0 ? "" : ",", i);
    buf_puts(&keys, "]");
    buf_putc(&keys, '\0');
    assert_true(spoil(out, old.data, keys.data));
}

static void message__takes_one_to_eight_keys(void **state)
{
    (void)state;
    AUTO_BUF struct buf none = {0}, one = {0}, most = {0}, over = {0};
    compose_keyset_of(&none, 0);
    assert_parse_refused(&none, MESSAGE_KEYSET, CODE_MESSAGE_FORM, "1 to 8");
    compose_keyset_of(&one, 1);
    assert_parses(&one, MESSAGE_KEYSET);
    compose_keyset_of(&most, KEYSET_MAX);
    assert_parses(&most, MESSAGE_KEYSET);
    compose_keyset_of(&over, KEYSET_MAX + 1);
    assert_parse_refused(&over, MESSAGE_KEYSET, CODE_MESSAGE_FORM, "1 to 8");
}

static void message__refuses_spoiled_keys(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"{\"id\":\"0000000000000001\"", "{\"id\":\"0000000000000000\""}, /* the same id twice */
        {"{\"id\":\"0000000000000000\"", "{\"id\":\"0000000000000002\""}, /* not sorted */
        {"{\"id\":\"0000000000000000\"", "{\"id\":\"000000000000000\""},
        {"{\"id\":\"0000000000000000\"", "{\"id\":0"},
        {"0000\",\"public\":\"" DIGEST "\"", "0000\",\"public\":\"" HEX63 "\""},
        {"0000\",\"public\":\"" DIGEST "\"", "0000\",\"public\":\"" HEX63 "F\""},
        {"0000\",\"public\":\"" DIGEST "\"", "0000\",\"public\":null"},
        {"0000\",\"public\":\"" DIGEST "\"", "0000\""},
        {"{\"id\":\"0000000000000000\",\"public\":\"" DIGEST "\"}", "null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf body = {0};
        compose_keyset_of(&body, 2);
        assert_true(spoil(&body, cases[i].old, cases[i].new));
        assert_parse_refused(&body, MESSAGE_KEYSET, CODE_MESSAGE_FORM, "keys");
    }
}

static void message__knows_correlation_ids(void **state)
{
    (void)state;
    assert_true(message_correlation_is_good(SPAN("a")));
    assert_true(message_correlation_is_good(SPAN("0f8c2b1e-7d33-4c55-9a10-1e2f3a4b5c6d")));
    assert_true(message_correlation_is_good(SPAN("A.Z_z-09")));
    assert_true(message_correlation_is_good(SPAN(NAME64)));
    assert_false(message_correlation_is_good(SPAN(NAME64 "a")));
    assert_false(message_correlation_is_good(SPAN("")));
    assert_false(message_correlation_is_good(SPAN("a b")));
    assert_false(message_correlation_is_good(SPAN("a\n")));
    assert_false(message_correlation_is_good(SPAN("a\0b")));
    assert_false(message_correlation_is_good(SPAN("\xc3\xa9")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__misses_every_member_by_name),
        cmocka_unit_test(message__refuses_each_spoiled_member_by_name),
        cmocka_unit_test(message__takes_integers_up_to_2_53_minus_1),
        cmocka_unit_test(message__takes_names_and_ids_up_to_their_limits),
        cmocka_unit_test(message__names_a_newer_format),
        cmocka_unit_test(message__refuses_every_other_type),
        cmocka_unit_test(message__needs_no_key_for_acknowledgements_alone),
        cmocka_unit_test(message__refuses_whatever_is_not_canonical),
        cmocka_unit_test(message__refuses_what_is_not_an_object),
        cmocka_unit_test(message__refuses_more_than_320_kib),
        cmocka_unit_test(message__takes_configurations_64_deep),
        cmocka_unit_test(message__takes_configurations_of_256_kib),
        cmocka_unit_test(message__takes_one_to_eight_keys),
        cmocka_unit_test(message__refuses_spoiled_keys),
        cmocka_unit_test(message__knows_correlation_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
