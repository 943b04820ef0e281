/*
 * pattern_priv: what the parts of the translator share. Nobody else includes it.
 *
 * pattern_ecma.c knows alternatives, groups and repeats; pattern_class.c what stands in brackets; pattern_escape.c what
 * stands behind a backslash; pattern_property.c the names of \p.
 */
#ifndef SCHEMA_PATTERN_PRIV_H
#define SCHEMA_PATTERN_PRIV_H

#include "schema/pattern.h"

enum { CODE_POINT_MAX = 0x10ffff, SURROGATE_MIN = 0xd800, SURROGATE_MAX = 0xdfff };

struct translation {
    struct span in;
    size_t at;
    struct buf *out;
    struct error *err;
    unsigned depth;
    uint32_t run,
        reach;       /* characters that may be compared before the next callout; the most of them so far */
    unsigned groups; /* that capture, in all */
    struct span names[PATTERN_NAMES_MAX];
    unsigned numbers[PATTERN_NAMES_MAX]; /* the groups they stand for */
    unsigned names_len;
};

/* CODE_SCHEMA_REGEX at the character `at` (a byte of the pattern). Returns -1. */
int pattern_refuse(struct translation *t, size_t at, const char *format, ...) PRINTF_LIKE(3, 4);

/* The next character without taking it, 0 at the end (a NUL is told by at < len). All that is looked for is ASCII. */
static inline char pattern_peek(const struct translation *t)
{
    return t->at < t->in.len ? t->in.data[t->at] : '\0';
}

/* Takes what is there if it is `text`. */
static inline bool pattern_take(struct translation *t, const char *text)
{
    size_t len = strlen(text);
    if (t->in.len - t->at < len || memcmp(t->in.data + t->at, text, len) != 0)
        return false;
    t->at += len;
    return true;
}

/* Takes one character that stands for itself. */
uint32_t pattern_take_character(struct translation *t);

/* What a backslash may stand for, in brackets and outside of them. */
struct pattern_escape {
    bool is_class;        /* \d \s \w \p and their opposites */
    uint32_t code_point;  /* else; a lone surrogate too */
    char name;            /* of a class: d D s S w W p P */
    struct span property; /* of p and P */
};

/* Takes an escape behind its backslash, which stood at t->at - 1. */
int pattern_take_escape(struct translation *t, struct pattern_escape *out) MUST_CHECK;

/* Appends a character, or lo-hi, by its number; \d and the like. */
void pattern_put_character(struct buf *out, uint32_t code_point);
int pattern_put_class_escape(struct translation *t, const struct pattern_escape *escape,
                             bool is_in_brackets) MUST_CHECK;

/* What matches nothing. An empty class, [], would, but PCRE2 10.42 does not let it be repeated no times: []* is one. */
#define PATTERN_NOTHING "(?:(?!))"

/* Takes a class behind its [ and appends it. */
int pattern_class(struct translation *t) MUST_CHECK;

/* Appends what stands between the braces of \p{…} or \P{…} as PCRE2 writes it; false and nothing if unknown. */
bool pattern_put_property(struct buf *out, bool is_negated, struct span text);

#endif
