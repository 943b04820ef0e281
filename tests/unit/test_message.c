/*
 * message: what is composed is canonical and byte for byte as documented, and is read back as it was. What is
 * refused: test_message_parse.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "messages.h"
#include "model/codes.h"

#define STAMP_HEAD "\"format\":1,\"generation\":1,"
#define STAMP_SOURCE "\"source\":\"" SOURCE "\","
#define STAMP_TIME "\"timestamp\":\"" TIMESTAMP "\","
#define STAMP_TAIL STAMP_SOURCE STAMP_TIME

static void assert_text(const struct buf *actual, const char *expected)
{
    assert_false(actual->failed);
    assert_int_equal(actual->len, strlen(expected));
    assert_memory_equal(actual->data, expected, actual->len);
}

/* --- composing --- */

static void message__composes_an_update_byte_for_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    compose(&body, MESSAGE_UPDATE);
    assert_text(&body,
                "{\"config\":" CONFIG ",\"config_epoch\":\"" COMMIT
                "\",\"correlation_id\":\"req-7.a_B\"," STAMP_HEAD
                "\"key_id\":\"0123456789abcdef\",\"schema\":\"" DIGEST
                "\",\"service\":\"stt-worker\"," STAMP_TAIL "\"type\":\"config.update\",\"version\":42}");
}

static void message__composes_a_tombstone_with_null(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct message_stamp stamp = stamp_of(KEY_ID);
    struct message_update update = sample_update();
    update.config = (struct span){0};
    update.schema = NULL;
    message_compose_update(&body, &stamp, &update);
    assert_text(&body,
                "{\"config\":null,\"config_epoch\":\"" COMMIT
                "\",\"correlation_id\":\"req-7.a_B\"," STAMP_HEAD
                "\"key_id\":\"0123456789abcdef\",\"schema\":null,\"service\":\"stt-worker\"," STAMP_TAIL
                "\"type\":\"config.update\",\"version\":42}");
}

static void message__composes_a_head_byte_for_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    compose(&body, MESSAGE_HEAD);
    assert_text(
        &body, "{\"changed\":{\"router\":40,\"stt-worker\":42},\"config_epoch\":\"" COMMIT
               "\",\"correlation_id\":\"req-7.a_B\",\"epoch\":42," STAMP_HEAD "\"index\":\"" DIGEST
               "\",\"key_id\":\"0123456789abcdef\",\"offset\":3,\"parent\":{\"epoch\":41,\"sha256\":\"" DIGEST
               "\"},\"services\":6," STAMP_TAIL "\"type\":\"config.epoch\"}");
}

static void message__composes_a_first_head_without_parent(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct message_stamp stamp = stamp_of(KEY_ID);
    struct message_head head = {.epoch = 1, .config_epoch = COMMIT, .correlation_id = "c"};
    message_compose_head(&body, &stamp, &head);
    assert_memory_equal(body.data, "{\"changed\":{},", strlen("{\"changed\":{},"));
    assert_non_null(memmem(body.data, body.len, "\"parent\":null,", strlen("\"parent\":null,")));
    assert_canonical(&body);
    assert_parses(&body, MESSAGE_HEAD);
}

static void message__composes_a_keepalive_byte_for_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    compose(&body, MESSAGE_KEEPALIVE);
    assert_text(&body, "{\"epoch\":42," STAMP_HEAD "\"head\":\"" DIGEST
                       "\",\"key_id\":\"0123456789abcdef\",\"sequence\":1795231402123," STAMP_TAIL
                       "\"ttl_s\":30,\"type\":\"config.keepalive\"}");
}

static void message__composes_a_keyset_byte_for_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct message_keyset keyset = {.len = 2};
    struct message_stamp stamp = stamp_of(KEY_ID);
    keyset.keys[0] = (struct message_key){.id = "00000000000000aa"};
    keyset.keys[1] = (struct message_key){.id = "00000000000000bb"};
    sample_digest(keyset.keys[0].public_key);
    sample_digest(keyset.keys[1].public_key);
    message_compose_keyset(&body, &stamp, &keyset);
    assert_text(&body,
                "{" STAMP_HEAD
                "\"key_id\":\"0123456789abcdef\",\"keys\":[{\"id\":\"00000000000000aa\",\"public\":\"" DIGEST
                "\"},{\"id\":\"00000000000000bb\",\"public\":\"" DIGEST "\"}]," STAMP_TAIL
                "\"type\":\"config.keyset\"}");
    assert_canonical(&body);
}

