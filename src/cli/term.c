/*
 * term: see term.h. Tables are in table.c.
 */
#include "cli/term.h"

#include <string.h>
#include <sys/ioctl.h>

#include "model/json.h"
#include "util/utf8.h"

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 40 };

static unsigned width_of_terminal(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) == 0)
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

static bool wants_color(void)
{
    const char *none = getenv("NO_COLOR"), *kind = getenv("TERM");
    return (none == NULL || none[0] == '\0') && kind != NULL && strcmp(kind, "dumb") != 0;
}

void term_look(const char *color, struct term *out)
{
    out->width = width_of_terminal();
    if (color == NULL || strcmp(color, "auto") == 0)
        out->has_color = out->width > 0 && wants_color();
    else
        out->has_color = strcmp(color, "always") == 0;
}

static const char *sequence_of(enum term_style style)
{
    switch (style) {
    case TERM_PLAIN:
        return "";
    case TERM_STRONG:
        return "\033[1m";
    case TERM_FAINT:
        return "\033[2m";
    case TERM_GOOD:
        return "\033[32m";
    case TERM_WARN:
        return "\033[33m";
    case TERM_BAD:
        return "\033[1;31m";
    }
    return "";
}

/* Piece by piece, so that a text of any length goes through. */
static void put_safe(struct span text, struct buf *out)
{
    enum { PIECE = 256 };
    char shown[4 * PIECE + 1];
    while (text.len > 0) {
        size_t len = text.len < PIECE ? text.len : PIECE;
        while (len < text.len && len > 1 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
            len--; /* not within a character */
        buf_append(out, shown, utf8_printable((struct span){text.data, len}, shown, sizeof shown));
        text = (struct span){text.data + len, text.len - len};
    }
}

void term_put(const struct term *term, enum term_style style, struct span text, struct buf *out)
{
    bool is_styled = term->has_color && style != TERM_PLAIN && text.len > 0;
    if (is_styled)
        buf_puts(out, sequence_of(style));
    put_safe(text, out);
    if (is_styled)
        buf_puts(out, "\033[0m");
}

void term_puts(const struct term *term, enum term_style style, const char *text, struct buf *out)
{
    term_put(term, style, span_of(text), out);
}

void term_put_value(const struct doc_node *value, bool is_secret, size_t size, struct buf *out)
{
    struct buf json AUTO_BUF = {0};
    char text[TERM_VALUE_MAX];
    if (is_secret) {
        buf_puts(out, "(secret)");
        return;
    }
    json_write(value, &json);
    utf8_printable(buf_span(&json), text, size < sizeof text ? size : sizeof text);
    buf_puts(out, text);
    out->failed |= json.failed;
}

size_t term_columns(struct span text)
{
    struct buf shown AUTO_BUF = {0};
    size_t columns = 0;
    put_safe(text, &shown);
    for (size_t i = 0; i < shown.len; i++)
        columns += ((unsigned char)shown.data[i] & 0xC0) != 0x80;
    return columns;
}
