/*
 * schema_defaults: what is filled in, from where, and what is not.
 */
#include "schema_judging.h"

#include "model/json.h"

static void assert_filled(const char *schema, const char *value, const char *removed, const char *wanted)
{
    AUTO_JUDGING struct judging j = {0};
    AUTO_DOC struct doc patch = {0}, doc = {0};
    AUTO_BUF struct buf text = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *out;
    judging_compile(&j, schema);
    assert_non_null(j.schema);
    read_yaml("value.yaml", value, &doc, &j.findings);
    if (removed != NULL)
        read_yaml("patch.yaml", removed, &patch, &j.findings);
    assert_int_equal(schema_defaults(j.schema, doc.root, patch.root, &arena, &out, &j.err), 0);
    json_write(out, &text);
    assert_int_equal(text.len, out->size); /* weighed as it is written */
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

static void defaults__fill_what_is_absent(void **state)
{
    (void)state;
    static const char schema[] = "properties: {a: {default: 1}, b: {default: [x]}, c: {}}";
    assert_filled(schema, "{}", NULL, "{\"a\":1,\"b\":[\"x\"]}");
    assert_filled(schema, "{a: 5, z: 1}", NULL, "{\"a\":5,\"b\":[\"x\"],\"z\":1}");
    assert_filled(schema, "{a: null, b: 1}", NULL, "{\"a\":null,\"b\":1}");
    assert_filled(schema, "[1]", NULL, "[1]");
}

static void defaults__come_from_the_schema_itself_then_ref_then_all_of(void **state)
{
    (void)state;
    static const char defs[] = "$defs: {one: {default: 1}, two: {default: 2, allOf: [{default: 3}]}}\n";
    char schema[1024];
    snprintf(schema, sizeof schema, "%sproperties: {a: {default: 0, $ref: '#/$defs/one'}, b: {$ref: '#/$defs/two'}, "
                                    "c: {allOf: [{}, {default: 4}, {default: 5}]}}", defs);
    assert_filled(schema, "{}", NULL, "{\"a\":0,\"b\":2,\"c\":4}");
    /* The properties themselves too. */
    assert_filled("properties: {a: {default: 1}}\n$ref: '#/$defs/r'\nallOf: [{properties: {b: {default: 7}, c: {default: 8}}}]\n"
                  "$defs: {r: {properties: {a: {default: 2}, b: {default: 3}}}}",
                  "{}", NULL, "{\"a\":1,\"b\":3,\"c\":8}");
}

static void defaults__never_come_through_branches_patterns_or_items(void **state)
{
    (void)state;
    assert_filled("anyOf: [{properties: {a: {default: 1}}}]\noneOf: [{properties: {b: {default: 1}}}]\n"
                  "if: {properties: {c: {default: 1}}}\nthen: {properties: {d: {default: 1}}}\n"
                  "patternProperties: {'^e': {properties: {f: {default: 1}}}}\n"
                  "properties: {list: {items: {properties: {g: {default: 1}}}}}",
                  "{e: {}, list: [{}]}", NULL, "{\"e\":{},\"list\":[{}]}");
}

static void defaults__make_an_absent_object_only_by_its_own_default(void **state)
{
    (void)state;
    static const char inner[] = "properties: {audio: {%s properties: {rate: {default: 16000}}}}";
    char schema[256];
    snprintf(schema, sizeof schema, inner, "");
    assert_filled(schema, "{}", NULL, "{}");
    assert_filled(schema, "{audio: {}}", NULL, "{\"audio\":{\"rate\":16000}}");
    assert_filled(schema, "{audio: null}", NULL, "{\"audio\":null}");
    snprintf(schema, sizeof schema, inner, "default: {channels: 1},");
    assert_filled(schema, "{}", NULL, "{\"audio\":{\"channels\":1,\"rate\":16000}}");
}

static void defaults__do_not_refill_what_a_patch_removes(void **state)
{
    (void)state;
    static const char schema[] = "properties: {a: {default: 1}, b: {default: {}, properties: {c: {default: 2}, d: {default: 3}}}}";
    assert_filled(schema, "{}", "{a: null}", "{\"b\":{\"c\":2,\"d\":3}}");
    assert_filled(schema, "{b: {}}", "{b: {c: null}}", "{\"a\":1,\"b\":{\"d\":3}}");
    assert_filled(schema, "{}", "{b: {d: null, x: 1}}", "{\"a\":1,\"b\":{\"c\":2}}");
}

static void defaults__share_what_they_do_not_change_and_keep_places(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_DOC struct doc doc = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *out;
    judging_compile(&j, "properties:\n  a: {default: 1}\n  b: {}\n");
    read_yaml("value.yaml", "a: 1", &doc, &j.findings);
    assert_int_equal(schema_defaults(j.schema, doc.root, NULL, &arena, &out, &j.err), 0);
    assert_ptr_equal(out, doc.root);
    doc_fini(&doc);
    read_yaml("value.yaml", "b: {x: 1}", &doc, &j.findings);
    assert_int_equal(schema_defaults(j.schema, doc.root, NULL, &arena, &out, &j.err), 0);
    assert_string_equal(out->file, "value.yaml");
    assert_ptr_equal(doc_get(out, "b"), doc_get(doc.root, "b"));
    assert_string_equal(doc_get(out, "a")->file, "schemas/schema.yaml");
    assert_int_equal(doc_get(out, "a")->pos.line, 2);
}

/* Each object has defaults of its own kind in it: without a limit it would never end. */
static void t16__defaults_without_end_are_refused(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_DOC struct doc doc = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *out;
    judging_compile(&j, "properties: {a: {$ref: '#', default: {}}, b: {$ref: '#', default: {}}}");
    read_yaml("value.yaml", "{}", &doc, &j.findings);
    assert_int_equal(schema_defaults(j.schema, doc.root, NULL, &arena, &out, &j.err), -1);
    assert_string_equal(j.err.code, CODE_SCHEMA_TOO_EXPENSIVE);
    assert_string_equal(j.err.file, "schemas/schema.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults__fill_what_is_absent),
        cmocka_unit_test(defaults__come_from_the_schema_itself_then_ref_then_all_of),
        cmocka_unit_test(defaults__never_come_through_branches_patterns_or_items),
        cmocka_unit_test(defaults__make_an_absent_object_only_by_its_own_default),
        cmocka_unit_test(defaults__do_not_refill_what_a_patch_removes),
        cmocka_unit_test(defaults__share_what_they_do_not_change_and_keep_places),
        cmocka_unit_test(t16__defaults_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
