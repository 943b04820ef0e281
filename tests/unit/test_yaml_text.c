/*
 * yaml_text: the bytes that libyaml must not see, each at its line and column.
 */
#include "io/yaml_text.h"
#include "yaml_reading.h"

static void assert_fault(struct span text, const char *code, uint32_t line, uint32_t column,
                         const char *words)
{
    struct yaml_text_fault fault = {0};
    assert_false(yaml_text_check(text, &fault));
    if (strcmp(fault.code, code) != 0 || fault.pos.line != line || fault.pos.column != column ||
        strstr(fault.message, words) == NULL)
        fail_msg("%u:%u: \"%s\" [%s] is not %u:%u: \"…%s…\" [%s]", fault.pos.line, fault.pos.column,
                 fault.message, fault.code, line, column, words, code);
    assert_refuses_span(text, code, line, column, words);
}

static void assert_fine(struct span text)
{
    struct yaml_text_fault fault;
    if (!yaml_text_check(text, &fault))
        fail_msg("%u:%u: %s", fault.pos.line, fault.pos.column, fault.message);
}

static void text__may_be_any_utf8_that_yaml_allows(void **state)
{
    (void)state;
    assert_fine((struct span){NULL, 0});
    assert_fine(SPAN("plain \t text ~\r\n"));
    assert_fine(SPAN(
        "\xC2\xA0\xC3\xA4\xE2\x82\xAC\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBD\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

static void text__has_no_byte_order_mark(void **state)
{
    (void)state;
    assert_fault(SPAN("\xEF\xBB\xBF"
                      "a: 1\n"),
                 CODE_YAML_BOM, 1, 1, "byte order mark");
    assert_fault(SPAN("a: 1\nb: \xEF\xBB\xBF"
                      "2\n"),
                 CODE_YAML_BOM, 2, 4, "inside the file");
}

static void text__is_not_utf16(void **state)
{
    (void)state;
    assert_fault(SPAN("\xFF\xFE"
                      "a\0:\0 \0001\0"),
                 CODE_YAML_BOM, 1, 1, "UTF-16");
    assert_fault(SPAN("\xFE\xFF\0a\0:\0 \0001"), CODE_YAML_BOM, 1, 1, "UTF-16");
    assert_fault(SPAN("a\0:\0 \0001\0"), CODE_YAML_NUL, 1, 2, "NUL");
}

static void text__holds_no_nul(void **state)
{
    (void)state;
    assert_fault(SPAN("a: 1\nb: \0002\n"), CODE_YAML_NUL, 2, 4, "NUL");
}

static void text__holds_no_control_characters(void **state)
{
    (void)state;
    assert_fault(SPAN("a: \x1b[31m\n"), CODE_YAML_UTF8, 1, 4, "as an escape in double quotes");
    assert_fault(SPAN("a: \x7f\n"), CODE_YAML_UTF8, 1, 4, "control character");
    assert_fault(SPAN("ä: \xC2\x9B\n"), CODE_YAML_UTF8, 1, 4, "control character");
    assert_fault(SPAN("a: \xEF\xBF\xBE\n"), CODE_YAML_UTF8, 1, 4, "no characters");
    assert_fault(SPAN("a: \xEF\xBF\xBF\n"), CODE_YAML_UTF8, 1, 4, "no characters");
}

static void text__holds_no_line_breaks_that_only_yaml_11_knows(void **state)
{
    (void)state;
    static const char *const breaks[] = {"# x\xC2\x85"
                                         "a: 1\n",
                                         "# x\xE2\x80\xA8"
                                         "a: 1\n",
                                         "# x\xE2\x80\xA9"
                                         "a: 1\n"};
    for (size_t i = 0; i < ARRAY_LEN(breaks); i++)
        assert_fault(span_of(breaks[i]), CODE_YAML_UTF8, 1, 4, "end a line in YAML 1.1");
}

static void text__is_valid_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xFF",    "\x80",         "\xC0\xAF",
                                      "\xE4",    "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xF0\x9F"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[32];
        snprintf(text, sizeof text, "€\nä: %s\n", bad[i]);
        assert_fault(span_of(text), CODE_YAML_UTF8, 2, 4, "not UTF-8");
    }
}

static void text__counts_each_kind_of_line_end_once(void **state)
{
    (void)state;
    assert_fault(SPAN("a\nb\r\nc\rd\x01"), CODE_YAML_UTF8, 4, 2, "control");
    assert_fault(SPAN("a\r\r\n\n\x01"), CODE_YAML_UTF8, 4, 1, "control");
}

static void text__has_at_most_64_tag_directives(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < YAML_TAG_DIRECTIVES_MAX; i++)
        buf_printf(&text, "%%TAG !t%d! x\n", i);
    buf_puts(&text, "---\na: 1 %TAG\n");
    assert_fine(buf_span(&text));
    buf_puts(&text, "%TAG !u! x\n");
    assert_fault(buf_span(&text), CODE_YAML_TAG, 67, 1, "%TAG");
}

static void cursor__goes_to_characters_in_both_directions(void **state)
{
    (void)state;
    struct yaml_cursor cursor = {.text = SPAN("aä€𝄞b")};
    static const size_t offsets[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        yaml_cursor_seek(&cursor, i);
        assert_int_equal(cursor.offset, offsets[i]);
    }
    for (size_t i = 5; i-- > 0;) {
        yaml_cursor_seek(&cursor, i);
        assert_int_equal(cursor.offset, offsets[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text__may_be_any_utf8_that_yaml_allows),
        cmocka_unit_test(text__has_no_byte_order_mark),
        cmocka_unit_test(text__is_not_utf16),
        cmocka_unit_test(text__holds_no_nul),
        cmocka_unit_test(text__holds_no_control_characters),
        cmocka_unit_test(text__holds_no_line_breaks_that_only_yaml_11_knows),
        cmocka_unit_test(text__is_valid_utf8),
        cmocka_unit_test(text__counts_each_kind_of_line_end_once),
        cmocka_unit_test(text__has_at_most_64_tag_directives),
        cmocka_unit_test(cursor__goes_to_characters_in_both_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
