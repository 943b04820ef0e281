/*
 * json_read: what it accepts, what it refuses, and the place it names. The tables are made of the clauses of RFC 8259,
 * I-JSON (RFC 7493) and of what the header promises.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/json.h"

static const struct json_options strict = {.file = "a.json", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
static const struct json_options lax = {
    .file = "a.json",
    .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX},
    .allow_big_numbers = true,
    .allow_nul = true,
};

/* What the text is read as, written canonically. */
static void assert_reads(const struct json_options *options, struct span text, const char *canonical)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    struct error err;
    if (json_read(text, options, &doc, &err) < 0)
        fail_msg("'%s' is refused: %s", text.data, err.message);
    json_write(doc.root, &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, canonical);
}

static void assert_refuses(const struct json_options *options, struct span text, const char *code, uint32_t line,
                           uint32_t column, const char *message)
{
    struct doc doc = {0};
    struct error err;
    if (json_read(text, options, &doc, &err) == 0)
        fail_msg("'%s' is accepted", text.data);
    assert_string_equal(err.message, message);
    assert_string_equal(err.code, code);
    assert_string_equal(err.file, "a.json");
    assert_int_equal(err.line, line);
    assert_int_equal(err.column, column);
    assert_null(doc.root);
    assert_int_equal(doc.arena.total, 0);
}

/* --- accepted ------------------------------------------------------------------------------------------------ */

static void json_read__takes_every_kind_of_value(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null", "true", "false", "0", "-1", "12.5", "\"\"", "\"text\"", "[]", "{}", "[1]", "[1,[2,[]],{}]",
        "{\"a\":{\"b\":[null,true]},\"c\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_reads(&strict, span_of(texts[i]), texts[i]);
}

static void json_read__passes_over_white_space(void **state)
{
    (void)state;
    assert_reads(&strict, SPAN(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"), "[1,2]");
    assert_reads(&strict, SPAN("\n{\n\"a\"\n:\n1\n,\n\"b\"\n:\n{\n}\n}\n"), "{\"a\":1,\"b\":{}}");
    assert_reads(&strict, SPAN(" 1 "), "1");
}

static void json_read__resolves_every_escape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0041\\u00e9\\u20AC\\uFB33\"", "\"A\u00e9\u20ac\ufb33\""},
        {"\"\\ud83d\\ude00 \\uD800\\uDC00 \\uDBFF\\uDFFF\"", "\"\U0001F600 \U00010000 \U0010FFFF\""},
        {"\"\\u0001\\u001F\\u007f\"", "\"\\u0001\\u001f\x7f\""},
        {"\"a\\nb\\nc\"", "\"a\\nb\\nc\""},
        {"{\"\\u0061\\n\":1}", "{\"a\\n\":1}"},
        {"\"\\n\u00e9x\\t\U0001F600y\\\"\u20ac\"", "\"\\n\u00e9x\\t\U0001F600y\\\"\u20ac\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_reads(&strict, span_of(cases[i].text), cases[i].canonical);
}

static void json_read__keeps_utf8_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\xC2\x80\"",         "\"\xDF\xBF\"",         "\"\xE0\xA0\x80\"",     "\"\xED\x9F\xBF\"",
        "\"\xEE\x80\x80\"",     "\"\xEF\xBF\xBF\"",     "\"\xF0\x90\x80\x80\"", "\"\xF4\x8F\xBF\xBF\"",
        "{\"\xC3\xA9\":\"\xE2\x82\xAC\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_reads(&strict, span_of(texts[i]), texts[i]);
}

static void json_read__takes_numbers_in_any_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"-0", "0"},
        {"-0.0", "0"},
        {"1.0", "1"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"1500e-3", "1.5"},
        {"0.1", "0.1"},
        {"-0.5e1", "-5"},
        {"1e-7", "1e-7"},
        {"1e21", "1e+21"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"5e-324", "5e-324"},
        {"1e-400", "0"},
        {"123456789012345", "123456789012345"},
        {"-12345678901234", "-12345678901234"},
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"9007199254740991.0", "9007199254740991"},
        {"0.1000000000000000055511151231257827", "0.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_reads(&strict, span_of(cases[i].text), cases[i].canonical);
}

