/*
 * hex: lower case out, lower case only in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "util/hex.h"
#include "util/macros.h"

static void hex__writes_each_byte_as_two_digits(void **state)
{
    (void)state;
    char text[9];
    hex_encode((const uint8_t[]){0x00, 0x0f, 0xa5, 0xff}, 4, text);
    assert_string_equal(text, "000fa5ff");
    hex_encode(NULL, 0, text);
    assert_string_equal(text, "");
}

static void hex__reads_every_byte_back(void **state)
{
    (void)state;
    uint8_t bytes[256], back[256] = {0};
    char text[513];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, sizeof bytes, text);
    assert_true(hex_decode(span_of(text), back, sizeof back));
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_true(hex_decode(SPAN(""), back, 0));
}

static void hex__refuses_every_other_character(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        char high[2] = {(char)c, '0'}, low[2] = {'0', (char)c};
        uint8_t byte;
        assert_int_equal(hex_decode((struct span){high, 2}, &byte, 1), is_digit);
        assert_int_equal(hex_decode((struct span){low, 2}, &byte, 1), is_digit);
    }
}

static void hex__refuses_another_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a", "ab", "abc", "abcde", "abcdef"};
    uint8_t bytes[2] = {1, 2};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hex_decode(span_of(bad[i]), bytes, sizeof bytes));
    assert_true(hex_decode(SPAN("abcd"), bytes, sizeof bytes));
}

static void hex__writes_nothing_when_it_refuses(void **state)
{
    (void)state;
    uint8_t bytes[2] = {1, 2};
    assert_false(hex_decode(SPAN("abcX"), bytes, sizeof bytes));
    assert_int_equal(bytes[0], 1);
    assert_int_equal(bytes[1], 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex__writes_each_byte_as_two_digits),
        cmocka_unit_test(hex__reads_every_byte_back),
        cmocka_unit_test(hex__refuses_every_other_character),
        cmocka_unit_test(hex__refuses_another_length),
        cmocka_unit_test(hex__writes_nothing_when_it_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
