/*
 * schema limits: whatever a schema and a document say to each other, judging ends within its steps. Each test
 * builds what would take for ever without them.
 */
#include "schema_judging.h"

static void assert_too_expensive(struct judging *j, const char *value)
{
    size_t before = j->findings.errors;
    assert_int_equal(judge(j, value), SCHEMA_TOO_EXPENSIVE);
    judging_validate(j, value);
    assert_int_equal(j->findings.errors, before + 1);
    assert_string_equal(j->findings.items[j->findings.len - 1].code, CODE_SCHEMA_TOO_EXPENSIVE);
}

/* Each schema of a ladder asks the next one twice. */
static void put_ladder(struct buf *text, const char *keyword, int rungs, const char *last)
{
    buf_puts(text, "$ref: '#/$defs/r0'\n$defs:\n");
    for (int i = 0; i < rungs; i++)
        buf_printf(text, "  r%d: {%s: [{$ref: '#/$defs/r%d'}, {$ref: '#/$defs/r%d'}]}\n", i, keyword, i + 1, i + 1);
    buf_printf(text, "  r%d: %s\n", rungs, last);
    buf_putc(text, '\0');
}

static void t16__ladders_of_two_to_the_thirtieth_end(void **state)
{
    (void)state;
    static const struct {
        const char *keyword, *value;
    } ladders[] = {{"allOf", "text"}, {"anyOf", "1"}, {"oneOf", "text"}};
    for (size_t i = 0; i < 3; i++) {
        AUTO_JUDGING struct judging j = {0};
        AUTO_BUF struct buf text = {0};
        put_ladder(&text, ladders[i].keyword, 30, "{type: string}");
        judging_compile(&j, text.data);
        assert_too_expensive(&j, ladders[i].value);
    }
}

static void t16__a_pattern_that_backtracks_for_ever_ends(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "pattern: '^(a+)+$'");
    assert_int_equal(judge(&j, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), SCHEMA_VALID);
    assert_too_expensive(&j, "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'"); /* 30 of them */
}

static void t16__patterns_share_their_steps(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_BUF struct buf text = {0};
    judging_compile(&j, "items: {pattern: '^(a|aa)+$'}");
    buf_putc(&text, '[');
    for (int i = 0; i < 2000; i++)
        buf_puts(&text, "aaaaaaaaaaaaaaaaaa!, ");
    buf_puts(&text, "a]");
    buf_putc(&text, '\0');
    assert_int_equal(judge(&j, text.data), SCHEMA_INVALID); /* the verdict needs the first one alone */
    judging_validate(&j, text.data);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_TOO_EXPENSIVE);
}

static void t16__more_patterns_than_a_set_may_have_are_refused(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "patternProperties:\n");
    for (int i = 0; i <= SCHEMA_PATTERNS_MAX; i++)
        buf_printf(&text, "  ^p%d: {}\n", i);
    buf_putc(&text, '\0');
    judging_compile(&j, text.data);
    assert_null(j.schema);
    assert_int_equal(j.findings.errors, 1);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_TOO_EXPENSIVE);
    assert_string_equal(j.findings.items[0].file, "schemas/schema.yaml");
}

/* Only at run time is seen where a $dynamicRef leads. */
static void t16__dynamic_references_that_go_in_circles_end(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "$id: https://example.org/a\n$ref: c\n$defs:\n"
                        "  b: {$id: b, $dynamicRef: '#m', $defs: {m: {$dynamicAnchor: m}}}\n"
                        "  c: {$id: c, $dynamicAnchor: m, $ref: b}\n");
    assert_too_expensive(&j, "1");
}

static void t16__a_chain_of_references_has_a_limit(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO_JUDGING struct judging j = {0};
        AUTO_BUF struct buf text = {0};
        int last = SCHEMA_REFERS_MAX - 3 + over; /* the root and the last one count too */
        buf_puts(&text, "$ref: '#/$defs/r0'\n$defs:\n");
        for (int i = 0; i < last; i++)
            buf_printf(&text, "  r%d: {$ref: '#/$defs/r%d'}\n", i, i + 1);
        buf_printf(&text, "  r%d: {type: string}\n", last);
        buf_putc(&text, '\0');
        judging_compile(&j, text.data);
        assert_int_equal(j.schema == NULL, over == 1);
        assert_int_equal(j.findings.errors > 0, over == 1);
    }
}

/* Thousands of mistakes, each with thousands of names that might have been meant. */
static void t16__explaining_is_bounded_too(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_BUF struct buf schema = {0}, value = {0};
    buf_puts(&schema, "items: {enum: [");
    buf_putc(&value, '[');
    for (int i = 0; i < 5000; i++) {
        buf_printf(&schema, "s%04d, ", i);
        buf_printf(&value, "t%04d, ", i);
    }
    buf_puts(&schema, "s]}");
    buf_puts(&value, "t]");
    buf_putc(&schema, '\0');
    buf_putc(&value, '\0');
    judging_compile(&j, schema.data);
    judging_validate(&j, value.data);
    assert_int_equal(j.findings.errors, FINDINGS_MAX);
}

static void schema_judge__takes_fewer_steps_where_it_is_told_so(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_DOC struct doc doc = {0};
    const struct schema_options few = {.steps = 5}, enough = {.steps = 50};
    judging_compile(&j, "items: {type: integer}");
    read_yaml("value.yaml", "[1, 2, 3, 4, 5, 6, 7]", &doc, &j.findings);
    assert_int_equal(schema_judge(j.schema, doc.root, &few), SCHEMA_TOO_EXPENSIVE);
    assert_int_equal(schema_judge(j.schema, doc.root, &enough), SCHEMA_VALID);
}

static void schema_validate__gives_every_finding_the_code_it_is_told(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_DOC struct doc doc = {0};
    const struct schema_options options = {.code = CODE_SCHEMA_INVALID, .formats_are_notes = true};
    judging_compile(&j, "properties: {a: {type: integer}, at: {format: date}}");
    read_yaml("value.yaml", "{a: x, at: never}", &doc, &j.findings);
    assert_int_equal(schema_validate(j.schema, doc.root, &options, &j.findings, &j.err), 0);
    assert_int_equal(j.findings.errors, 1);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t16__ladders_of_two_to_the_thirtieth_end),
        cmocka_unit_test(t16__a_pattern_that_backtracks_for_ever_ends),
        cmocka_unit_test(t16__patterns_share_their_steps),
        cmocka_unit_test(t16__more_patterns_than_a_set_may_have_are_refused),
        cmocka_unit_test(t16__dynamic_references_that_go_in_circles_end),
        cmocka_unit_test(t16__a_chain_of_references_has_a_limit),
        cmocka_unit_test(t16__explaining_is_bounded_too),
        cmocka_unit_test(schema_judge__takes_fewer_steps_where_it_is_told_so),
        cmocka_unit_test(schema_validate__gives_every_finding_the_code_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
