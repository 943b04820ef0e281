/*
 * yaml: each limit just below, at and above it, and that hostile texts are refused where the limit is, not at
 * their end.
 */
#include "io/yaml_anchors.h"
#include "util/num.h"
#include "yaml_reading.h"

static void put_many(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_puts(out, text);
}

static void assert_accepts(const struct buf *text)
{
    AUTO_READING struct reading r = {0};
    assert_false(text->failed);
    read_text(&r, buf_span(text), true);
    if (r.findings.len > 0)
        fail_msg("%u:%u: %s", r.findings.items[0].pos.line, r.findings.items[0].pos.column,
                 r.findings.items[0].message);
}

static void assert_limits(const struct buf *text, const char *code, uint32_t line, uint32_t column)
{
    AUTO_READING struct reading r = {0};
    assert_false(text->failed);
    read_text(&r, buf_span(text), true);
    assert_int_equal(r.findings.len, 1);
    assert_found(&r.findings.items[0], FINDING_ERROR, code, line, column, "");
}

/* --- size of the file --- */

static void limits__a_file_has_at_most_a_mebibyte(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "a: 1 #");
    put_many(&text, "x", YAML_FILE_MAX - text.len);
    assert_int_equal(text.len, YAML_FILE_MAX);
    assert_accepts(&text);
    buf_putc(&text, 'x');
    assert_limits(&text, CODE_LIMIT_FILE, 0, 0);
}

/* --- depth --- */

static void f15__values_nest_64_deep(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    put_many(&text, "[", 63);
    buf_putc(&text, '1');
    put_many(&text, "]", 63);
    assert_accepts(&text);
    buf_reset(&text);
    put_many(&text, "[", 64);
    buf_putc(&text, '1');
    put_many(&text, "]", 64);
    assert_limits(&text, CODE_LIMIT_DEPTH, 1, 65);
}

static void limits__empty_containers_nest_64_deep(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    put_many(&text, "- ", 63);
    buf_puts(&text, "{}");
    assert_accepts(&text);
    buf_reset(&text);
    put_many(&text, "- ", 64);
    buf_puts(&text, "{}");
    assert_limits(&text, CODE_LIMIT_DEPTH, 1, 129);
}

static void limits__an_alias_counts_as_deep_as_what_it_names(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "- &x ");
    put_many(&text, "[", 60);
    put_many(&text, "]", 60);
    buf_puts(&text, "\n- [[[*x ]]]\n"); /* 4 + 60 */
    assert_accepts(&text);
    buf_puts(&text, "- [[[[*x ]]]]\n");
    assert_limits(&text, CODE_LIMIT_DEPTH, 3, 7);
}

static void limits__nesting_is_refused_before_it_is_read_to_the_end(void **state)
{
    (void)state;
    static const char *const openings[] = {"[", "{a: ", "- ", "[\n", "[ #\n"};
    static const struct doc_pos places[] = {{1, 65}, {1, 257}, {1, 129}, {65, 1}, {65, 1}};
    for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
        AUTO_BUF struct buf text = {0};
        put_many(&text, openings[i], YAML_FILE_MAX / 4 / strlen(openings[i]));
        assert_limits(&text, CODE_LIMIT_DEPTH, places[i].line, places[i].column);
    }
}

/* --- nodes and bytes --- */

/* A list of `rows` aliases to a list of 999 ones: 1,000 nodes a row, and the list itself. */
static void put_rows(struct buf *text, size_t rows)
{
    buf_puts(text, "- &x [");
    put_many(text, "1,", 999);
    buf_puts(text, "]\n");
    put_many(text, "- *x\n", rows - 1);
}

static void limits__a_document_has_at_most_100000_nodes(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    put_rows(&text, 99); /* 99,001 */
    buf_puts(&text, "- [");
    put_many(&text, "1,", 998); /* 999 more: 100,000 */
    buf_puts(&text, "]\n");
    assert_accepts(&text);
    buf_puts(&text, "- 1\n");
    assert_limits(&text, CODE_LIMIT_NODES, 101, 3);
}

static void limits__aliases_are_counted_at_once_and_not_walked(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    /* Expanded, this would be 10^59 values. */
    buf_puts(&text, "- &x0 [1,1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 60; i++) {
        buf_printf(&text, "- &x%d [", i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "*x%d ,", i - 1);
        buf_puts(&text, "]\n");
    }
    assert_limits(&text, CODE_LIMIT_NODES, 5, 43);
}

