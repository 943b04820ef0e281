/*
 * toml_value: strings, numbers, lists and inline tables of TOML.
 */
#include <math.h>

#include "model/toml_priv.h"
#include "util/num.h"
#include "util/utf8.h"

enum { NUMBER_MAX = 64 };

/* --- strings -------------------------------------------------------------------------------------------- */

static bool has_three(const struct toml_reader *r, char quote)
{
    return r->at + 2 < r->text.len && r->text.data[r->at] == quote && r->text.data[r->at + 1] == quote &&
           r->text.data[r->at + 2] == quote;
}

static int put_code_point(struct toml_reader *r, size_t digits, struct error *err)
{
    uint32_t code = 0;
    char bytes[4];
    for (size_t i = 0; i < digits; i++) {
        char c = r->at + 1 + i < r->text.len ? r->text.data[r->at + 1 + i] : '\0';
        const char *found = c == '\0' ? NULL : strchr("0123456789abcdef", c >= 'A' && c <= 'F' ? c | 0x20 : c);
        if (found == NULL)
            return toml_refuse(r, err, "\\u takes four hex digits, \\U eight");
        code = code << 4 | (uint32_t)(found - "0123456789abcdef");
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) || code == 0)
        return toml_refuse(r, err, "no such character");
    buf_append(&r->word, bytes, utf8_encode(code, bytes));
    r->at += digits;
    return 0;
}

/* At the character behind the \, and left there. */
static int put_escape(struct toml_reader *r, struct error *err)
{
    static const char names[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
    char c = toml_peek(r);
    const char *found = c == '\0' ? NULL : strchr(names, c);
    if (found != NULL)
        buf_putc(&r->word, meanings[found - names]);
    else if (c == 'u' || c == 'U')
        return put_code_point(r, c == 'u' ? 4 : 8, err);
    else
        return toml_refuse(r, err, "\\ is followed by b t n f r \" \\ u or U");
    return 0;
}

/* A \ at the end of a line takes it away, and the blanks after it. False: it is none. */
static bool skip_folded(struct toml_reader *r)
{
    size_t at = r->at;
    while (at < r->text.len && strchr(" \t\r", r->text.data[at]) != NULL)
        at++;
    if (at >= r->text.len || r->text.data[at] != '\n')
        return false;
    for (; at < r->text.len && strchr(" \t\r\n", r->text.data[at]) != NULL; at++) {
        if (r->text.data[at] == '\n') {
            r->line++;
            r->line_start = at + 1;
        }
    }
    r->at = at;
    return true;
}

static int take_character(struct toml_reader *r, char quote, bool has_lines, struct error *err)
{
    char c = toml_peek(r);
    if (r->at >= r->text.len || (c == '\n' && !has_lines))
        return toml_refuse(r, err, "the quote is not closed");
    if (c == '\\' && quote == '"') {
        r->at++;
        if (has_lines && skip_folded(r))
            return 0;
        if (put_escape(r, err) != 0)
            return -1;
    } else if (c == '\r' && r->at + 1 < r->text.len && r->text.data[r->at + 1] == '\n') {
        /* a line end is a line end */
    } else if ((unsigned char)c < 0x20 && c != '\t' && c != '\n') {
        return toml_refuse(r, err, "a control character; write it with a \\");
    } else {
        buf_putc(&r->word, c);
    }
    r->at++;
    if (c == '\n') {
        r->line++;
        r->line_start = r->at;
    }
    return 0;
}

int toml_read_string(struct toml_reader *r, bool may_have_lines, struct span *out, struct error *err)
{
    char quote = toml_peek(r);
    bool has_lines = may_have_lines && has_three(r, quote);
    buf_reset(&r->word);
    r->at += has_lines ? 3 : 1;
    if (has_lines && toml_peek(r) == '\r')
        r->at++;
    if (has_lines && toml_peek(r) == '\n') {
        r->at++;
        r->line++;
        r->line_start = r->at;
    }
    while (has_lines ? !has_three(r, quote) : toml_peek(r) != quote)
        if (take_character(r, quote, has_lines, err) != 0)
            return -1;
    r->at += has_lines ? 3 : 1;
    /* Up to two quotes more belong to the text. */
    for (int i = 0; has_lines && i < 2 && toml_peek(r) == quote; i++, r->at++)
        buf_putc(&r->word, quote);
    if (buf_check(&r->word, err) != 0)
        return -1;
    const char *copy = arena_copy(r->arena, r->word.data == NULL ? "" : r->word.data, r->word.len);
    if (copy == NULL)
        return error_memory(err);
    *out = (struct span){copy, r->word.len};
    return 0;
}

/* --- numbers -------------------------------------------------------------------------------------------- */

/* The word without the '_' between digits; false if one stands elsewhere. */
static bool strip_underscores(struct span word, char out[static NUMBER_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] != '_') {
            out[len++] = word.data[i];
            continue;
        }
        int before = i > 0 ? word.data[i - 1] : 0, after = i + 1 < word.len ? word.data[i + 1] : 0;
        if (before == 0 || after == 0 || strchr("0123456789abcdefABCDEF", before) == NULL ||
            strchr("0123456789abcdefABCDEF", after) == NULL)
            return false;
    }
    out[len] = '\0';
    return true;
}

