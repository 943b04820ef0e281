/*
 * catalog: the digest against the definition, computed the slow way; what a change leaves alone; who holds
 * what; and readers on other threads.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "model/catalog.h"
#include "util/buf.h"
#include "util/hex.h"

/* A service whose message is made from name and version, and whose configuration is in it. */
static struct service *make_service(const char *name, uint64_t version)
{
    AUTO_BUF struct buf message = {0};
    buf_puts(&message, "{\"config\":");
    size_t start = message.len;
    buf_printf(&message, "{\"number\":%llu}", (unsigned long long)version);
    size_t len = message.len - start;
    buf_printf(&message, ",\"service\":\"%s\"}", name);
    struct service *service = service_new(name, "services/x.yaml", version, buf_span(&message),
                                          (struct span){message.data + start, len});
    assert_non_null(service);
    return service;
}

static void number_name(char out[static LAYOUT_NAME_MAX + 1], unsigned number)
{
    snprintf(out, LAYOUT_NAME_MAX + 1, "service-%u", number);
}

/* The catalog after one change; takes the reference of `base`. */
static struct catalog *with_one(struct catalog *base, const char *name, struct service *service)
{
    struct error err;
    struct catalog *out = NULL;
    struct catalog_change change = {name, service};
    assert_int_equal(catalog_with(base, &change, 1, &out, &err), 0);
    service_unref(service);
    catalog_unref(base);
    return out;
}

static struct catalog *with_put(struct catalog *base, const char *name, uint64_t version)
{
    return with_one(base, name, make_service(name, version));
}

/* Services 0 … len-1 at this version, in one step. */
static struct catalog *make_many(unsigned len, uint64_t version)
{
    struct error err;
    AUTO_CATALOG struct catalog *empty = catalog_new();
    AUTO_FREE struct catalog_change *changes = calloc(len, sizeof *changes);
    struct catalog *out = NULL;
    assert_non_null(empty);
    assert_non_null(changes);
    for (unsigned i = 0; i < len; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i);
        struct service *service = make_service(name, version);
        changes[i] = (struct catalog_change){service->name, service};
    }
    assert_int_equal(catalog_with(empty, changes, len, &out, &err), 0);
    for (unsigned i = 0; i < len; i++)
        service_unref(changes[i].service);
    return out;
}

static void assert_digest_equal(const struct catalog *catalog, const uint8_t expected[static HASH_LEN])
{
    uint8_t digest[HASH_LEN];
    catalog_digest(catalog, digest);
    assert_memory_equal(digest, expected, HASH_LEN);
}

/* The definition, word by word: for each of 256 buckets all services are looked through. */
static void digest_naively(const struct catalog *catalog, uint8_t out[static HASH_LEN])
{
    struct error err;
    AUTO_FREE const struct service **services = NULL;
    AUTO_BUF struct buf whole = {0};
    assert_int_equal(catalog_sorted(catalog, &services, &err), 0);
    for (unsigned bucket = 0; bucket < 256; bucket++) {
        AUTO_BUF struct buf lines = {0};
        uint8_t digest[HASH_LEN];
        for (size_t i = 0; i < catalog_count(catalog); i++) {
            char hex[HASH_HEX_LEN + 1];
            hash_sha256(services[i]->name, strlen(services[i]->name), digest);
            if (digest[0] != bucket)
                continue;
            hash_sha256(services[i]->message.data, services[i]->message.len, digest);
            hex_encode(digest, HASH_LEN, hex);
            buf_printf(&lines, "%s %llu %s\n", services[i]->name, (unsigned long long)services[i]->version,
                       hex);
        }
        hash_sha256(lines.data, lines.len, digest);
        buf_append(&whole, digest, sizeof digest);
    }
    assert_int_equal(whole.len, 8192);
    hash_sha256(whole.data, whole.len, out);
}

static void assert_digest_is_naive(const struct catalog *catalog)
{
    uint8_t expected[HASH_LEN];
    digest_naively(catalog, expected);
    assert_digest_equal(catalog, expected);
}

