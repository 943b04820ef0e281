/*
 * compare: of each keyword what narrows, widens and leaves open, with its place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/json.h"
#include "schema/compare.h"

static void read_doc(const char *text, const char *file, struct doc *doc)
{
    struct json_options options = {file, {64, 100000, 1 << 20}, false, false};
    struct error err;
    if (json_read(span_of(text), &options, doc, &err) < 0)
        fail_msg("'%s': %s", text, err.message);
}

/* All that is reported, a line each: effect pointer: message. */
static void compare(const char *before, const char *after, struct buf *out)
{
    AUTO_DOC struct doc was = {0}, is = {0};
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    struct error err;
    read_doc(before, "old.json", &was);
    read_doc(after, "new.json", &is);
    assert_int_equal(schema_compare(was.root, is.root, &steps, &changes, &err), 0);
    for (size_t i = 0; i < changes.len; i++) {
        const struct schema_change *change = &changes.items[i];
        assert_string_equal(change->file, "new.json");
        assert_true(change->pos.line > 0 && change->pos.column > 0);
        buf_printf(out, "%s %s: %s\n", schema_effect_name(change->effect), change->pointer, change->message);
    }
    buf_putc(out, '\0');
    assert_false(out->failed);
}

static void assert_says(const char *before, const char *after, const char *lines)
{
    AUTO_BUF struct buf out = {0};
    compare(before, after, &out);
    if (strcmp(out.data, lines) != 0)
        fail_msg("%s\n-> %s\nsays:\n%snot:\n%s", before, after, out.data, lines);
}

/* Tightening breaks with those words, the way back is compatible and says something. */
static void assert_narrows(const char *wide, const char *narrow, const char *words)
{
    AUTO_BUF struct buf there = {0}, back = {0};
    compare(wide, narrow, &there);
    compare(narrow, wide, &back);
    if (strncmp(there.data, "breaking ", 9) != 0 || strstr(there.data, words) == NULL)
        fail_msg("%s\n-> %s\nsays:\n%s", wide, narrow, there.data);
    if (strstr(back.data, "breaking ") != NULL || strstr(back.data, "unclear ") != NULL || back.len < 2)
        fail_msg("%s\n-> %s\nsays:\n%s", narrow, wide, back.data);
}

static void compare__the_same_schema_says_nothing(void **state)
{
    (void)state;
    static const char schema[] = "{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":"
                                 "\"#/$defs/x\"},\"b\":{\"oneOf\":"
                                 "[{\"type\":\"null\"},{\"$ref\":\"#\"}]},\"c\":{\"items\":{\"$ref\":\"other."
                                 "json#/y\"}}},\"not\":{\"required\":"
                                 "[\"z\"]},\"$defs\":{\"x\":{\"minimum\":1,\"allOf\":[{\"maximum\":3}]}},"
                                 "\"additionalProperties\":false}";
    assert_says(schema, schema, "");
    assert_says("true", "true", "");
    assert_says("{}", "true", "");
    assert_says("false", "{\"type\":\"string\"}", "");
    assert_says("{\"title\":\"x\"}", "{\"title\":\"y\",\"description\":\"z\"}", "");
}

