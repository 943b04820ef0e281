/*
 * Want of memory while patterns are compiled and matched, schemas compared, schemas inferred: each allocation fails
 * in its turn, nothing is left behind, and the error says so; nothing that was not looked at is told as compatible.
 */
#include "malloc_sweep.h"

#include "model/json.h"
#include "schema/compare.h"
#include "schema/infer.h"
#include "schema/pattern.h"

static void read_doc(const char *text, struct doc *doc)
{
    const struct json_options options = {"x.json", {64, 100000, 1 << 20}, false, false};
    struct error err;
    assert_int_equal(json_read(span_of(text), &options, doc, &err), 0);
}

static int attempt_pattern(void *context, struct error *err)
{
    AUTO_PATTERN_WORK struct pattern_work work = {.steps = PATTERN_STEPS};
    struct pattern *pattern = NULL;
    (void)context;
    sweep_begin();
    if (pattern_compile(SPAN("^(a|b)+\\s\\1?$"), &pattern, err) < 0)
        return -1;
    enum pattern_verdict verdict = pattern_match(pattern, SPAN("ab a"), &work);
    pattern_free(pattern);
    if (verdict == PATTERN_NO_MEMORY)
        return error_memory(err);
    assert_int_equal(verdict, PATTERN_NO);
    return 0;
}

static int attempt_compare(void *context, struct error *err)
{
    AUTO_DOC struct doc before = {0}, after = {0};
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    (void)context;
    read_doc(
        "{\"properties\":{\"a\":{\"enum\":[1,2]},\"xb\":{\"$ref\":\"#/$defs/m~1n\"}},\"patternProperties\":"
        "{\"^x\":{\"minLength\":1}},\"$defs\":{\"m/n\":{\"type\":[\"string\",\"null\"]}}}",
        &before);
    read_doc(
        "{\"properties\":{\"a\":{\"enum\":[1,3]},\"xb\":{\"$ref\":\"#/$defs/m~1n\"}},\"patternProperties\":"
        "{\"^x\":{\"minLength\":2}},\"$defs\":{\"m/n\":{\"type\":\"string\"}}}",
        &after);
    sweep_begin();
    if (schema_compare(before.root, after.root, &steps, &changes, err) < 0)
        return -1;
    assert_int_equal(changes.count[SCHEMA_BREAKING], 4);
    assert_int_equal(changes.len, changes.count[SCHEMA_BREAKING] + changes.count[SCHEMA_COMPATIBLE]);
    return 0;
}

static int attempt_infer(void *context, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    (void)context;
    read_doc("{\"a\":[{\"b\":1},{\"b\":1.5,\"c\":null}],\"d\":{\"e\":\"x\"}}", &doc);
    const struct doc_node *values[] = {doc.root, doc.root};
    sweep_begin();
    if (schema_infer(SPAN("x"), values, ARRAY_LEN(values), &out, err) < 0)
        return -1;
    return buf_check(&out, err);
}

static void f11__patterns_survive_every_allocation_failing(void **state)
{
    (void)state;
    struct sweep sweep = {.attempt = attempt_pattern};
    sweep_run(&sweep, "pattern");
    sweep.with_libraries = true;
    sweep_run(&sweep, "pattern with PCRE2");
}

static void f11__schemas_are_compared_whole_or_not_at_all(void **state)
{
    (void)state;
    struct sweep sweep = {.attempt = attempt_compare};
    sweep_run(&sweep, "compare");
    sweep.with_libraries = true;
    sweep_run(&sweep, "compare with PCRE2");
}

static void f11__a_schema_is_inferred_whole_or_not_at_all(void **state)
{
    (void)state;
    struct sweep sweep = {.attempt = attempt_infer};
    sweep_run(&sweep, "infer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f11__patterns_survive_every_allocation_failing),
        cmocka_unit_test(f11__schemas_are_compared_whole_or_not_at_all),
        cmocka_unit_test(f11__a_schema_is_inferred_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