/* --- services ------------------------------------------------------------------------------------------- */

static void service__copies_what_it_is_made_of(void **state)
{
    (void)state;
    char name[] = "router", path[] = "services/audio/router.yaml",
         message[] = "{\"config\":{\"a\":1},\"x\":2}";
    uint8_t digest[HASH_LEN];
    hash_sha256(message, strlen(message), digest);
    struct service *service = service_new(name, path, 42, span_of(message), (struct span){message + 10, 7});
    assert_non_null(service);
    memset(name, 'x', sizeof name - 1);
    memset(path, 'x', sizeof path - 1);
    memset(message, 'x', sizeof message - 1);
    assert_string_equal(service->name, "router");
    assert_string_equal(service->path, "services/audio/router.yaml");
    assert_int_equal(service->version, 42);
    assert_true(span_is(service->message, "{\"config\":{\"a\":1},\"x\":2}"));
    assert_true(span_is(service->config, "{\"a\":1}"));
    assert_memory_equal(service->digest, digest, sizeof digest);
    service_unref(service);
}

static void service__takes_a_name_of_63_characters_and_none_longer(void **state)
{
    (void)state;
    char name[LAYOUT_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    name[LAYOUT_NAME_MAX] = '\0';
    struct service *service = service_new(name, "", 1, SPAN("{}"), (struct span){0});
    assert_non_null(service);
    assert_string_equal(service->name, name);
    assert_string_equal(service->path, "");
    assert_null(service->config.data);
    service_unref(service);

    name[LAYOUT_NAME_MAX] = 'a';
    name[LAYOUT_NAME_MAX + 1] = '\0';
    assert_null(service_new(name, "", 1, SPAN("{}"), (struct span){0}));
}

static void service__lives_as_long_as_somebody_holds_it(void **state)
{
    (void)state;
    struct service *service = make_service("router", 1);
    assert_ptr_equal(service_ref(service), service);
    assert_int_equal(service->references, 2);
    service_unref(service);
    assert_int_equal(service->references, 1);
    service_unref(service);
    service_unref(NULL);
}

/* --- catalogs ------------------------------------------------------------------------------------------- */

static void catalog__is_empty_when_new(void **state)
{
    (void)state;
    struct error err;
    AUTO_CATALOG struct catalog *catalog = catalog_new();
    AUTO_FREE const struct service **services = NULL;
    uint8_t expected[HASH_LEN];
    assert_int_equal(catalog_count(catalog), 0);
    assert_int_equal(catalog_config_bytes(catalog), 0);
    assert_null(catalog_find(catalog, "router"));
    assert_int_equal(catalog_sorted(catalog, &services, &err), 0);
    assert_non_null(services);
    /* python3: sha256(256 * sha256(b"").digest()) */
    assert_true(hex_decode(SPAN("0e89e7ed74c9a5944c886585d634e3c68f4dccd0a31968fe52d6df0873ccdec6"), expected,
                           HASH_LEN));
    assert_digest_equal(catalog, expected);
}

static void catalog__finds_what_was_put_into_it(void **state)
{
    (void)state;
    AUTO_CATALOG struct catalog *catalog = catalog_new();
    catalog = with_put(catalog, "router", 7);
    catalog = with_put(catalog, "stt-worker", 8);
    assert_int_equal(catalog_count(catalog), 2);
    assert_int_equal(catalog_find(catalog, "router")->version, 7);
    assert_int_equal(catalog_find(catalog, "stt-worker")->version, 8);
    assert_null(catalog_find(catalog, "route"));
    assert_null(catalog_find(catalog, "routers"));
    assert_null(catalog_find(catalog, ""));
    assert_int_equal(catalog_config_bytes(catalog), 2 * strlen("{\"number\":7}"));
}

static void catalog__replaces_and_removes(void **state)
{
    (void)state;
    uint8_t before[HASH_LEN];
    AUTO_CATALOG struct catalog *catalog = with_put(catalog_new(), "router", 7);
    catalog_digest(catalog, before);
    catalog = with_put(catalog, "router", 1000);
    assert_int_equal(catalog_count(catalog), 1);
    assert_int_equal(catalog_find(catalog, "router")->version, 1000);
    assert_int_equal(catalog_config_bytes(catalog), strlen("{\"number\":1000}"));
    assert_digest_is_naive(catalog);

    catalog = with_one(catalog, "router", NULL);
    assert_int_equal(catalog_count(catalog), 0);
    assert_int_equal(catalog_config_bytes(catalog), 0);
    assert_null(catalog_find(catalog, "router"));
    assert_digest_is_naive(catalog);

    catalog = with_put(catalog, "router", 7);
    assert_digest_equal(catalog, before);
}

static void catalog__removes_what_is_not_there_without_complaint(void **state)
{
    (void)state;
    uint8_t before[HASH_LEN];
    AUTO_CATALOG struct catalog *catalog = make_many(1000, 3); /* every bucket has neighbours */
    catalog_digest(catalog, before);
    catalog = with_one(catalog, "a", NULL);
    catalog = with_one(catalog, "service-500x", NULL);
    catalog = with_one(catalog, "zzz", NULL);
    assert_int_equal(catalog_count(catalog), 1000);
    assert_digest_equal(catalog, before);
}

static void catalog__is_the_same_for_no_change(void **state)
{
    (void)state;
    struct error err;
    uint8_t before[HASH_LEN];
    AUTO_CATALOG struct catalog *catalog = make_many(10, 3), *same = NULL;
    catalog_digest(catalog, before);
    assert_int_equal(catalog_with(catalog, NULL, 0, &same, &err), 0);
    assert_int_equal(catalog_count(same), 10);
    assert_digest_equal(same, before);
}

static void catalog__does_not_depend_on_the_order_of_changes(void **state)
{
    (void)state;
    enum { LEN = 300 };
    uint8_t expected[HASH_LEN];
    AUTO_CATALOG struct catalog *at_once = make_many(LEN, 5), *one_by_one = catalog_new();
    catalog_digest(at_once, expected);
    for (unsigned i = 0; i < LEN; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i * 7 % LEN); /* 7 and 300 have no common factor: each once */
        one_by_one = with_put(one_by_one, name, 5);
    }
    assert_int_equal(catalog_count(one_by_one), LEN);
    assert_digest_equal(one_by_one, expected);
}

