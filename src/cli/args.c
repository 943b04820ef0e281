/*
 * args: see args.h.
 */
#include "cli/args.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

enum { WORDS_SIZE = 256 };
enum { VALUE_OPTION = 256 }; /* getopt's value of a long option: its index, behind every character */

struct getopt_table {
    struct option longs[CLI_OPTIONS_MAX + 2];
    char letters[2 * CLI_OPTIONS_MAX + 3];
};

static void build(const struct cli_verb *verb, bool stops, struct getopt_table *out)
{
    size_t longs = 0, letters = 0;
    if (stops)
        out->letters[letters++] = '+';
    for (size_t i = 0; i < CLI_OPTIONS_MAX && cli_is_option(&verb->options[i]); i++) {
        const struct cli_option *option = &verb->options[i];
        int has_argument = option->argument == NULL ? no_argument : required_argument;
        if (option->name != NULL)
            out->longs[longs++] = (struct option){option->name, has_argument, NULL, VALUE_OPTION + (int)i};
        if (option->letter == '\0')
            continue;
        out->letters[letters++] = option->letter;
        if (option->argument != NULL)
            out->letters[letters++] = ':';
    }
    out->letters[letters++] = 'h';
    out->longs[longs++] = (struct option){"help", no_argument, NULL, 'h'};
    out->longs[longs] = (struct option){0};
    out->letters[letters] = '\0';
}

/* The index of an option that getopt found; CLI_OPTIONS_MAX for none. */
static size_t index_of(const struct cli_verb *verb, int value)
{
    if (value >= VALUE_OPTION)
        return (size_t)(value - VALUE_OPTION);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && cli_is_option(&verb->options[i]); i++)
        if (verb->options[i].letter == value)
            return i;
    return CLI_OPTIONS_MAX;
}

struct span cli_next_word(const char **rest)
{
    struct span word = {*rest, strcspn(*rest, "|")};
    *rest += word.len;
    if (**rest == '|')
        ++*rest;
    return word;
}

static bool is_word(const char *words, const char *text)
{
    struct span word;
    while ((word = cli_next_word(&words)).len > 0)
        if (span_is(word, text))
            return true;
    return false;
}

/* "lkg, journal or message". */
static void list_words(const char *words, char *out, size_t size)
{
    size_t len = 0;
    struct span word;
    while ((word = cli_next_word(&words)).len > 0 && len < size) {
        const char *before = len == 0 ? "" : *words == '\0' ? " or " : ", ";
        int written = snprintf(out + len, size - len, "%s%.*s", before, (int)word.len, word.data);
        len += written < 0 ? 0 : (size_t)written;
    }
}

static bool is_right(const struct cli_verb *verb, const char *what, const char *name, enum cli_kind kind,
                     const char *text)
{
    char words[WORDS_SIZE];
    if (kind != CLI_WORDS || is_word(name, text))
        return true;
    list_words(name, words, sizeof words);
    cli_usage(verb, "%s'%s' is not %s", what, text, words);
    return false;
}

/* Alternatives stand one behind the other in the table. */
static bool are_alone(const struct cli_args *args)
{
    const struct cli_option *options = args->verb->options, *first = NULL;
    for (size_t i = 0; i < CLI_OPTIONS_MAX && cli_is_option(&options[i]); i++) {
        if (!options[i].is_alternative)
            first = NULL;
        if (args->options[i] == NULL)
            continue;
        if (first != NULL) {
            cli_usage(args->verb, "either --%s or --%s", first->name, options[i].name);
            return false;
        }
        first = &options[i];
    }
    return true;
}

static void is_missing(const struct cli_verb *verb, const struct cli_operand *operand)
{
    char words[WORDS_SIZE];
    if (operand->kind != CLI_WORDS) {
        cli_usage(verb, "%s is missing", operand->name);
        return;
    }
    list_words(operand->name, words, sizeof words);
    cli_usage(verb, "say %s", words);
}

static bool check_operands(const struct cli_args *args)
{
    const struct cli_operand *operand = args->verb->operands;
    size_t i = 0;
    for (; i < CLI_OPERANDS_MAX && operand[i].name != NULL; i++) {
        if (i >= args->operands_len) {
            if (operand[i].is_optional)
                return true;
            is_missing(args->verb, &operand[i]);
            return false;
        }
        if (!is_right(args->verb, "", operand[i].name, operand[i].kind, args->operands[i]))
            return false;
        if (operand[i].is_repeated)
            return true;
    }
    if (i >= args->operands_len)
        return true;
    cli_usage(args->verb, "'%s' is one argument too many", args->operands[i]);
    return false;
}

static bool take(const struct cli_verb *verb, size_t index, char *argument, struct cli_args *out)
{
    const struct cli_option *option = &verb->options[index];
    char what[40];
    snprintf(what, sizeof what, "--%s: ", option->name == NULL ? "" : option->name);
    if (argument != NULL && !is_right(verb, what, option->argument, option->kind, argument))
        return false;
    out->options[index] = argument == NULL ? "" : argument;
    if (!option->is_repeated)
        return true;
    if (out->repeats_len == CLI_REPEATS_MAX) {
        cli_usage(verb, "--%s at most %d times", option->name, CLI_REPEATS_MAX);
        return false;
    }
    out->repeats[out->repeats_len++] = argument;
    return true;
}

enum cli_parsed cli_parse(const struct cli_verb *verb, bool stops, int argc, char **argv, struct cli_args *out)
{
    struct getopt_table table;
    int value;
    *out = (struct cli_args){.verb = verb};
    build(verb, stops, &table);
    optind = 0; /* glibc: start anew, with the verb's own options */
    while ((value = getopt_long(argc, argv, table.letters, table.longs, NULL)) != -1) {
        size_t index = index_of(verb, value);
        if (value == 'h')
            return CLI_PARSED_HELP;
        if (index >= CLI_OPTIONS_MAX) {
            cli_usage(verb, NULL);
            return CLI_PARSED_WRONG;
        }
        if (!take(verb, index, optarg, out))
            return CLI_PARSED_WRONG;
    }
    out->operands = argv + optind;
    out->operands_len = (size_t)(argc - optind);
    return are_alone(out) && (stops || check_operands(out)) ? CLI_PARSED : CLI_PARSED_WRONG;
}
