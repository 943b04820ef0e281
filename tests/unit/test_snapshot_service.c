/*
 * snapshot_find_service: what it gives is what was published; what cannot be proved is refused, whatever else is in the file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snapshots.h"
#include "verify/snapshot_service.h"

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

static int find(struct span file, const char *service, struct snapshot_service *out, struct error *err)
{
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct root_keys roots = {.len = 1};
    roots.keys[0] = public_half(&root);
    return snapshot_find_service(file, HOST, SOURCE, &roots, service, out, err);
}

static void assert_found(const struct buf *file, const char *service, uint64_t version, const char *config)
{
    AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
    struct error err;
    must(find(buf_span(file), service, &found, &err), &err);
    assert_true(found.exists);
    assert_int_equal(found.epoch, EPOCH);
    assert_int_equal(found.version, version);
    assert_true(span_is(buf_span(&found.config), config));
    struct oid commit;
    assert_true(oid_parse(span_of(COMMIT), &commit));
    assert_memory_equal(&found.commit, &commit, sizeof commit);
}

static void assert_not_proved(const struct buf *file, const char *service)
{
    struct snapshot_service found = {0};
    struct error err;
    if (find(buf_span(file), service, &found, &err) == 0)
        fail_msg("%s was proved", service);
    assert_false(found.exists);
    assert_null(found.config.data);
}

static void write_publisher(void **state, const struct publisher *publisher, struct buf *file)
{
    struct snapshot_view view = view_of(publisher);
    write_view(folder(state), &view, file);
}

/* --- what is right ------------------------------------------------------------------------------------------------- */

static void snapshot_service__gives_what_was_published(void **state)
{
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &file);
    assert_found(&file, "stt-worker", 42, CONFIG);
    assert_found(&file, "router", 40, "{\"motd\":\"say \\\"h\xc3\xa9\\\"\\n\\\\o/\"}");
    assert_found(&file, "a", 1, "{}");
}

static void snapshot_service__says_that_there_is_none(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &file);
    must(find(buf_span(&file), "nobody", &found, &err), &err);
    assert_false(found.exists);
    assert_int_equal(found.epoch, EPOCH);
}

static void snapshot_service__is_not_misled_by_services_named_as_members(void **state)
{
    static const char *const names[] = {"head", "host", "index", "keyset", "offset", "services", "format", "source"};
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher = {.catalog = catalog_new()};
    assert_non_null(publisher.catalog);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        catalog_add(&publisher.catalog, names[i], 7, "{\"services\":{\"head\":\"none\"},\"text\":\",\\\"router\\\":\\\"\"}");
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
    write_publisher(state, &publisher, &file);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_found(&file, names[i], 7, "{\"services\":{\"head\":\"none\"},\"text\":\",\\\"router\\\":\\\"\"}");
}

/* --- what is not --------------------------------------------------------------------------------------------------- */

static void f28__a_service_that_its_head_does_not_vouch_for_is_not_proved(void **state)
{
    AUTO_BUF struct buf file = {0}, older = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    make_update(&older, "router", 39, "{\"motd\":\"of yesterday\"}", SIGNER_SEED);
    catalog_put(&publisher.catalog, "router", 39, buf_span(&older)); /* behind the head that was made before */
    write_publisher(state, &publisher, &file);
    assert_not_proved(&file, "router");
    assert_not_proved(&file, "a"); /* the index is of other services than the head's */
}

/* `"router":"{…}"` where the services stand. */
static struct span router_of(const struct buf *file)
{
    static const char begin[] = "\"router\":\"{", end[] = "}\",\"stt-worker\":";
    const char *from = memmem(file->data, file->len, begin, strlen(begin));
    const char *to = memmem(file->data, file->len, end, strlen(end));
    assert_true(from != NULL && to > from);
    return (struct span){from, (size_t)(to - from)};
}

static void f28__an_older_message_beside_the_right_index_is_not_proved(void **state)
{
    AUTO_BUF struct buf right = {0}, other = {0}, older = {0}, mixed = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &right);
    make_update(&older, "router", 39, "{\"motd\":\"of yesterday\"}", SIGNER_SEED);
    catalog_put(&publisher.catalog, "router", 39, buf_span(&older));
    write_publisher(state, &publisher, &other);
    struct span place = router_of(&right);
    buf_append(&mixed, right.data, (size_t)(place.data - right.data));
    buf_append_span(&mixed, router_of(&other));
    const char *rest = place.data + place.len;
    buf_append(&mixed, rest, (size_t)(right.data + right.len - rest));
    assert_found(&mixed, "a", 1, "{}");
    assert_not_proved(&mixed, "router");
}