static void compare__single_values(void **state)
{
    (void)state;
    assert_narrows("{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}", "may not hold null any more");
    assert_narrows("{\"type\":\"number\"}", "{\"type\":\"integer\"}", "may not hold fractions any more");
    assert_narrows("{\"enum\":[1,2]}", "{\"enum\":[1]}", "2 is no choice any more");
    assert_narrows("{\"enum\":[1,2]}", "{\"const\":1}", "2 is no choice any more");
    assert_narrows("{\"type\":\"integer\"}", "{\"type\":\"integer\",\"enum\":[1]}",
                   "must be one of 1 choice now");
    assert_narrows("{\"minimum\":1}", "{\"minimum\":2}", "must be at least 2 now, was at least 1");
    assert_narrows("{\"minimum\":1}", "{\"exclusiveMinimum\":1}", "must be above 1 now, was at least 1");
    assert_narrows("{\"maximum\":2}", "{\"maximum\":1.5}", "must be at most 1.5 now, was at most 2");
    assert_narrows("{}", "{\"maximum\":1}", "must be at most 1 now");
    assert_narrows("{\"minLength\":1}", "{\"minLength\":2}", "must have at least 2 characters now");
    assert_narrows("{}", "{\"maxLength\":2}", "may have at most 2 characters now");
    assert_narrows("{\"maxItems\":3}", "{\"maxItems\":2}", "may have at most 2 items now");
    assert_narrows("{}", "{\"minProperties\":1}", "must have at least 1 key now");
    assert_narrows("{}", "{\"pattern\":\"a\"}", "must match a pattern now");
    assert_narrows("{}", "{\"format\":\"uri\"}", "must have the format uri now");
    assert_narrows("{}", "{\"uniqueItems\":true}", "no two items may be equal now");
    assert_says("{}", "{\"type\":\"string\"}", "breaking : may hold strings only now\n");
    assert_says("{}", "{\"multipleOf\":2}", "breaking : must be a multiple of another number now\n");
    assert_says("{\"multipleOf\":4}", "{\"multipleOf\":2}", "");
    assert_says("{\"type\":\"integer\",\"minimum\":1}",
                "{\"type\":\"integer\",\"exclusiveMinimum\":0,\"multipleOf\":1}", "");
    assert_says("{\"pattern\":\"a\"}", "{\"pattern\":\"b\"}", "unclear : must match another pattern now\n");
    assert_says("{}", "{\"format\":\"colour\"}", "");
    assert_says("{\"type\":\"string\"}", "{\"type\":\"string\",\"minimum\":1,\"required\":[\"a\"]}", "");
    assert_says("{\"enum\":[1,2]}", "{\"enum\":[1,2],\"minimum\":1}",
                "unclear : the choices must also pass another minimum now\n");
    assert_says("{\"default\":1}", "{\"default\":2,\"x-env\":\"A\"}",
                "compatible : has another default\ncompatible : has an environment variable now\n");
}

static void compare__a_variable_that_overrides_no_more_is_told(void **state)
{
    (void)state;
    assert_says("{\"x-env\":\"A\"}", "{\"x-env\":\"B\"}",
                "annotation : the environment variable A overrides it no more, but B\n");
    assert_says("{\"x-env\":\"A\"}", "{}", "annotation : the environment variable A overrides it no more\n");
    assert_says("{\"$defs\":{\"a\":{\"x-env\":\"A\"}},\"$ref\":\"#/$defs/a\"}", "{\"x-env\":\"A\"}", "");
    assert_says("{\"x-restart\":true}", "{}", "compatible : has another say on needing a restart\n");
}

