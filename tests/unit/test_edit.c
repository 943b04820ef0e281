/*
 * edit: one value of a text set or removed, and nothing else of it touched (with model/splice, model/spell and
 * io/yaml_places, which it is made of).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/edit.h"
#include "model/codes.h"

#define AUTO_ARENA CLEANUP(arena_fini)

/* `value` NULL: removed. */
static int edit(const char *text, const char *path, const char *value, enum edit_form form, struct buf *out,
                bool *is_changed, struct error *err)
{
    struct arena arena AUTO_ARENA = {0};
    struct doc doc AUTO_DOC = {0};
    struct splice_change change = {0};
    const char *note;
    assert_int_equal(pointer_parse(span_of(path), &arena, &change.path, err), 0);
    if (value != NULL) {
        if (edit_value(span_of(value), form, &doc, &change.typed, &note, err) != 0)
            fail_msg("%s", err->message);
        change.value = doc.root;
    }
    return edit_text(span_of(text), "services/a.yaml", &change, 1, out, is_changed, err);
}

static void expect_form(const char *text, const char *path, const char *value, enum edit_form form, const char *expected)
{
    struct buf out AUTO_BUF = {0};
    struct error err;
    bool is_changed;
    if (edit(text, path, value, form, &out, &is_changed, &err) != 0)
        fail_msg("%s = %s: %s", path, value == NULL ? "(removed)" : value, err.message);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, expected);
    assert_int_equal(is_changed, strcmp(text, expected) != 0);
}

static void expect(const char *text, const char *path, const char *value, const char *expected)
{
    expect_form(text, path, value, EDIT_YAML, expected);
}

static void refuse(const char *text, const char *path, const char *value, const char *words)
{
    struct buf out AUTO_BUF = {0};
    struct error err;
    bool is_changed;
    if (edit(text, path, value, EDIT_YAML, &out, &is_changed, &err) == 0)
        fail_msg("%s was not refused: %.*s", path, (int)out.len, out.data);
    assert_string_equal(err.code, CODE_EDIT_REFUSED);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    assert_int_equal(out.len, 0);
}

/* --- replacing ------------------------------------------------------------------------------------------ */

static void edit__replaces_a_scalar_where_it_stands(void **state)
{
    (void)state;
    expect("# top\na:   1   # one\n\nb: 2\n# end\n", "/a", "7", "# top\na:   7   # one\n\nb: 2\n# end\n");
    expect("a:\n  b:\n    - 1\n    - c: 2 # two\n", "/a/b/1/c", "3", "a:\n  b:\n    - 1\n    - c: 3 # two\n");
    expect("a: {b: 1, c: [1, 2]} # x\n", "/a/c/1", "9", "a: {b: 1, c: [1, 9]} # x\n");
    expect("a: plain words\n  and more # not\nb: 1\n", "/a", "x", "a: x # not\nb: 1\n");
    expect("\"a b\": 1\n", "/a b", "2", "\"a b\": 2\n");
    expect("a: 1", "a", "2", "a: 2");
    expect("ü: \"ö\" # ä\nb: 1\n", "/b", "2", "ü: \"ö\" # ä\nb: 2\n");
}

static void edit__keeps_quotes_of_strings(void **state)
{
    (void)state;
    expect("a: 'x' # q\n", "/a", "it's", "a: 'it''s' # q\n");
    expect("a: \"x\" # q\n", "/a", "y \"z\"", "a: \"y \\\"z\\\"\" # q\n");
    expect("a: 'x'\n", "/a", "5", "a: 5\n");
    expect_form("a: 'x'\n", "/a", "5", EDIT_TEXT, "a: '5'\n");
    expect_form("a: 'x'\n", "/a", "tab\t", EDIT_TEXT, "a: \"tab\\t\"\n");
}

