/*
 * decimal, order, index, sealed: what the schema engine counts, compares, looks up and lets pass.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "model/json.h"
#include "model/sealed.h"
#include "schema/decimal.h"
#include "schema/index.h"
#include "schema/order.h"

static void read_json(const char *text, struct doc *doc)
{
    const struct json_options options = {
        .file = "x", .limits = {64, UINT32_MAX, UINT32_MAX}, .allow_big_numbers = true, .allow_nul = true};
    struct error err;
    if (json_read(span_of(text), &options, doc, &err) != 0)
        fail_msg("%s: %s", text, err.message);
}

static void decimal__knows_multiples_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *value, *step;
        bool is_multiple;
    } table[] = {
        {"10", "5", true}, {"-10", "5", true}, {"7", "2", false}, {"0", "3", true}, {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false}, {"1.1", "0.1", true}, {"0.3", "0.1", true}, {"4.5", "1.5", true},
        {"35", "1.5", false}, {"19.99", "0.01", true}, {"1e308", "0.5", true}, {"1e308", "0.123456789", false},
        {"1e-300", "1e-301", true}, {"1e-301", "1e-300", false}, {"12391239123", "1e-8", true}, {"1e22", "7", false},
        {"9007199254740993", "2", true}, /* read as the double …992 */ {"0.5", "2", false}, {"150", "1e1", true},
        {"155", "1e1", false}, {"-0.02", "0.01", true}, {"1e300", "1e300", true}, {"123456.789012", "1e-12", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO_DOC struct doc value = {0}, step = {0};
        read_json(table[i].value, &value);
        read_json(table[i].step, &step);
        if (decimal_is_multiple(value.root, decimal_of(step.root)) != table[i].is_multiple)
            fail_msg("%s of %s", table[i].value, table[i].step);
    }
}

static void decimal__compares_integers_and_fractions(void **state)
{
    (void)state;
    static const char *const ascending[] = {"-1e300", "-1.5", "-1", "0", "0.1", "1", "9007199254740991", "1e16", "1e300"};
    for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
        for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
            AUTO_DOC struct doc a = {0}, b = {0};
            read_json(ascending[i], &a);
            read_json(ascending[j], &b);
            assert_int_equal(decimal_compare(a.root, b.root), (i > j) - (i < j));
        }
}

/* A total order that is 0 for equal values alone. */
static void order__agrees_with_equality(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "false", "true", "0", "1", "1.5", "1.0", "\"\"", "\"a\"", "\"b\"", "[]",
                                         "[1]", "[2]", "[1,2]", "{}", "{\"a\":1}", "{\"a\":2}", "{\"b\":1}",
                                         "{\"b\":1,\"a\":1}", "{\"a\":1,\"b\":1}", "[[]]", "[{}]"};
    struct doc docs[ARRAY_LEN(values)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        read_json(values[i], &docs[i]);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            int order = value_order(docs[i].root, docs[j].root);
            assert_int_equal(order == 0, doc_equal(docs[i].root, docs[j].root));
            assert_int_equal(order > 0, value_order(docs[j].root, docs[i].root) < 0);
        }
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        doc_fini(&docs[i]);
}

static void index__finds_what_was_put_and_replaces(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    CLEANUP(arena_fini) struct arena arena = {0};
    static int values[COUNT], other;
    struct index index = {0};
    struct error err;
    char key[32];
    assert_null(index_get(&index, SPAN("k0")));
    for (int i = 0; i < COUNT; i++) {
        int len = snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(index_put(&index, &arena, (struct span){key, (size_t)len}, &values[i], &err), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        int len = snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(index_get(&index, (struct span){key, (size_t)len}), &values[i]);
    }
    assert_null(index_get(&index, SPAN("k5000")));
    assert_int_equal(index_put(&index, &arena, SPAN("k7"), &other, &err), 0);
    assert_ptr_equal(index_get(&index, SPAN("k7")), &other);
}

static void sealed__is_a_form_that_nothing_else_has(void **state)
{
    (void)state;
    static const char *const right[] = {
        "sealed:1:0123456789abcdef:QUJD", "sealed:1:0123456789abcdef:QUI=", "sealed:1:0123456789abcdef:QQ==",
        "sealed:1:0123456789abcdef:QUJD,fedcba9876543210:+/+/"};
    static const char *const wrong[] = {
        "", "sealed:1:", "sealed:2:0123456789abcdef:QUJD", "sealed:1:0123456789ABCDEF:QUJD",
        "sealed:1:0123456789abcde:QUJD", "sealed:1:0123456789abcdef:", "sealed:1:0123456789abcdef:QUJ",
        "sealed:1:0123456789abcdef:Q===", "sealed:1:0123456789abcdef:QUJD,", "sealed:1:0123456789abcdef:QUJD ",
        "sealed:1:0123456789abcdef:QUJD,x:QUJD", " sealed:1:0123456789abcdef:QUJD", "sealed:1:0123456789abcdef"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(sealed_is(span_of(right[i])));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(sealed_is(span_of(wrong[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal__knows_multiples_as_people_write_them),
        cmocka_unit_test(decimal__compares_integers_and_fractions),
        cmocka_unit_test(order__agrees_with_equality),
        cmocka_unit_test(index__finds_what_was_put_and_replaces),
        cmocka_unit_test(sealed__is_a_form_that_nothing_else_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
