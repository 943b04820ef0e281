/*
 * utf8: see utf8.h.
 */
#include "util/utf8.h"

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

/* The control characters of ASCII, DEL, and U+0080 to U+009F, some of which terminals obey. */
static bool is_control(const char *text, size_t len)
{
    unsigned char first = (unsigned char)text[0];
    if (len == 1)
        return first < 0x20 || first == 0x7F;
    return len == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0;
}

static size_t escape_byte(unsigned char byte, char out[static 4])
{
    static const char digit[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'x';
    out[2] = digit[byte >> 4];
    out[3] = digit[byte & 15];
    return 4;
}

size_t utf8_printable(struct span text, char *out, size_t size)
{
    static const char ellipsis[] = "…";
    size_t len = 0, cut = 0; /* cut: how far an ellipsis still fits behind */
    for (size_t at = 0; at < text.len;) {
        char piece[4];
        size_t taken = utf8_sequence(text.data + at, text.len - at), piece_len = taken;
        if (taken == 0 || is_control(text.data + at, taken)) {
            taken = 1;
            piece_len = escape_byte((unsigned char)text.data[at], piece);
        } else {
            memcpy(piece, text.data + at, taken);
        }
        if (len + piece_len >= size) {
            memcpy(out + cut, ellipsis, sizeof ellipsis);
            return cut + sizeof ellipsis - 1;
        }
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        at += taken;
        if (len + sizeof ellipsis <= size)
            cut = len;
    }
    out[len] = '\0';
    return len;
}