static void edit__quotes_what_old_readers_take_for_something_else(void **state)
{
    (void)state;
    static const char *const quoted[] = {"no",  "yes", "on",         "off",     "y",   "012", "1:30", "1_000", "2026-11-21",
                                         "0b1", "=",   "<<",         "~",       "null", "1.5", "true", ".inf",  "- a",
                                         "a: b", "a #b", "#a",       "*a",      "&a",  "!a",  "%a",   "@a",    "`a",
                                         "a:",  " a",  "a ",         "...",     "---", "? a", ",a",   "[a",    "{a",
                                         "|",   ">",   "0x1f",       "1e3",     "NaN", "-",   "+1",   "0o7",   ""};
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "a: \"%s\"\n", quoted[i]);
        if (strcmp(quoted[i], "NaN") != 0) /* a word to all of them */
            expect_form("a: x\n", "/a", quoted[i], EDIT_TEXT, expected);
    }
    expect_form("a: x\n", "/a", "http://h:1/p?q#f", EDIT_TEXT, "a: http://h:1/p?q#f\n");
    expect_form("a: [x]\n", "/a/0", "http://h", EDIT_TEXT, "a: [\"http://h\"]\n");
    expect_form("a: x\n", "/a", "\xC2\x85\xE2\x80\xA8\x7F\xEF\xBB\xBF\xF0\x9F\x98\x80", EDIT_TEXT,
                "a: \"\\x85\\u2028\\x7F\\uFEFF\xF0\x9F\x98\x80\"\n");
}

static void edit__writes_numbers_that_all_readers_know(void **state)
{
    (void)state;
    expect("a: 1\n", "/a", "0.60", "a: 0.60\n");
    expect("a: 2\n", "/a", "1.0", "a: 1.0\n");
    expect("a: 1\n", "/a", "0x1f", "a: 31\n");
    expect("a: 1\n", "/a", "0o17", "a: 15\n");
    expect("a: 1\n", "/a", "012", "a: 12\n");
    expect("a: 1\n", "/a", "1e300", "a: 1.0e+300\n");
    expect("a: 1\n", "/a", "1.5e-9", "a: 1.5e-9\n");
}

static void edit__takes_values_in_brackets(void **state)
{
    (void)state;
    expect("a: 1 # c\n", "/a", "[1, {b: no, c: 'x, y'}]", "a: [1, {b: \"no\", c: \"x, y\"}] # c\n");
    expect("a: [1,\n  2] # c\nb: 1\n", "/a", "{}", "a: {} # c\nb: 1\n");
    expect("a:\n  b: 1\n  c: 2\nd: 3\n", "/a", "5", "a: 5\nd: 3\n");
    expect("a: # note\n  # own line\n  - 1\n  - 2\n\nd: 3\n", "/a", "[]", "a: [] # note\n  # own line\n\nd: 3\n");
    expect("a:\n- 1\n- 2", "/a", "[3]", "a: [3]\n");
    refuse("a:\n  b: 1 # why\n  c: 2\n", "/a", "5", "comments inside");
    refuse("a:\n  b: 1\n  # why\n  c: 2\n", "/a", "5", "comments inside");
    refuse("a: [1, # why\n 2]\n", "/a", "5", "comments inside");
    refuse("a: [{b: 1 # why\n  }]\n", "/a", "5", "comments inside");
}

static void edit__fills_an_empty_value(void **state)
{
    (void)state;
    expect("a:\nb: 1\n", "/a", "x", "a: x\nb: 1\n");
    expect("a: # c\nb: 1\n", "/a", "x", "a: x # c\nb: 1\n");
    expect("a:\n  -\n  - 1\n", "/a/0", "x", "a:\n  - x\n  - 1\n");
    expect("a: null\n", "/a", "x", "a: x\n");
}

