/*
 * schema_at and its kin: what a schema says of a place without a value.
 */
#include "schema_judging.h"

#include "model/json.h"

static const char schema_text[] =
    "title: Worker\n"
    "properties:\n"
    "  rate: {title: Rate, $ref: '#/$defs/rate', x-env: AUDIO_RATE}\n"
    "  models:\n"
    "    prefixItems: [{title: First}]\n"
    "    items: {properties: {name: {title: Name}}}\n"
    "  tls: {oneOf: [{properties: {key: {x-secret: true}}}, {type: 'null'}]}\n"
    "  secret: {x-secret: true, properties: {inner: {type: string}}}\n"
    "  nested: {allOf: [{properties: {level: {x-env: LEVEL, x-restart: true}}}]}\n"
    "not: {properties: {rate: {format: never}}}\n"
    "if: {properties: {rate: {const: 1}}}\n"
    "then: {properties: {rate: {$comment: then}}}\n"
    "patternProperties: {'^x_': {title: Extra}}\n"
    "additionalProperties: {title: Other}\n"
    "$defs: {rate: {type: integer, minimum: 8000, title: Hidden, description: Hertz}}\n";

/* The words of a keyword at a place; "" where nothing is said, "-" where nothing speaks about it. */
static const char *note_at(const struct judging *j, const char *way, const char *keyword)
{
    static char out[64];
    CLEANUP(arena_fini) struct arena arena = {0};
    struct pointer pointer;
    struct schema_place place;
    struct error err;
    assert_int_equal(pointer_parse(span_of(way), &arena, &pointer, &err), 0);
    if (!schema_at(j->schema, &pointer, &place))
        return "-";
    const struct doc_node *note = schema_note(&place, keyword);
    if (note == NULL)
        return "";
    if (note->kind == DOC_INT)
        snprintf(out, sizeof out, "%d", (int)note->u.integer);
    else
        snprintf(out, sizeof out, "%s", note->u.string.data);
    return out;
}

static void schema_at__goes_through_everything_that_holds_values(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, schema_text);
    assert_non_null(j.schema);
    assert_string_equal(note_at(&j, "", "title"), "Worker");
    assert_string_equal(note_at(&j, "rate", "title"), "Rate"); /* the most direct first */
    assert_string_equal(note_at(&j, "rate", "description"), "Hertz");
    assert_string_equal(note_at(&j, "rate", "minimum"), "8000");
    assert_string_equal(note_at(&j, "rate", "format"), ""); /* of `not` */
    assert_string_equal(note_at(&j, "rate", "const"), "");  /* of `if` */
    assert_string_equal(note_at(&j, "rate", "$comment"), "then");
    assert_string_equal(note_at(&j, "models.0", "title"), "First");
    assert_string_equal(note_at(&j, "models.1.name", "title"), "Name");
    assert_string_equal(note_at(&j, "nested.level", "x-env"), "LEVEL");
    assert_string_equal(note_at(&j, "x_1", "title"), "Extra");
    assert_string_equal(note_at(&j, "whatever", "title"), "Other");
    assert_string_equal(note_at(&j, "rate.deeper", "title"), "-");
}

static bool is_secret(const struct judging *j, const char *way)
{
    CLEANUP(arena_fini) struct arena arena = {0};
    struct pointer pointer;
    struct error err;
    assert_int_equal(pointer_parse(span_of(way), &arena, &pointer, &err), 0);
    return schema_is_secret(j->schema, &pointer);
}

static void schema_is_secret__is_true_below_and_in_any_branch(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, schema_text);
    assert_true(is_secret(&j, "secret"));
    assert_true(is_secret(&j, "secret.inner"));
    assert_true(is_secret(&j, "secret.unknown.deeper"));
    assert_true(is_secret(&j, "tls.key"));
    assert_false(is_secret(&j, "tls"));
    assert_false(is_secret(&j, "tls.port"));
    assert_false(is_secret(&j, "rate"));
    assert_false(is_secret(&j, ""));
}