static void message__composes_an_acknowledgement_byte_for_byte(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    compose(&body, MESSAGE_ACK);
    assert_text(&body, "{\"epoch\":43,\"format\":1,\"freshness\":\"STALE\",\"generation\":1,\"instance\":\"pi3.local\","
                       "\"key_id\":\"0123456789abcdef\",\"library\":\"libepoch 0.1.0\",\"overridden\":[\"/model\",\"/a~1b/0\"],"
                       "\"reason\":\"no such voice\",\"restart_pending\":[\"/model\"],\"service\":\"stt-worker\"," STAMP_SOURCE
                       "\"status\":\"refused\"," STAMP_TIME "\"type\":\"config.ack\",\"version\":42}");
}

static void message__composes_an_unsigned_acknowledgement_without_key(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct message_stamp stamp = stamp_of(NULL);
    struct message_ack ack = sample_ack();
    message_compose_ack(&body, &stamp, &ack);
    assert_null(memmem(body.data, body.len, "key_id", strlen("key_id")));
    assert_canonical(&body);
    assert_parses(&body, MESSAGE_ACK);
}

static void message__carries_whose_end_is_that_of_an_acknowledgement(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct message message AUTO_MESSAGE = {0};
    struct error err;
    struct message_stamp stamp = {SOURCE, 1, NULL, TIMESTAMP};
    struct message_ack ack = sample_ack();
    ack.will = "router";
    message_compose_ack(&body, &stamp, &ack);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_ACK, &message, &err), 0);
    assert_string_equal(message.u.ack.will, "router");
}

/* Whatever an application says: the acknowledgement is one that is taken. */
static void message__composes_acknowledgements_that_are_taken(void **state)
{
    (void)state;
    static char long_text[20000];
    memset(long_text, '"', sizeof long_text - 1);
    const char *const reasons[] = {"", "\x1b[31mred\n", "half \xc3", "\xe2\x80\xae", long_text};
    const char *pointers[ACK_POINTERS_MAX + 5];
    char quotes[ACK_POINTER_MAX + 1];
    memset(quotes, '"', sizeof quotes - 1);
    quotes[0] = '/';
    quotes[sizeof quotes - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
        pointers[i] = i == 0 ? long_text : i == 1 ? "no pointer" : i == 2 ? "/\n" : quotes;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        AUTO_BUF struct buf body = {0};
        struct message_stamp stamp = stamp_of(KEY_ID);
        struct message_ack ack = sample_ack();
        ack.reason = ack.library = reasons[i];
        ack.restart_pending = ack.overridden = pointers;
        ack.restart_pending_len = ack.overridden_len = ARRAY_LEN(pointers);
        message_compose_ack(&body, &stamp, &ack);
        assert_canonical(&body);
        assert_parses(&body, MESSAGE_ACK);
        assert_true(body.len + 144 <= ACK_MAX);
    }
}

static struct catalog *sample_catalog(void)
{
    struct error err;
    struct catalog *empty = catalog_new(), *catalog = NULL;
    static const char *const names[] = {"zz", "a", "a-1", "a0"}; /* '-' sorts before '0' */
    struct catalog_change changes[ARRAY_LEN(names)];
    assert_non_null(empty);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span message = SPAN("{\"config\":{}}");
        changes[i].name = names[i];
        changes[i].service = service_new(names[i], "", i + 1, message, (struct span){message.data + 10, 2});
        assert_non_null(changes[i].service);
    }
    assert_int_equal(catalog_with(empty, changes, ARRAY_LEN(names), &catalog, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        service_unref(changes[i].service);
    catalog_unref(empty);
    return catalog;
}

static void message__composes_an_index_byte_for_byte(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf index = {0};
    AUTO_CATALOG struct catalog *catalog = sample_catalog();
    assert_int_equal(message_compose_index(&index, SOURCE, 42, COMMIT, catalog, &err), 0);
#define SERVICE(name, version)                                                                               \
    "\"" name "\":{\"sha256\":\"46b68ac1696c3870d537f376868d9402400de28587e345264a77b65da09669be\","         \
    "\"version\":" version "}"
    assert_text(&index,
                "{\"config_epoch\":\"" COMMIT
                "\",\"epoch\":42,\"format\":1,\"services\":{" SERVICE("a", "2") "," SERVICE(
                    "a-1", "3") "," SERVICE("a0", "4") "," SERVICE("zz",
                                                                   "1") "},\"source\":\"" SOURCE
                                                                        "\",\"type\":\"config.index\"}");
#undef SERVICE
    assert_canonical(&index);
}

static void message__composes_an_index_of_nothing(void **state)
{
    (void)state;
    struct error err;
    AUTO_BUF struct buf index = {0};
    AUTO_CATALOG struct catalog *catalog = catalog_new();
    assert_int_equal(message_compose_index(&index, SOURCE, 1, COMMIT, catalog, &err), 0);
    assert_text(&index, "{\"config_epoch\":\"" COMMIT
                        "\",\"epoch\":1,\"format\":1,\"services\":{},\"source\":\"" SOURCE
                        "\",\"type\":\"config.index\"}");
}

static void message__composes_canonical_json_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, parsed_types[i]);
        assert_canonical(&body);
        assert_parses(&body, parsed_types[i]);
    }
}