static void edit__writes_long_text_as_lines(void **state)
{
    (void)state;
    expect_form("a:\n  b: x # c\nd: 1\n", "/a/b", "one\n\n two: #\n", EDIT_TEXT,
                "a:\n  b: | # c\n    one\n\n     two: #\nd: 1\n");
    expect_form("a:\n  - x\n", "/a/0", "one\ntwo", EDIT_TEXT, "a:\n  - |-\n    one\n    two\n");
    expect_form("a: x\r\nb: 1\r\n", "/a", "one\ntwo", EDIT_TEXT, "a: |-\r\n  one\r\n  two\r\nb: 1\r\n");
    expect_form("a: x\n", "/a", " one\ntwo", EDIT_TEXT, "a: \" one\\ntwo\"\n");
    expect_form("a: x\n", "/a", "one\n\n", EDIT_TEXT, "a: \"one\\n\\n\"\n");
    expect_form("a: [x]\n", "/a/0", "one\ntwo", EDIT_TEXT, "a: [\"one\\ntwo\"]\n");
    expect_form("a: x\n", "/m", "one\ntwo\n", EDIT_TEXT, "a: x\nm: |\n  one\n  two\n");
}

static void edit__replaces_long_text(void **state)
{
    (void)state;
    expect("a: |  # c\n  one\n  two\n\n# next\nb: 1\n", "/a", "x", "a: x  # c\n\n# next\nb: 1\n");
    expect_form("a: >-\n  one\n  two\nb: 1\n", "/a", "three\nfour\n", EDIT_TEXT, "a: |\n  three\n  four\nb: 1\n");
    expect("a: |\n  one\n", "/a", "x", "a: x\n");
    expect("a: |+\n  one\n\nb: 1\n", "/b", "2", "a: |+\n  one\n\nb: 2\n");
    expect("a: |\nb: 1\n", "/a", "x", "a: x\nb: 1\n");
}

static void edit__does_nothing_where_it_is_so_already(void **state)
{
    (void)state;
    expect("a: 0x10 # hex\n", "/a", "16", "a: 0x10 # hex\n");
    expect("a: {b: [1]}\n", "/a", "{\"b\": [1.0]}", "a: {b: [1]}\n");
    expect("a: 1\n", "/b/c", NULL, "a: 1\n");
}

/* --- adding --------------------------------------------------------------------------------------------- */

static void edit__adds_a_line_at_the_end_of_its_mapping(void **state)
{
    (void)state;
    expect("a: 1 # one\n# end\n", "/b", "2", "a: 1 # one\nb: 2\n# end\n");
    expect("a:\n    x: 1\n\n# of b\nb: 2\n", "/a/z", "2", "a:\n    x: 1\n    z: 2\n\n# of b\nb: 2\n");
    expect("a:\n  - x: 1\n    w: 2\n  - 3\n", "/a/0/z", "3", "a:\n  - x: 1\n    w: 2\n    z: 3\n  - 3\n");
    expect("a: 1", "/b", "2", "a: 1\nb: 2");
    expect("a: 1\r\n# end\r\n", "/b", "2", "a: 1\r\nb: 2\r\n# end\r\n");
    expect("a: |\n  text\n\nb: {c: 1}\n", "/d", "2", "a: |\n  text\n\nb: {c: 1}\nd: 2\n");
    expect("a: |\n  text\n\n# end\n", "/d", "2", "a: |\n  text\nd: 2\n\n# end\n");
    expect("---\na: 1\n...\n", "/b", "2", "---\na: 1\nb: 2\n...\n");
    expect("a:\n- 1\n- 2\n", "/b", "2", "a:\n- 1\n- 2\nb: 2\n");
    expect("a:\n", "/b", "2", "a:\nb: 2\n");
    expect("a: 1\n", "/no", "no", "a: 1\n\"no\": \"no\"\n");
    expect("a: 1\n", "/x: y", "2", "a: 1\n\"x: y\": 2\n");
}

static void edit__makes_missing_parents(void **state)
{
    (void)state;
    expect("a: 1\n", "b.c.d", "2", "a: 1\nb:\n  c:\n    d: 2\n");
    expect("a:\n  b: 1\n", "a.c.d", "2", "a:\n  b: 1\n  c:\n    d: 2\n");
    expect("{}\n", "a", "1", "a: 1\n");
    expect("# why\n{} # none\n", "a.b", "1", "# why\na:\n  b: 1 # none\n");
    expect("a: {}\n", "a.b.c", "1", "a: {b: {c: 1}}\n");
    expect("--- {}\n", "a", "1", "--- {a: 1}\n");
}

