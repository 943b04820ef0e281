/*
 * complete: what may stand where the cursor is. The scripts that `epochctl completion` prints ask it, so that one
 * reading of the table of verbs serves all shells.
 *
 *   epochctl complete -- WORDS…    the words behind `epochctl`, the last is the one at the cursor
 *
 * Prints "word TAB description" lines; or one line that tells the shell to use its own names: :file, :dir, :host;
 * or :rev, for those of git, with numbers of epochs in the lines behind it. Says nothing of what goes wrong: nobody wants to read that behind a half-typed line.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/names.h"
#include "cli/usage.h"
#include "cli/verbs.h"

/* What was read up to the cursor. */
struct cursor {
    const struct cli_verb *verb; /* cli_program before one is typed */
    size_t operands;             /* of it */
    const char *service;         /* among those */
    const struct cli_option *waiting; /* the option whose argument is next */
    bool only_operands;          /* behind -- */
    bool is_elsewhere;           /* -H: names are not those of this host */
    const char *directory;
    struct cli cli;
};

static const struct cli_option *find_option(const struct cli_verb *verb, const char *word)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; cli_is_option(&verb->options[i]); i++) {
        const struct cli_option *option = &verb->options[i];
        if (word[1] != '-' ? option->letter != '\0' && word[strlen(word) - 1] == option->letter
                           : option->name != NULL && strlen(option->name) == len - 2 &&
                                 strncmp(option->name, word + 2, len - 2) == 0)
            return option;
    }
    return NULL;
}

static void take_argument(struct cursor *cursor, const char *word)
{
    const struct cli_option *option = cursor->waiting;
    cursor->waiting = NULL;
    if (cursor->verb != &cli_program)
        return;
    if (option->letter == 'C')
        cursor->directory = word;
    else if (option->letter == 'c')
        cursor->cli.config = word;
    else if (option->letter == 'H')
        cursor->is_elsewhere = true;
}

static void take_option(struct cursor *cursor, const char *word)
{
    const struct cli_option *option = find_option(cursor->verb, word);
    const char *value = strchr(word, '=');
    if (option == NULL || option->argument == NULL)
        return;
    cursor->waiting = option;
    if (value != NULL)
        take_argument(cursor, value + 1);
}

static void take_operand(struct cursor *cursor, const char *word)
{
    if (cursor->verb == &cli_program) {
        const struct cli_verb *verb = cli_find_verb(word);
        cursor->verb = verb == NULL ? &verb_complete : verb; /* nothing completes what no verb begins */
        return;
    }
    if (cursor->operands < CLI_OPERANDS_MAX && cursor->verb->operands[cursor->operands].kind == CLI_SERVICE)
        cursor->service = word;
    cursor->operands++;
}

/* bash makes three words of --format=json. */
static void take(struct cursor *cursor, const char *word)
{
    if (cursor->waiting != NULL) {
        if (strcmp(word, "=") != 0)
            take_argument(cursor, word);
    } else if (!cursor->only_operands && strcmp(word, "--") == 0) {
        cursor->only_operands = true;
    } else if (!cursor->only_operands && word[0] == '-' && word[1] != '\0') {
        take_option(cursor, word);
    } else {
        take_operand(cursor, word);
    }
}

/* --- what fits there ------------------------------------------------------------------------------------ */

static void put_words(const char *words, const char *prefix, const char *before, struct buf *out)
{
    struct span word;
    while ((word = cli_next_word(&words)).len > 0)
        if (strncmp(word.data, prefix, strlen(prefix)) == 0 && strlen(prefix) <= word.len)
            buf_printf(out, "%s%.*s\t\n", before, (int)word.len, word.data);
}

