/*
 * json_text: see json_text.h. `width` and put_escape alone know what is escaped and how.
 */
#include "model/json_text.h"

#include "util/num.h"

/* How many bytes each byte of a string is written with: itself, a letter behind a backslash, or \u00xx. */
static const uint8_t width[256] = {
    [0x00 ... 0x07] = 6, ['\b' ... '\n'] = 2, [0x0B] = 6,           ['\f' ... '\r'] = 2, [0x0E ... 0x1F] = 6, [' ' ... '!'] = 1,
    ['"'] = 2,           ['#' ... '['] = 1,   ['\\'] = 2,           [']' ... 0xFF] = 1,
};

static bool stands_for_itself(char c)
{
    return width[(unsigned char)c] == 1;
}

static size_t put_escape(char c, char out[static JSON_ESCAPE_MAX])
{
    static const char digit[] = "0123456789abcdef";
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\',
    };
    unsigned char byte = (unsigned char)c;
    out[0] = '\\';
    if (width[byte] == 2) {
        out[1] = letters[byte];
        return 2;
    }
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = digit[byte >> 4];
    out[5] = digit[byte & 15];
    return 6;
}

struct span json_next_piece(struct span *rest, char escape[static JSON_ESCAPE_MAX])
{
    size_t len = 0;
    while (len < rest->len && stands_for_itself(rest->data[len]))
        len++;
    struct span piece = {rest->data, len};
    if (len == 0 && rest->len > 0) {
        piece = (struct span){escape, put_escape(rest->data[0], escape)};
        len = 1;
    }
    if (len > 0)
        *rest = (struct span){rest->data + len, rest->len - len};
    return piece;
}

/* In blocks, so that room is asked for once a block and not once a piece: most of a message is written this way. */
void json_put_string(struct buf *out, struct span value)
{
    enum { BLOCK = 1024 };
    buf_putc(out, '"');
    for (size_t at = 0; at < value.len;) {
        size_t end = value.len - at < BLOCK ? value.len : at + BLOCK;
        char *to = buf_reserve(out, (end - at) * JSON_ESCAPE_MAX);
        if (to == NULL)
            return;
        char *const start = to;
        for (; at < end; at++) {
            if (stands_for_itself(value.data[at]))
                *to++ = value.data[at];
            else
                to += put_escape(value.data[at], to);
        }
        out->len += (size_t)(to - start);
    }
    buf_putc(out, '"');
}

void json_put_text(struct buf *out, const char *value)
{
    if (value == NULL)
        buf_puts(out, "null");
    else
        json_put_string(out, span_of(value));
}

size_t json_string_size(struct span value)
{
    size_t size = 2;
    for (size_t i = 0; i < value.len; i++)
        size += width[(unsigned char)value.data[i]];
    return size;
}
