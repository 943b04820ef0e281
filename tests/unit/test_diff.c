/*
 * diff: what differs between two documents, where, and in which order.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/diff.h"
#include "model/json.h"

static const struct json_options options = {.file = "a.json", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};

static void put_side(const struct doc_node *node, struct buf *out)
{
    if (node == NULL)
        buf_puts(out, "-");
    else
        json_write(node, out);
}

/* "" stands for no document. `expected`: a line for each change, "pointer before after". */
static void expect(const char *before, const char *after, const char *expected)
{
    struct doc a AUTO_DOC = {0}, b AUTO_DOC = {0};
    struct diff diff AUTO_DIFF = {0};
    struct buf text AUTO_BUF = {0};
    struct error err;
    if (before[0] != '\0')
        assert_int_equal(json_read(span_of(before), &options, &a, &err), 0);
    if (after[0] != '\0')
        assert_int_equal(json_read(span_of(after), &options, &b, &err), 0);
    assert_int_equal(diff_docs(a.root, b.root, &diff, &err), 0);
    for (size_t i = 0; i < diff.len; i++) {
        diff_put_way(diff.changes[i].way, &text);
        buf_putc(&text, ' ');
        put_side(diff.changes[i].before, &text);
        buf_putc(&text, ' ');
        put_side(diff.changes[i].after, &text);
        buf_putc(&text, '\n');
    }
    buf_putc(&text, '\0');
    assert_string_equal(text.data, expected);
}

static void diff__of_equal_documents_is_empty(void **state)
{
    (void)state;
    expect("{}", "{}", "");
    expect("{\"a\":[1,{\"b\":null}],\"c\":1.0}", "{\"c\":1,\"a\":[1,{\"b\":null}]}", "");
}

static void diff__names_each_change_with_both_values(void **state)
{
    (void)state;
    expect("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":\"2\",\"d\":4}", "/b 2 \"2\"\n/c 3 -\n/d - 4\n");
    expect("{\"a\":{\"b\":{\"c\":1}}}", "{\"a\":{\"b\":{\"c\":2}}}", "/a/b/c 1 2\n");
    expect("{\"a\":null}", "{}", "/a null -\n");
}

static void diff__of_a_whole_document_is_one_change(void **state)
{
    (void)state;
    expect("", "{\"a\":1}", " - {\"a\":1}\n");
    expect("{\"a\":1}", "", " {\"a\":1} -\n");
    expect("", "", "");
}

static void diff__goes_into_arrays_of_one_length_only(void **state)
{
    (void)state;
    expect("{\"a\":[1,2,{\"x\":3}]}", "{\"a\":[1,5,{\"x\":4}]}", "/a/1 2 5\n/a/2/x 3 4\n");
    expect("{\"a\":[1,2]}", "{\"a\":[2]}", "/a [1,2] [2]\n");
    expect("{\"a\":[1]}", "{\"a\":{\"0\":1}}", "/a [1] {\"0\":1}\n");
}

static void diff__escapes_names_as_pointers_do(void **state)
{
    (void)state;
    expect("{\"a/b\":{\"~\":1}}", "{\"a/b\":{\"~\":2}}", "/a~1b/~0 1 2\n");
    expect("{\"\":1}", "{\"\":2}", "/ 1 2\n");
}

static void diff__keeps_the_canonical_order(void **state)
{
    (void)state;
    expect("{\"z\":1,\"\xF0\x9F\x98\x80\":1,\"\xEF\xAC\xB3\":1}", "{}",
           "/z 1 -\n/\xF0\x9F\x98\x80 1 -\n/\xEF\xAC\xB3 1 -\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(diff__of_equal_documents_is_empty),
        cmocka_unit_test(diff__names_each_change_with_both_values),
        cmocka_unit_test(diff__of_a_whole_document_is_one_change),
        cmocka_unit_test(diff__goes_into_arrays_of_one_length_only),
        cmocka_unit_test(diff__escapes_names_as_pointers_do),
        cmocka_unit_test(diff__keeps_the_canonical_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
