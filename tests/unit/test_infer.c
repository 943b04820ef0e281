/*
 * infer: what a first schema says, and that the values it was made of are valid under it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/yaml.h"
#include "schema/infer.h"
#include "schema/schema.h"

enum { VALUES_MAX = 4 };

static void read_doc(const char *text, struct doc *doc)
{
    AUTO_FINDINGS struct findings findings = {0};
    struct yaml_options options = {.file = "x.yaml", .limits = doc_limits_config};
    struct error err;
    assert_int_equal(yaml_read(span_of(text), &options, doc, &findings, &err), 0);
    if (findings.errors > 0)
        fail_msg("'%s': %s", text, findings.items[0].message);
}

/* The schema of the values must be valid itself, and they under it. */
static void check(const struct buf *yaml, const struct doc_node *const *values, size_t len)
{
    AUTO_SCHEMA_SET struct schema_set *set = NULL;
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_BUF struct buf text = {0};
    struct doc doc = {0};
    struct error err;
    buf_append_span(&text, buf_span(yaml));
    buf_putc(&text, '\0');
    read_doc(text.data, &doc);
    assert_int_equal(schema_set_new(&set, &err), 0);
    assert_int_equal(schema_set_add(set, "x.yaml", &doc, &err), 0);
    assert_int_equal(schema_set_compile(set, &findings, &err), 0);
    assert_int_equal(findings.errors, 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(schema_judge(schema_set_find(set, "x.yaml"), values[i], NULL), SCHEMA_VALID);
}

static void assert_infers(const char *const *texts, const char *wanted)
{
    struct doc docs[VALUES_MAX] = {0};
    const struct doc_node *values[VALUES_MAX] = {0};
    AUTO_BUF struct buf out = {0};
    struct error err;
    size_t len = 0;
    for (; texts[len] != NULL; len++) {
        read_doc(texts[len], &docs[len]);
        values[len] = docs[len].root;
    }
    assert_int_equal(schema_infer(SPAN("lamp"), values, len, &out, &err), 0);
    check(&out, values, len);
    buf_putc(&out, '\0');
    const char *body = strstr(out.data, "\ntype:");
    assert_non_null(body);
    if (strcmp(body + 1, wanted) != 0)
        fail_msg("it says:\n%s\nnot:\n%s", body + 1, wanted);
    for (size_t i = 0; i < len; i++)
        doc_fini(&docs[i]);
}

#define INFERS(wanted, ...) assert_infers((const char *const[]){__VA_ARGS__, NULL}, wanted)

static void infer__tells_types_and_keys_in_the_order_they_were_written(void **state)
{
    (void)state;
    INFERS("type: object\nadditionalProperties: false\nproperties:\n  zone:\n    type: string\n  bright:\n   "
           " type: boolean\n"
           "  level:\n    type: integer\n",
           "zone: hall\nbright: true\nlevel: 3\n");
}

static void infer__requires_what_all_of_several_have(void **state)
{
    (void)state;
    INFERS("type: object\nadditionalProperties: false\nrequired:\n  - a\nproperties:\n  a:\n    type: "
           "number\n  b:\n    type:\n"
           "      - \"null\"\n      - string\n",
           "a: 1\nb: null\n", "a: 1.5\n", "b: x\na: 2\n");
}

static void infer__looks_into_lists_and_mappings(void **state)
{
    (void)state;
    INFERS("type: object\nadditionalProperties: false\nproperties:\n  list:\n    type: array\n    items:\n   "
           "   type: object\n"
           "      additionalProperties: false\n      required:\n        - x\n      properties:\n        x:\n "
           "         type: integer\n"
           "        z:\n          type: integer\n  none:\n    type: array\n  map:\n    type: object\n",
           "list: [{x: 1}, {x: 2, z: 3}]\nnone: []\nmap: {}\n");
}

static void infer__leaves_open_what_null_and_nothing_cannot_tell(void **state)
{
    (void)state;
    INFERS("type: object\nadditionalProperties: false\nproperties:\n  password:\n    x-secret: true\n  a/b:\n    type: object\n",
           "password: null\na/b: {}\n");
}

/* A schema is deeper than what it describes, and as deep as it may be no further. */
static void infer__of_the_deepest_values_can_be_read(void **state)
{
    (void)state;
    static const char *const shapes[] = {"{k: ", "["};
    for (size_t shape = 0; shape < ARRAY_LEN(shapes); shape++) {
        struct doc doc = {0};
        AUTO_BUF struct buf text = {0}, out = {0};
        struct error err;
        buf_puts(&text, "a: ");
        for (int i = 0; i < 62; i++)
            buf_puts(&text, shapes[shape]);
        buf_puts(&text, "1");
        for (int i = 0; i < 62; i++)
            buf_putc(&text, shape == 0 ? '}' : ']');
        buf_putc(&text, '\0');
        read_doc(text.data, &doc);
        const struct doc_node *values[] = {doc.root};
        assert_int_equal(schema_infer(SPAN("deep"), values, 1, &out, &err), 0);
        check(&out, values, 1);
        doc_fini(&doc);
    }
}

static void infer__marks_secrets_and_copies_no_value(void **state)
{
    (void)state;
    INFERS("type: object\nadditionalProperties: false\nproperties:\n  db_password:\n    type: string\n    "
           "x-secret: true\n"
           "  key:\n    type: string\n    x-secret: true\n",
           "db_password: hunter2\nkey: sealed:1:0123456789abcdef:AAAA\n");
}

static void infer__says_so_where_one_value_cannot_tell(void **state)
{
    (void)state;
    struct doc doc = {0};
    AUTO_BUF struct buf out = {0};
    struct error err;
    read_doc("a: 1\n", &doc);
    const struct doc_node *values[] = {doc.root};
    assert_int_equal(schema_infer(SPAN("it's: #1"), values, 1, &out, &err), 0);
    check(&out, values, 1);
    buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "Nothing is required yet"));
    assert_int_equal(out.data[0], '#');
    doc_fini(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infer__tells_types_and_keys_in_the_order_they_were_written),
        cmocka_unit_test(infer__requires_what_all_of_several_have),
        cmocka_unit_test(infer__looks_into_lists_and_mappings),
        cmocka_unit_test(infer__leaves_open_what_null_and_nothing_cannot_tell),
        cmocka_unit_test(infer__of_the_deepest_values_can_be_read),
        cmocka_unit_test(infer__marks_secrets_and_copies_no_value),
        cmocka_unit_test(infer__says_so_where_one_value_cannot_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
