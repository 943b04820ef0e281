/*
 * schema_set: documents that refer to each other, what is found and what is not, the loader, dialects.
 */
#include "schema_judging.h"

#include "model/json.h"

static void assert_only_finding(struct judging *j, const char *wanted)
{
    AUTO_BUF struct buf text = {0};
    judging_print(j, &text);
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

static void schema_set__refers_from_file_to_file(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/audio.yaml", "properties: {rate: {$ref: 'common.json#/$defs/rate'}, name: {$ref: 'names.yaml#short'}}");
    judging_add(&j, "schemas/common.json", "{\"$defs\": {\"rate\": {\"type\": \"integer\", \"minimum\": 8000}}}");
    judging_add(&j, "schemas/names.yaml", "$defs: {s: {$anchor: short, maxLength: 3}}");
    judging_find(&j, "schemas/audio.yaml");
    assert_int_equal(j.findings.errors, 0);
    assert_int_equal(judge(&j, "{rate: 16000, name: abc}"), SCHEMA_VALID);
    assert_int_equal(judge(&j, "{rate: 1}"), SCHEMA_INVALID);
    assert_int_equal(judge(&j, "{name: abcd}"), SCHEMA_INVALID);
}

static void schema_set__reaches_through_others(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/a.yaml", "$ref: b.yaml");
    judging_add(&j, "schemas/b.yaml", "items: {$ref: c.yaml}");
    judging_add(&j, "schemas/c.yaml", "type: string");
    judging_add(&j, "schemas/d.yaml", "type: string");
    judging_find(&j, "schemas/a.yaml");
    assert_true(schema_reaches(j.schema, "schemas/a.yaml"));
    assert_true(schema_reaches(j.schema, "schemas/b.yaml"));
    assert_true(schema_reaches(j.schema, "schemas/c.yaml"));
    assert_false(schema_reaches(j.schema, "schemas/d.yaml"));
    assert_false(schema_reaches(j.schema, "schemas/none.yaml"));
    assert_false(schema_reaches(schema_set_find(j.set, "schemas/b.yaml"), "schemas/a.yaml"));
}

/* What is broken, and what refers to it, is not given out; what does not is. */
static void f55__a_broken_schema_takes_those_that_refer_to_it_along(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/user.yaml", "properties: {a: {$ref: broken.yaml}}");
    judging_add(&j, "schemas/broken.yaml", "type: integr");
    judging_add(&j, "schemas/other.yaml", "type: integer");
    judging_find(&j, "schemas/user.yaml");
    assert_null(j.schema);
    assert_null(schema_set_find(j.set, "schemas/broken.yaml"));
    assert_non_null(schema_set_find(j.set, "schemas/other.yaml"));
    assert_null(schema_set_find(j.set, "schemas/none.yaml"));
    assert_int_equal(j.findings.errors, 1);
    assert_string_equal(j.findings.items[0].file, "schemas/broken.yaml");
    assert_int_equal(j.findings.items[0].pos.column, 7);
}

static void f55__a_remote_reference_is_refused_and_nothing_is_fetched(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "properties: {a: {$ref: 'https://example.org/x.json'}}");
    assert_null(j.schema);
    assert_only_finding(&j, "schemas/schema.yaml:1:24: \"https://example.org/x.json\": there is no such schema here, and "
                            "nothing is ever fetched [schema.ref]\n");
}

static void f55__a_missing_schema_is_named_with_the_nearest(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/audio.yaml", "$ref: comon.yaml");
    judging_add(&j, "schemas/common.yaml", "true");
    judging_find(&j, "schemas/audio.yaml");
    assert_only_finding(&j, "schemas/audio.yaml:1:7: \"comon.yaml\": there is no such file among the schemas; did you mean "
                            "\"common.yaml\"? [schema.ref]\n");
}

static void t16__cycles_about_one_value_are_refused(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/a.yaml", "$ref: b.yaml");
    judging_add(&j, "schemas/b.yaml", "not: {$ref: a.yaml}");
    judging_find(&j, "schemas/a.yaml");
    assert_null(j.schema);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_CYCLE);
}

static void t16__cycles_through_values_are_harmless(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "type: [object, integer]\nadditionalProperties: {$ref: '#'}");
    assert_int_equal(judge(&j, "{a: {b: {c: 1}}}"), SCHEMA_VALID);
    assert_int_equal(judge(&j, "{a: {b: {c: x}}}"), SCHEMA_INVALID);
}

static void schema_set__refuses_a_name_twice(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    struct doc doc = {0};
    judging_add(&j, "schemas/a.yaml", "true");
    read_yaml("again", "true", &doc, &j.findings);
    assert_int_equal(schema_set_add(j.set, "schemas/a.yaml", &doc, &j.err), -1);
    assert_string_equal(j.err.code, CODE_SCHEMA_ID);
    assert_null(doc.root);
}

static void schema_set__knows_documents_by_id_and_by_file(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/a.yaml", "prefixItems: [{$ref: b.yaml}, {$ref: 'https://example.org/schemas/b'}]");
    judging_add(&j, "schemas/b.yaml", "$id: https://example.org/schemas/b\nproperties: {c: {$ref: c}}");
    judging_add(&j, "schemas/c.yaml", "$id: https://example.org/schemas/c\ntype: integer");
    judging_find(&j, "schemas/a.yaml");
    assert_int_equal(j.findings.errors, 0);
    assert_int_equal(judge(&j, "[{c: 1}, {c: 1}]"), SCHEMA_VALID);
    assert_int_equal(judge(&j, "[{c: 1}, {c: x}]"), SCHEMA_INVALID);
    assert_int_equal(judge(&j, "[{c: x}]"), SCHEMA_INVALID);
}

