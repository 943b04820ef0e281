/*
 * usage: see usage.h.
 */
#include "cli/usage.h"

#include <ctype.h>

enum { OPTION_COLUMN = 22, WIDTH = 96 };

/* --- usage lines ---------------------------------------------------------------------------------------- */

static void put_operand(struct buf *out, const struct cli_operand *operand)
{
    buf_printf(out, operand->is_optional ? " [%s%s]" : " %s%s", operand->name,
               operand->is_repeated ? "…" : "");
}

static void put_short(struct buf *out, const struct cli_option *option)
{
    if (option->letter != '\0')
        buf_printf(out, "-%c", option->letter);
    else
        buf_printf(out, "--%s", option->name);
    if (option->argument != NULL)
        buf_printf(out, " %s", option->argument);
}

/* The option behind `before`, or the first where that is NULL, that is for people; NULL: there is none. */
static const struct cli_option *next_option(const struct cli_verb *verb, const struct cli_option *before)
{
    const struct cli_option *option = before == NULL ? verb->options : before + 1;
    while (cli_is_option(option) && option->is_hidden)
        option++;
    return cli_is_option(option) ? option : NULL;
}

static void put_bracketed(struct buf *out, const struct cli_verb *verb)
{
    const char *before = " [";
    for (const struct cli_option *o = next_option(verb, NULL); o != NULL; o = next_option(verb, o)) {
        buf_puts(out, o->is_alternative ? " | " : before);
        before = "] [";
        put_short(out, o);
    }
    if (before[0] == ']')
        buf_putc(out, ']');
}

/* Options stand behind the operands; those of the program before the verb. */
void usage_put_line(struct buf *out, const struct cli_verb *verb)
{
    buf_puts(out, verb->name);
    if (verb == &cli_program)
        put_bracketed(out, verb);
    for (size_t i = 0; verb->operands[i].name != NULL; i++)
        put_operand(out, &verb->operands[i]);
    if (verb != &cli_program)
        put_bracketed(out, verb);
}

/* --- text ----------------------------------------------------------------------------------------------- */

/* As scdoc reads it: an underscore inside of a word is one. */
void usage_put_plain(struct buf *out, const char *text)
{
    char before = ' ';
    bool is_name = false;
    for (; *text != '\0'; before = *text++) {
        bool is_mark = *text == '_' && (!isalnum((unsigned char)before) ||
                                        (is_name && !isalnum((unsigned char)text[1])));
        if (*text == '\\' && text[1] != '\0')
            buf_putc(out, *++text);
        else if (*text == '\t')
            buf_puts(out, "    ");
        else if (is_mark)
            is_name = !is_name;
        else if (*text != '*')
            buf_putc(out, *text);
    }
}

/* Words of `text`, from a column on, broken before WIDTH. */
static void put_wrapped(struct buf *out, struct span text, size_t column)
{
    size_t at = column;
    while (text.len > 0) {
        size_t len = 0, columns = 0;
        for (; len < text.len && text.data[len] != ' '; len++)
            columns += ((unsigned char)text.data[len] & 0xC0) != 0x80;
        if (at > column && at + 1 + columns > WIDTH) {
            buf_printf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            buf_putc(out, ' ');
            at++;
        }
        buf_append(out, text.data, len);
        at += columns;
        len += len < text.len;
        text = (struct span){text.data + len, text.len - len};
    }
    buf_putc(out, '\n');
}

static void put_option(struct buf *out, const struct cli_option *option)
{
    struct buf name AUTO_BUF = {0}, help AUTO_BUF = {0};
    if (option->letter != '\0')
        buf_printf(&name, "-%c", option->letter);
    else
        buf_puts(&name, "   ");
    if (option->name != NULL)
        buf_printf(&name, "%s --%s", option->letter != '\0' ? "," : "", option->name);
    if (option->argument != NULL)
        buf_printf(&name, " %s", option->argument);
    usage_put_plain(&help, option->help);
    buf_printf(out, "  %.*s", (int)name.len, name.data);
    if (name.len + 4 > OPTION_COLUMN)
        buf_printf(out, "\n%*s", OPTION_COLUMN, "");
    else
        buf_printf(out, "%*s", (int)(OPTION_COLUMN - 2 - name.len), "");
    put_wrapped(out, buf_span(&help), OPTION_COLUMN);
    if (name.failed || help.failed)
        out->failed = true;
}

