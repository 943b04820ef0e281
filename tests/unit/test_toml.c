/*
 * toml: a TOML 1.0 file as the document it is taken over as, and what is refused at its place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/json.h"
#include "model/toml.h"

static void expect(const char *text, const char *json)
{
    struct doc doc AUTO_DOC = {0};
    struct buf out AUTO_BUF = {0};
    struct error err;
    if (toml_read(span_of(text), "old.toml", &doc, &err) != 0)
        fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.message);
    json_write(doc.root, &out);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, json);
}

static void refuse(struct span text, uint32_t line, uint32_t column, const char *words)
{
    struct doc doc AUTO_DOC = {0};
    struct error err = {0};
    if (toml_read(text, "old.toml", &doc, &err) == 0)
        fail_msg("taken: %.*s", (int)text.len, text.data);
    assert_string_equal(err.code, CODE_IMPORT);
    assert_string_equal(err.file, "old.toml");
    if (err.line != line || err.column != column || strstr(err.message, words) == NULL)
        fail_msg("%.*s: %u:%u: '%s', not %u:%u: '%s'", (int)text.len, text.data, err.line, err.column, err.message, line, column, words);
}

/* `a = <word>` on the first line. */
static void refuse_word(const char *word, const char *words)
{
    struct buf text AUTO_BUF = {0};
    buf_printf(&text, "a = %s\n", word);
    refuse(buf_span(&text), 1, 5, words);
}

static void toml__reads_keys(void **state)
{
    (void)state;
    expect("", "{}");
    expect("# nothing\n\n  \t\r\n", "{}");
    expect("a = 1\nA-b_1 = 2\n\"c d\" = 3\n'e.f' = 4 # four\n\"\" = 5", "{\"\":5,\"A-b_1\":2,\"a\":1,\"c d\":3,\"e.f\":4}");
    expect("a.b . \"c\".d = 1\na.b.e = 2", "{\"a\":{\"b\":{\"c\":{\"d\":1},\"e\":2}}}");
}

static void toml__refuses_what_is_no_key(void **state)
{
    (void)state;
    refuse(SPAN("= 1"), 1, 1, "a key is");
    refuse(SPAN("a. = 1"), 1, 4, "a key is");
    refuse(SPAN("a b = 1"), 1, 3, "'=' is missing");
    refuse(SPAN("a = 1\n\"b\nc\" = 1"), 2, 3, "not closed");
    refuse(SPAN("a = 1 b = 2"), 1, 7, "behind the value");
    refuse(SPAN("a = 1\n  a = 2"), 2, 3, "there already");
    refuse(SPAN("a = 1\na.b = 2"), 2, 1, "no table");
}

static void toml__reads_strings(void **state)
{
    (void)state;
    expect("a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00e4\\U0001F600\"", "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\xc3\xa4\xf0\x9f\x98\x80\"}");
    expect("a = 'c:\\n \"x\"'", "{\"a\":\"c:\\\\n \\\"x\\\"\"}");
    expect("a = \"\"\"\none\n two \\\n    three\"\"\"\nb = 1", "{\"a\":\"one\\n two three\",\"b\":1}");
    expect("a = '''\r\none\r\ntwo\\'''", "{\"a\":\"one\\ntwo\\\\\"}");
    expect("a = \"\"\"\"x\"\"\"\"\"\nb = ''", "{\"a\":\"\\\"x\\\"\\\"\",\"b\":\"\"}");
}

static void toml__refuses_broken_strings(void **state)
{
    (void)state;
    refuse(SPAN("a = \"b"), 1, 7, "not closed");
    refuse(SPAN("a = \"\"\"b\n"), 2, 1, "not closed");
    refuse(SPAN("a = \"\\x\""), 1, 7, "is followed by");
    refuse(SPAN("a = \"\\u12\""), 1, 7, "hex digits");
    refuse(SPAN("a = \"\\uD800\""), 1, 7, "no such character");
    refuse(SPAN("a = \"\\u0000\""), 1, 7, "no such character");
    refuse(SPAN("a = \"\\U00110000\""), 1, 7, "no such character");
    refuse(SPAN("a = 'b\x01'"), 1, 7, "control character");
    refuse(SPAN("a = '\xff'"), 0, 0, "UTF-8");
    refuse(SPAN("a = '\0'"), 0, 0, "UTF-8");
}

static void toml__reads_numbers_and_booleans(void **state)
{
    (void)state;
    expect("a = [0, -0, +17, 1_000, 0xDEAD_beef, 0o17, 0b101]", "{\"a\":[0,0,17,1000,3735928559,15,5]}");
    expect("a = [1.5, -2e-2, +6.5E3, 1_0.2_5]", "{\"a\":[1.5,-0.02,6500,10.25]}");
    expect("a = true\nb = false", "{\"a\":true,\"b\":false}");
    expect("a = 9007199254740991", "{\"a\":9007199254740991}");
}

