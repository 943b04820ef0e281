/*
 * snapshot_verify: every snapshot here has a right HMAC, as somebody who can read lkg.key would make it; what
 * the publisher did not sign is refused all the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snapshots.h"

enum { STRANGER_SEED = 6 };

static int set_up(void **state)
{
    struct error err;
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

static struct root_keys our_roots(void)
{
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct root_keys roots = {.len = 1};
    roots.keys[0] = public_half(&root);
    return roots;
}

static int verify_file(const struct buf *file, bool every_signature, struct snapshot *snapshot,
                       struct verified_snapshot *out, struct error *err)
{
    struct root_keys roots = our_roots();
    must(try_read(file, snapshot, err), err);
    return snapshot_verify(snapshot, &roots, every_signature, out, err);
}

static void assert_file_refused(const struct buf *file, bool every_signature, const char *code,
                                const char *word)
{
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct verified_snapshot verified = {0};
    struct error err;
    if (verify_file(file, every_signature, &snapshot, &verified, &err) == 0)
        fail_msg("verified, but %s was expected", word);
    assert_string_equal(err.code, code);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
    assert_null(verified.catalog);
    assert_null(verified.head.doc.root);
}

/* Refused both ways. */
static void assert_forgery_found(int dir, const struct snapshot_view *view, const char *word)
{
    AUTO_BUF struct buf file = {0};
    write_view(dir, view, &file);
    assert_file_refused(&file, false, CODE_LKG_BAD_SIG, word);
    assert_file_refused(&file, true, CODE_LKG_BAD_SIG, word);
}

/* --- what is right ------------------------------------------------------------------------------------------------ */

static void verify_publisher(int dir, const struct publisher *publisher, bool every_signature)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    uint8_t expected[HASH_LEN], digest[HASH_LEN];
    struct error err;
    struct snapshot_view view = view_of(publisher);
    write_view(dir, &view, &file);
    must(verify_file(&file, every_signature, &snapshot, &verified, &err), &err);

    catalog_digest(publisher->catalog, expected);
    catalog_digest(verified.catalog, digest);
    assert_memory_equal(digest, expected, HASH_LEN);
    assert_int_equal(catalog_count(verified.catalog), catalog_count(publisher->catalog));
    assert_int_equal(verified.keyset.generation, GENERATION);
    assert_int_equal(verified.keyset.keys.len, 1);
    assert_int_equal(verified.head.type, MESSAGE_HEAD);
    assert_int_equal(verified.head.u.head.epoch, EPOCH);
}

static void snapshot_verify__gives_what_was_in_force(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    verify_publisher(folder(state), &publisher, false);
    verify_publisher(folder(state), &publisher, true);
}

static void snapshot_verify__gives_services_with_version_and_configuration(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    for (int every_signature = 0; every_signature <= 1; every_signature++) {
        AUTO_SNAPSHOT struct snapshot snapshot = {0};
        AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
        must(verify_file(&file, every_signature, &snapshot, &verified, &err), &err);
        const struct service *service = catalog_find(verified.catalog, "stt-worker");
        assert_non_null(service);
        assert_int_equal(service->version, 42);
        assert_true(span_is(service->config, CONFIG));
        assert_true(service->config.data > service->message.data);
        assert_true(service->config.data < service->message.data + service->message.len);
        assert_true(span_equal(service->message, catalog_find(publisher.catalog, "stt-worker")->message));
        assert_string_equal(service->path, "");
    }
}

static void snapshot_verify__takes_no_services_at_all(void **state)
{
    PUBLISHER publisher = {.catalog = catalog_new()};
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
    verify_publisher(folder(state), &publisher, false);
    verify_publisher(folder(state), &publisher, true);
}

/* --- keyset and head ---------------------------------------------------------------------------------------------- */

static void snapshot_verify__finds_a_keyset_of_another_root(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    buf_reset(&publisher.keyset);
    make_keyset(&publisher.keyset, STRANGER_SEED, SIGNER_SEED, GENERATION);
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "the keyset of the snapshot");
}

static void f28__a_changed_keyset_under_a_right_hmac_is_found(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    publisher.keyset.data[publisher.keyset.len / 2] ^= 1;
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "the keyset of the snapshot");
}

static void snapshot_verify__finds_a_keyset_of_another_generation(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    buf_reset(&publisher.keyset);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION + 1);
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "the head of the snapshot");
}

static void f28__a_head_of_a_stranger_under_a_right_hmac_is_found(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    buf_reset(&publisher.head);
    make_head(&publisher.head, publisher.catalog, EPOCH, STRANGER_SEED);
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "the head of the snapshot");
}

static void snapshot_verify__finds_a_message_that_is_no_head(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    view.head = catalog_find(publisher.catalog, "router")->message;
    assert_forgery_found(folder(state), &view, "the head of the snapshot");
}