static void compare__keys_of_mappings(void **state)
{
    (void)state;
    assert_narrows("{}", "{\"required\":[\"a\"]}", "must have the key a now");
    assert_narrows("{}", "{\"additionalProperties\":false}",
                   "may not have keys that the schema does not know");
    assert_narrows("{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
                   "{\"additionalProperties\":false}", "may not have the key a any more");
    assert_narrows("{\"properties\":{\"a\":{\"properties\":{\"b\":{\"maximum\":2}}}}}",
                   "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"maximum\":1}}}}}",
                   "breaking /a/b: must be at most");
    assert_narrows("{\"additionalProperties\":{\"maximum\":2}}", "{\"additionalProperties\":{\"maximum\":1}}",
                   "/*: ");
    assert_narrows("{\"patternProperties\":{\"^x\":{\"maximum\":2}}}",
                   "{\"patternProperties\":{\"^x\":{\"maximum\":1}}}", "/*: ");
    assert_says("{}",
                "{\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
                "a\"}},\"$defs\":{\"a\":{\"default\":1}}}",
                "compatible : must have the key a now, which has a default\n"
                "unclear : says what the key a must be, which was free\n");
    assert_says(
        "{\"items\":{}}", "{\"items\":{\"required\":[\"a\"],\"properties\":{\"a\":{\"default\":1}}}}",
        "breaking /*: must have the key a now\nunclear /*: says what the key a must be, which was free\n");
    assert_says(
        "{\"additionalProperties\":{\"type\":\"string\"}}",
        "{\"additionalProperties\":{\"type\":\"string\"},\"properties\":{\"a\":{\"type\":\"integer\"}}}",
        "breaking /a: may not hold strings any more\n");
    assert_says(
        "{\"patternProperties\":{\"^x\":{\"type\":\"string\"}},\"additionalProperties\":false}",
        "{\"properties\":{\"xa\":{\"type\":\"string\"}},\"patternProperties\":{\"^x\":{\"type\":\"string\"}},"
        "\"additionalProperties\":false}",
        "");
    assert_says("{}", "{\"patternProperties\":{\"^x\":{}}}",
                "unclear : keys that match ^x have a schema of their own now\n");
    assert_says("{}", "{\"propertyNames\":{\"maxLength\":3}}", "unclear : propertyNames is new\n");
    assert_says("{\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{\"a\":{}}}]}",
                "{\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{}}]}",
                "breaking : may not have the key a any more\n");
    assert_says("{\"properties\":{\"a/b~\":{}}}", "{\"properties\":{\"a/b~\":false}}",
                "breaking : may not have the key a/b~ any more\n");
}

static void compare__items_of_lists(void **state)
{
    (void)state;
    assert_narrows("{\"items\":{\"maximum\":2}}", "{\"items\":{\"maximum\":1}}",
                   "breaking /*: must be at most");
    assert_narrows("{\"prefixItems\":[{\"maximum\":2}]}", "{\"prefixItems\":[{\"maximum\":1}]}",
                   "breaking /0: ");
    assert_says("{\"prefixItems\":[true]}", "{\"prefixItems\":[true],\"items\":false}",
                "breaking : may have no more than 1 items now\n");
    assert_says("{\"items\":[{\"type\":\"string\"}]}", "{\"prefixItems\":[{\"type\":\"string\"}]}", "");
    assert_says("{\"contains\":{\"const\":1}}", "{\"contains\":{\"const\":2}}",
                "unclear : contains is another one\n");
}

static void compare__alternatives(void **state)
{
    (void)state;
    assert_says("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
                "{\"anyOf\":[{\"type\":\"null\"}]}", "breaking : an alternative of anyOf is gone\n");
    assert_says("{\"anyOf\":[{\"type\":\"null\"}]}",
                "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
                "compatible : anyOf has one more alternative\n");
    assert_says("{\"oneOf\":[{\"type\":\"null\"}]}",
                "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
                "unclear : oneOf has one more alternative\n");
    assert_says("{\"oneOf\":[{\"minimum\":1},{\"type\":\"null\"}]}",
                "{\"oneOf\":[{\"type\":\"null\"},{\"minimum\":2}]}",
                "breaking : must be at least 2 now, was at least 1\n"
                "unclear : an alternative of oneOf is another one: values may fit two\n");
    assert_says("{}", "{\"not\":{\"const\":1}}", "unclear : not is new\n");
    assert_says("{\"if\":{},\"then\":{\"const\":1}}", "{}",
                "compatible : a condition is gone: if, then, else\n");
    assert_says("{\"not\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"const\":1}}}",
                "{\"not\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"const\":2}}}",
                "unclear : not is another one\n");
}

