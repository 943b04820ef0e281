/*
 * term: what came from outside is safe to show, in colour or not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/term.h"

static const struct term plain = {0}, colored = {.width = 80, .has_color = true};

static void assert_shown(const struct term *term, struct span text, const char *expected)
{
    struct buf out AUTO_BUF = {0};
    term_put(term, TERM_BAD, text, &out);
    buf_putc(&out, '\0');
    assert_false(out.failed);
    assert_string_equal(out.data, expected);
}

static void term_put__shows_by_number_what_a_terminal_obeys(void **state)
{
    (void)state;
    assert_shown(&plain, SPAN("a\x1b[31mb\r\n\t\x7f"), "a\\x1b[31mb\\x0d\\x0a\\x09\\x7f");
    assert_shown(&plain, SPAN("a\xe2\x80\xae" "b"), "a\\u202eb");
    assert_shown(&plain, SPAN("a\xff" "b\xc3"), "a\\xffb\\xc3");
    assert_shown(&plain, SPAN("grö"), "grö");
}

static void term_put__colours_text_and_nothing_else(void **state)
{
    (void)state;
    assert_shown(&colored, SPAN("bad\x1b"), "\033[1;31mbad\\x1b\033[0m");
    assert_shown(&colored, SPAN(""), "");
}

/* Text goes through in pieces: a character at their border stays whole. */
static void term_put__cuts_no_character_of_a_long_text(void **state)
{
    (void)state;
    for (size_t before = 250; before < 260; before++) {
        struct buf text AUTO_BUF = {0}, out AUTO_BUF = {0};
        for (size_t i = 0; i < before; i++)
            buf_putc(&text, 'a');
        for (size_t i = 0; i < 400; i++)
            buf_puts(&text, "€");
        term_put(&plain, TERM_PLAIN, buf_span(&text), &out);
        assert_int_equal(out.len, text.len);
        assert_memory_equal(out.data, text.data, text.len);
        assert_int_equal(term_columns(buf_span(&text)), before + 400);
    }
}

static void term_columns__counts_what_is_shown(void **state)
{
    (void)state;
    assert_int_equal(term_columns(SPAN("")), 0);
    assert_int_equal(term_columns(SPAN("grö")), 3);
    assert_int_equal(term_columns(SPAN("a\x1b")), 5);
}

static void term_put_value__tells_no_secret_and_cuts_what_is_long(void **state)
{
    (void)state;
    char text[600];
    const struct doc_node value = {.kind = DOC_STRING, .u.string = {text, sizeof text}};
    struct buf secret AUTO_BUF = {0}, cut AUTO_BUF = {0};
    memset(text, 'x', sizeof text);
    term_put_value(&value, true, TERM_VALUE_MAX, &secret);
    term_put_value(&value, false, 20, &cut);
    assert_int_equal(secret.len, strlen("(secret)"));
    assert_memory_equal(secret.data, "(secret)", secret.len);
    assert_true(cut.len < 20);
    assert_memory_equal(cut.data, "\"xxx", 4);
}

/* cmocka's own output is no terminal here, or is one: only what is asked for is compared. */
static void term_look__does_as_it_is_told(void **state)
{
    (void)state;
    struct term term;
    term_look("always", &term);
    assert_true(term.has_color);
    term_look("never", &term);
    assert_false(term.has_color);
    setenv("NO_COLOR", "1", 1);
    term_look("auto", &term);
    assert_false(term.has_color);
    term_look(NULL, &term);
    assert_false(term.has_color);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(term_put__shows_by_number_what_a_terminal_obeys),
        cmocka_unit_test(term_put__colours_text_and_nothing_else),
        cmocka_unit_test(term_put__cuts_no_character_of_a_long_text),
        cmocka_unit_test(term_columns__counts_what_is_shown),
        cmocka_unit_test(term_put_value__tells_no_secret_and_cuts_what_is_long),
        cmocka_unit_test(term_look__does_as_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