static void limits__canonical_json_has_at_most_256_kibibytes(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "a: ");
    put_many(&text, "x", 256 * 1024 - strlen("{\"a\":\"\"}"));
    assert_accepts(&text);
    buf_putc(&text, 'x');
    assert_limits(&text, CODE_LIMIT_CONFIG, 1, 4);
}

static void limits__aliases_weigh_what_they_repeat(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "- &x ");
    put_many(&text, "y", 1000);
    buf_putc(&text, '\n');
    put_many(&text, "- *x\n", 260); /* 261 × 1,003 + 1 */
    assert_accepts(&text);
    buf_puts(&text, "- *x\n");
    assert_limits(&text, CODE_LIMIT_CONFIG, 262, 3);
}

static void limits__alias_keys_weigh_what_they_repeat(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_puts(&text, "- &x ");
    put_many(&text, "y", 1000);
    buf_putc(&text, '\n');
    put_many(&text, "- {*x : 1}\n", 300);
    assert_limits(&text, CODE_LIMIT_CONFIG, 261, 4);
}

/* --- anchors --- */

static void put_anchors(struct buf *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(text, "- &a%zu 1\n", i);
}

static void limits__a_document_has_at_most_20000_anchors(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    put_anchors(&text, YAML_ANCHORS_MAX);
    buf_puts(&text, "- &a7 1\n- *a19999\n"); /* defining anew is no new one */
    assert_accepts(&text);
    buf_puts(&text, "- &b 1\n");
    assert_limits(&text, CODE_LIMIT_NODES, YAML_ANCHORS_MAX + 3, 3);
    buf_reset(&text);
    put_anchors(&text, YAML_ANCHORS_MAX);
    buf_puts(&text, "- &b []\n");
    assert_limits(&text, CODE_LIMIT_NODES, YAML_ANCHORS_MAX + 1, 3);
}

static void anchors__keep_what_each_name_was_defined_as(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err;
    static const struct doc_node nodes[2];
    struct yaml_anchors anchors = {.arena = &arena};
    struct yaml_anchor *anchor = NULL;
    assert_null(yaml_anchors_find(&anchors, SPAN("a")));
    assert_int_equal(yaml_anchors_define(&anchors, SPAN("a"), &nodes[0], &anchor, &err), 0);
    assert_int_equal(yaml_anchors_define(&anchors, SPAN("ab"), &nodes[1], NULL, &err), 0);
    assert_ptr_equal(yaml_anchors_find(&anchors, SPAN("a")), anchor);
    assert_ptr_equal(yaml_anchors_find(&anchors, SPAN("ab"))->node, &nodes[1]);
    assert_null(yaml_anchors_find(&anchors, SPAN("b")));
    assert_int_equal(anchor->definitions, 1);
    assert_int_equal(yaml_anchors_define(&anchors, SPAN("a"), NULL, NULL, &err), 0);
    assert_null(anchor->node);
    assert_int_equal(anchor->definitions, 2);
    assert_int_equal(anchors.len, 2);
    yaml_anchors_fini(&anchors);
    arena_fini(&arena);
}

/* --- findings --- */

static void limits__findings_are_counted_beyond_those_that_are_kept(void **state)
{
    (void)state;
    AUTO_READING struct reading r = {0};
    AUTO_BUF struct buf text = {0};
    put_many(&text, "- !x 1\n", FINDINGS_MAX + 10);
    read_text(&r, buf_span(&text), true);
    assert_int_equal(r.findings.errors, FINDINGS_MAX + 10);
    assert_int_equal(r.findings.len, FINDINGS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits__a_file_has_at_most_a_mebibyte),
        cmocka_unit_test(f15__values_nest_64_deep),
        cmocka_unit_test(limits__empty_containers_nest_64_deep),
        cmocka_unit_test(limits__an_alias_counts_as_deep_as_what_it_names),
        cmocka_unit_test(limits__nesting_is_refused_before_it_is_read_to_the_end),
        cmocka_unit_test(limits__a_document_has_at_most_100000_nodes),
        cmocka_unit_test(limits__aliases_are_counted_at_once_and_not_walked),
        cmocka_unit_test(limits__canonical_json_has_at_most_256_kibibytes),
        cmocka_unit_test(limits__aliases_weigh_what_they_repeat),
        cmocka_unit_test(limits__alias_keys_weigh_what_they_repeat),
        cmocka_unit_test(limits__a_document_has_at_most_20000_anchors),
        cmocka_unit_test(anchors__keep_what_each_name_was_defined_as),
        cmocka_unit_test(limits__findings_are_counted_beyond_those_that_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
