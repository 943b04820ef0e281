/*
 * span: borrowed bytes with a length. Not terminated, may hold any byte. The owner is named where a span is given
 * out; a span never outlives it.
 */
#ifndef UTIL_SPAN_H
#define UTIL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *data;
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})

static inline struct span span_of(const char *string)
{
    return (struct span){string, strlen(string)};
}

static inline bool span_is(struct span s, const char *string)
{
    size_t len = strlen(string);
    return s.len == len && (len == 0 || memcmp(s.data, string, len) == 0);
}

static inline bool span_starts(struct span s, struct span start)
{
    return s.len >= start.len && (start.len == 0 || memcmp(s.data, start.data, start.len) == 0);
}

static inline bool span_ends(struct span s, struct span end)
{
    return s.len >= end.len && (end.len == 0 || memcmp(s.data + s.len - end.len, end.data, end.len) == 0);
}

/* Behind its first `len` bytes, of which it has so many. */
static inline struct span span_from(struct span s, size_t len)
{
    return (struct span){s.data + len, s.len - len};
}

/* Goes behind `start` if *rest begins with it. */
static inline bool span_skip(struct span *rest, struct span start)
{
    bool is_there = span_starts(*rest, start);
    if (is_there)
        *rest = span_from(*rest, start.len);
    return is_there;
}

/* Goes behind the first `end`; *out is what was before it. False, and nothing moves, where there is none. */
static inline bool span_take_until(struct span *rest, char end, struct span *out)
{
    const char *at = rest->len == 0 ? NULL : (const char *)memchr(rest->data, end, rest->len);
    if (at == NULL)
        return false;
    *out = (struct span){rest->data, (size_t)(at - rest->data)};
    *rest = span_from(*rest, out->len + 1);
    return true;
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
