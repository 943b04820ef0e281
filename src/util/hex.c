/*
 * hex: see hex.h.
 */
#include "util/hex.h"

void hex_encode(const uint8_t *data, size_t len, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digit[data[i] >> 4];
        out[2 * i + 1] = digit[data[i] & 15];
    }
    out[2 * len] = '\0';
}

/* One more than the digit's value; 0: it is none. */
static const uint8_t digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool hex_decode(struct span text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len)
        return false;
    const unsigned char *byte = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.len; i++)
        if (digits[byte[i]] == 0)
            return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(16 * (digits[byte[2 * i]] - 1) + digits[byte[2 * i + 1]] - 1);
    return true;
}