/* A head with `len` changed services: s0000, s0001, … */
static void compose_head_with_changes(struct buf *out, size_t len)
{
    static char names[MESSAGE_CHANGED_MAX + 1][8];
    static struct message_changed changed[MESSAGE_CHANGED_MAX + 1];
    struct message_stamp stamp = stamp_of(KEY_ID);
    struct message_head head = sample_head();
    for (size_t i = 0; i < len; i++) {
        snprintf(names[i], sizeof names[i], "s%04u", (unsigned)i % 10000);
        changed[i] = (struct message_changed){names[i], i};
    }
    head.changed = changed;
    head.changed_len = len;
    message_compose_head(out, &stamp, &head);
}

static void message__lists_at_most_a_thousand_changed_names(void **state)
{
    (void)state;
    static const char null_list[] = "{\"changed\":null,";
    AUTO_BUF struct buf most = {0}, over = {0};
    AUTO_MESSAGE struct message message = {0}, null_message = {0};
    struct error err;
    compose_head_with_changes(&most, MESSAGE_CHANGED_MAX);
    assert_canonical(&most);
    assert_int_equal(message_parse(buf_span(&most), MESSAGE_HEAD, &message, &err), 0);
    assert_int_equal(message.u.head.changed_len, MESSAGE_CHANGED_MAX);
    assert_false(message.changed_is_null);
    assert_string_equal(message.u.head.changed[999].name, "s0999");
    assert_int_equal(message.u.head.changed[999].version, 999);

    compose_head_with_changes(&over, MESSAGE_CHANGED_MAX + 1);
    assert_memory_equal(over.data, null_list, strlen(null_list));
    assert_int_equal(message_parse(buf_span(&over), MESSAGE_HEAD, &null_message, &err), 0);
    assert_true(null_message.changed_is_null);
    assert_int_equal(null_message.u.head.changed_len, 0);

    /* Nobody writes 1,001 names; whoever does is refused. */
    assert_true(spoil(&most, "{\"s0000\"", "{\"r\":1,\"s0000\""));
    assert_parse_refused(&most, MESSAGE_HEAD, CODE_MESSAGE_FORM, "changed");
}

/* --- parsing what is right --- */

static void message__reads_an_update_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    compose(&body, MESSAGE_UPDATE);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_UPDATE, &message, &err), 0);
    assert_int_equal(message.type, MESSAGE_UPDATE);
    assert_string_equal(message.source, SOURCE);
    assert_string_equal(message.key_id, KEY_ID);
    assert_int_equal(message.generation, 1);
    assert_int_equal(message.timestamp_ms, 1795231402123);
    assert_string_equal(message.u.update.service, "stt-worker");
    assert_int_equal(message.u.update.version, 42);
    assert_string_equal(message.u.update.config_epoch, COMMIT);
    assert_string_equal(message.u.update.correlation_id, "req-7.a_B");
    assert_string_equal(message.u.update.schema, DIGEST);
    assert_true(span_is(message.u.update.config, CONFIG));
    assert_ptr_equal(message.u.update.config.data, body.data + strlen("{\"config\":"));
}

static void message__reads_a_tombstone_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    compose(&body, MESSAGE_UPDATE);
    assert_true(spoil(&body, CONFIG, "null"));
    assert_true(spoil(&body, "\"schema\":\"" DIGEST "\"", "\"schema\":null"));
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_UPDATE, &message, &err), 0);
    assert_null(message.u.update.config.data);
    assert_null(message.u.update.schema);
}

static void message__reads_a_head_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    uint8_t digest[HASH_LEN];
    const struct message_head *head = &message.u.head;
    sample_digest(digest);
    compose(&body, MESSAGE_HEAD);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_HEAD, &message, &err), 0);
    assert_int_equal(head->epoch, 42);
    assert_int_equal(head->offset, 3);
    assert_int_equal(head->services, 6);
    assert_string_equal(head->config_epoch, COMMIT);
    assert_string_equal(head->correlation_id, "req-7.a_B");
    assert_memory_equal(head->index, digest, HASH_LEN);
    assert_true(head->has_parent);
    assert_int_equal(head->parent_epoch, 41);
    assert_memory_equal(head->parent_digest, digest, HASH_LEN);
    assert_false(message.changed_is_null);
    assert_int_equal(head->changed_len, 2);
    assert_string_equal(head->changed[0].name, "router");
    assert_int_equal(head->changed[0].version, 40);
    assert_string_equal(head->changed[1].name, "stt-worker");
    assert_int_equal(head->changed[1].version, 42);
}