static void snapshot_verify__finds_what_the_head_tells_otherwise(void **state)
{
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    view.epoch++;
    assert_forgery_found(folder(state), &view, "the epoch");
    view = view_of(&publisher);
    view.generation++;
    assert_forgery_found(folder(state), &view, "the generation");
    view = view_of(&publisher);
    view.offset++;
    assert_forgery_found(folder(state), &view, "the offset");
    view = view_of(&publisher);
    view.config_epoch = "0000000000000000000000000000000000000000";
    assert_forgery_found(folder(state), &view, "the config_epoch");
}

static void snapshot_verify__keeps_a_newer_format_apart_from_forgery(void **state)
{
    AUTO_BUF struct buf body = {0}, file = {0};
    char id[KEY_ID_LEN + 1];
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct message_stamp stamp = stamp_by(SIGNER_SEED, id);
    struct message_head head = sample_head();
    message_compose_head(&body, &stamp, &head);
    assert_true(spoil(&body, "\"format\":1", "\"format\":2"));
    sign_by(&body, SIGNER_SEED);
    struct snapshot_view view = view_of(&publisher);
    view.head = buf_span(&body);
    write_view(folder(state), &view, &file);
    assert_file_refused(&file, false, CODE_FORMAT_NEWER, "format 2");
}

/* --- services ----------------------------------------------------------------------------------------------------- */

/* The view of a publisher whose services were changed after the head was signed. */
static void assert_change_found(void **state, const char *name, uint64_t version, struct span message,
                                const char *word)
{
    PUBLISHER publisher;
    struct error err;
    publisher_init(&publisher);
    if (message.data != NULL) {
        catalog_put(&publisher.catalog, name, version, message);
    } else {
        struct catalog *without;
        must(catalog_with(publisher.catalog, &(struct catalog_change){name, NULL}, 1, &without, &err), &err);
        catalog_unref(publisher.catalog);
        publisher.catalog = without;
    }
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, word);
}

static void f28__a_changed_configuration_under_a_right_hmac_is_found(void **state)
{
    AUTO_BUF struct buf message = {0};
    make_update(&message, "stt-worker", 42, CONFIG, SIGNER_SEED);
    assert_true(spoil(&message, "\"threads\":4", "\"threads\":5"));
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    catalog_put(&publisher.catalog, "stt-worker", 42, buf_span(&message));
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    assert_file_refused(&file, false, CODE_LKG_BAD_SIG, "service stt-worker");
    assert_file_refused(&file, true, CODE_LKG_BAD_SIG, "service stt-worker");
}

static void snapshot_verify__finds_an_older_message_of_the_publisher(void **state)
{
    AUTO_BUF struct buf message = {0};
    make_update(&message, "stt-worker", 41, "{\"threads\":1}", SIGNER_SEED);
    assert_change_found(state, "stt-worker", 41, buf_span(&message), "the digest of all services");
}

static void snapshot_verify__finds_a_service_taken_away(void **state)
{
    assert_change_found(state, "router", 0, (struct span){0}, "the number of services");
}

static void snapshot_verify__finds_a_service_put_in(void **state)
{
    AUTO_BUF struct buf message = {0};
    make_update(&message, "lamp", 42, "{}", SIGNER_SEED);
    assert_change_found(state, "lamp", 42, buf_span(&message), "the number of services");
}

static void snapshot_verify__finds_a_message_under_another_name(void **state)
{
    AUTO_BUF struct buf message = {0};
    make_update(&message, "router", 40, "{}", SIGNER_SEED);
    assert_change_found(state, "a", 1, buf_span(&message), "service a of the snapshot");
}

static void snapshot_verify__finds_what_is_no_update(void **state)
{
    static const struct span no_messages[] = {SPAN("{}"), SPAN(""), SPAN("{\"config\":{}}"), SPAN("config")};
    for (size_t i = 0; i < ARRAY_LEN(no_messages); i++)
        assert_change_found(state, "a", 1, no_messages[i], "service a of the snapshot");
    AUTO_BUF struct buf head = {0};
    AUTO_CATALOG struct catalog *none = catalog_new();
    make_head(&head, none, EPOCH, SIGNER_SEED);
    assert_change_found(state, "a", 1, buf_span(&head), "service a of the snapshot");
}

static void snapshot_verify__finds_a_message_of_another_source_or_generation(void **state)
{
    char id[KEY_ID_LEN + 1];
    for (int i = 0; i < 2; i++) {
        AUTO_BUF struct buf message = {0};
        struct message_stamp stamp = stamp_by(SIGNER_SEED, id);
        struct message_update update = sample_update();
        stamp.source = i == 0 ? "other" : SOURCE;
        stamp.generation = i == 1 ? GENERATION + 1 : GENERATION;
        message_compose_update(&message, &stamp, &update);
        sign_by(&message, SIGNER_SEED);
        assert_change_found(state, "stt-worker", 42, buf_span(&message),
                            "service stt-worker of the snapshot");
    }
}

