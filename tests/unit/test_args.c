/*
 * args: the parser of what is typed behind a verb, and the usage line that is made from the same table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/cli.h"
#include "cli/usage.h"

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

/* Of every verb, but for its usage line, which is one to copy. */
static void usage__is_no_wider_than_its_terminal(void **state)
{
    (void)state;
    enum { WIDTH = 100 }; /* 96, and the indent of a list */
    struct buf text AUTO_BUF = {0};
    usage_put_overview(&text);
    for (size_t i = 0; i < cli_verbs_len; i++)
        usage_put_help(&text, cli_verbs[i]);
    buf_putc(&text, '\0');
    assert_false(text.failed);
    for (const char *line = text.data; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > WIDTH && strncmp(line, "usage: ", 7) != 0)
            fail_msg("'%.*s'", (int)strcspn(line, "\n"), line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_parse__reads_options_anywhere),
        cmocka_unit_test(cli_parse__refuses_what_the_table_does_not_say),
        cmocka_unit_test(usage__is_made_from_the_table),
        cmocka_unit_test(usage__is_no_wider_than_its_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
