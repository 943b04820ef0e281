/*
 * utf8: see utf8.h.
 */
#include "util/utf8.h"

#include <stdio.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t utf8_sequence(const char *text, size_t len)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (len == 0)
        return 0;
    if (byte[0] < 0x80)
        return 1;
    size_t need = byte[0] < 0xC2 ? 0 : byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : byte[0] < 0xF5 ? 4 : 0;
    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if (!is_continuation(byte[i]))
            return 0;
    /* What the first byte alone cannot tell: overlong forms, surrogates, above U+10FFFF. */
    if ((byte[0] == 0xE0 && byte[1] < 0xA0) || (byte[0] == 0xED && byte[1] > 0x9F) ||
        (byte[0] == 0xF0 && byte[1] < 0x90) || (byte[0] == 0xF4 && byte[1] > 0x8F))
        return 0;
    return need;
}

bool utf8_is_valid(struct span text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = utf8_sequence(text.data + at, text.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

size_t utf8_encode(uint32_t code_point, char out[static 4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

uint32_t utf8_decode(const char *text, size_t len)
{
    const unsigned char *byte = (const unsigned char *)text;
    switch (len) {
    case 2:
        return (byte[0] & 0x1Fu) << 6 | (byte[1] & 0x3Fu);
    case 3:
        return (byte[0] & 0x0Fu) << 12 | (byte[1] & 0x3Fu) << 6 | (byte[2] & 0x3Fu);
    case 4:
        return (byte[0] & 0x07u) << 18 | (byte[1] & 0x3Fu) << 12 | (byte[2] & 0x3Fu) << 6 | (byte[3] & 0x3Fu);
    default:
        return byte[0];
    }
}

bool utf8_is_obeyed(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c == 0xFFFE ||
           c == 0xFFFF;
}

bool utf8_is_shown(struct span text)
{
    for (size_t i = 0, len; i < text.len; i += len) {
        len = utf8_sequence(text.data + i, text.len - i);
        if (len == 0 || utf8_is_obeyed(utf8_decode(text.data + i, len)))
            return false;
    }
    return true;
}

enum { PIECE_MAX = 8 };

static size_t escape_byte(unsigned char byte, char out[static PIECE_MAX])
{
    return (size_t)snprintf(out, PIECE_MAX, "\\x%02x", byte);
}

/* What is shown for the front of `text`; *taken bytes of it. */
static size_t make_printable(struct span text, char out[static PIECE_MAX], size_t *taken)
{
    size_t len = utf8_sequence(text.data, text.len);
    uint32_t c = utf8_decode(text.data, len);
    *taken = len == 0 ? 1 : len;
    if (len != 0 && !utf8_is_obeyed(c)) {
        memcpy(out, text.data, len);
        return len;
    }
    if (len > 2 || c == 0x061C)
        return (size_t)snprintf(out, PIECE_MAX, "\\u%04x", c);
    *taken = 1; /* U+0080 to U+009F byte by byte: the second is malformed alone */
    return escape_byte((unsigned char)text.data[0], out);
}

static size_t make_valid(struct span text, char out[static PIECE_MAX], size_t *taken)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    *taken = utf8_sequence(text.data, text.len);
    if (*taken > 0) {
        memcpy(out, text.data, *taken);
        return *taken;
    }
    *taken = 1;
    memcpy(out, replacement, sizeof replacement - 1);
    return sizeof replacement - 1;
}

static size_t copy(struct span text, size_t (*make)(struct span, char[static PIECE_MAX], size_t *), char *out,
                   size_t size)
{
    static const char ellipsis[] = "…";
    size_t len = 0, cut = 0; /* cut: how far an ellipsis still fits behind */
    while (text.len > 0) {
        char piece[PIECE_MAX];
        size_t taken, piece_len = make(text, piece, &taken);
        if (len + piece_len >= size) {
            memcpy(out + cut, ellipsis, sizeof ellipsis);
            return cut + sizeof ellipsis - 1;
        }
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        text = (struct span){text.data + taken, text.len - taken};
        if (len + sizeof ellipsis <= size)
            cut = len;
    }
    out[len] = '\0';
    return len;
}

size_t utf8_printable(struct span text, char *out, size_t size)
{
    return copy(text, make_printable, out, size);
}

size_t utf8_repair(struct span text, char *out, size_t size)
{
    return copy(text, make_valid, out, size);
}