/* The index is read in the one form that it is written in, and what is not in that form proves nothing. */
static void snapshot_service__an_index_in_another_form_is_not_proved(void **state)
{
    static const char *const places[] = {"\\\"services\\\":{", "\\\"a\\\":{", "\\\"sha256\\\":", "\\\"version\\\":"};
    AUTO_BUF struct buf right = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &right);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        AUTO_BUF struct buf other = {0};
        const char *at = memmem(right.data, right.len, places[i], strlen(places[i]));
        assert_non_null(at);
        size_t before = (size_t)(at - right.data) + strlen(places[i]);
        buf_append(&other, right.data, before);
        buf_putc(&other, ' ');
        buf_append(&other, right.data + before, right.len - before);
        assert_not_proved(&other, "router");
    }
}

static void snapshot_service__no_services_are_an_index_too(void **state)
{
    AUTO_BUF struct buf file = {0};
    AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
    struct error err;
    PUBLISHER publisher = {.catalog = catalog_new()};
    assert_non_null(publisher.catalog);
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
    write_publisher(state, &publisher, &file);
    must(find(buf_span(&file), "router", &found, &err), &err);
    assert_false(found.exists);
}

static void f28__a_message_under_another_name_is_not_proved(void **state)
{
    AUTO_BUF struct buf file = {0}, other = {0};
    PUBLISHER publisher = {.catalog = catalog_new()};
    assert_non_null(publisher.catalog);
    make_update(&other, "router", 40, "{}", SIGNER_SEED);
    catalog_put(&publisher.catalog, "stt-worker", 40, buf_span(&other));
    make_head(&publisher.head, publisher.catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher.keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
    write_publisher(state, &publisher, &file);
    assert_not_proved(&file, "stt-worker");
}

static void f28__nothing_of_a_stranger_is_proved(void **state)
{
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    buf_reset(&publisher.head);
    make_head(&publisher.head, publisher.catalog, EPOCH, STRANGER_SEED);
    write_publisher(state, &publisher, &file);
    assert_not_proved(&file, "router");
    buf_reset(&publisher.keyset);
    make_keyset(&publisher.keyset, STRANGER_SEED, STRANGER_SEED, GENERATION);
    write_publisher(state, &publisher, &file);
    assert_not_proved(&file, "router");
}

static void snapshot_service__refuses_another_host_and_a_newer_format(void **state)
{
    AUTO_BUF struct buf file = {0};
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &file);
    assert_true(spoil(&file, "\"host\":\"kitchen\"", "\"host\":\"cellars\""));
    assert_not_proved(&file, "router");
    write_publisher(state, &publisher, &file);
    assert_true(spoil(&file, ",\"format\":1,\"generation\":1,\"head\"", ",\"format\":2,\"generation\":1,\"head\""));
    assert_not_proved(&file, "router");
}

static void snapshot_service__refuses_every_beginning_of_a_file(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct error err;
    PUBLISHER publisher;
    publisher_init(&publisher);
    write_publisher(state, &publisher, &file);
    const char *behind = memmem(file.data, file.len, "\"stt-worker\":\"{", strlen("\"stt-worker\":\"{"));
    assert_non_null(behind);
    for (size_t len = 0; len < (size_t)(behind - file.data); len += 7) {
        /* A block of its own, so that a sanitizer sees a step beyond. */
        AUTO_FREE char *cut = malloc(len + 1);
        AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
        assert_non_null(cut);
        memcpy(cut, file.data, len);
        assert_int_equal(find((struct span){cut, len}, "stt-worker", &found, &err), -1);
    }
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(snapshot_service__gives_what_was_published),
        ONE(snapshot_service__says_that_there_is_none),
        ONE(snapshot_service__is_not_misled_by_services_named_as_members),
        ONE(f28__a_service_that_its_head_does_not_vouch_for_is_not_proved),
        ONE(f28__an_older_message_beside_the_right_index_is_not_proved),
        ONE(snapshot_service__an_index_in_another_form_is_not_proved),
        ONE(snapshot_service__no_services_are_an_index_too),
        ONE(f28__a_message_under_another_name_is_not_proved),
        ONE(f28__nothing_of_a_stranger_is_proved),
        ONE(snapshot_service__refuses_another_host_and_a_newer_format),
        ONE(snapshot_service__refuses_every_beginning_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