static void message__reads_a_keepalive_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    uint8_t digest[HASH_LEN];
    sample_digest(digest);
    compose(&body, MESSAGE_KEEPALIVE);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_KEEPALIVE, &message, &err), 0);
    assert_int_equal(message.u.keepalive.epoch, 42);
    assert_int_equal(message.u.keepalive.sequence, 1795231402123);
    assert_int_equal(message.u.keepalive.ttl_s, 30);
    assert_memory_equal(message.u.keepalive.head, digest, HASH_LEN);
}

static void message__reads_a_keyset_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    struct message_keyset expected = {0};
    struct signing_key second = key_of_seed(2), third = key_of_seed(3);
    keyset_insert(&expected, &second);
    keyset_insert(&expected, &third);
    compose(&body, MESSAGE_KEYSET);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_KEYSET, &message, &err), 0);
    assert_int_equal(message.u.keyset.len, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(message.u.keyset.keys[i].id, expected.keys[i].id);
        assert_memory_equal(message.u.keyset.keys[i].public_key, expected.keys[i].public_key, PUBLIC_KEY_LEN);
    }
}

static void message__reads_an_acknowledgement_back(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    const struct message_ack *ack = &message.u.ack;
    compose(&body, MESSAGE_ACK);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_ACK, &message, &err), 0);
    assert_string_equal(ack->service, "stt-worker");
    assert_string_equal(ack->instance, "pi3.local");
    assert_int_equal(ack->epoch, 43);
    assert_int_equal(ack->version, 42);
    assert_int_equal(ack->status, ACK_REFUSED);
    assert_string_equal(ack->reason, "no such voice");
    assert_int_equal(ack->restart_pending_len, 1);
    assert_string_equal(ack->restart_pending[0], "/model");
    assert_int_equal(ack->overridden_len, 2);
    assert_string_equal(ack->overridden[1], "/a~1b/0");
    assert_int_equal(ack->freshness, FRESHNESS_STALE);
    assert_string_equal(ack->library, "libepoch 0.1.0");
}

static void message__finds_the_configuration_behind_unknown_members(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    compose(&body, MESSAGE_UPDATE);
    assert_true(spoil(&body, "{\"config\":" CONFIG,
                      "{\"a\":{\"config\":{}},\"b\\\"\":[1,\"}\"],\"config\":"
                      "{\"config\":{\"config\":\"\\\"\\n\xc3\xa9\"},\"n\":[0.5,1e+21,\"\\u0001\"]}"));
    assert_canonical(&body);
    assert_int_equal(message_parse(buf_span(&body), MESSAGE_UPDATE, &message, &err), 0);
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf config = {0};
    read_json(buf_span(&body), &doc);
    json_write(doc_get(doc.root, "config"), &config);
    assert_true(span_equal(message.u.update.config, buf_span(&config)));
}

static void message__ignores_unknown_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed_types); i++) {
        AUTO_BUF struct buf body = {0};
        compose(&body, parsed_types[i]);
        buf_truncate(&body, body.len - 1);
        buf_puts(&body, ",\"zz\":{\"anything\":[null,true]}}");
        assert_true(spoil(&body, "\"format\":1", "\"extra\":\"later\",\"format\":1"));
        assert_canonical(&body);
        assert_parses(&body, parsed_types[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__composes_an_update_byte_for_byte),
        cmocka_unit_test(message__composes_a_tombstone_with_null),
        cmocka_unit_test(message__composes_a_head_byte_for_byte),
        cmocka_unit_test(message__composes_a_first_head_without_parent),
        cmocka_unit_test(message__composes_a_keepalive_byte_for_byte),
        cmocka_unit_test(message__composes_a_keyset_byte_for_byte),
        cmocka_unit_test(message__composes_an_acknowledgement_byte_for_byte),
        cmocka_unit_test(message__composes_an_unsigned_acknowledgement_without_key),
        cmocka_unit_test(message__carries_whose_end_is_that_of_an_acknowledgement),
        cmocka_unit_test(message__composes_acknowledgements_that_are_taken),
        cmocka_unit_test(message__composes_an_index_byte_for_byte),
        cmocka_unit_test(message__composes_an_index_of_nothing),
        cmocka_unit_test(message__composes_canonical_json_only),
        cmocka_unit_test(message__lists_at_most_a_thousand_changed_names),
        cmocka_unit_test(message__reads_an_update_back),
        cmocka_unit_test(message__reads_a_tombstone_back),
        cmocka_unit_test(message__reads_a_head_back),
        cmocka_unit_test(message__reads_a_keepalive_back),
        cmocka_unit_test(message__reads_a_keyset_back),
        cmocka_unit_test(message__reads_an_acknowledgement_back),
        cmocka_unit_test(message__finds_the_configuration_behind_unknown_members),
        cmocka_unit_test(message__ignores_unknown_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