static void edit__adds_to_brackets_behind_the_last(void **state)
{
    (void)state;
    expect("a: {b: 1, c: 2} # x\n", "/a/d", "3", "a: {b: 1, c: 2, d: 3} # x\n");
    expect("{b: 1}\n", "/c", "2", "{b: 1, c: 2}\n");
    expect("a: {b: 1, }\n", "/a/c", "2", "a: {b: 1, c: 2, }\n");
    expect("a: {\"b\":1,\"c\":\"x\"}\n", "/a/d", "y", "a: {\"b\":1,\"c\":\"x\", \"d\": \"y\"}\n");
    expect("a: {'b': 1}\n", "/a/c", "no", "a: {'b': 1, 'c': 'no'}\n");
    expect("a: {b: {c: 1}, d: 2}\n", "/a/b/e", "3", "a: {b: {c: 1, e: 3}, d: 2}\n");
    expect("a: {b: 1}\n", "/a/c/d/e", "2", "a: {b: 1, c: {d: {e: 2}}}\n");
    expect("a: [1, {b: 2}]\n", "/a/1/c", "3", "a: [1, {b: 2, c: 3}]\n");
    expect("a:\n- x: 1\n  y: {z: 1}\n", "/a/0/y/w", "2", "a:\n- x: 1\n  y: {z: 1, w: 2}\n");
    expect("a: {b, c}\n", "/a/d", "1", "a: {b, c, d: 1}\n");
    expect("a: {b: , c: }\n", "/a/d", "1", "a: {b: , c: , d: 1}\n");
    expect("a: {b: 1 # one\n  }\n", "/a/c", "2", "a: {b: 1, c: 2 # one\n  }\n");
    expect("a: {b: \"two\\\n  lines\"}\n", "/a/c", "[1, 2]", "a: {b: \"two\\\n  lines\", c: [1, 2]}\n");
    expect("x: &x 1\na: {b: *x}\n", "/a/c", "2", "x: &x 1\na: {b: *x, c: 2}\n");
}

static void edit__adds_to_brackets_of_lines_a_line(void **state)
{
    (void)state;
    expect("a: {\n  b: 1,\n  c: 2\n}\n", "/a/d", "3", "a: {\n  b: 1,\n  c: 2,\n  d: 3\n}\n");
    expect("a: {\n  b: 1,\n  c: 2, # two\n  # end\n}\n", "/a/d", "3", "a: {\n  b: 1,\n  c: 2, # two\n  d: 3,\n  # end\n}\n");
    expect("a: {\n  b: 1 # one, two\n}\n", "/a/c", "2", "a: {\n  b: 1, # one, two\n  c: 2\n}\n");
    expect("a: { b: 1,\n     c: 2 }\n", "/a/d", "3", "a: { b: 1,\n     c: 2,\n     d: 3 }\n");
    expect("a: { b: 1,\n     c: 2, }\n", "/a/d", "3", "a: { b: 1,\n     c: 2,\n     d: 3, }\n");
    expect("a: { b: 1\n   , c: 2 # two\n   }\n", "/a/d", "3", "a: { b: 1\n   , c: 2 # two\n   , d: 3\n   }\n");
    expect("{\r\n  \"b\": 1\r\n}\r\n", "/c", "2", "{\r\n  \"b\": 1,\r\n  \"c\": 2\r\n}\r\n");
    expect("{\n  \"b\": {\n    \"c\": [\n      1\n    ]\n  }\n}\n", "/b/d", "x",
           "{\n  \"b\": {\n    \"c\": [\n      1\n    ],\n    \"d\": \"x\"\n  }\n}\n");
    expect("a: {\n  b: 1, c: 2\n}\n", "/a/d", "3", "a: {\n  b: 1, c: 2, d: 3\n}\n");
    expect("a: {\n  b: 1\n  ,\n}\n", "/a/c", "2", "a: {\n  b: 1, c: 2\n  ,\n}\n");
}