static void compare__follows_references_inside_and_trusts_those_outside(void **state)
{
    (void)state;
    assert_says("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"maximum\":2}}}", "{\"maximum\":2}", "");
    assert_says("{\"enum\":[1]}", "{\"enum\":[]}", "breaking : 1 is no choice any more\n");
    assert_says("{\"allOf\":[{\"maximum\":2},{\"minimum\":1}]}", "{\"maximum\":2,\"minimum\":1}", "");
    assert_says("{\"$ref\":\"#a\",\"$defs\":{\"x\":{\"$anchor\":\"a\",\"maximum\":2}}}",
                "{\"$ref\":\"#/$defs/x%7Ey\",\"$defs\":{\"x~y\":{\"maximum\":1}}}",
                "unclear : has too many parts to be compared, or a reference to nothing\n"
                "compatible : need not be at most 2 any more\n");
    assert_says("{\"$ref\":\"a.json\"}", "{\"$ref\":\"a.json\"}", "");
    assert_says("{\"$ref\":\"a.json\"}", "{\"$ref\":\"b.json\"}", "unclear : refers to b.json now\n");
    assert_says(
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/a\",\"maximum\":1,"
        "\"definitions\":{\"a\":{}}}",
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/a\","
        "\"definitions\":{\"a\":{}}}",
        "");
    assert_says("{\"$ref\":\"#\"}", "{\"$ref\":\"#\"}",
                "unclear : has too many parts to be compared, or a reference to nothing\n");
    assert_says("{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"minimum\":1}}}",
                "{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"minimum\":2}}}",
                "breaking /b: must be at least 2 now, was at least 1\n");
}

static void compare__places_are_those_of_the_keywords(void **state)
{
    (void)state;
    AUTO_DOC struct doc was = {0}, is = {0};
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    struct error err;
    read_doc("{\"properties\":{\"a\":{\"minimum\":1,\"maximum\":5}}}", "old.json", &was);
    read_doc("{\"properties\":\n {\"a\":\n  {\"minimum\":\n2}}}", "new.json", &is);
    assert_int_equal(schema_compare(was.root, is.root, &steps, &changes, &err), 0);
    assert_int_equal(changes.len, 2);
    assert_int_equal(changes.items[0].pos.line, 3);
    assert_int_equal(changes.items[0].pos.column, 4);
    assert_int_equal(changes.items[1].pos.line, 3);
    assert_int_equal(changes.items[1].pos.column, 3);
    assert_int_equal(changes.count[SCHEMA_BREAKING], 1);
    assert_int_equal(schema_changes_effect(&changes), SCHEMA_BREAKING);
}

static void compare__secrets_are_not_shown(void **state)
{
    (void)state;
    assert_says("{\"properties\":{\"a\":{\"x-secret\":true,\"enum\":[\"one\",\"two\"]}}}",
                "{\"properties\":{\"a\":{\"x-secret\":true,\"enum\":[\"one\"]}}}",
                "breaking /a: … is no choice any more\n");
}

/* What calls the place a secret may stand in a branch, behind a reference, above, or inside the value. */
static void compare__secrets_are_not_shown_whoever_calls_them_so(void **state)
{
    (void)state;
    static const char *const around[] = {
        "{\"properties\":{\"a\":{\"anyOf\":[{\"x-secret\":true}],\"enum\":[%s]}}}",
        "{\"properties\":{\"a\":{\"anyOf\":[{\"x-secret\":true,\"enum\":[%s]}]}}}",
        "{\"properties\":{\"a\":{\"allOf\":[{\"x-secret\":false},{\"x-secret\":true}],\"enum\":[%s]}}}",
        "{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/"
        "s\"}],\"enum\":[%s]}},\"$defs\":{\"s\":{\"x-secret\":true}}}",
        "{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"other.yaml\"}],\"enum\":[%s]}}}",
        "{\"anyOf\":[{\"properties\":{\"a\":{\"x-secret\":true}}}],\"properties\":{\"a\":{\"enum\":[%s]}}}",
        "{\"if\":{},\"then\":{\"patternProperties\":{\"^a\":{\"x-secret\":true}}},\"properties\":{\"a\":{"
        "\"enum\":[%s]}}}",
        "{\"properties\":{\"a\":{\"x-secret\":true,\"properties\":{\"b\":{\"enum\":[%s]}}}}}",
        "{\"items\":{\"anyOf\":[{\"x-secret\":true}],\"enum\":[%s]}}",
        "{\"properties\":{\"a\":{\"enum\":[{\"token\":%s}],\"properties\":{\"token\":{\"x-secret\":true}}}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(around); i++) {
        AUTO_BUF struct buf was = {0}, is = {0}, out = {0};
        for (size_t side = 0; side < 2; side++) {
            const char *hole = strstr(around[i], "%s");
            struct buf *text = side == 0 ? &was : &is;
            buf_printf(text, "%.*s%s%s", (int)(hole - around[i]), around[i],
                       side == 0 ? "\"hunter2\"" : "\"swordfish\"", hole + 2);
            buf_putc(text, '\0');
        }
        compare(was.data, is.data, &out);
        assert_non_null(strstr(out.data, "… is no choice any more"));
        assert_null(strstr(out.data, "hunter2"));
        assert_null(strstr(out.data, "swordfish"));
    }
    assert_says("{\"properties\":{\"a\":{\"enum\":[1]},\"b\":{\"x-secret\":true}}}",
                "{\"properties\":{\"a\":{\"enum\":[2]},\"b\":{\"x-secret\":true}}}",
                "breaking /a: 1 is no choice any more\ncompatible /a: 2 is a choice now\n");
}

