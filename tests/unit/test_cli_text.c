/*
 * cli: the pure pieces of what is typed and what is printed: the parser of a verb's arguments, times, tables.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/alive.h"
#include "cli/cli.h"
#include "cli/usage.h"
#include "cli/when.h"
#include "util/clock.h"

enum { OPT_COUNT, OPT_A, OPT_B, OPT_FORM };

static const struct cli_verb verb = {
    .name = "try",
    .summary = "try it",
    .help = "Tries *it* with a _FILE_ and a config_epoch.\n",
    .operands = {{.name = "on|off", .kind = CLI_WORDS}, {.name = "FILE", .is_optional = true, .is_repeated = true}},
    .options = {[OPT_COUNT] = {.name = "count", .letter = 'n', .argument = "COUNT", .help = "how many"},
                [OPT_A] = {.name = "aa", .help = "this"},
                [OPT_B] = {.name = "bb", .help = "or that", .is_alternative = true},
                [OPT_FORM] = {.name = "form", .argument = "text|json", .kind = CLI_WORDS, .help = "the form"}},
};

/* Parses the words behind the name. */
static enum cli_parsed parse(struct cli_args *out, const char *first, ...)
{
    static char copies[12][32];
    char *argv[13] = {copies[0]};
    int argc = 1;
    va_list words;
    snprintf(copies[0], sizeof copies[0], "epochctl: try");
    va_start(words, first);
    for (const char *word = first; word != NULL; word = va_arg(words, const char *), argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", word);
        argv[argc] = copies[argc];
    }
    va_end(words);
    static char *kept[13];
    memcpy(kept, argv, sizeof argv);
    return cli_parse(&verb, false, argc, kept, out);
}

static void cli_parse__reads_options_anywhere(void **state)
{
    (void)state;
    struct cli_args args;
    assert_int_equal(parse(&args, "on", "-n", "3", "x", "--aa", "--form=json", "--", "-y", NULL), CLI_PARSED);
    assert_string_equal(args.options[OPT_COUNT], "3");
    assert_true(cli_given(&args, OPT_A));
    assert_false(cli_given(&args, OPT_B));
    assert_string_equal(args.options[OPT_FORM], "json");
    assert_int_equal(args.operands_len, 3);
    assert_string_equal(cli_operand(&args, 2), "-y");
    assert_null(cli_operand(&args, 3));
}

static void cli_parse__refuses_what_the_table_does_not_say(void **state)
{
    (void)state;
    struct cli_args args;
    assert_int_equal(parse(&args, NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "maybe", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "on", "--form", "xml", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "on", "--form", "tex", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "on", "--aa", "--bb", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "on", "-n", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "on", "--nothing", NULL), CLI_PARSED_WRONG);
    assert_int_equal(parse(&args, "--help", NULL), CLI_PARSED_HELP);
    assert_int_equal(parse(&args, "-h", NULL), CLI_PARSED_HELP);
    assert_int_equal(parse(&args, "off", NULL), CLI_PARSED);
}

static void assert_text(const struct buf *out, const char *expected)
{
    assert_false(out->failed);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static void usage__is_made_from_the_table(void **state)
{
    (void)state;
    struct buf line AUTO_BUF = {0}, plain AUTO_BUF = {0};
    usage_put_line(&line, &verb);
    assert_text(&line, "try on|off [FILE…] [-n COUNT] [--aa | --bb] [--form text|json]");
    usage_put_plain(&plain, verb.help);
    assert_text(&plain, "Tries it with a FILE and a config_epoch.\n");
}

/* --- times ---------------------------------------------------------------------------------------------- */

static void assert_when(const char *text, const char *expected)
{
    char shown[CLOCK_TEXT_LEN + 1];
    int64_t now, ms;
    assert_true(clock_parse(SPAN("2026-11-21T12:00:00.000Z"), &now));
    if (expected == NULL) {
        assert_false(when_parse(text, now, &ms));
        return;
    }
    assert_true(when_parse(text, now, &ms));
    clock_format(ms, shown);
    assert_string_equal(shown, expected);
}

static void when_parse__reads_dates_and_how_long_ago(void **state)
{
    (void)state;
    assert_when("2026-11-20", "2026-11-20T00:00:00.000Z");
    assert_when("2026-11-20 10:30", "2026-11-20T10:30:00.000Z");
    assert_when("2026-11-20T10:30:05Z", "2026-11-20T10:30:05.000Z");
    assert_when("2026-11-20T10:30:05.123Z", "2026-11-20T10:30:05.123Z");
    assert_when("90s", "2026-11-21T11:58:30.000Z");
    assert_when("15min", "2026-11-21T11:45:00.000Z");
    assert_when("2h", "2026-11-21T10:00:00.000Z");
    assert_when("1w", "2026-11-14T12:00:00.000Z");
    assert_when("99y", NULL);
    assert_when("", NULL);
    assert_when("12", NULL);
    assert_when("h", NULL);
    assert_when("2026-02-30", NULL);
    assert_when("2026-11-20T10", NULL);
    assert_when("18446744073709551615w", NULL);
}

static void when_put_age__has_one_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } ages[] = {{-5, "0 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"}, {7200, "2 h"}, {200000, "2 days"}};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        struct buf out AUTO_BUF = {0};
        when_put_age(1000000, 1000000 + ages[i].seconds * 1000, &out);
        assert_text(&out, ages[i].text);
    }
}

/* --- tables --------------------------------------------------------------------------------------------- */

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

/* --- what was there before ------------------------------------------------------------------------------ */

static void alive__knows_what_was_there_through_all_its_growth(void **state)
{
    (void)state;
    struct alive alive AUTO_ALIVE = {0};
    struct error err;
    bool was_known, was_there;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2000; i++) {
            char name[16];
            snprintf(name, sizeof name, "s%d", i);
            assert_int_equal(alive_note(&alive, span_of(name), round != 1, &was_known, &was_there, &err), 0);
            assert_int_equal(was_known, round > 0);
            assert_int_equal(was_there, round == 1);
        }
    assert_int_equal(alive.len, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_parse__reads_options_anywhere),
        cmocka_unit_test(cli_parse__refuses_what_the_table_does_not_say),
        cmocka_unit_test(usage__is_made_from_the_table),
        cmocka_unit_test(when_parse__reads_dates_and_how_long_ago),
        cmocka_unit_test(when_put_age__has_one_unit),
        cmocka_unit_test(table__is_tabs_where_there_is_no_terminal),
        cmocka_unit_test(table__has_columns_and_is_cut_to_the_terminal),
        cmocka_unit_test(table__is_in_colour_where_that_is_wanted),
        cmocka_unit_test(table__without_rows_is_nothing),
        cmocka_unit_test(alive__knows_what_was_there_through_all_its_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