static void json_read__takes_big_numbers_and_nul_where_allowed(void **state)
{
    (void)state;
    assert_reads(&lax, SPAN("9007199254740993"), "9007199254740992");
    assert_reads(&lax, SPAN("-1e16"), "-10000000000000000");
    assert_reads(&lax, SPAN("98249283749234923498293171823948729348710298301928331"), "9.824928374923492e+52");
    assert_reads(&lax, SPAN("\"a\\u0000b\""), "\"a\\u0000b\"");
    assert_refuses(&lax, SPAN("\"a\0b\""), CODE_MESSAGE_FORM, 1, 3, "a control character in a string, not escaped");
    assert_refuses(&lax, SPAN("1e400"), CODE_MESSAGE_FORM, 1, 1, "a number too large for a double");
}

/* --- places -------------------------------------------------------------------------------------------------- */

static void json_read__remembers_where_values_and_keys_are(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    struct error err;
    /* Columns count characters: é is two bytes, the face four, an escape six. */
    const struct span text = SPAN("{\"\u00e9\": \"\U0001F600\", \"b\": [1,\r\n  \"\u00e9\", \"\\u0061\", {}]}");
    assert_int_equal(json_read(text, &strict, &doc, &err), 0);
    const struct doc_member *first = doc_get_member(doc.root, SPAN("\u00e9")), *b = doc_get_member(doc.root, SPAN("b"));
    const struct doc_node *const *items = b->value->u.array.items;
    const struct {
        struct doc_pos pos;
        uint32_t line, column;
    } places[] = {
        {doc.root->pos, 1, 1},   {first->pos, 1, 2},     {first->value->pos, 1, 7},
        {b->pos, 1, 12},         {b->value->pos, 1, 17}, {items[0]->pos, 1, 18},
        {items[1]->pos, 2, 3},   {items[2]->pos, 2, 8},  {items[3]->pos, 2, 18},
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        assert_int_equal(places[i].pos.line, places[i].line);
        assert_int_equal(places[i].pos.column, places[i].column);
    }
    assert_string_equal(doc.root->file, "a.json");
}

/* --- refused ------------------------------------------------------------------------------------------------- */

struct refusal {
    const char *text;
    uint32_t column; /* of line 1 */
    const char *message;
};

static void assert_refuses_all(const struct refusal *cases, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_refuses(&strict, span_of(cases[i].text), CODE_MESSAGE_FORM, 1, cases[i].column, cases[i].message);
}

static void json_read__refuses_texts_without_exactly_one_value(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"", 1, "the end of the text instead of a value"},
        {"  ", 3, "the end of the text instead of a value"},
        {"1 2", 3, "'2' instead of the end of the text"},
        {"{} {}", 4, "'{' instead of the end of the text"},
        {"[1]]", 4, "']' instead of the end of the text"},
        {"\xEF\xBB\xBF{}", 1, "a byte order mark"},
        {"1\xEF\xBB\xBF", 2, "byte 0xef instead of the end of the text"},
        {"null // why", 6, "'/' instead of the end of the text"},
    };
    assert_refuses_all(cases, ARRAY_LEN(cases));
    assert_refuses(&strict, SPAN("1\0"), CODE_MESSAGE_FORM, 1, 2, "byte 0x00 instead of the end of the text");
    assert_refuses(&strict, SPAN("\0"), CODE_MESSAGE_FORM, 1, 1, "byte 0x00 instead of a value");
    assert_refuses(&strict, (struct span){0}, CODE_MESSAGE_FORM, 1, 1, "the end of the text instead of a value");
}

static void json_read__refuses_broken_structure(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"[", 2, "the end of the text instead of a value"},
        {"[1", 3, "the end of the text instead of ',' or ']'"},
        {"[1,", 4, "the end of the text instead of a value"},
        {"[1,]", 4, "']' instead of a value"},
        {"[,1]", 2, "',' instead of a value"},
        {"[1 2]", 4, "'2' instead of ',' or ']'"},
        {"[1}", 3, "'}' instead of ',' or ']'"},
        {"{", 2, "the end of the text instead of a name in quotes"},
        {"{a:1}", 2, "'a' instead of a name in quotes"},
        {"{1:1}", 2, "'1' instead of a name in quotes"},
        {"{'a':1}", 2, "''' instead of a name in quotes"},
        {"{\"a\"}", 5, "'}' instead of ':'"},
        {"{\"a\" 1}", 6, "'1' instead of ':'"},
        {"{\"a\":}", 6, "'}' instead of a value"},
        {"{\"a\":1", 7, "the end of the text instead of ',' or '}'"},
        {"{\"a\":1,}", 8, "'}' instead of a name in quotes"},
        {"{\"a\":1]", 7, "']' instead of ',' or '}'"},
        {"{,}", 2, "',' instead of a name in quotes"},
        {"[\f]", 2, "byte 0x0c instead of a value"},
        {"[\xC2\xA0]", 2, "byte 0xc2 instead of a value"},
    };
    assert_refuses_all(cases, ARRAY_LEN(cases));
}

