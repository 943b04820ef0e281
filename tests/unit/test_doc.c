/*
 * doc: how finished trees are read and compared, and the order of names.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "model/doc.h"
#include "model/json.h"

static const struct json_options options = {.file = "a.json", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};

static void read_text(const char *text, struct doc *doc)
{
    struct error err;
    assert_int_equal(json_read(span_of(text), &options, doc, &err), 0);
}

static void doc__orders_names_by_utf16_units(void **state)
{
    (void)state;
    /* RFC 8785 §3.2.3, and what is beside the seam of the two orders. */
    static const char *const ordered[] = {
        "", "\r", "1", "1a", "a", "aa", "\xC2\x80", "\xC3\xB6", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xF0\x90\x80\x80",
        "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x81", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80", "\xEF\xAC\xB3", "\xEF\xBF\xBF",
    };
    for (size_t i = 0; i < ARRAY_LEN(ordered); i++)
        for (size_t j = 0; j < ARRAY_LEN(ordered); j++) {
            int order = doc_name_compare(span_of(ordered[i]), span_of(ordered[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void doc__finds_the_first_difference_wherever_it_is(void **state)
{
    (void)state;
    char a[40], b[40];
    for (size_t len = 1; len < sizeof a; len++)
        for (size_t at = 0; at < len; at++) {
            memset(a, 'm', len);
            memset(b, 'm', len);
            b[at] = 'n';
            if (at + 1 < len)
                a[at + 1] = 'z'; /* must not count any more */
            assert_true(doc_name_compare((struct span){a, len}, (struct span){b, len}) < 0);
            assert_true(doc_name_compare((struct span){b, len}, (struct span){a, len}) > 0);
        }
}

static void doc__reads_members_of_the_kind_asked_for_only(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    struct span text = SPAN("untouched");
    int64_t number = 99;
    bool flag = false;
    read_text("{\"int\":5,\n\"string\":\"s\",\n\"bool\":true}", &doc);
    assert_false(doc_get_string(doc.root, "int", &text));
    assert_false(doc_get_string(doc.root, "absent", &text));
    assert_true(span_is(text, "untouched"));
    assert_false(doc_get_int(doc.root, "string", &number));
    assert_int_equal(number, 99);
    assert_false(doc_get_bool(doc.root, "int", &flag));
    assert_false(flag);
    assert_true(doc_get_string(doc.root, "string", &text));
    assert_true(span_is(text, "s"));
    assert_true(doc_get_int(doc.root, "int", &number));
    assert_int_equal(number, 5);
    assert_true(doc_get_bool(doc.root, "bool", &flag));
    assert_true(flag);
    assert_int_equal(doc_get_member(doc.root, SPAN("bool"))->pos.line, 3);
}

static void doc__has_no_members_where_there_is_no_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"[\"a\"]", "\"a\"", "1", "null", "{}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_DOC struct doc doc = {0};
        read_text(texts[i], &doc);
        assert_null(doc_get(doc.root, "a"));
    }
}

static void doc__finds_each_of_many_members(void **state)
{
    (void)state;
    enum { COUNT = 20000, STEP = 7919 }; /* no common factor: every number comes once, in no order */
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    char name[16];
    buf_putc(&text, '{');
    for (unsigned i = 0; i < COUNT; i++)
        buf_printf(&text, "%s\"key-%u\":%u", i == 0 ? "" : ",", i * STEP % COUNT, i * STEP % COUNT);
    buf_append(&text, "}", 2);
    read_text(text.data, &doc);
    assert_int_equal(doc.root->u.object.len, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t value = -1;
        snprintf(name, sizeof name, "key-%u", i);
        assert_true(doc_get_int(doc.root, name, &value));
        assert_int_equal(value, i);
    }
    assert_null(doc_get(doc.root, "key-20000"));
}

static void doc__compares_values_and_not_positions(void **state)
{
    (void)state;
    static const char *const others[] = {
        "[[\"a\",2.5],{\"n\":\"v\"}]", "[[\"a\",1.5],{\"m\":\"v\"}]", "[[\"a\",1.5],{\"n\":\"w\"}]",
        "[[\"b\",1.5],{\"n\":\"v\"}]", "[[1.5,\"a\"],{\"n\":\"v\"}]", "[{\"n\":\"v\"},[\"a\",1.5]]",
    };
    AUTO_DOC struct doc a = {0}, same = {0};
    read_text("[[\"a\",1.5],{\"n\":\"v\"}]", &a);
    read_text("\n[ [ \"\\u0061\", 15e-1 ], { \"n\": \"v\" } ]", &same);
    assert_true(doc_equal(a.root, a.root));
    assert_true(doc_equal(a.root, same.root));
    assert_false(doc_equal(a.root, a.root->u.array.items[0]));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        AUTO_DOC struct doc other = {0};
        read_text(others[i], &other);
        assert_false(doc_equal(a.root, other.root));
    }
}

static void doc__tells_kinds_apart_that_weigh_the_same(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    read_text("[null,true,1234,1235,12.5,13.5,\"12\",\"13\",[],{},[1],[2],{\"\":1},{\"\":2}]", &doc);
    for (size_t i = 0; i < doc.root->u.array.len; i++)
        for (size_t j = 0; j < doc.root->u.array.len; j++)
            assert_int_equal(doc_equal(doc.root->u.array.items[i], doc.root->u.array.items[j]), i == j);
}

static void doc__is_empty_after_its_end(void **state)
{
    (void)state;
    struct doc doc = {0};
    read_text("[1]", &doc);
    doc_fini(&doc);
    assert_null(doc.root);
    assert_int_equal(doc.arena.total, 0);
    doc_fini(&doc);
}

static void doc__limits_service_files_as_documented(void **state)
{
    (void)state;
    assert_int_equal(doc_limits_config.depth, 64);
    assert_int_equal(doc_limits_config.nodes, 100000);
    assert_int_equal(doc_limits_config.size, 262144);
}

static void doc__tells_numbers_whose_spelling_is_a_large_integer(void **state)
{
    (void)state;
    assert_true(doc_number_is_portable(9007199254740991.0));
    assert_false(doc_number_is_portable(9007199254740992.0));
    assert_false(doc_number_is_portable(-1e16));
    assert_false(doc_number_is_portable(nextafter(1e21, 0)));
    assert_true(doc_number_is_portable(1e21));
    assert_true(doc_number_is_portable(-1e300));
    assert_true(doc_number_is_portable(0.1));
}

static void doc__names_every_kind(void **state)
{
    (void)state;
    static const char *const names[] = {"null",     "a boolean", "an integer", "a number",
                                        "a string", "an array",  "an object"};
    for (int kind = DOC_NULL; kind <= DOC_OBJECT; kind++)
        assert_string_equal(doc_kind_name((enum doc_kind)kind), names[kind]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doc__orders_names_by_utf16_units),
        cmocka_unit_test(doc__finds_the_first_difference_wherever_it_is),
        cmocka_unit_test(doc__reads_members_of_the_kind_asked_for_only),
        cmocka_unit_test(doc__has_no_members_where_there_is_no_object),
        cmocka_unit_test(doc__finds_each_of_many_members),
        cmocka_unit_test(doc__compares_values_and_not_positions),
        cmocka_unit_test(doc__tells_kinds_apart_that_weigh_the_same),
        cmocka_unit_test(doc__is_empty_after_its_end),
        cmocka_unit_test(doc__limits_service_files_as_documented),
        cmocka_unit_test(doc__tells_numbers_whose_spelling_is_a_large_integer),
        cmocka_unit_test(doc__names_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