static void put_options(struct buf *out, const struct cli_verb *verb)
{
    const struct cli_option *first = next_option(verb, NULL);
    for (const struct cli_option *o = first; o != NULL; o = next_option(verb, o)) {
        buf_puts(out, o == first ? "\n" : "");
        put_option(out, o);
    }
}

static void put_exit(struct buf *out, const char *before, const char *text)
{
    struct buf line AUTO_BUF = {0};
    buf_puts(&line, before);
    usage_put_plain(&line, text);
    put_wrapped(out, buf_span(&line), 0);
    out->failed |= line.failed;
}

void usage_put_help(struct buf *out, const struct cli_verb *verb)
{
    buf_puts(out, "usage: epochctl ");
    usage_put_line(out, verb);
    buf_printf(out, "\n\n%s.\n\n", verb->summary);
    usage_put_plain(out, verb->help);
    put_options(out, verb);
    if (verb->exit != NULL) {
        buf_putc(out, '\n');
        put_exit(out, "Exit status ", verb->exit);
    }
}

void usage_put_overview(struct buf *out)
{
    buf_puts(out, "usage: ");
    usage_put_line(out, &cli_program);
    buf_puts(out, "\n\n");
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (!cli_verbs[i]->is_hidden)
            buf_printf(out, "  %-*s %s\n", USAGE_VERB_COLUMN, cli_verbs[i]->name, cli_verbs[i]->summary);
    put_options(out, &cli_program);
    buf_putc(out, '\n');
    put_wrapped(out, SPAN("epochctl help VERB tells more; epochctl help CODE explains a code such as yaml.duplicate-key "
                          "or repo-behind."), 0);
    put_exit(out, "Exit: ", cli_program.exit);
}

/* --- the manual ----------------------------------------------------------------------------------------- */

/* "text|json" are words to type, DIR is to be replaced. */
static void put_manual_argument(struct buf *out, const struct cli_option *option)
{
    const char *rest = option->argument;
    struct span word;
    bool is_first = true;
    if (option->kind != CLI_WORDS) {
        buf_printf(out, " _%s_", option->argument);
        return;
    }
    while ((word = cli_next_word(&rest)).len > 0) {
        buf_printf(out, "%s*%.*s*", is_first ? " " : "|", (int)word.len, word.data);
        is_first = false;
    }
}

static void put_manual_option(struct buf *out, const struct cli_option *option)
{
    if (option->letter != '\0')
        buf_printf(out, "*-%c*", option->letter);
    if (option->name != NULL)
        buf_printf(out, "%s*--%s*", option->letter != '\0' ? ", " : "", option->name);
    if (option->argument != NULL)
        put_manual_argument(out, option);
    buf_printf(out, "\n\t%c%s.\n", toupper((unsigned char)option->help[0]), option->help + 1);
}

void usage_put_manual_options(struct buf *out)
{
    for (size_t i = 0; cli_is_option(&cli_program.options[i]); i++)
        put_manual_option(out, &cli_program.options[i]);
}

static void put_manual_verb(struct buf *out, const struct cli_verb *verb)
{
    const struct cli_option *first = next_option(verb, NULL);
    buf_puts(out, "## ");
    usage_put_line(out, verb);
    buf_printf(out, "\n\n%s", verb->help);
    for (const struct cli_option *o = first; o != NULL; o = next_option(verb, o)) {
        buf_puts(out, o == first ? "\n" : "");
        put_manual_option(out, o);
    }
    if (verb->exit != NULL)
        buf_printf(out, "\nExit status %s\n", verb->exit);
    buf_putc(out, '\n');
}

void usage_put_manual_verbs(struct buf *out)
{
    for (size_t i = 0; i < cli_verbs_len; i++)
        if (!cli_verbs[i]->is_hidden)
            put_manual_verb(out, cli_verbs[i]);
}