/* Puts, replaces and removes in one go, many of them in the same bucket. */
static void catalog__takes_mixed_changes_at_once(void **state)
{
    (void)state;
    enum { LEN = 2000 };
    struct error err;
    AUTO_CATALOG struct catalog *base = make_many(LEN, 5), *next = NULL;
    AUTO_FREE struct catalog_change *changes = calloc(LEN, sizeof *changes);
    static char names[LEN][LAYOUT_NAME_MAX + 1];
    assert_non_null(changes);
    for (unsigned i = 0; i < LEN; i++) { /* every second one of twice as many */
        number_name(names[i], 2 * i);
        changes[i].name = names[i];
        if (i % 3 != 0)
            changes[i].service = make_service(names[i], 6);
    }
    assert_int_equal(catalog_with(base, changes, LEN, &next, &err), 0);
    for (unsigned i = 0; i < LEN; i++)
        service_unref(changes[i].service);
    for (unsigned i = 0; i < 2 * LEN; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i);
        const struct service *service = catalog_find(next, name);
        uint64_t expected = i % 2 == 0 ? (i / 2 % 3 == 0 ? 0 : 6) : (i < LEN ? 5 : 0);
        assert_int_equal(service == NULL ? 0 : service->version, expected);
    }
    assert_digest_is_naive(next);
}

