/*
 * Want of memory while schemas are compiled, values judged, defaults filled in: each allocation fails in its
 * turn, nothing is left behind, and the error says so.
 */
#include "malloc_sweep.h"

#include "io/yaml.h"
#include "schema/schema.h"

static const char schema_text[] =
    "$id: https://example.org/a\n"
    "properties:\n"
    "  name: {type: string, pattern: '^[a-z]+$', format: hostname}\n"
    "  list: {items: {$ref: '#/$defs/one'}, uniqueItems: true}\n"
    "  kind: {oneOf: [{const: a}, {properties: {b: {type: integer, default: 1}}, required: [b]}]}\n"
    "  deep: {default: {}, properties: {x: {default: 5}}}\n"
    "  secret: {x-secret: true, enum: [one, two]}\n"
    "patternProperties: {'^x-': {$dynamicRef: '#node'}}\n"
    "unevaluatedProperties: false\n"
    "$defs: {one: {$anchor: one, type: integer}, n: {$dynamicAnchor: node}}\n";

static const char value_text[] =
    "name: Nobody!\n"
    "list: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, x]\n"
    "kind: {c: 1}\n"
    "secret: three\n"
    "x-1: 1\n"
    "nmae: 2\n";

static void read_yaml(const char *name, const char *text, struct doc *doc)
{
    const struct yaml_options options = {.file = name, .limits = doc_limits_config, .any_root = true};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    assert_int_equal(yaml_read(span_of(text), &options, doc, &findings, &err), 0);
    assert_non_null(doc->root);
}

static int compile(struct doc *doc, struct schema_set **set, struct findings *findings, struct error *err)
{
    if (schema_set_new(set, err) != 0 || schema_set_add(*set, "schemas/a.yaml", doc, err) != 0 ||
        schema_set_compile(*set, findings, err) != 0)
        return -1;
    return findings_check(findings, err);
}

static int attempt_compile(void *context, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct schema_set *set AUTO_SCHEMA_SET = NULL;
    (void)context;
    read_yaml("schemas/a.yaml", schema_text, &doc);
    sweep_begin();
    int rc = compile(&doc, &set, &findings, err);
    if (rc == 0 && schema_set_find(set, "schemas/a.yaml") == NULL)
        fail_msg("%s", findings.items[0].message);
    return rc;
}

static int attempt_compile_wrong(void *context, struct error *err)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct schema_set *set AUTO_SCHEMA_SET = NULL;
    (void)context;
    read_yaml("schemas/a.yaml", "type: integr\n$ref: b.yaml\nproperties: {a: {$ref: '#/$defs/gone'}}", &doc);
    sweep_begin();
    return compile(&doc, &set, &findings, err);
}

/* What is made once for the sweeps over values. */
struct ready {
    struct schema_set *set;
    struct doc value;
};

static void make_ready(struct ready *ready)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    read_yaml("schemas/a.yaml", schema_text, &doc);
    read_yaml("value.yaml", value_text, &ready->value);
    assert_int_equal(compile(&doc, &ready->set, &findings, &err), 0);
}

static void ready_fini(struct ready *ready)
{
    schema_set_unref(ready->set);
    doc_fini(&ready->value);
}

static int attempt_validate(void *context, struct error *err)
{
    const struct ready *ready = context;
    AUTO_FINDINGS struct findings findings = {0};
    const struct schema *schema = schema_set_find(ready->set, "schemas/a.yaml");
    sweep_begin();
    int rc = schema_validate(schema, ready->value.root, NULL, &findings, err);
    return rc != 0 ? rc : findings_check(&findings, err);
}

static int attempt_defaults(void *context, struct error *err)
{
    const struct ready *ready = context;
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *out;
    const struct schema *schema = schema_set_find(ready->set, "schemas/a.yaml");
    sweep_begin();
    return schema_defaults(schema, ready->value.root, NULL, &arena, &out, err);
}

static void memory__compiling_a_schema(void **state)
{
    (void)state;
    SWEEP(attempt_compile);
}

static void memory__compiling_a_wrong_schema(void **state)
{
    (void)state;
    SWEEP(attempt_compile_wrong);
}

static void memory__validating(void **state)
{
    (void)state;
    CLEANUP(ready_fini) struct ready ready = {0};
    make_ready(&ready);
    /* What cannot be told whether it is a secret, for want of memory, is taken for one. */
    sweep_run(&(struct sweep){.attempt = attempt_validate, .context = &ready, .may_do_without = true}, "validate");
}

static void memory__filling_in_defaults(void **state)
{
    (void)state;
    CLEANUP(ready_fini) struct ready ready = {0};
    make_ready(&ready);
    sweep_run(&(struct sweep){.attempt = attempt_defaults, .context = &ready}, "defaults");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__compiling_a_schema),
        cmocka_unit_test(memory__compiling_a_wrong_schema),
        cmocka_unit_test(memory__validating),
        cmocka_unit_test(memory__filling_in_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