static void toml__refuses_what_json_cannot_say(void **state)
{
    (void)state;
    refuse_word("9007199254740992", "carry exactly");
    refuse_word("0x20000000000000", "carry exactly");
    refuse_word("1e999", "carry exactly");
    refuse_word("1979-05-27", "date or time");
    refuse_word("07:32:00", "date or time");
    refuse_word("inf", "infinity");
    refuse_word("-nan", "not-a-number");
}

static void toml__refuses_what_is_no_value(void **state)
{
    (void)state;
    static const char *const words[] = {"",   "x",    "True", "012",  "_1",  "1_",  "1__0", "1._5", "0x",  "0b2",
                                        "+-1", "0x_1", "1.",   ".5",   "-x-y", "--1", "0o8",  "1e",   "+abc"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        refuse_word(words[i], "no value of TOML");
}

static void toml__reads_lists_and_inline_tables(void **state)
{
    (void)state;
    expect("a = []\nb = [ 1, 'x', # two\n [true],\n]", "{\"a\":[],\"b\":[1,\"x\",[true]]}");
    expect("a = {}\nb = { c.d = 1, \"e\" = [{}] }", "{\"a\":{},\"b\":{\"c\":{\"d\":1},\"e\":[{}]}}");
    refuse(SPAN("a = [1 2]"), 1, 8, "',' or ']'");
    refuse(SPAN("a = [,]"), 1, 6, "no value");
    refuse(SPAN("a = {b = 1,}"), 1, 12, "no ',' stands before");
    refuse(SPAN("a = {b = 1 c = 2}"), 1, 12, "',' or '}'");
    refuse(SPAN("a = {b = 1}\na.c = 2"), 2, 1, "no table, or is finished");
    refuse(SPAN("a = {b.c = 1}\n[a.b]"), 2, 2, "no table, or is finished");
}

static void toml__reads_tables(void **state)
{
    (void)state;
    expect("x = 0\n[a.b]\nc = 1\n[a]\nd = 2\n[a.e]\n", "{\"a\":{\"b\":{\"c\":1},\"d\":2,\"e\":{}},\"x\":0}");
    expect("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[[a.e]]\n[[a.e]]\n", "{\"a\":[{\"b\":1,\"c\":{\"d\":2}},{\"e\":[{},{}]}]}");
    refuse(SPAN("[a]\n[a]"), 2, 2, "the table is there already");
    refuse(SPAN("a.b = 1\n[a]"), 2, 2, "the table is there already");
    refuse(SPAN("a = [1]\n[[a]]"), 2, 3, "no list of tables");
    refuse(SPAN("[a"), 1, 3, "']' is missing");
    refuse(SPAN("[[a]"), 1, 4, "']' is missing");
    refuse(SPAN("[a] x = 1"), 1, 5, "behind the value");
    refuse(SPAN("[a.b]\n[a]\nb.c = 1"), 3, 1, "no table, or is finished");
}

static void toml__ends_where_its_limits_are(void **state)
{
    (void)state;
    struct buf text AUTO_BUF = {0};
    buf_puts(&text, "a = [");
    for (int i = 0; i < TOML_VALUES_MAX - 2; i++) /* the root and the list are two */
        buf_puts(&text, "1,");
    size_t len = text.len;
    buf_puts(&text, "]");
    buf_putc(&text, '\0');
    struct doc doc AUTO_DOC = {0};
    struct error err;
    assert_int_equal(toml_read((struct span){text.data, text.len - 1}, "old.toml", &doc, &err), 0);
    buf_truncate(&text, len);
    buf_puts(&text, "1]");
    refuse(buf_span(&text), 1, (uint32_t)len + 1, "more than 20000 values");
    buf_reset(&text);
    buf_puts(&text, "a = ");
    for (int i = 0; i < 100; i++)
        buf_putc(&text, '[');
    refuse(buf_span(&text), 1, 5 + 61, "too deep");
    buf_reset(&text);
    for (int i = 0; i < 100; i++)
        buf_puts(&text, "a.");
    refuse(buf_span(&text), 1, 2 * 32 + 1, "too many parts");
}

static void toml__remembers_where_a_value_stands(void **state)
{
    (void)state;
    struct doc doc AUTO_DOC = {0};
    struct error err;
    assert_int_equal(toml_read(SPAN("[a]\n\n  b.c = '''\nx\n'''\n  d = 1\n"), "old.toml", &doc, &err), 0);
    const struct doc_node *d = doc_get(doc_get(doc.root, "a"), "d");
    assert_int_equal(d->pos.line, 6);
    assert_int_equal(d->pos.column, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toml__reads_keys),
        cmocka_unit_test(toml__refuses_what_is_no_key),
        cmocka_unit_test(toml__reads_strings),
        cmocka_unit_test(toml__refuses_broken_strings),
        cmocka_unit_test(toml__reads_numbers_and_booleans),
        cmocka_unit_test(toml__refuses_what_json_cannot_say),
        cmocka_unit_test(toml__refuses_what_is_no_value),
        cmocka_unit_test(toml__reads_lists_and_inline_tables),
        cmocka_unit_test(toml__reads_tables),
        cmocka_unit_test(toml__ends_where_its_limits_are),
        cmocka_unit_test(toml__remembers_where_a_value_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