static void catalog__leaves_the_old_one_as_it_was(void **state)
{
    (void)state;
    struct error err;
    uint8_t before[HASH_LEN];
    AUTO_CATALOG struct catalog *old = make_many(1000, 5), *next = catalog_ref(old);
    const struct service *held = catalog_find(old, "service-77");
    catalog_digest(old, before);
    for (unsigned i = 0; i < 1000; i += 3) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i);
        next = i % 2 == 0 ? with_put(next, name, 6) : with_one(next, name, NULL);
    }
    next = with_one(next, "service-77", NULL);
    assert_null(catalog_find(next, "service-77"));
    assert_int_not_equal(catalog_count(next), 1000);

    assert_int_equal(catalog_count(old), 1000);
    assert_digest_equal(old, before);
    assert_digest_is_naive(old);
    assert_ptr_equal(catalog_find(old, "service-77"), held);
    AUTO_FREE const struct service **services = NULL;
    assert_int_equal(catalog_sorted(old, &services, &err), 0);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(services[i]->version, 5);
}

static void catalog__shares_what_did_not_change(void **state)
{
    (void)state;
    AUTO_CATALOG struct catalog *old = make_many(1000, 5), *next = catalog_ref(old);
    next = with_put(next, "service-77", 6);
    size_t copied = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i);
        const struct service *before = catalog_find(old, name), *after = catalog_find(next, name);
        assert_true(i == 77 ? before != after : before == after);
        assert_in_range(after->references, 1, 2);
        copied += after->references - 1; /* held by the bucket of each catalog: it was copied */
    }
    assert_in_range(copied, 0, 20); /* the neighbours in one bucket of about 4 */
}

static void catalog__keeps_its_services_and_lets_them_go(void **state)
{
    (void)state;
    struct error err;
    struct service *service = make_service("router", 1);
    struct catalog *first = catalog_new(), *second = NULL, *third = NULL;
    assert_int_equal(catalog_with(first, &(struct catalog_change){"router", service}, 1, &second, &err), 0);
    assert_int_equal(service->references, 2);
    assert_int_equal(catalog_with(second, &(struct catalog_change){"other", NULL}, 1, &third, &err), 0);
    catalog_unref(first);
    catalog_unref(second);
    assert_ptr_equal(catalog_find(third, "router"), service);
    catalog_unref(third);
    assert_int_equal(service->references, 1);
    service_unref(service);
    catalog_unref(NULL);
}

static void catalog__sorts_by_name(void **state)
{
    (void)state;
    struct error err;
    AUTO_CATALOG struct catalog *catalog = make_many(500, 1);
    AUTO_FREE const struct service **services = NULL;
    assert_int_equal(catalog_sorted(catalog, &services, &err), 0);
    for (size_t i = 1; i < 500; i++)
        assert_true(strcmp(services[i - 1]->name, services[i]->name) < 0);
}

static void catalog__keeps_10_000_services_by_the_definition(void **state)
{
    (void)state;
    enum { LEN = 10000 };
    AUTO_CATALOG struct catalog *catalog = make_many(LEN, 5);
    assert_int_equal(catalog_count(catalog), LEN);
    assert_digest_is_naive(catalog);
    for (unsigned i = 0; i < 200; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i * 53 % (LEN + 100));
        catalog = i % 5 == 0 ? with_one(catalog, name, NULL) : with_put(catalog, name, 6 + i);
    }
    assert_digest_is_naive(catalog);
}

/* A vector made by another program, so that the definition itself is pinned and not only our reading of it
 * twice. */
static void catalog__gives_the_digest_that_python_gives(void **state)
{
    (void)state;
    static const char *const names[] = {"llm-worker", "router", "stt-worker", "tts", "a", "z-9"};
    uint8_t expected[HASH_LEN];
    AUTO_CATALOG struct catalog *catalog = catalog_new();
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        catalog = with_put(catalog, names[i], i == 5 ? UINT64_C(9007199254740991) : 40 + i);
    assert_true(hex_decode(SPAN("e8af4e2d96c3bd30dec3b06cf5dc65f3450f988d360624d52e90266610d0bea6"), expected,
                           HASH_LEN));
    assert_digest_equal(catalog, expected);
}

/* --- threads -------------------------------------------------------------------------------------------- */

