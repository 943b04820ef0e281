/*
 * json_write and json_text: the canonical form, its size, and comparing with it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/json.h"

static const struct json_options options = {
    .file = "a.json",
    .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX},
    .allow_nul = true,
};

static void read_text(struct span text, struct doc *doc)
{
    struct error err;
    if (json_read(text, &options, doc, &err) < 0)
        fail_msg("'%s' is refused: %s", text.data, err.message);
}

/* Written, weighed and compared, all three must agree. */
static void assert_writes(struct span text, struct span canonical)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    read_text(text, &doc);
    json_write(doc.root, &out);
    assert_int_equal(out.len, canonical.len);
    assert_memory_equal(out.data, canonical.data, canonical.len);
    assert_int_equal(doc.root->size, canonical.len);
    assert_true(json_is_canonical(doc.root, canonical));
    assert_int_equal(json_is_canonical(doc.root, text), span_equal(text, canonical));
}

static void json_write__leaves_out_white_space_and_sorts_members(void **state)
{
    (void)state;
    assert_writes(SPAN(" { \"b\" : [ 1 , 2 , { } , [ ] ] , \"a\" : { \"d\" : null , \"c\" : true } } "),
                  SPAN("{\"a\":{\"c\":true,\"d\":null},\"b\":[1,2,{},[]]}"));
    assert_writes(SPAN("[false]"), SPAN("[false]"));
}

/* The example of RFC 8785 §3.2.3. */
static void json_write__sorts_names_by_utf16_units(void **state)
{
    (void)state;
    assert_writes(SPAN("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
                       "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\","
                       "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
                       "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}"),
                  SPAN("{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
                       "\"\u00f6\":\"Latin Small Letter O With Diaeresis\",\"\u20ac\":\"Euro Sign\","
                       "\"\U0001F600\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}"));
}

/* The example of RFC 8785 §3.2.2. */
static void json_write__spells_numbers_and_strings_as_the_standard_shows(void **state)
{
    (void)state;
    assert_writes(SPAN("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n"
                       "\"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
                       "\"literals\": [null, true, false]}"),
                  SPAN("{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                       "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"));
}

static void json_write__escapes_what_must_be_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned char c = 0; c < 0x80; c++) {
        static const char short_form[] = {
            ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\',
        };
        char expected[16];
        const char value[] = {'a', (char)c, 'z'};
        if (c < sizeof short_form && short_form[c] != '\0')
            snprintf(expected, sizeof expected, "\"a\\%cz\"", short_form[c]);
        else if (c < 0x20)
            snprintf(expected, sizeof expected, "\"a\\u%04xz\"", c);
        else
            snprintf(expected, sizeof expected, "\"a%cz\"", c);
        AUTO_BUF struct buf out = {0};
        json_put_string(&out, (struct span){value, sizeof value});
        assert_true(span_is(buf_span(&out), expected));
        assert_int_equal(json_string_size((struct span){value, sizeof value}), out.len);
    }
}

static void json_write__keeps_what_other_writers_escape(void **state)
{
    (void)state;
    static const char text[] = "\"/\x7f\xC2\x80\u2028\u2029\ufeff\uffff\U0010ffff<>&'\"";
    assert_writes(span_of(text), span_of(text));
}

static void json_write__writes_escapes_side_by_side_and_at_both_ends(void **state)
{
    (void)state;
    assert_writes(SPAN("\"\\n\\n\\u0000a\\u0000\\\"\""), SPAN("\"\\n\\n\\u0000a\\u0000\\\"\""));
    assert_writes(SPAN("\"\""), SPAN("\"\""));
}

static void json_write__appends(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    read_text(SPAN("[1]"), &doc);
    buf_puts(&out, "x=");
    json_write(doc.root, &out);
    assert_true(span_is(buf_span(&out), "x=[1]"));
}

static void json_write__leaves_a_failed_buffer_failed(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    struct buf out = {.failed = true};
    read_text(SPAN("[1]"), &doc);
    json_write(doc.root, &out);
    assert_true(out.failed);
    assert_int_equal(out.len, 0);
}

static void json_write__puts_pieces(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    json_put_text(&out, "a\"b");
    json_put_text(&out, NULL);
    assert_true(span_is(buf_span(&out), "\"a\\\"b\"null"));
}

/* Every byte of a canonical text matters. */
static void json_is_canonical__refuses_any_other_byte(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    char text[] = "{\"a\":[null,true,-12,0.5],\"b\":\"x\\n\u00e9\\\"\"}";
    struct span whole = {text, sizeof text - 1};
    read_text(whole, &doc);
    assert_true(json_is_canonical(doc.root, whole));
    for (size_t i = 0; i < whole.len; i++) {
        text[i] ^= 1;
        assert_false(json_is_canonical(doc.root, whole));
        text[i] ^= 1;
    }
}

static void json_is_canonical__refuses_more_and_less(void **state)
{
    (void)state;
    AUTO_DOC struct doc doc = {0};
    read_text(SPAN("[1,2]"), &doc);
    assert_true(json_is_canonical(doc.root, SPAN("[1,2]")));
    assert_false(json_is_canonical(doc.root, SPAN("[1,2]\n")));
    assert_false(json_is_canonical(doc.root, SPAN("[1,2")));
    assert_false(json_is_canonical(doc.root, SPAN("")));
    assert_false(json_is_canonical(doc.root, (struct span){0}));
}

/* Same value, same length, another spelling. */
static void json_is_canonical__refuses_other_spellings_of_the_same_length(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
        {"1E+21", "1e+21"},
        {"\"\\u000F\"", "\"\\u000f\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_writes(span_of(pairs[i][0]), span_of(pairs[i][1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_write__leaves_out_white_space_and_sorts_members),
        cmocka_unit_test(json_write__sorts_names_by_utf16_units),
        cmocka_unit_test(json_write__spells_numbers_and_strings_as_the_standard_shows),
        cmocka_unit_test(json_write__escapes_what_must_be_and_nothing_else),
        cmocka_unit_test(json_write__keeps_what_other_writers_escape),
        cmocka_unit_test(json_write__writes_escapes_side_by_side_and_at_both_ends),
        cmocka_unit_test(json_write__appends),
        cmocka_unit_test(json_write__leaves_a_failed_buffer_failed),
        cmocka_unit_test(json_write__puts_pieces),
        cmocka_unit_test(json_is_canonical__refuses_any_other_byte),
        cmocka_unit_test(json_is_canonical__refuses_more_and_less),
        cmocka_unit_test(json_is_canonical__refuses_other_spellings_of_the_same_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
