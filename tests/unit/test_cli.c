/*
 * cli: the table of verbs, and the pure pieces that verbs share. What verbs do is tested as it is typed, in
 * tests/integration.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/cli.h"
#include "cli/epochs.h"
#include "cli/shell.h"
#include "cli/usage.h"
#include "model/codes.h"

enum { COLUMNS = 96 }; /* help fits a terminal that is not wide */

/* Each line of `text` ends in a line feed, is not too long, and has no blank at its end. Empty ones part
   paragraphs. */
static void assert_lines(const char *verb, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (text[len] != '\n' || len > COLUMNS || (len > 0 && text[len - 1] == ' '))
            fail_msg("%s: '%.*s'", verb, (int)len, text);
        text += len + 1;
    }
}

static void assert_option(const struct cli_verb *verb, size_t index)
{
    const struct cli_option *option = &verb->options[index];
    assert_true(index < CLI_OPTIONS_MAX);
    assert_true(option->is_hidden || option->help != NULL);
    assert_true(option->help == NULL || strchr(option->help, '\n') == NULL);
    assert_true(option->kind == CLI_ANY || option->argument != NULL);
    assert_false(index == 0 && option->is_alternative);
    assert_int_not_equal(option->letter, 'h'); /* of --help, everywhere */
    for (size_t i = 0; i < index; i++) {
        const struct cli_option *other = &verb->options[i];
        assert_false(option->letter != '\0' && option->letter == other->letter);
        assert_false(option->name != NULL && other->name != NULL && strcmp(option->name, other->name) == 0);
    }
}

static void assert_operands(const struct cli_verb *verb)
{
    for (size_t i = 0; verb->operands[i].name != NULL; i++) {
        assert_true(i < CLI_OPERANDS_MAX);
        if (i > 0 && !verb->operands[i].is_optional)
            assert_false(verb->operands[i - 1].is_optional);
        if (i > 0)
            assert_false(verb->operands[i - 1].is_repeated);
    }
}

static void assert_verb(const struct cli_verb *verb)
{
    assert_int_equal(strspn(verb->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(verb->name));
    assert_in_range(strlen(verb->name), 1, USAGE_VERB_COLUMN - 1);
    assert_true(strlen(verb->summary) > 0 && (verb->is_hidden || strlen(verb->help) > 0));
    assert_null(strchr(verb->summary, '\n'));
    assert_lines(verb->name, verb->help);
    for (size_t i = 0; cli_is_option(&verb->options[i]); i++)
        assert_option(verb, i);
    assert_operands(verb);
}

static void cli_verbs__are_complete(void **state)
{
    (void)state;
    assert_true(cli_verbs_len > 0);
    assert_verb(&cli_program);
    for (size_t i = 0; i < cli_verbs_len; i++) {
        assert_verb(cli_verbs[i]);
        assert_non_null(cli_verbs[i]->run);
    }
}

static void cli_verbs__are_found_by_their_whole_name_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_verbs_len; i++)
        assert_ptr_equal(cli_find_verb(cli_verbs[i]->name), cli_verbs[i]);
    assert_null(cli_find_verb(""));
    assert_null(cli_find_verb("stat"));
    assert_null(cli_find_verb("statuses"));
    assert_null(cli_find_verb("Status"));
}

/* `epochctl help NAME` explains either; a verb would hide a code of the same name. */
static void cli_verbs__share_no_name_with_a_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_verbs_len; i++)
        assert_null(code_find(cli_verbs[i]->name));
}

static void epoch_verdicts__have_the_names_of_the_journal(void **state)
{
    (void)state;
    assert_string_equal(epoch_verdict_name(EPOCH_COMMITTED), "committed");
    assert_string_equal(epoch_verdict_name(EPOCH_PUBLISHED), "published");
    assert_string_equal(epoch_verdict_name(EPOCH_SUPERSEDED), "superseded");
    assert_string_equal(epoch_verdict_name(EPOCH_REJECTED), "rejected");
}

static void plural__is_for_every_count_but_one(void **state)
{
    (void)state;
    assert_string_equal(plural(0), "s");
    assert_string_equal(plural(1), "");
    assert_string_equal(plural(2), "s");
    assert_string_equal(plural(UINT64_MAX), "s");
}

/* --- words for the shell -------------------------------------------------------------------------------- */

static void assert_word(const char *text, const char *wanted)
{
    struct buf out AUTO_BUF = {0};
    shell_put_word(&out, text);
    assert_false(out.failed);
    assert_int_equal(out.len, strlen(wanted));
    assert_memory_equal(out.data, wanted, out.len);
}

static void shell_put_word__leaves_alone_what_the_shell_would(void **state)
{
    (void)state;
    assert_word("/srv/config-2.git", "/srv/config-2.git");
    assert_word("a_b:c,d@e%f+G9", "a_b:c,d@e%f+G9");
}

static void shell_put_word__quotes_everything_else(void **state)
{
    (void)state;
    assert_word("", "''");
    assert_word("a b", "'a b'");
    assert_word("~", "'~'");
    assert_word("a=b", "'a=b'");
    assert_word("$(x)`y`\"z\"\\", "'$(x)`y`\"z\"\\'");
    assert_word("a\nb", "'a\nb'");
    assert_word("gr\xc3\xb6\xc3\x9f"
                "e",
                "'gr\xc3\xb6\xc3\x9f"
                "e'");
}

static void shell_put_word__takes_quotes_out_of_the_quotes(void **state)
{
    (void)state;
    assert_word("it's", "'it'\\''s'");
    assert_word("'", "''\\'''");
    assert_word("''", "''\\'''\\'''");
}

/* Every byte a path may have comes back out of the shell. */
static void shell_put_word__is_what_the_shell_reads(void **state)
{
    (void)state;
    struct buf script AUTO_BUF = {0};
    char word[256], back[256];
    for (size_t i = 0; i < 255; i++)
        word[i] = (char)(i + 1);
    word[255] = '\0';
    buf_puts(&script, "printf %s ");
    shell_put_word(&script, word);
    buf_putc(&script, '\0');
    assert_false(script.failed);
    FILE *shell = popen(script.data, "r");
    assert_non_null(shell);
    assert_int_equal(fread(back, 1, sizeof back, shell), 255);
    assert_int_equal(pclose(shell), 0);
    assert_memory_equal(back, word, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_verbs__are_complete),
        cmocka_unit_test(cli_verbs__are_found_by_their_whole_name_alone),
        cmocka_unit_test(cli_verbs__share_no_name_with_a_code),
        cmocka_unit_test(epoch_verdicts__have_the_names_of_the_journal),
        cmocka_unit_test(plural__is_for_every_count_but_one),
        cmocka_unit_test(shell_put_word__leaves_alone_what_the_shell_would),
        cmocka_unit_test(shell_put_word__quotes_everything_else),
        cmocka_unit_test(shell_put_word__takes_quotes_out_of_the_quotes),
        cmocka_unit_test(shell_put_word__is_what_the_shell_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
