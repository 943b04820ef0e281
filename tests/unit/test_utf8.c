/*
 * utf8: the edges of RFC 3629's table, encoding, and what is made of bytes that are not fit to print.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "util/macros.h"
#include "util/utf8.h"

static void utf8__takes_each_row_of_the_table_at_its_edges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"a", 1}, {"\x7F", 1}, {"\xC2\x80", 2}, {"\xDF\xBF", 2}, {"\xE0\xA0\x80", 3}, {"\xEC\xBF\xBF", 3},
        {"\xED\x80\x80", 3}, {"\xED\x9F\xBF", 3}, {"\xEE\x80\x80", 3}, {"\xEF\xBF\xBF", 3}, {"\xF0\x90\x80\x80", 4},
        {"\xF3\xBF\xBF\xBF", 4}, {"\xF4\x80\x80\x80", 4}, {"\xF4\x8F\xBF\xBF", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(utf8_sequence(cases[i].text, strlen(cases[i].text)), cases[i].len);
        /* What stands behind does not matter, what is missing does. */
        assert_int_equal(utf8_sequence(cases[i].text, strlen(cases[i].text) + 1), cases[i].len);
        assert_int_equal(utf8_sequence(cases[i].text, cases[i].len - 1), 0);
    }
    assert_int_equal(utf8_sequence("\0", 1), 1);
}

static void utf8__refuses_what_is_beyond_the_edges(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2\x7F", "\xC2\xC0", "\xE0\x9F\xBF", "\xE1\x80\x7F", "\xE1\xC0\x80",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF1\x80\x80\xC0", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFE", "\xFF",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(utf8_sequence(texts[i], strlen(texts[i])), 0);
        assert_false(utf8_is_valid(span_of(texts[i])));
    }
}

static void utf8__judges_whole_texts(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(SPAN("")));
    assert_true(utf8_is_valid((struct span){0}));
    assert_true(utf8_is_valid(SPAN("a\0\u00e9\u20ac\U0001F600z")));
    assert_false(utf8_is_valid(SPAN("a\u00e9\xFF")));
    assert_false(utf8_is_valid(SPAN("a\xE2\x82")));
}

static void utf8__tells_what_can_be_shown_as_it_is(void **state)
{
    static const char *const others[] = {"a\nb", "\x1b[1m", "\x7f", "\xC2\x85", "\u202Ea", "a\uFEFF", "\xFF", "a\xE2\x82"};
    (void)state;
    assert_true(utf8_is_shown(SPAN("")));
    assert_true(utf8_is_shown(SPAN("a \u00e9\u20ac\U0001F600z")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(utf8_is_shown(span_of(others[i])));
}

static void utf8__encodes_every_code_point_as_it_is_read(void **state)
{
    (void)state;
    static const uint32_t length_ends[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
    char text[4];
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (code == 0xD800)
            code = 0xE000;
        size_t len = utf8_encode(code, text);
        if (len != utf8_sequence(text, len) || code > length_ends[len - 1])
            fail_msg("U+%04X", code);
    }
    assert_int_equal(utf8_encode(0x20AC, text), 3);
    assert_memory_equal(text, "\u20ac", 3);
    assert_int_equal(utf8_encode(0x1F600, text), 4);
    assert_memory_equal(text, "\U0001F600", 4);
}

static void assert_prints(struct span text, size_t size, const char *expected)
{
    char out[64];
    memset(out, '#', sizeof out);
    assert_int_equal(utf8_printable(text, out, size), strlen(expected));
    assert_string_equal(out, expected);
    assert_int_equal(out[size], '#');
}

static void utf8__shows_odd_bytes_by_number(void **state)
{
    (void)state;
    assert_prints(SPAN("a\u00e9\u20ac\U0001F600 \\"), 60, "a\u00e9\u20ac\U0001F600 \\");
    assert_prints(SPAN("\0\n\x1b\x7f"), 60, "\\x00\\x0a\\x1b\\x7f");
    assert_prints(SPAN("\xC2\x9B" "1m\xC2\xA0"), 60, "\\xc2\\x9b1m\u00a0");
    assert_prints(SPAN("\xFF\xE2\x82z"), 60, "\\xff\\xe2\\x82z");
    assert_prints(SPAN("a\u202Eb\u2066c\u200Fd\u061Ce\u2028f\uFEFF"), 60,
                  "a\\u202eb\\u2066c\\u200fd\\u061ce\\u2028f\\ufeff");
    assert_prints(SPAN("\u200D\u2027\u202F\u2065\u206A\U0001F600"), 60,
                  "\u200D\u2027\u202F\u2065\u206A\U0001F600");
    assert_prints((struct span){0}, 4, "");
}

static void utf8__cuts_what_does_not_fit_at_a_character(void **state)
{
    (void)state;
    assert_prints(SPAN("abcdef"), 7, "abcdef");
    assert_prints(SPAN("abcdef"), 6, "ab\u2026");
    assert_prints(SPAN("abcdef"), 4, "\u2026");
    assert_prints(SPAN("a\u20ac\u20ac\u20ac"), 11, "a\u20ac\u20ac\u20ac");
    assert_prints(SPAN("a\u20ac\u20ac\u20ac"), 10, "a\u20ac\u2026");
    assert_prints(SPAN("\x01\x01\x01"), 13, "\\x01\\x01\\x01");
    assert_prints(SPAN("\x01\x01\x01"), 12, "\\x01\\x01\u2026");
    assert_prints(SPAN("\x01\x01\x01"), 11, "\\x01\u2026");
}

static void assert_repairs(struct span text, size_t size, const char *expected)
{
    char out[64];
    assert_int_equal(utf8_repair(text, out, size), strlen(expected));
    assert_string_equal(out, expected);
}

static void utf8__repairs_what_is_malformed_and_nothing_else(void **state)
{
    (void)state;
    assert_repairs(SPAN("a\x1b\u202E\u00e9"), 60, "a\x1b\u202E\u00e9");
    assert_repairs(SPAN("\xFFz\xE2\x82"), 60, "\uFFFDz\uFFFD\uFFFD");
    assert_repairs(SPAN("abcdef"), 6, "ab\u2026");
    assert_repairs((struct span){0}, 4, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__takes_each_row_of_the_table_at_its_edges),
        cmocka_unit_test(utf8__refuses_what_is_beyond_the_edges),
        cmocka_unit_test(utf8__judges_whole_texts),
        cmocka_unit_test(utf8__tells_what_can_be_shown_as_it_is),
        cmocka_unit_test(utf8__encodes_every_code_point_as_it_is_read),
        cmocka_unit_test(utf8__shows_odd_bytes_by_number),
        cmocka_unit_test(utf8__repairs_what_is_malformed_and_nothing_else),
        cmocka_unit_test(utf8__cuts_what_does_not_fit_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
