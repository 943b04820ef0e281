/*
 * uri: references resolved as RFC 3986 has it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/uri.h"
#include "util/macros.h"

static void assert_resolved(const char *base, const char *reference, const char *wanted)
{
    AUTO_BUF struct buf out = {0};
    uri_resolve(span_of(base), span_of(reference), &out);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, wanted);
}

/* §5.4.1 and §5.4.2. */
static void uri__resolves_the_examples_of_the_rfc(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"g:h", "g:h"}, {"g", "http://a/b/c/g"}, {"./g", "http://a/b/c/g"}, {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"}, {"//g", "http://g"}, {"?y", "http://a/b/c/d;p?y"}, {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"}, {"g#s", "http://a/b/c/g#s"}, {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"}, {"g;x?y#s", "http://a/b/c/g;x?y#s"}, {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"}, {"./", "http://a/b/c/"}, {"..", "http://a/b/"}, {"../", "http://a/b/"},
        {"../g", "http://a/b/g"}, {"../..", "http://a/"}, {"../../g", "http://a/g"}, {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"}, {"/../g", "http://a/g"}, {"g.", "http://a/b/c/g."}, {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"}, {"./g/.", "http://a/b/c/g/"}, {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"}, {"g;x=1/../y", "http://a/b/c/y"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        assert_resolved("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
}

static void uri__keeps_the_base_apart(void **state)
{
    (void)state;
    assert_resolved("http://a", "g", "http://a/g");
    assert_resolved("HTTP://Example.ORG/A", "b", "http://example.org/b");
    assert_resolved("urn:uuid:dead", "#/a", "urn:uuid:dead#/a");
    assert_resolved("repo:///schemas/a.yaml", "b.yaml#x", "repo:///schemas/b.yaml#x");
    assert_resolved("http://a/b#gone", "#new", "http://a/b#new");
}

static void uri__knows_a_scheme(void **state)
{
    (void)state;
    assert_true(uri_is_absolute(SPAN("urn:x")));
    assert_true(uri_is_absolute(SPAN("file:///a")));
    assert_false(uri_is_absolute(SPAN("a/b:c")));
    assert_false(uri_is_absolute(SPAN("1a:b")));
    assert_false(uri_is_absolute(SPAN("")));
}

static void uri__splits_the_fragment(void **state)
{
    (void)state;
    struct span fragment;
    assert_true(span_is(uri_without_fragment(SPAN("a#b#c"), &fragment), "a"));
    assert_true(span_is(fragment, "b#c"));
    assert_true(span_is(uri_without_fragment(SPAN("a"), &fragment), "a"));
    assert_null(fragment.data);
    assert_true(span_is(uri_without_fragment(SPAN("#"), &fragment), ""));
    assert_non_null(fragment.data);
}

static void uri__decodes_or_says_no(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    assert_true(uri_decode(SPAN("a%25b%c3%A4%20"), &out));
    assert_true(span_is(buf_span(&out), "a%bä "));
    static const char *const wrong[] = {"%", "%2", "%2g", "%g2", "a%"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(uri_decode(span_of(wrong[i]), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uri__resolves_the_examples_of_the_rfc),
        cmocka_unit_test(uri__keeps_the_base_apart),
        cmocka_unit_test(uri__knows_a_scheme),
        cmocka_unit_test(uri__splits_the_fragment),
        cmocka_unit_test(uri__decodes_or_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