static void json_read__refuses_other_words(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"nul", 1, "'n' instead of a value"},
        {"True", 1, "'T' instead of a value"},
        {"falsey", 6, "'y' instead of the end of the text"},
        {"NaN", 1, "'N' instead of a value"},
        {"Infinity", 1, "'I' instead of a value"},
        {"undefined", 1, "'u' instead of a value"},
    };
    assert_refuses_all(cases, ARRAY_LEN(cases));
}

static void json_read__refuses_other_numbers(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"-", 2, "the end of the text instead of a digit"},
        {"+1", 1, "'+' instead of a value"},
        {".5", 1, "'.' instead of a value"},
        {"[01]", 2, "a number that begins with 0"},
        {"-00", 1, "a number that begins with 0"},
        {"1.", 3, "the end of the text instead of a digit"},
        {"1.e3", 3, "'e' instead of a digit"},
        {"1e", 3, "the end of the text instead of a digit"},
        {"1e+", 4, "the end of the text instead of a digit"},
        {"0x1", 2, "'x' instead of the end of the text"},
        {"1_000", 2, "'_' instead of the end of the text"},
        {"-Infinity", 2, "'I' instead of a digit"},
        {"\xD9\xA1", 1, "byte 0xd9 instead of a value"},
        {"[1e400]", 2, "a number too large for a double"},
        {"-1.8e308", 1, "a number too large for a double"},
    };
    assert_refuses_all(cases, ARRAY_LEN(cases));
}

static void json_read__refuses_integers_that_readers_disagree_on(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9007199254740992", "-9007199254740992", "9007199254740993", "10000000000000000", "1e16", "-1.0e16",
        "9007199254740992.0", "1000000000000000000000", "18446744073709551615", "9.999999999999999e20",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refuses(&strict, span_of(texts[i]), CODE_MESSAGE_FORM, 1, 1,
                       "an integer beyond 9007199254740991 (2^53-1), which not every reader keeps exactly");
}

static void json_read__refuses_broken_strings(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"\"", 1, "a string that does not end"},
        {" \"abc", 2, "a string that does not end"},
        {"\"a\\\"", 1, "a string that does not end"},
        {"\"\\", 2, "an escape JSON does not have"},
        {"\"a\\x41\"", 3, "an escape JSON does not have"},
        {"\"\\'\"", 2, "an escape JSON does not have"},
        {"\"\\U0041\"", 2, "an escape JSON does not have"},
        {"\"\\u004\"", 2, "an escape \\u without four hexadecimal digits"},
        {"\"\\u00g0\"", 2, "an escape \\u without four hexadecimal digits"},
        {"\"\\u00", 2, "an escape \\u without four hexadecimal digits"},
        {"\"a\nb\"", 3, "a control character in a string, not escaped"},
        {"\"\t\"", 2, "a control character in a string, not escaped"},
        {"\"\\n\x1f\"", 4, "a control character in a string, not escaped"},
        {"\"\\n\xff\"", 4, "bytes that are not UTF-8"},
        {"\"\x1f\"", 2, "a control character in a string, not escaped"},
        {"\"a\\u0000\"", 3, "the character NUL in a string"},
    };
    assert_refuses_all(cases, ARRAY_LEN(cases));
    assert_refuses(&strict, SPAN("\"\\\0\""), CODE_MESSAGE_FORM, 1, 2, "an escape JSON does not have");
}

static void json_read__refuses_half_of_a_surrogate_pair(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\\ud800\"", "\"\\udbff\"", "\"\\udc00\"", "\"\\udfff\"", "\"\\ud800x\"", "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\\udc00\\ud800\"", "\"\\udc00\\udc00\"",
        "\"\\ud800\\ue000\"", "\"\\ud800\\udc0\"", "\"\\ud800\\",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refuses(&strict, span_of(texts[i]), CODE_MESSAGE_FORM, 1, 2, "half a surrogate pair");
}