static void put_kind(const struct cursor *cursor, enum cli_kind kind, const char *name, const char *prefix,
                     struct buf *out)
{
    switch (kind) {
    case CLI_WORDS:
        put_words(name, prefix, "", out);
        return;
    case CLI_FILE:
        buf_puts(out, ":file\n");
        return;
    case CLI_DIR:
        buf_puts(out, ":dir\n");
        return;
    case CLI_HOST:
        buf_puts(out, ":host\n");
        return;
    case CLI_ANY:
        return;
    case CLI_VERB:
    case CLI_CODE:
    case CLI_TOPIC:
        names_put(&cursor->cli, kind, NULL, prefix, out);
        return;
    case CLI_POINT:
        if (cursor->is_elsewhere)
            return;
        buf_puts(out, ":rev\n"); /* and these: */
        names_put(&cursor->cli, kind, NULL, prefix, out);
        return;
    case CLI_SERVICE:
    case CLI_KEY:
    case CLI_PROFILE:
    case CLI_CONSUMER:
        if (!cursor->is_elsewhere)
            names_put(&cursor->cli, kind, cursor->service, prefix, out);
    }
}

static void put_option(const char *prefix, const char *name, const char *help, struct buf *out)
{
    struct buf text AUTO_BUF = {0};
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return;
    usage_put_plain(&text, help);
    buf_printf(out, "%s\t", name);
    buf_append_span(out, buf_span(&text));
    buf_putc(out, '\n');
}

static void put_options(const struct cli_verb *verb, const char *prefix, struct buf *out)
{
    for (size_t i = 0; cli_is_option(&verb->options[i]); i++) {
        const struct cli_option *option = &verb->options[i];
        char name[64];
        if (option->is_hidden)
            continue;
        if (option->name != NULL)
            snprintf(name, sizeof name, "--%s", option->name);
        else
            snprintf(name, sizeof name, "-%c", option->letter);
        put_option(prefix, name, option->help, out);
    }
    put_option(prefix, "--help", "explain it", out);
}

/* "--format=js": the shell that keeps it one word wants the whole back. */
static void put_joined(const struct cli_verb *verb, const char *word, struct buf *out)
{
    const struct cli_option *option = find_option(verb, word);
    const char *value = strchr(word, '=') + 1;
    char before[64];
    snprintf(before, sizeof before, "%.*s", (int)(value - word), word);
    if (option != NULL && option->argument != NULL && option->kind == CLI_WORDS)
        put_words(option->argument, value, before, out);
}

static void put_operand(const struct cursor *cursor, const char *word, struct buf *out)
{
    const struct cli_operand *operands = cursor->verb->operands;
    size_t i = 0;
    while (i < cursor->operands && operands[i].name != NULL && !operands[i].is_repeated)
        i++;
    if (operands[i].name != NULL)
        put_kind(cursor, operands[i].kind, operands[i].name, word, out);
}

static void put_candidates(const struct cursor *cursor, const char *word, struct buf *out)
{
    if (cursor->waiting != NULL)
        put_kind(cursor, cursor->waiting->kind, cursor->waiting->argument, strcmp(word, "=") == 0 ? "" : word, out);
    else if (cursor->only_operands || word[0] != '-')
        put_operand(cursor, word, out);
    else if (strchr(word, '=') != NULL)
        put_joined(cursor->verb, word, out);
    else
        put_options(cursor->verb, word, out);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct cursor cursor = {.verb = &cli_program, .cli = *cli};
    struct buf text AUTO_BUF = {0};
    if (args->operands_len == 0)
        return CLI_OK;
    for (size_t i = 0; i + 1 < args->operands_len; i++)
        take(&cursor, args->operands[i]);
    if (cursor.directory != NULL && chdir(cursor.directory) != 0)
        return CLI_OK;
    cursor.cli.directory = cursor.directory;
    put_candidates(&cursor, args->operands[args->operands_len - 1], &text);
    return cli_print(&text);
}

const struct cli_verb verb_complete = {
    .name = "complete",
    .summary = "what may stand where the cursor is",
    .help = "",
    .operands = {{.name = "WORD", .is_optional = true, .is_repeated = true}},
    .run = run,
    .is_hidden = true,
};
