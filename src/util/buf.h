/*
 * buf: a growing byte buffer, owned by the caller.
 *
 * Appending never reports: a failed allocation makes the buffer `failed` (sticky, its bytes are kept but incomplete)
 * and later appends do nothing, so a composer checks once, at the end, with buf_check().
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

struct buf {
    char *data; /* not terminated; NULL while empty */
    size_t len;
    size_t cap;
    bool failed;
};

#define AUTO_BUF CLEANUP(buf_fini)

/* Frees the bytes and makes the buffer empty and usable again. A zeroed struct is an empty buffer. */
void buf_fini(struct buf *buf);

/* Makes it empty, keeps the memory, clears `failed`. */
void buf_reset(struct buf *buf);

/* Cuts back to `len` bytes, which must be at most buf->len. */
void buf_truncate(struct buf *buf, size_t len);

/* Makes room for `more` bytes and returns where they go (do not keep), NULL when memory is out (buffer failed).
   The caller adds what it wrote to buf->len. */
char *buf_reserve(struct buf *buf, size_t more);

/* What is appended must not lie in the buffer itself. */
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_span(struct buf *buf, struct span span);
/* Inline: the length of a literal, which most are, is known to the compiler. */
static inline void buf_puts(struct buf *buf, const char *string)
{
    buf_append(buf, string, strlen(string));
}
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_put_u64(struct buf *buf, uint64_t value); /* decimal */
void buf_put_hex(struct buf *buf, const void *data, size_t len); /* lower-case */

/* 0 if every append since the start or the last reset had its memory, else ERR_MEMORY. */
int buf_check(const struct buf *buf, struct error *err) MUST_CHECK;

/* The bytes, borrowed until the next change of the buffer. */
static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->data, buf->len};
}

#endif