static void json_read__refuses_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\u00e9\x80\"", "\"\u00e9\xC0\x80\"", "\"\u00e9\xC1\xBF\"", "\"\u00e9\xE0\x9F\xBF\"",
        "\"\u00e9\xED\xA0\x80\"",
        "\"\u00e9\xF0\x8F\xBF\xBF\"", "\"\u00e9\xF4\x90\x80\x80\"", "\"\u00e9\xF5\x80\x80\x80\"", "\"\u00e9\xFF\"",
        "\"\u00e9\xE2\x82\"", "\"\u00e9\xE2\x82", "\"\u00e9\xC3",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refuses(&strict, span_of(texts[i]), CODE_MESSAGE_FORM, 1, 3, "bytes that are not UTF-8");
}

static void json_read__refuses_duplicate_names_however_written(void **state)
{
    (void)state;
    assert_refuses(&strict, SPAN("{\"x\":1,\n \"b\":2,\n \"\\u0078\":3}"), CODE_MESSAGE_FORM, 3, 2,
                   "key 'x' stands twice: first at 1:2");
    assert_refuses(&strict, SPAN("[{\"\":1,\"\":1}]"), CODE_MESSAGE_FORM, 1, 8, "key '' stands twice: first at 1:3");
}

static void json_read__names_the_line_of_what_it_refuses(void **state)
{
    (void)state;
    assert_refuses(&strict, SPAN("{\n\n  \"\u00e9\u00e9\": x}"), CODE_MESSAGE_FORM, 3, 9, "'x' instead of a value");
}

/* --- limits -------------------------------------------------------------------------------------------------- */

static void json_read__keeps_the_limits_it_is_given(void **state)
{
    (void)state;
    const struct json_options fits = {.file = "a.json", .limits = {3, 4, 13}};
    const struct json_options shallow = {.file = "a.json", .limits = {2, 4, 13}};
    const struct json_options few = {.file = "a.json", .limits = {3, 3, 13}};
    const struct json_options small = {.file = "a.json", .limits = {3, 4, 12}};
    const struct span text = SPAN("{ \"a\" : [ 1, \"b\" ] }");
    assert_reads(&fits, text, "{\"a\":[1,\"b\"]}");
    assert_refuses(&shallow, text, CODE_LIMIT_DEPTH, 1, 11, "values nest deeper than 2");
    assert_refuses(&few, text, CODE_LIMIT_NODES, 1, 14, "more than 3 values, aliases expanded");
    assert_refuses(&small, text, CODE_LIMIT_CONFIG, 1, 14, "the canonical JSON is larger than 12 bytes");
}

static void json_read__refuses_depth_without_going_down(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 1000000; i++)
        buf_putc(&text, '[');
    buf_append(&text, "", 1);
    text.len--;
    assert_refuses(&strict, buf_span(&text), CODE_LIMIT_DEPTH, 1, DOC_DEPTH_MAX + 1, "values nest deeper than 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_read__takes_every_kind_of_value),
        cmocka_unit_test(json_read__passes_over_white_space),
        cmocka_unit_test(json_read__resolves_every_escape),
        cmocka_unit_test(json_read__keeps_utf8_as_it_is),
        cmocka_unit_test(json_read__takes_numbers_in_any_spelling),
        cmocka_unit_test(json_read__takes_big_numbers_and_nul_where_allowed),
        cmocka_unit_test(json_read__remembers_where_values_and_keys_are),
        cmocka_unit_test(json_read__refuses_texts_without_exactly_one_value),
        cmocka_unit_test(json_read__refuses_broken_structure),
        cmocka_unit_test(json_read__refuses_other_words),
        cmocka_unit_test(json_read__refuses_other_numbers),
        cmocka_unit_test(json_read__refuses_integers_that_readers_disagree_on),
        cmocka_unit_test(json_read__refuses_broken_strings),
        cmocka_unit_test(json_read__refuses_half_of_a_surrogate_pair),
        cmocka_unit_test(json_read__refuses_bytes_that_are_not_utf8),
        cmocka_unit_test(json_read__refuses_duplicate_names_however_written),
        cmocka_unit_test(json_read__names_the_line_of_what_it_refuses),
        cmocka_unit_test(json_read__keeps_the_limits_it_is_given),
        cmocka_unit_test(json_read__refuses_depth_without_going_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
