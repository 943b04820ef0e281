/*
 * pointer: both forms people write, and what they lead to.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/json.h"
#include "model/pointer.h"

#define AUTO_ARENA CLEANUP(arena_fini)

/* What it says again as a JSON Pointer. */
static void expect(const char *text, const char *pointer_text)
{
    struct arena arena AUTO_ARENA = {0};
    struct buf out AUTO_BUF = {0};
    struct pointer pointer;
    struct error err;
    assert_int_equal(pointer_parse(span_of(text), &arena, &pointer, &err), 0);
    pointer_put(&pointer, pointer.len, &out);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, pointer_text);
}

static void refuse(struct span text, const char *words)
{
    struct arena arena AUTO_ARENA = {0};
    struct pointer pointer;
    struct error err;
    assert_int_equal(pointer_parse(text, &arena, &pointer, &err), -1);
    assert_string_equal(err.code, CODE_USAGE);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void pointer__reads_json_pointers(void **state)
{
    (void)state;
    expect("", "");
    expect("/", "/");
    expect("/a", "/a");
    expect("/a/b~1c/~0d/", "/a/b~1c/~0d/");
    expect("/a.b/c=d", "/a.b/c=d");
    expect("/~01", "/~01");
}

static void pointer__reads_names_with_dots(void **state)
{
    (void)state;
    expect("a", "/a");
    expect("audio.rate", "/audio/rate");
    expect("hosts.0.name", "/hosts/0/name");
    expect("a\\.b.c\\=d.e\\\\f", "/a.b/c=d/e\\f");
    expect("a~b.c/d", "/a~0b/c~1d");
}

static void pointer__refuses_what_is_no_way(void **state)
{
    (void)state;
    char deep[2 * (POINTER_NAMES_MAX + 1) + 1], *at = deep;
    for (int i = 0; i <= POINTER_NAMES_MAX; i++) {
        *at++ = '/';
        *at++ = 'a';
    }
    *at = '\0';
    refuse(span_of(deep), "more than 64 names");
    refuse(SPAN("/a~2"), "~0");
    refuse(SPAN("/a~"), "~0");
    refuse(SPAN("a..b"), "empty");
    refuse(SPAN("a."), "empty");
    refuse(SPAN(".a"), "empty");
    refuse(SPAN("a\\"), "behind the last");
    refuse(SPAN("/\xFF"), "UTF-8");
    refuse(SPAN("/a\0b"), "UTF-8");
    static char text[POINTER_TEXT_MAX + 1];
    memset(text, 'a', sizeof text);
    refuse((struct span){text, sizeof text}, "more than 16384");
}

static void pointer__finds_members_and_items(void **state)
{
    (void)state;
    static const struct json_options options = {.file = "a", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct doc doc AUTO_DOC = {0};
    struct arena arena AUTO_ARENA = {0};
    struct error err;
    assert_int_equal(json_read(SPAN("{\"a\":[{\"b\":7}],\"0\":1}"), &options, &doc, &err), 0);
    static const struct {
        const char *path;
        int64_t value; /* -1: nothing is there */
        size_t depth;
    } cases[] = {{"/a/0/b", 7, 3}, {"/0", 1, 1},     {"/a/1/b", -1, 1}, {"/a/00/b", -1, 1},
                 {"/a/-", -1, 1},  {"/a/b", -1, 1}, {"/x/y", -1, 0},  {"/0/0", -1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pointer pointer;
        size_t depth;
        assert_int_equal(pointer_parse(span_of(cases[i].path), &arena, &pointer, &err), 0);
        const struct doc_node *node = pointer_find(doc.root, &pointer, &depth);
        assert_int_equal(node == NULL ? -1 : node->u.integer, cases[i].value);
        assert_int_equal(depth, cases[i].depth);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointer__reads_json_pointers),
        cmocka_unit_test(pointer__reads_names_with_dots),
        cmocka_unit_test(pointer__refuses_what_is_no_way),
        cmocka_unit_test(pointer__finds_members_and_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