#define SECRET "{\"x-secret\":true}"
#define SHOWN "is no secret any more: plans, findings and explain show it\n"

static void compare__a_secret_that_is_none_any_more_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *way;
    } shown[] = {
        {"{\"properties\":{\"a\":" SECRET "}}", "{\"properties\":{\"a\":{\"x-secret\":false}}}", "/a"},
        {"{\"properties\":{\"a\":" SECRET "}}", "{\"properties\":{\"a\":{}}}", "/a"},
        {"{\"properties\":{\"a\":" SECRET "}}", "{}", "/a"},
        {"{\"properties\":{\"a\":{\"anyOf\":[{}," SECRET "]}}}", "{\"properties\":{\"a\":{}}}", "/a"},
        {"{\"patternProperties\":{\"_key$\":" SECRET "}}", "{}", "/*"},
        {"{\"properties\":{\"a\":{\"items\":" SECRET "}}}", "{\"properties\":{\"a\":{\"items\":{}}}}", "/a/*"},
        {"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/s\"}},\"$defs\":{\"s\":" SECRET "}}",
         "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/s\"}},\"$defs\":{\"s\":{}}}", "/a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        AUTO_BUF struct buf out = {0};
        char wanted[128];
        snprintf(wanted, sizeof wanted, "annotation %s: " SHOWN, shown[i].way);
        compare(shown[i].before, shown[i].after, &out);
        if (strstr(out.data, wanted) == NULL)
            fail_msg("%s\n-> %s\nsays:\n%s", shown[i].before, shown[i].after, out.data);
    }
}

/* It is called one elsewhere now, or nothing can stand there. */
static void compare__a_secret_that_stays_one_says_nothing_of_it(void **state)
{
    (void)state;
    static const char *const hidden[] = {
        "{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/s\"}]}},\"$defs\":{\"s\":" SECRET "}}",
        "{\"x-secret\":true}",
        "{\"anyOf\":[{\"properties\":{\"a\":" SECRET "}},{}]}",
        "{\"patternProperties\":{\"^a\":" SECRET "}}",
        "{\"additionalProperties\":" SECRET "}",
        "{\"properties\":{\"b\":{}},\"additionalProperties\":false}",
        "{\"properties\":{\"a\":{\"$ref\":\"other.yaml\"}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        AUTO_BUF struct buf out = {0};
        compare("{\"properties\":{\"a\":" SECRET "}}", hidden[i], &out);
        if (strstr(out.data, "annotation") != NULL)
            fail_msg("-> %s\nsays:\n%s", hidden[i], out.data);
    }
}

static void t16__schemas_made_to_be_walked_for_ever_end(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf out = {0};
    buf_puts(&text, "{\"$defs\":{");
    for (int i = 0; i < 60; i++)
        buf_printf(&text,
                   "\"d%d\":{\"allOf\":[{\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
                   "d%d\"},\"b\":{\"$ref\":\"#/$defs/d%d\"}}},"
                   "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/d%d\"}}}]},",
                   i, (i + 1) % 60, (i * 7) % 60, (i * 11 + 3) % 60);
    buf_puts(&text, "\"e\":{}},\"$ref\":\"#/$defs/d0\",\"maximum\":1}");
    buf_putc(&text, '\0');
    compare(text.data, text.data, &out);
    assert_null(strstr(out.data, "breaking"));
}