static bool parse_based(const char *text, double *out)
{
    static const char digits[] = "0123456789abcdef";
    double value = 0;
    int base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2;
    if (text[2] == '\0')
        return false;
    for (const char *at = text + 2; *at != '\0'; at++) {
        const char *found = strchr(digits, *at >= 'A' && *at <= 'F' ? *at | 0x20 : *at);
        if (found == NULL || found - digits >= base)
            return false;
        value = value * base + (double)(found - digits);
    }
    *out = value;
    return true;
}

/* False: it is no number of TOML's. */
static bool parse_number(struct span word, double *out, bool *is_integer)
{
    char text[NUMBER_MAX];
    if (word.len >= NUMBER_MAX || !strip_underscores(word, text))
        return false;
    *is_integer = strpbrk(text, ".eE") == NULL || text[1] == 'x';
    if (text[0] == '0' && text[1] != '\0' && strchr("xob", text[1]) != NULL)
        return parse_based(text, out);
    return num_parse_double(span_of(text[0] == '+' ? text + 1 : text), out) && (text[0] != '+' || text[1] != '-');
}

static bool is_no_number(struct span word)
{
    bool is_signed = word.len > 0 && (word.data[0] == '+' || word.data[0] == '-');
    struct span name = {word.data + is_signed, word.len - is_signed};
    return span_is(name, "inf") || span_is(name, "nan");
}

static bool ends_word(char c)
{
    return c == '\0' || strchr(" \t\r\n,]}#", c) != NULL;
}

static int read_word(struct toml_reader *r, struct toml_node **out, struct error *err)
{
    struct toml_node *node = toml_new(r, DOC_BOOL, err);
    size_t end = r->at;
    bool is_integer;
    if (node == NULL)
        return -1;
    while (end < r->text.len && !ends_word(r->text.data[end]))
        end++;
    struct span word = {r->text.data + r->at, end - r->at};
    if (span_is(word, "true") || span_is(word, "false")) {
        node->u.boolean = word.data[0] == 't';
    } else if (parse_number(word, &node->u.number, &is_integer)) {
        node->kind = DOC_DOUBLE;
        if (!isfinite(node->u.number) || (is_integer && fabs(node->u.number) > (double)NUM_INT_MAX) ||
            !doc_number_is_portable(node->u.number))
            return toml_refuse(r, err, "a number that JSON cannot carry exactly; write it as a string");
    } else if (word.len >= 5 && word.data[0] >= '0' && word.data[0] <= '9' &&
               (memchr(word.data, '-', word.len) != NULL || memchr(word.data, ':', word.len) != NULL)) {
        return toml_refuse(r, err, "a date or time, for which JSON has no value; write it as a string");
    } else if (is_no_number(word)) {
        return toml_refuse(r, err, "an infinity or not-a-number, for which JSON has no value");
    } else {
        return toml_refuse(r, err, "no value of TOML; put a string in quotes");
    }
    r->at = end;
    *out = node;
    return 0;
}

/* --- collections ---------------------------------------------------------------------------------------- */

static int read_list(struct toml_reader *r, unsigned depth, struct toml_node **out, struct error *err)
{
    struct toml_node *list = toml_new(r, DOC_ARRAY, err), *item;
    if (list == NULL)
        return -1;
    list->state = TOML_CLOSED;
    r->at++;
    for (;;) {
        toml_skip_lines(r);
        if (toml_peek(r) == ']')
            break;
        if (toml_read_value(r, depth + 1, &item, err) != 0)
            return -1;
        toml_append(list, item);
        toml_skip_lines(r);
        if (toml_peek(r) == ']')
            break;
        if (toml_peek(r) != ',')
            return toml_refuse(r, err, "a ',' or ']' is missing");
        r->at++;
    }
    r->at++;
    *out = list;
    return 0;
}

static void close_tables(struct toml_node *table)
{
    table->state = TOML_CLOSED;
    for (struct toml_node *child = table->first; child != NULL; child = child->next)
        if (child->kind == DOC_OBJECT)
            close_tables(child);
}

static int read_inline_table(struct toml_reader *r, unsigned depth, struct toml_node **out, struct error *err)
{
    struct toml_node *table = toml_new(r, DOC_OBJECT, err);
    if (table == NULL)
        return -1;
    r->at++;
    toml_skip_blanks(r);
    while (toml_peek(r) != '}') {
        if (toml_read_pair(r, table, depth + 1, err) != 0)
            return -1;
        toml_skip_blanks(r);
        if (toml_peek(r) == '}')
            break;
        if (toml_peek(r) != ',')
            return toml_refuse(r, err, "a ',' or '}' is missing");
        r->at++;
        toml_skip_blanks(r);
        if (toml_peek(r) == '}')
            return toml_refuse(r, err, "no ',' stands before a '}'");
    }
    r->at++;
    close_tables(table);
    *out = table;
    return 0;
}

int toml_read_value(struct toml_reader *r, unsigned depth, struct toml_node **out, struct error *err)
{
    char c = toml_peek(r);
    if (depth > TOML_DEPTH_MAX)
        return toml_refuse(r, err, "values nest too deep");
    if (c == '[')
        return read_list(r, depth, out, err);
    if (c == '{')
        return read_inline_table(r, depth, out, err);
    if (c != '"' && c != '\'')
        return read_word(r, out, err);
    struct toml_node *node = toml_new(r, DOC_STRING, err);
    if (node == NULL || toml_read_string(r, true, &node->u.string, err) != 0)
        return -1;
    *out = node;
    return 0;
}
