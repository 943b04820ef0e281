/*
 * dotenv: see dotenv.h.
 */
#include "model/dotenv.h"

#include <math.h>

#include "model/codes.h"
#include "util/buf.h"
#include "util/num.h"
#include "util/utf8.h"

struct reader {
    struct span text;
    const char *file;
    size_t at, line_start;
    uint32_t line;
    struct doc_builder builder;
    struct buf value; /* of a quoted one, unescaped */
};

static void reader_fini(struct reader *r)
{
    doc_builder_fini(&r->builder);
    buf_fini(&r->value);
}

static struct doc_pos here(const struct reader *r)
{
    return (struct doc_pos){r->line, (uint32_t)(r->at - r->line_start) + 1};
}

static int refuse(const struct reader *r, struct error *err, const char *words)
{
    struct doc_pos pos = here(r);
    return error_at(err, CODE_IMPORT, r->file, pos.line, pos.column, "%s", words);
}

static bool is_at_end(const struct reader *r)
{
    return r->at >= r->text.len;
}

static char peek(const struct reader *r)
{
    return is_at_end(r) ? '\0' : r->text.data[r->at];
}

static void skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
}

static void next_line(struct reader *r)
{
    while (!is_at_end(r) && peek(r) != '\n')
        r->at++;
    r->at++;
    r->line++;
    r->line_start = r->at;
}

static bool is_name_char(char c, bool is_first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!is_first && ((c >= '0' && c <= '9') || c == '.' || c == '-'));
}

static struct span take_name(struct reader *r)
{
    size_t start = r->at;
    while (is_name_char(peek(r), r->at == start))
        r->at++;
    return (struct span){r->text.data + start, r->at - start};
}

static void put_escaped(char c, struct buf *out)
{
    if (c == 'n' || c == 'r' || c == 't')
        buf_putc(out, c == 'n' ? '\n' : c == 'r' ? '\r' : '\t');
    else if (c == '"' || c == '\\' || c == '$')
        buf_putc(out, c);
    else
        buf_printf(out, "\\%c", c);
}

/* May go over several lines. */
static int take_quoted(struct reader *r, struct error *err)
{
    char quote = peek(r);
    struct reader start = *r;
    buf_reset(&r->value);
    for (r->at++; peek(r) != quote; r->at++) {
        char c = peek(r);
        if (is_at_end(r))
            return refuse(&start, err, "the quote is not closed");
        if (c == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        }
        if (quote == '"' && c == '\\' && r->at + 1 < r->text.len)
            put_escaped(r->text.data[++r->at], &r->value);
        else
            buf_putc(&r->value, c);
    }
    r->at++;
    skip_blanks(r);
    if (!is_at_end(r) && strchr("#\r\n", peek(r)) == NULL)
        return refuse(r, err, "something stands behind the closing quote");
    return buf_check(&r->value, err);
}

static struct span take_bare(struct reader *r)
{
    size_t start = r->at, end = r->at;
    for (; !is_at_end(r) && peek(r) != '\n'; r->at++) {
        char c = peek(r);
        if (c == '#' && (r->at == start || strchr(" \t", r->text.data[r->at - 1]) != NULL))
            break;
        if (c != ' ' && c != '\t' && c != '\r')
            end = r->at + 1;
    }
    return (struct span){r->text.data + start, end - start};
}

static int put_bare(struct reader *r, struct doc_pos pos, struct span text, struct error *err)
{
    double number;
    if (span_is(text, "true") || span_is(text, "false"))
        return doc_builder_bool(&r->builder, pos, text.data[0] == 't', err);
    if (num_parse_double(text, &number) && isfinite(number) && fabs(number) <= (double)NUM_INT_MAX)
        return doc_builder_double(&r->builder, pos, number, err);
    return doc_builder_string(&r->builder, pos, text, err);
}

static int take_line(struct reader *r, struct error *err)
{
    skip_blanks(r);
    if (is_at_end(r) || strchr("#\r\n", peek(r)) != NULL)
        return 0;
    struct doc_pos pos = here(r);
    struct span name = take_name(r);
    skip_blanks(r);
    if (span_is(name, "export") && peek(r) != '=') {
        pos = here(r);
        name = take_name(r);
        skip_blanks(r);
    }
    if (name.len == 0 || peek(r) != '=')
        return refuse(r, err, "a line is NAME=value, a comment, or empty");
    r->at++;
    skip_blanks(r);
    if (doc_builder_key(&r->builder, pos, name, err) != 0)
        return -1;
    if (peek(r) != '"' && peek(r) != '\'')
        return put_bare(r, pos, take_bare(r), err);
    if (take_quoted(r, err) != 0)
        return -1;
    return doc_builder_string(&r->builder, pos, buf_span(&r->value), err);
}

int dotenv_read(struct span text, const char *file, struct doc *doc, struct error *err)
{
    struct reader r CLEANUP(reader_fini) = {.text = text, .file = file, .line = 1};
    if (!utf8_is_valid(text) || memchr(text.data == NULL ? "" : text.data, '\0', text.len) != NULL)
        return error_at(err, CODE_IMPORT, file, 0, 0, "the file is not UTF-8");
    if (doc_builder_init(&r.builder, &doc->arena, file, &doc_limits_config, err) != 0 ||
        doc_builder_begin_object(&r.builder, (struct doc_pos){1, 1}, err) != 0)
        return -1;
    for (; !is_at_end(&r); next_line(&r))
        if (take_line(&r, err) != 0)
            return -1;
    if (doc_builder_end(&r.builder, NULL, err) != 0)
        return -1;
    doc->root = doc_builder_root(&r.builder);
    return 0;
}
