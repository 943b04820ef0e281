/*
 * args: what a verb is: its name, what it takes, what it does. One parser serves all verbs, and usage lines,
 * `epochctl help`, the manual page and the completion scripts are made from the same description.
 *
 *     enum { OPT_COUNT, OPT_JSON };
 *
 *     const struct cli_verb verb_log = {
 *         .name = "log",
 *         .summary = "epochs and verdicts, newest first",
 *         .help = "One line for each commit that got a verdict: *committed*, *published*, …\n",
 *         .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
 *         .options = {[OPT_COUNT] = {.letter = 'n', .argument = "COUNT", .help = "how many; default 10"},
 *                     [OPT_JSON] = {.name = "json", .help = "as a JSON array"}},
 *         .run = run,
 *     };
 *
 * The description stands at the end of cmd_<verb>.c; verbs.c lists it.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

enum { CLI_OPTIONS_MAX = 16, CLI_OPERANDS_MAX = 4, CLI_REPEATS_MAX = 16 };

/* What an argument is: names.c finds what it may be called. */
enum cli_kind {
    CLI_ANY,     /* free text: nothing completes it */
    CLI_WORDS,   /* one of the words that its own name lists: "text|json"; the parser refuses others */
    CLI_FILE,    /* the shell completes it, as the next three */
    CLI_DIR,
    CLI_HOST,
    CLI_VERB,
    CLI_CODE,
    CLI_TOPIC,   /* a verb or a code: what `help` explains */
    CLI_SERVICE,
    CLI_POINT,   /* of the history, see point.h; or a range of two */
    CLI_KEY,     /* a JSON Pointer into the service that an operand before names */
    CLI_PROFILE,
    CLI_CONSUMER, /* SERVICE@INSTANCE that acknowledged */
};

struct cli_option {
    const char *name;     /* long, without dashes; NULL: none */
    char letter;          /* 0: none */
    const char *argument; /* its name; NULL: a flag */
    const char *help;     /* one line, or more that are joined; *bold* and _names_ as in scdoc */
    enum cli_kind kind;
    bool is_alternative;  /* to the option before: never both */
    bool is_hidden;       /* neither in usage nor completed */
    bool is_repeated;     /* at most one option of a verb, up to CLI_REPEATS_MAX times: all are in cli_args.repeats */
};

struct cli_operand {
    const char *name;
    enum cli_kind kind;
    bool is_optional, is_repeated; /* repeated: the last of its verb */
};

struct cli;
struct cli_args;

struct cli_verb {
    const char *name;
    const char *summary; /* one line */
    const char *help;    /* paragraphs in scdoc's form, lines of at most 96 columns; options come from the table */
    const char *exit;    /* what its exit codes mean where that is more than usual; NULL: nothing */
    struct cli_operand operands[CLI_OPERANDS_MAX + 1]; /* up to the first without a name */
    struct cli_option options[CLI_OPTIONS_MAX + 1];    /* up to the first with neither name nor letter */
    int (*run)(const struct cli *cli, const struct cli_args *args);
    bool is_hidden; /* for programs of ours: not listed */
};

/* The command line of one verb. Everything is borrowed from argv. */
struct cli_args {
    const struct cli_verb *verb;
    const char *options[CLI_OPTIONS_MAX]; /* by index in verb->options: the argument, "" for a flag, NULL: not given */
    char *repeats[CLI_REPEATS_MAX]; /* of the option that may be repeated */
    size_t repeats_len;
    char **operands;
    size_t operands_len;
};

/* The operand at `index`, NULL where there are fewer. */
static inline const char *cli_operand(const struct cli_args *args, size_t index)
{
    return index < args->operands_len ? args->operands[index] : NULL;
}

static inline bool cli_given(const struct cli_args *args, size_t option)
{
    return args->options[option] != NULL;
}

enum cli_parsed {
    CLI_PARSED,
    CLI_PARSED_HELP, /* --help or -h was given */
    CLI_PARSED_WRONG /* said why, on standard error */
};

/*
 * Reads argv[1…] as the verb describes it, options anywhere; argv[0] is put before getopt's complaints. With
 * `stops`, the first operand ends the options and everything behind it is an operand.
 */
enum cli_parsed cli_parse(const struct cli_verb *verb, bool stops, int argc, char **argv, struct cli_args *out);

static inline bool cli_is_option(const struct cli_option *option)
{
    return option->name != NULL || option->letter != '\0';
}

/* Takes the next of "text|json" from the front of *rest; empty at the end. */
struct span cli_next_word(const char **rest);

#endif