static void snapshot_verify__finds_a_message_above_the_limit(void **state)
{
    AUTO_BUF struct buf message = {0};
    static const uint8_t signature[SIGNATURE_LEN];
    buf_puts(&message, "{\"config\":{\"x\":\"");
    while (message.len <= MESSAGE_MAX)
        buf_putc(&message, 'x');
    buf_puts(&message, "\"}}");
    tail_append(&message, "signature", signature, sizeof signature);
    assert_change_found(state, "a", 1, buf_span(&message), "service a of the snapshot");
}

/* A tombstone that the head vouches for: it was never in force. */
static void snapshot_verify__finds_a_tombstone_among_the_services(void **state)
{
    AUTO_BUF struct buf message = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    make_update(&message, "a", 42, NULL, SIGNER_SEED);
    catalog_put(&publisher.catalog, "a", 42, buf_span(&message));
    buf_reset(&publisher.head);
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "service a of the snapshot");
}

/* The head vouches for a message that nobody signed: only somebody with the signing key can make that, and
   `verify lkg` says so. */
static void snapshot_verify__checks_each_signature_when_asked_to(void **state)
{
    AUTO_BUF struct buf message = {0}, file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    make_update(&message, "a", 1, "{}", STRANGER_SEED);
    catalog_put(&publisher.catalog, "a", 1, buf_span(&message));
    buf_reset(&publisher.head);
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    assert_file_refused(&file, true, CODE_LKG_BAD_SIG, "service a of the snapshot");
    must(verify_file(&file, false, &snapshot, &verified, &err), &err);
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

static void snapshot_verify__finds_another_index_text(void **state)
{
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    spoil_and_reseal(&file, "\\\"version\\\":40}", "\\\"version\\\":41}");
    assert_file_refused(&file, false, CODE_LKG_BAD_SIG, "the index");
    assert_file_refused(&file, true, CODE_LKG_BAD_SIG, "the index");
}

/* What looks like the end of a configuration inside of one, and like members behind it. */
static void snapshot_verify__finds_the_configuration_whatever_is_in_it(void **state)
{
    static const char config[] = "{\"a\":{\"b\":1,\"config_epoch\":\"x\",\"version\":7},\"text\":\",\\\"config_epoch\\\":\\\"y\"}";
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    struct error err;
    PUBLISHER publisher = {.catalog = catalog_new()};
    assert_non_null(publisher.catalog);
    catalog_add(&publisher.catalog, "a", 9, config);
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
    struct snapshot_view view = view_of(&publisher);
    write_view(folder(state), &view, &file);
    must(verify_file(&file, false, &snapshot, &verified, &err), &err);
    const struct service *service = catalog_find(verified.catalog, "a");
    assert_non_null(service);
    assert_true(span_is(service->config, config));
    assert_int_equal(service->version, 9);
}

/* The version in the catalog comes from the signed message, so a digest over another one does not match. */
static void snapshot_verify__takes_the_version_from_the_message(void **state)
{
    AUTO_BUF struct buf message = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    make_update(&message, "a", 2, "{}", SIGNER_SEED);
    catalog_put(&publisher.catalog, "a", 1, buf_span(&message));
    buf_reset(&publisher.head);
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    struct snapshot_view view = view_of(&publisher);
    assert_forgery_found(folder(state), &view, "the digest of all services");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(snapshot_verify__gives_what_was_in_force),
        TEST(snapshot_verify__gives_services_with_version_and_configuration),
        TEST(snapshot_verify__takes_no_services_at_all),
        TEST(snapshot_verify__finds_a_keyset_of_another_root),
        TEST(f28__a_changed_keyset_under_a_right_hmac_is_found),
        TEST(snapshot_verify__finds_a_keyset_of_another_generation),
        TEST(f28__a_head_of_a_stranger_under_a_right_hmac_is_found),
        TEST(snapshot_verify__finds_a_message_that_is_no_head),
        TEST(snapshot_verify__finds_what_the_head_tells_otherwise),
        TEST(snapshot_verify__keeps_a_newer_format_apart_from_forgery),
        TEST(f28__a_changed_configuration_under_a_right_hmac_is_found),
        TEST(snapshot_verify__finds_an_older_message_of_the_publisher),
        TEST(snapshot_verify__finds_a_service_taken_away),
        TEST(snapshot_verify__finds_a_service_put_in),
        TEST(snapshot_verify__finds_a_message_under_another_name),
        TEST(snapshot_verify__finds_what_is_no_update),
        TEST(snapshot_verify__finds_a_message_of_another_source_or_generation),
        TEST(snapshot_verify__finds_a_message_above_the_limit),
        TEST(snapshot_verify__finds_a_tombstone_among_the_services),
        TEST(snapshot_verify__finds_the_configuration_whatever_is_in_it),
        TEST(snapshot_verify__checks_each_signature_when_asked_to),
        TEST(snapshot_verify__finds_another_index_text),
        TEST(snapshot_verify__takes_the_version_from_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
