/*
 * merge: layers and patches laid over each other, the weight of what comes out, and where each value says it is from.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/json.h"
#include "model/merge.h"

typedef int merge_function(struct arena *arena, const struct doc_node *below, const struct doc_node *above,
                           const struct doc_node **out, struct error *err);

struct merging {
    struct doc below, above;
    struct arena arena;
    const struct doc_node *out;
};

static void merging_fini(struct merging *m)
{
    doc_fini(&m->below);
    doc_fini(&m->above);
    arena_fini(&m->arena);
}
#define MERGING CLEANUP(merging_fini) struct merging

static void read_side(const char *file, const char *text, struct doc *doc)
{
    const struct json_options options = {.file = file, .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct error err;
    assert_int_equal(json_read(span_of(text), &options, doc, &err), 0);
}

/* What the same text weighs when it is read, must be what the merge says it weighs. */
static void assert_weight(const struct doc_node *node, const char *text)
{
    struct doc doc AUTO_DOC = {0};
    read_side("c", text, &doc);
    assert_int_equal(node->height, doc.root->height);
    assert_int_equal(node->nodes, doc.root->nodes);
    assert_int_equal(node->size, doc.root->size);
}

static void merge(struct merging *m, merge_function *function, const char *below, const char *above)
{
    struct error err;
    read_side("below", below, &m->below);
    read_side("above", above, &m->above);
    assert_int_equal(function(&m->arena, m->below.root, m->above.root, &m->out, &err), 0);
}

static void expect(merge_function *function, const char *below, const char *above, const char *wanted)
{
    MERGING m = {0};
    struct buf text AUTO_BUF = {0};
    merge(&m, function, below, above);
    json_write(m.out, &text);
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
    assert_weight(m.out, wanted);
}

static void merge__lays_objects_over_each_other(void **state)
{
    (void)state;
    expect(merge_layers, "{}", "{}", "{}");
    expect(merge_layers, "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}");
    expect(merge_layers, "{\"b\":1,\"d\":4}", "{\"a\":2,\"b\":3,\"c\":5}", "{\"a\":2,\"b\":3,\"c\":5,\"d\":4}");
    expect(merge_layers, "{\"a\":{\"x\":1,\"y\":{\"z\":[1]}}}", "{\"a\":{\"y\":{\"w\":2}}}", "{\"a\":{\"x\":1,\"y\":{\"w\":2,\"z\":[1]}}}");
}

static void merge__replaces_everything_else(void **state)
{
    (void)state;
    expect(merge_layers, "{\"a\":[1,2,3]}", "{\"a\":[4]}", "{\"a\":[4]}");
    expect(merge_layers, "{\"a\":{\"x\":1}}", "{\"a\":[]}", "{\"a\":[]}");
    expect(merge_layers, "{\"a\":1}", "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}");
}

static void merge__keeps_null_of_a_layer_as_a_value(void **state)
{
    (void)state;
    expect(merge_layers, "{\"a\":{\"x\":1}}", "{\"a\":null}", "{\"a\":null}");
    expect(merge_layers, "{\"a\":null}", "{\"a\":{\"x\":null}}", "{\"a\":{\"x\":null}}");
}

/* The examples of RFC 7386, appendix A. */
static void merge__patches_as_the_rfc_says(void **state)
{
    static const struct {
        const char *target, *patch, *result;
    } cases[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(merge_patch, cases[i].target, cases[i].patch, cases[i].result);
}

static void merge__remembers_where_each_value_was_written(void **state)
{
    MERGING m = {0};
    (void)state;
    merge(&m, merge_layers, "{\"a\":{\"x\":1,\n\"y\":2}}", "{\n\"a\":{\n\"y\":3}}");
    const struct doc_member *a = doc_get_member(m.out, SPAN("a"));
    const struct doc_member *x = doc_get_member(a->value, SPAN("x")), *y = doc_get_member(a->value, SPAN("y"));
    assert_string_equal(m.out->file, "above");
    assert_string_equal(a->value->file, "above");
    assert_int_equal(a->pos.line, 2);
    assert_string_equal(x->value->file, "below");
    assert_int_equal(x->pos.line, 1);
    assert_string_equal(y->value->file, "above");
    assert_int_equal(y->pos.line, 3);
    assert_ptr_equal(x->value, doc_get(doc_get(m.below.root, "a"), "x"));
}

static void merge__says_who_took_something_away(void **state)
{
    MERGING kept = {0}, taken = {0};
    (void)state;
    merge(&kept, merge_patch, "{\"a\":1,\"b\":{\"c\":1}}", "{\n\"a\":2,\"b\":{\"d\":null}}");
    assert_string_equal(kept.out->file, "below");
    assert_string_equal(doc_get(kept.out, "a")->file, "above");
    assert_int_equal(doc_get_member(kept.out, SPAN("a"))->pos.line, 2);
    assert_string_equal(doc_get(kept.out, "b")->file, "below");
    merge(&taken, merge_patch, "{\"b\":{\"c\":1}}", "{\"b\":\n{\"c\":null}}");
    assert_string_equal(taken.out->file, "below");
    assert_string_equal(doc_get(taken.out, "b")->file, "above");
    assert_int_equal(doc_get(taken.out, "b")->pos.line, 2);
}

static void merge__counts_the_limits_of_the_result(void **state)
{
    MERGING m = {0};
    struct error err;
    (void)state;
    merge(&m, merge_layers, "{\"a\":{\"b\":1}}", "{\"c\":[1,2]}"); /* 3 high, 6 values, 23 bytes */
    assert_int_equal(merge_check(m.out, &(struct doc_limits){3, 6, 23}, &err), 0);
    assert_int_equal(merge_check(m.out, &(struct doc_limits){2, 6, 23}, &err), -1);
    assert_string_equal(err.code, CODE_LIMIT_DEPTH);
    assert_int_equal(merge_check(m.out, &(struct doc_limits){3, 5, 23}, &err), -1);
    assert_string_equal(err.code, CODE_LIMIT_NODES);
    assert_int_equal(merge_check(m.out, &(struct doc_limits){3, 6, 22}, &err), -1);
    assert_string_equal(err.code, CODE_LIMIT_CONFIG);
    assert_string_equal(err.file, "above");
    assert_int_equal(err.line, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge__lays_objects_over_each_other),
        cmocka_unit_test(merge__replaces_everything_else),
        cmocka_unit_test(merge__keeps_null_of_a_layer_as_a_value),
        cmocka_unit_test(merge__patches_as_the_rfc_says),
        cmocka_unit_test(merge__remembers_where_each_value_was_written),
        cmocka_unit_test(merge__says_who_took_something_away),
        cmocka_unit_test(merge__counts_the_limits_of_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
