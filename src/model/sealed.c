/*
 * sealed: see sealed.h. Strict, for whatever has this form is excused from its schema.
 */
#include "model/sealed.h"

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

static bool take_key_id(struct span *text)
{
    if (text->len <= SEALED_KEY_ID_LEN || text->data[SEALED_KEY_ID_LEN] != ':')
        return false;
    for (size_t i = 0; i < SEALED_KEY_ID_LEN; i++)
        if (!is_hex_digit(text->data[i]))
            return false;
    *text = span_from(*text, SEALED_KEY_ID_LEN + 1);
    return true;
}

/* Padded, as everything of ours is. */
static bool take_base64(struct span *text)
{
    size_t digits = 0, padding = 0;
    while (digits < text->len && is_base64_digit(text->data[digits]))
        digits++;
    while (padding < 2 && digits + padding < text->len && text->data[digits + padding] == '=')
        padding++;
    if (digits == 0 || (digits + padding) % 4 != 0)
        return false;
    *text = span_from(*text, digits + padding);
    return true;
}

bool sealed_is(struct span text)
{
    if (!span_skip(&text, SPAN("sealed:1:")))
        return false;
    while (take_key_id(&text) && take_base64(&text)) {
        if (text.len == 0)
            return true;
        if (!span_skip(&text, SPAN(",")))
            return false;
    }
    return false;
}
