/*
 * index: its digest is the one the publisher's catalog has, and what is no index is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "publishing.h"
#include "verify/index.h"

static void index__has_the_digest_of_the_catalog_it_was_made_of(void **state)
{
    (void)state;
    PUBLISHING p;
    struct index index AUTO_INDEX = {0};
    struct error err;
    uint8_t digest[HASH_LEN];
    publishing_init(&p);
    COMMIT_OF(&p, "a", "{}", "b-2", "{\"n\":1}", "camera-service", "{}");
    struct catalog *catalog AUTO_CATALOG = publishing_catalog(&p);
    catalog_digest(catalog, digest);
    must(index_read(buf_span(&p.index), &index, &err), &err);
    assert_memory_equal(index.digest, digest, HASH_LEN);
    assert_int_equal(index_count(&index), 3);
    assert_string_equal(index_at(&index, 1).name, "b-2");
    assert_int_equal(index_at(&index, 1).version, 1);
    assert_memory_equal(index_at(&index, 1).digest, catalog_find(catalog, "b-2")->digest, HASH_LEN);
}

static void index__of_nothing_has_the_digest_of_an_empty_catalog(void **state)
{
    (void)state;
    struct index index AUTO_INDEX = {0};
    struct catalog *empty AUTO_CATALOG = catalog_new();
    struct error err;
    uint8_t digest[HASH_LEN];
    catalog_digest(empty, digest);
    must(index_read(SPAN("{\"services\":{},\"type\":\"config.index\"}"), &index, &err), &err);
    assert_memory_equal(index.digest, digest, HASH_LEN);
}

static void index__that_is_none_is_refused(void **state)
{
    (void)state;
#define ENTRY(name, rest) "{\"services\":{\"" name "\":" rest "},\"type\":\"config.index\"}"
#define SHA "\"sha256\":\"" DIGEST "\""
    const char *const bad[] = {
        "", "[]", "{", "{\"services\":{}}", "{\"services\":[],\"type\":\"config.index\"}", "{\"services\":{},\"type\":\"config.epoch\"}",
        ENTRY("A", "{" SHA ",\"version\":1}"), ENTRY("a", "{" SHA "}"), ENTRY("a", "{" SHA ",\"version\":-1}"),
        ENTRY("a", "{\"sha256\":\"00\",\"version\":1}"), ENTRY("a", "{\"version\":1}"), ENTRY("a", "1"),
        ENTRY("a\":{" SHA ",\"version\":1},\"a", "{" SHA ",\"version\":1}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct index index AUTO_INDEX = {0};
        struct error err;
        if (index_read(span_of(bad[i]), &index, &err) == 0)
            fail_msg("%s", bad[i]);
        assert_string_equal(err.code, CODE_MESSAGE_FORM);
        assert_null(index.doc.root);
    }
    struct index good AUTO_INDEX = {0};
    struct error err;
    must(index_read(SPAN(ENTRY("a", "{\"more\":[],\"sha256\":\"" DIGEST "\",\"version\":1}")), &good, &err), &err);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index__has_the_digest_of_the_catalog_it_was_made_of),
        cmocka_unit_test(index__of_nothing_has_the_digest_of_an_empty_catalog),
        cmocka_unit_test(index__that_is_none_is_refused),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