/* A catalog is handed to a reader with a reference of its own, as the daemon hands it to the snapshot worker.
 */
struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct catalog *catalog; /* one reference, for whoever takes it */
    bool is_over;
};

struct reader {
    struct mailbox *mailbox;
    unsigned seen, wrong;
};

static struct catalog *mailbox_take(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    while (mailbox->catalog == NULL && !mailbox->is_over)
        pthread_cond_wait(&mailbox->changed, &mailbox->lock);
    struct catalog *catalog = mailbox->catalog;
    mailbox->catalog = NULL;
    pthread_cond_broadcast(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->lock);
    return catalog;
}

static void mailbox_put(struct mailbox *mailbox, struct catalog *catalog)
{
    pthread_mutex_lock(&mailbox->lock);
    while (mailbox->catalog != NULL)
        pthread_cond_wait(&mailbox->changed, &mailbox->lock);
    mailbox->catalog = catalog;
    mailbox->is_over = catalog == NULL;
    pthread_cond_broadcast(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->lock);
}

/* Every service of a catalog that was put together in one step has the same version. */
static void *read_catalogs(void *context)
{
    struct reader *reader = context;
    struct catalog *catalog;
    while ((catalog = mailbox_take(reader->mailbox)) != NULL) {
        struct error err;
        AUTO_FREE const struct service **services = NULL;
        const struct service *newest = catalog_find(catalog, "service-0");
        if (newest == NULL || catalog_sorted(catalog, &services, &err) != 0) {
            reader->wrong++;
        } else {
            for (size_t i = 0; i < catalog_count(catalog); i++)
                reader->wrong += services[i]->version != newest->version;
        }
        reader->seen++;
        catalog_unref(catalog);
    }
    return NULL;
}

static struct catalog *with_all_at(struct catalog *base, unsigned len, uint64_t version)
{
    for (unsigned i = 0; i < len; i++) {
        char name[LAYOUT_NAME_MAX + 1];
        number_name(name, i);
        base = with_put(base, name, version);
    }
    return base;
}

static void catalog__is_read_by_one_thread_while_another_goes_on(void **state)
{
    (void)state;
    enum { READERS = 3, SERVICES = 40, ROUNDS = 100 };
    struct mailbox mailbox = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct reader readers[READERS];
    pthread_t threads[READERS];
    AUTO_CATALOG struct catalog *catalog = make_many(SERVICES, 1);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.mailbox = &mailbox};
        assert_int_equal(pthread_create(&threads[i], NULL, read_catalogs, &readers[i]), 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        mailbox_put(&mailbox, catalog_ref(catalog));
        catalog = with_all_at(catalog, SERVICES, 2 + round);
    }
    mailbox_put(&mailbox, NULL);
    unsigned seen = 0;
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
        seen += readers[i].seen;
    }
    assert_int_equal(seen, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service__copies_what_it_is_made_of),
        cmocka_unit_test(service__takes_a_name_of_63_characters_and_none_longer),
        cmocka_unit_test(service__lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(catalog__is_empty_when_new),
        cmocka_unit_test(catalog__finds_what_was_put_into_it),
        cmocka_unit_test(catalog__replaces_and_removes),
        cmocka_unit_test(catalog__removes_what_is_not_there_without_complaint),
        cmocka_unit_test(catalog__is_the_same_for_no_change),
        cmocka_unit_test(catalog__does_not_depend_on_the_order_of_changes),
        cmocka_unit_test(catalog__takes_mixed_changes_at_once),
        cmocka_unit_test(catalog__leaves_the_old_one_as_it_was),
        cmocka_unit_test(catalog__shares_what_did_not_change),
        cmocka_unit_test(catalog__keeps_its_services_and_lets_them_go),
        cmocka_unit_test(catalog__sorts_by_name),
        cmocka_unit_test(catalog__keeps_10_000_services_by_the_definition),
        cmocka_unit_test(catalog__gives_the_digest_that_python_gives),
        cmocka_unit_test(catalog__is_read_by_one_thread_while_another_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
