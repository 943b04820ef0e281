/*
 * buf: see buf.h. Grows at least by doubling, but a large piece gets no more room than it needs: what reads a file of
 * known size must not pay for twice of it. The smallest block is 64 bytes.
 */
#include "util/buf.h"

#include <stdarg.h>
#include <string.h>

#include "util/hex.h"

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void buf_truncate(struct buf *buf, size_t len)
{
    if (len < buf->len)
        buf->len = len;
}

char *buf_reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return NULL;
    if (more > SIZE_MAX / 4 - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t needed = buf->len + more;
    if (needed > buf->cap || buf->data == NULL) {
        size_t cap = buf->cap < 32 ? 64 : 2 * buf->cap;
        if (cap < needed)
            cap = needed;
        char *data = realloc(buf->data, cap);
        if (data == NULL) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    char *to = buf_reserve(buf, len);
    if (to == NULL)
        return;
    memcpy(to, data, len);
    buf->len += len;
}

void buf_append_span(struct buf *buf, struct span span)
{
    buf_append(buf, span.data, span.len);
}

void buf_putc(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    size_t room = buf->failed ? 0 : buf->cap - buf->len;
    char *to = room == 0 ? NULL : buf->data + buf->len;
    va_start(args, format);
    int len = vsnprintf(to, room, format, args);
    va_end(args);
    if (len < 0)
        buf->failed = true;
    if (len >= 0 && (size_t)len >= room && (to = buf_reserve(buf, (size_t)len + 1)) != NULL) {
        va_start(args, format);
        vsnprintf(to, (size_t)len + 1, format, args);
        va_end(args);
    }
    if (!buf->failed)
        buf->len += (size_t)len;
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_append(buf, digits + at, sizeof digits - at);
}

void buf_put_hex(struct buf *buf, const void *data, size_t len)
{
    char *to = buf_reserve(buf, 2 * len + 1); /* and its NUL, which does not count */
    if (to == NULL)
        return;
    hex_encode(data, len, to);
    buf->len += 2 * len;
}

int buf_check(const struct buf *buf, struct error *err)
{
    return buf->failed ? error_memory(err) : 0;
}
