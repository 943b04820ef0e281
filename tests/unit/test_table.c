/*
 * table: rows for people and for programs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/term.h"

static void assert_text(const struct buf *out, const char *expected)
{
    assert_false(out->failed);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static void put_sample(const struct term *term, struct buf *out)
{
    static const char *const heading[] = {"NAME", "N", "WHY", NULL};
    struct table table AUTO_TABLE;
    table_init(&table, term, heading);
    table_add(&table, TERM_STRONG, SPAN("grö\x1b"));
    table_printf(&table, TERM_PLAIN, "%d", 7);
    table_add(&table, TERM_PLAIN, SPAN("a reason that is much too long for a terminal"));
    table_add(&table, TERM_PLAIN, SPAN("b"));
    table_add(&table, TERM_PLAIN, SPAN("100"));
    table_add(&table, TERM_PLAIN, SPAN(""));
    table_put(&table, out);
}

static void table__is_tabs_where_there_is_no_terminal(void **state)
{
    (void)state;
    const struct term term = {0};
    struct buf out AUTO_BUF = {0};
    put_sample(&term, &out);
    assert_text(&out, "grö\\x1b\t7\ta reason that is much too long for a terminal\nb\t100\t\n");
}

static void table__has_columns_and_is_cut_to_the_terminal(void **state)
{
    (void)state;
    const struct term term = {.width = 40};
    struct buf out AUTO_BUF = {0};
    put_sample(&term, &out);
    assert_text(&out, "NAME     N    WHY\n"
                      "grö\\x1b  7    a reason that is much too…\n"
                      "b        100\n");
}

/* A row of a log, on a terminal of so many columns. */
static void assert_fits(unsigned width, const char *expected)
{
    static const char *const heading[] = {"TIME", "WHERE~", "WHAT~", "WHY", NULL};
    const struct term term = {.width = width};
    struct table table AUTO_TABLE;
    struct buf out AUTO_BUF = {0};
    table_init(&table, &term, heading);
    table_add(&table, TERM_PLAIN, SPAN("2026-11-21T17:10Z"));
    table_add(&table, TERM_PLAIN, SPAN("services/audio/stt-worker.yaml"));
    table_add(&table, TERM_PLAIN, SPAN("router updated"));
    table_add(&table, TERM_PLAIN, SPAN("stt: less eager"));
    table_put(&table, &out);
    assert_text(&out, expected);
}

static void table__cuts_the_last_column_first_then_the_widest_of_those_that_give_way(void **state)
{
    (void)state;
    assert_fits(82, "TIME               WHERE                           WHAT            WHY\n"
                    "2026-11-21T17:10Z  services/audio/stt-worker.yaml  router updated  stt: less eager\n");
    assert_fits(78, "TIME               WHERE                           WHAT            WHY\n"
                    "2026-11-21T17:10Z  services/audio/stt-worker.yaml  router updated  stt: less …\n");
    assert_fits(60, "TIME               WHERE            WHAT            WHY\n"
                    "2026-11-21T17:10Z  services/audio…  router updated  stt: le…\n");
    assert_fits(20, "TIME               WHERE     WHAT      WHY\n"
                    "2026-11-21T17:10Z  service…  router …  stt: le…\n");
}

static void table__is_in_colour_where_that_is_wanted(void **state)
{
    (void)state;
    const struct term term = {.has_color = true};
    struct buf out AUTO_BUF = {0};
    put_sample(&term, &out);
    assert_non_null(memmem(out.data, out.len, "\033[1mgrö\\x1b\033[0m\t7\t", 19));
}

static void table__without_rows_is_nothing(void **state)
{
    (void)state;
    static const char *const heading[] = {"A", NULL};
    const struct term term = {.width = 80};
    struct table table AUTO_TABLE;
    struct buf out AUTO_BUF = {0};
    table_init(&table, &term, heading);
    table_put(&table, &out);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__is_tabs_where_there_is_no_terminal),
        cmocka_unit_test(table__has_columns_and_is_cut_to_the_terminal),
        cmocka_unit_test(table__cuts_the_last_column_first_then_the_widest_of_those_that_give_way),
        cmocka_unit_test(table__is_in_colour_where_that_is_wanted),
        cmocka_unit_test(table__without_rows_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