static void edit__refuses_to_add_where_no_line_can_stand(void **state)
{
    (void)state;
    refuse("a: [b: 1]\n", "/a/0/c", "2", "without brackets of its own");
    refuse("a: [1]\n", "/a/1", "2", "/a is a list without that item");
    refuse("a: [1]\n", "/a/x", "2", "/a is a list without that item");
    refuse("a: 1\n", "/a/b", "2", "/a is a single value");
    refuse("a: null\n", "/a/b", "2", "/a is a single value");
    refuse("a: |\n  one", "/b", "2", "something else");
    refuse("? a\n: 1\n", "/b", "2", "");
}

/* --- removing ------------------------------------------------------------------------------------------- */

static void edit__removes_a_member_with_its_lines(void **state)
{
    (void)state;
    expect("a: 1\n# of b\nb: 2 # two\nc: 3\n", "/b", NULL, "a: 1\n# of b\nc: 3\n");
    expect("a:\n  b:\n    c: 1\n    # in c\n    d: 2\n  e: 1\n", "/a/b", NULL, "a:\n  e: 1\n");
    expect("a: 1\nb: 2", "/b", NULL, "a: 1\n");
    expect("a: 1\r\nb: 2\r\nc: 3\r\n", "/b", NULL, "a: 1\r\nc: 3\r\n");
    expect("a: |\n  x\n  y\nb: 1\n", "/a", NULL, "b: 1\n");
    expect("a:\n- 1\n- 2\nb: 1\n", "/a", NULL, "b: 1\n");
}

static void edit__removes_from_brackets_with_its_comma(void **state)
{
    (void)state;
    expect("a: {b: 1, c: 2, d: 3} # x\n", "/a/b", NULL, "a: {c: 2, d: 3} # x\n");
    expect("a: {b: 1, c: 2, d: 3}\n", "/a/c", NULL, "a: {b: 1, d: 3}\n");
    expect("a: {b: 1, c: 2, d: 3}\n", "/a/d", NULL, "a: {b: 1, c: 2}\n");
    expect("a: {b: 1, c: 2, }\n", "/a/c", NULL, "a: {b: 1, }\n");
    expect("a: { b: 1 }\n", "/a/b", NULL, "a: {}\n");
    expect("a: {\n  b: 1,\n  c: 2\n}\n", "/a/b", NULL, "a: {\n  c: 2\n}\n");
    expect("a: {\n  b: 1,\n  c: 2\n}\n", "/a/c", NULL, "a: {\n  b: 1\n}\n");
    expect("{b: 1}\n", "/b", NULL, "{}\n");
    expect("a: {b: '# 1', c: 2}\n", "/a/b", NULL, "a: {c: 2}\n");
    expect("a: {b, c: }\n", "/a/c", NULL, "a: {b}\n");
}

static void edit__leaves_an_empty_mapping_behind(void **state)
{
    (void)state;
    expect("# top\na: 1 # one\n# end\n", "/a", NULL, "# top\n{}\n# end\n");
    expect("a: # c\n  b: 1\nd: 1\n", "/a/b", NULL, "a: {} # c\nd: 1\n");
    refuse("a:\n  - b: 1\n", "/a/0/b", NULL, "stands before it on its line");
}

static void edit__refuses_to_remove_what_has_no_lines(void **state)
{
    (void)state;
    refuse("a: [b: 1]\n", "/a/0/b", NULL, "without brackets of its own");
    refuse("a: {b: 1, # one\n  c: 2}\n", "/a/b", NULL, "comments beside it");
    refuse("a: {b: 1, # one\n  c: 2}\n", "/a/c", NULL, "comments beside it");
    refuse("a: {b: {d: 1 # one\n  }, c: 2}\n", "/a/b", NULL, "comments beside it");
    refuse("a: [1, 2]\n", "/a/0", NULL, "item of a list");
    refuse("a:\n  - b: 1\n    c: 2\n", "/a/0/b", NULL, "stands before it on its line");
}

/* --- what is shared ------------------------------------------------------------------------------------- */

