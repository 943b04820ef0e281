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

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