static bool hides(const struct judging *j, const char *way, const char *json)
{
    static const struct json_options options = {.file = "value", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    CLEANUP(arena_fini) struct arena arena = {0};
    AUTO_DOC struct doc doc = {0};
    struct pointer pointer;
    struct error err;
    assert_int_equal(pointer_parse(span_of(way), &arena, &pointer, &err), 0);
    assert_int_equal(json_read(span_of(json), &options, &doc, &err), 0);
    return schema_hides(j->schema, &pointer, doc.root);
}

static void schema_hides__is_true_of_whatever_holds_a_secret(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    judging_compile(&j, "properties:\n"
                        "  tls: {oneOf: [{properties: {key: {x-secret: true}}}, {type: 'null'}]}\n"
                        "  users: {items: {properties: {token: {x-secret: true}}}}\n"
                        "  open: {unevaluatedProperties: {x-secret: true}, properties: {name: {}}}\n"
                        "  list: {prefixItems: [{}], unevaluatedItems: {x-secret: true}}\n");
    assert_true(hides(&j, "tls", "{\"key\":\"k\"}"));
    assert_true(hides(&j, "tls.key", "\"k\""));
    assert_true(hides(&j, "", "{\"tls\":{\"port\":1,\"key\":\"k\"}}"));
    assert_true(hides(&j, "users", "[{\"name\":\"ada\"},{\"token\":\"t\"}]"));
    assert_true(hides(&j, "open", "{\"name\":1,\"other\":2}"));
    assert_true(hides(&j, "list", "[1,2]"));
    assert_false(hides(&j, "tls", "{\"port\":1}"));
    assert_false(hides(&j, "users", "[{\"name\":\"ada\"}]"));
    assert_false(hides(&j, "open", "{\"name\":1}"));
    assert_false(hides(&j, "list", "[1]"));
    assert_false(hides(&j, "", "{\"nothing\":{\"key\":1}}"));
}

static void schema_says__asks_for_true(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    CLEANUP(arena_fini) struct arena arena = {0};
    struct pointer pointer;
    struct schema_place place;
    judging_compile(&j, schema_text);
    assert_int_equal(pointer_parse(SPAN("nested.level"), &arena, &pointer, &j.err), 0);
    assert_true(schema_at(j.schema, &pointer, &place));
    assert_true(schema_says(&place, "x-restart"));
    assert_false(schema_says(&place, "deprecated"));
}

static void count_name(void *context, struct span name, const struct schema *property)
{
    struct buf *out = context;
    assert_non_null(schema_source(property));
    buf_append_span(out, name);
    buf_putc(out, ' ');
}

static void schema_each_name__gives_each_once(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_BUF struct buf names = {0};
    struct pointer pointer = {.len = 0};
    struct schema_place place;
    judging_compile(&j, "properties: {a: {}, b: {}}\nallOf: [{properties: {b: {}, c: {}}}]");
    assert_true(schema_at(j.schema, &pointer, &place));
    schema_each_name(&place, count_name, &names);
    buf_putc(&names, '\0');
    assert_string_equal(names.data, "a b c ");
}

static int collect_env(void *context, const char *pointer, const char *name, const struct schema *schema)
{
    struct buf *out = context;
    assert_non_null(schema);
    buf_printf(out, "%s=%s ", name, pointer);
    return strcmp(name, "STOP") == 0 ? 7 : 0;
}

static void schema_each_env__finds_every_variable(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0}, recursive = {0}, stopping = {0};
    AUTO_BUF struct buf found = {0}, once = {0};
    judging_compile(&j, schema_text);
    assert_int_equal(schema_each_env(j.schema, collect_env, &found), 0);
    buf_putc(&found, '\0');
    assert_string_equal(found.data, "LEVEL=/nested/level AUDIO_RATE=/rate ");
    judging_compile(&recursive, "properties: {a/b: {x-env: AB}, next: {$ref: '#'}}");
    assert_int_equal(schema_each_env(recursive.schema, collect_env, &once), 0);
    buf_putc(&once, '\0');
    assert_string_equal(once.data, "AB=/a~1b ");
    judging_compile(&stopping, "properties: {a: {x-env: STOP}, b: {x-env: LATER}}");
    buf_reset(&once);
    assert_int_equal(schema_each_env(stopping.schema, collect_env, &once), 7);
    assert_int_equal(once.len, strlen("STOP=/a "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_at__goes_through_everything_that_holds_values),
        cmocka_unit_test(schema_is_secret__is_true_below_and_in_any_branch),
        cmocka_unit_test(schema_hides__is_true_of_whatever_holds_a_secret),
        cmocka_unit_test(schema_says__asks_for_true),
        cmocka_unit_test(schema_each_name__gives_each_once),
        cmocka_unit_test(schema_each_env__finds_every_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