static void edit__refuses_what_would_change_in_two_places(void **state)
{
    (void)state;
    static const char text[] = "a: &x {b: 1}\nc: *x\nd: &y 1\ne: &z\n  f: 1\ng: *z\n";
    refuse(text, "/a/b", "2", "anchor &x");
    refuse(text, "/a", "2", "anchor &x");
    refuse(text, "/c", "2", "alias, *x");
    refuse(text, "/c/b", "2", "alias, *x");
    refuse(text, "/a", NULL, "anchor &x");
    refuse(text, "/c", NULL, "alias, *x");
    refuse(text, "/e/h", "1", "anchor &z");
    expect(text, "/d", "2", "a: &x {b: 1}\nc: *x\nd: &y 2\ne: &z\n  f: 1\ng: *z\n");
    refuse("a: [&x 1]\nb: *x\n", "/a", "2", "could not be read any more");
    refuse("a: !!str 1\n", "/a", "2", "tag");
}

/* --- values --------------------------------------------------------------------------------------------- */

static void edit__reads_values_as_people_type_them(void **state)
{
    (void)state;
    expect_form("a: x\n", "/a", "Hello: world # {1}", EDIT_TEXT, "a: \"Hello: world # {1}\"\n");
    expect("a: x\n", "/a", "Hello: world", "a: \"Hello: world\"\n");
    expect("a: x\n", "/a", "- 1", "a: \"- 1\"\n");
    expect("a: x\n", "/a", "true", "a: true\n");
    expect("a: x\n", "/a", "~", "a: null\n");
    expect("a: x\n", "/a", "\"\"", "a: \"\"\n");
    expect("a: x\n", "/a", "'5'", "a: \"5\"\n");
    expect_form("a: x\n", "/a", "{\"b\": [1, \"x\"]}", EDIT_JSON, "a: {b: [1, x]}\n");
}

static void edit__refuses_what_is_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum edit_form form;
        const char *words;
    } cases[] = {
        {"", EDIT_YAML, "null, or"},      {"{a", EDIT_YAML, ""},        {"[1] x", EDIT_YAML, ""},
        {"\"a", EDIT_YAML, ""},           {".nan", EDIT_YAML, "--string"}, {"9007199254740993", EDIT_YAML, "--string"},
        {"{a: 1}", EDIT_JSON, "not JSON"}, {"", EDIT_JSON, "not JSON"},  {"\xFF", EDIT_TEXT, "UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct doc doc AUTO_DOC = {0};
        struct span typed;
        const char *note;
        struct error err;
        assert_int_equal(edit_value(span_of(cases[i].text), cases[i].form, &doc, &typed, &note, &err), -1);
        if (strstr(err.message, cases[i].words) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, cases[i].words);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(edit__replaces_a_scalar_where_it_stands),
        cmocka_unit_test(edit__keeps_quotes_of_strings),
        cmocka_unit_test(edit__quotes_what_old_readers_take_for_something_else),
        cmocka_unit_test(edit__writes_numbers_that_all_readers_know),
        cmocka_unit_test(edit__takes_values_in_brackets),
        cmocka_unit_test(edit__fills_an_empty_value),
        cmocka_unit_test(edit__writes_long_text_as_lines),
        cmocka_unit_test(edit__replaces_long_text),
        cmocka_unit_test(edit__does_nothing_where_it_is_so_already),
        cmocka_unit_test(edit__adds_a_line_at_the_end_of_its_mapping),
        cmocka_unit_test(edit__makes_missing_parents),
        cmocka_unit_test(edit__adds_to_brackets_behind_the_last),
        cmocka_unit_test(edit__adds_to_brackets_of_lines_a_line),
        cmocka_unit_test(edit__removes_from_brackets_with_its_comma),
        cmocka_unit_test(edit__refuses_to_add_where_no_line_can_stand),
        cmocka_unit_test(edit__removes_a_member_with_its_lines),
        cmocka_unit_test(edit__leaves_an_empty_mapping_behind),
        cmocka_unit_test(edit__refuses_to_remove_what_has_no_lines),
        cmocka_unit_test(edit__refuses_what_would_change_in_two_places),
        cmocka_unit_test(edit__reads_values_as_people_type_them),
        cmocka_unit_test(edit__refuses_what_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
