/*
 * tail: see tail.h. Cutting compares bytes, it never parses: what a tail vouches for is checked before
 * it is read.
 */
#include "model/tail.h"

#include "util/hex.h"

void tail_append(struct buf *object, const char *name, const uint8_t *value, size_t value_len)
{
    if (object->failed || object->len == 0)
        return;
    buf_truncate(object, object->len - 1);
    buf_puts(object, ",\"");
    buf_puts(object, name);
    buf_puts(object, "\":\"");
    buf_put_hex(object, value, value_len);
    buf_puts(object, "\"}");
}

/* Cuts `end` off the text; false if it does not end so. */
static bool cut_end(struct span *text, struct span end)
{
    bool is_there = span_ends(*text, end);
    text->len -= is_there ? end.len : 0;
    return is_there;
}

bool tail_cut(struct span object, const char *name, size_t value_len, struct span *body, uint8_t *value)
{
    struct span rest = object;
    if (!cut_end(&rest, SPAN("\"}")) || rest.len < 2 * value_len)
        return false;
    rest.len -= 2 * value_len;
    struct span hex = {rest.data + rest.len, 2 * value_len};
    if (!cut_end(&rest, SPAN("\":\"")) || !cut_end(&rest, span_of(name)) || !cut_end(&rest, SPAN(",\"")))
        return false;
    if (!hex_decode(hex, value, value_len))
        return false;
    *body = rest;
    return true;
}

bool tail_open(struct span object, const char *name, size_t value_len, struct buf *out, uint8_t *value)
{
    struct span body;
    if (!tail_cut(object, name, value_len, &body, value))
        return false;
    buf_append_span(out, body);
    buf_putc(out, '}');
    return true;
}