/* --- the loader ----------------------------------------------------------------------------------------- */

struct shelf {
    const char *uri, *text;
    int asked;
    int rc;
};

static int load_from_shelf(void *context, const char *uri, struct doc *doc, bool *found, struct error *err)
{
    struct shelf *shelf = context;
    AUTO_FINDINGS struct findings findings = {0};
    shelf->asked++;
    *found = strcmp(uri, shelf->uri) == 0;
    if (*found)
        read_yaml(uri, shelf->text, doc, &findings);
    return shelf->rc == 0 ? 0 : error_set(err, ERR_SYSTEM, 0, "the shelf fell over");
}

static void schema_set__asks_the_loader_once_for_a_document(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    struct shelf shelf = {.uri = "https://example.org/n.json", .text = "type: integer"};
    judging_add(&j, "schemas/a.yaml", "prefixItems: [{$ref: 'https://example.org/n.json'}, {$ref: 'https://example.org/n.json#'}]");
    schema_set_loader(j.set, load_from_shelf, &shelf);
    judging_find(&j, "schemas/a.yaml");
    assert_int_equal(shelf.asked, 1);
    assert_int_equal(judge(&j, "[1, 2]"), SCHEMA_VALID);
    assert_int_equal(judge(&j, "[1, x]"), SCHEMA_INVALID);
}

static void schema_set__passes_on_what_the_loader_says(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    struct shelf shelf = {.uri = "", .rc = -1};
    judging_add(&j, "schemas/a.yaml", "$ref: 'https://example.org/n.json'");
    schema_set_loader(j.set, load_from_shelf, &shelf);
    assert_int_equal(schema_set_compile(j.set, &j.findings, &j.err), -1);
    assert_string_equal(j.err.message, "the shelf fell over");
}

static void schema_set__refuses_an_annotation_that_nobody_would_obey(void **state)
{
    (void)state;
    static const char *const texts[] = {"properties: {a: {x-secret: 'yes'}}", "properties: {a: {x-restart: 1}}", "items: {x-env: 3}",
                                        ("{$schema: 'http://json-schema.org/draft-07/schema#', x-secret: 'true', "
                                         "$ref: '#/definitions/a', definitions: {a: {}}}")};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_JUDGING struct judging j = {0};
        judging_compile(&j, texts[i]);
        assert_null(j.schema);
        assert_int_equal(j.findings.len, 1);
        assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_INVALID);
    }
    AUTO_JUDGING struct judging data = {0};
    judging_compile(&data, "properties: {x-secret: {const: {x-secret: 3}}}"); /* no annotation: a name, a value */
    assert_non_null(data.schema);
}

/* --- dialects ------------------------------------------------------------------------------------------- */

static void schema_set__takes_the_default_where_no_dialect_is_named(void **state)
{
    (void)state;
    static const char text[] = "items: [{type: string}]";
    AUTO_JUDGING struct judging old = {0}, new = {0};
    judging_add(&old, "schemas/schema.yaml", text);
    schema_set_default(old.set, SCHEMA_DRAFT_07);
    judging_find(&old, "schemas/schema.yaml");
    assert_int_equal(judge(&old, "[1]"), SCHEMA_INVALID);
    judging_compile(&new, text); /* in 2020-12 a list is no schema */
    assert_null(new.schema);
    assert_string_equal(new.findings.items[0].code, CODE_SCHEMA_INVALID);
}

static void schema_set__refuses_a_vocabulary_that_is_required_and_not_known(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_add(&j, "schemas/meta.yaml",
                "$id: https://example.org/meta\n"
                "$schema: https://json-schema.org/draft/2020-12/schema\n"
                "$vocabulary: {'https://json-schema.org/draft/2020-12/vocab/core': true, 'https://example.org/own': true}\n");
    judging_add(&j, "schemas/schema.yaml", "$schema: https://example.org/meta");
    judging_find(&j, "schemas/schema.yaml");
    assert_null(j.schema);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_VOCABULARY);
}

static void schema_set__is_shared(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "type: integer");
    struct schema_set *other = schema_set_ref(j.set);
    schema_set_unref(j.set);
    j.set = NULL;
    assert_int_equal(judge(&j, "1"), SCHEMA_VALID);
    schema_set_unref(other);
    schema_set_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_set__refers_from_file_to_file),
        cmocka_unit_test(schema_set__reaches_through_others),
        cmocka_unit_test(f55__a_broken_schema_takes_those_that_refer_to_it_along),
        cmocka_unit_test(f55__a_remote_reference_is_refused_and_nothing_is_fetched),
        cmocka_unit_test(f55__a_missing_schema_is_named_with_the_nearest),
        cmocka_unit_test(t16__cycles_about_one_value_are_refused),
        cmocka_unit_test(t16__cycles_through_values_are_harmless),
        cmocka_unit_test(schema_set__refuses_a_name_twice),
        cmocka_unit_test(schema_set__knows_documents_by_id_and_by_file),
        cmocka_unit_test(schema_set__asks_the_loader_once_for_a_document),
        cmocka_unit_test(schema_set__passes_on_what_the_loader_says),
        cmocka_unit_test(schema_set__refuses_an_annotation_that_nobody_would_obey),
        cmocka_unit_test(schema_set__takes_the_default_where_no_dialect_is_named),
        cmocka_unit_test(schema_set__refuses_a_vocabulary_that_is_required_and_not_known),
        cmocka_unit_test(schema_set__is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