/* `keyword` of a thousand times twenty entries, none of them on both sides. */
static void put_long(struct buf *out, const char *keyword, char letter)
{
    buf_printf(out, "{\"%s\":[\"%c\"", keyword, letter);
    for (int i = 0; i < 20000; i++)
        buf_printf(out, ",\"%c%d\"", letter, i);
    buf_puts(out, "]}");
    buf_putc(out, '\0');
}

static void t16__long_lists_and_costly_patterns_are_left_unclear(void **state)
{
    (void)state;
    static const char *const keywords[] = {"enum", "required"};
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        AUTO_BUF struct buf was = {0}, is = {0}, out = {0};
        put_long(&was, keywords[i], 'a');
        put_long(&is, keywords[i], 'b');
        compare(was.data, is.data, &out);
        assert_non_null(strstr(out.data, i == 0 ? "unclear : has too many choices to be compared"
                                                : "unclear : too long to be compared"));
    }
    AUTO_BUF struct buf text = {0}, out = {0};
    buf_puts(&text, "{\"patternProperties\":{\"^(a+)+$\":{}},\"properties\":{\"b\":{}");
    for (int i = 0; i < 2000; i++)
        buf_printf(&text, ",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%d\":{\"maximum\":1}", i);
    buf_puts(&text, "}}");
    buf_putc(&text, '\0');
    compare("{\"maximum\":1}", text.data, &out);
    assert_non_null(strstr(out.data, "unclear"));
}

/* Of each of many places hundreds of schemas speak. */
static void t16__looking_for_secrets_has_its_steps(void **state)
{
    (void)state;
    enum { SPEAKERS = 250, PLACES = 2000 };
    AUTO_BUF struct buf text = {0}, out = {0};
    buf_puts(&text, "{\"$defs\":{\"all\":{\"allOf\":[{}");
    for (int i = 0; i < SPEAKERS; i++)
        buf_puts(&text, ",{\"title\":\"\"}");
    buf_puts(&text, "]}},\"properties\":{\"b\":{}");
    for (int i = 0; i < PLACES; i++)
        buf_printf(&text, ",\"a%d\":{\"$ref\":\"#/$defs/all\"}", i);
    buf_puts(&text, "},\"title\":\"1\"}");
    buf_putc(&text, '\0');
    AUTO_BUF struct buf after = {0};
    buf_append(&after, text.data, text.len);
    after.data[after.len - 4] = '2';
    compare(text.data, after.data, &out);
    assert_non_null(strstr(out.data, "unclear : too large to tell whether all secrets are secrets still"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare__the_same_schema_says_nothing),
        cmocka_unit_test(compare__single_values),
        cmocka_unit_test(compare__keys_of_mappings),
        cmocka_unit_test(compare__items_of_lists),
        cmocka_unit_test(compare__alternatives),
        cmocka_unit_test(compare__follows_references_inside_and_trusts_those_outside),
        cmocka_unit_test(compare__places_are_those_of_the_keywords),
        cmocka_unit_test(compare__secrets_are_not_shown),
        cmocka_unit_test(compare__a_variable_that_overrides_no_more_is_told),
        cmocka_unit_test(compare__a_secret_that_is_none_any_more_is_told),
        cmocka_unit_test(compare__a_secret_that_stays_one_says_nothing_of_it),
        cmocka_unit_test(compare__secrets_are_not_shown_whoever_calls_them_so),
        cmocka_unit_test(t16__schemas_made_to_be_walked_for_ever_end),
        cmocka_unit_test(t16__looking_for_secrets_has_its_steps),
        cmocka_unit_test(t16__long_lists_and_costly_patterns_are_left_unclear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
