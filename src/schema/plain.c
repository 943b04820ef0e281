/*
 * plain: see plain.h.
 */
#include "schema/plain.h"

#include <string.h>

struct reading {
    struct span rest;
    struct plain_atom atom;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool has(const struct plain_atom *atom, unsigned char c)
{
    return c < 128 && (atom->set[c / 64] >> (c % 64) & 1) != 0;
}

static void put(struct plain_atom *atom, unsigned char c)
{
    atom->set[c / 64] |= UINT64_C(1) << (c % 64);
}

static char peek(const struct reading *r)
{
    return r->rest.len == 0 ? '\0' : r->rest.data[0];
}

static void skip(struct reading *r, size_t len)
{
    r->rest = (struct span){r->rest.data + len, r->rest.len - len};
}

static bool take(struct reading *r, char c)
{
    if (r->rest.len == 0 || r->rest.data[0] != c)
        return false;
    skip(r, 1);
    return true;
}

/* A printable character of ASCII that is not one of `special`, or one that a backslash makes plain. */
static bool take_character(struct reading *r, const char *special, char *out)
{
    bool is_escaped = take(r, '\\');
    char c = peek(r);
    if (c < ' ' || c > '~' || (is_escaped ? is_word(c) : strchr(special, c) != NULL))
        return false;
    skip(r, 1);
    *out = c;
    return true;
}

/* \d or \w. */
static bool take_escape(struct reading *r)
{
    if (r->rest.len < 2 || r->rest.data[0] != '\\' || (r->rest.data[1] != 'd' && r->rest.data[1] != 'w'))
        return false;
    for (unsigned c = '0'; c <= 'z'; c++)
        if (r->rest.data[1] == 'd' ? is_digit((char)c) : is_word((char)c))
            put(&r->atom, (unsigned char)c);
    skip(r, 2);
    return true;
}

/* Behind the opening bracket. */
static bool take_class(struct reading *r)
{
    char first, last;
    if (peek(r) == '^' || peek(r) == ']')
        return false;
    while (!take(r, ']')) {
        if (take_escape(r)) {
            if (peek(r) == '-' && r->rest.len > 1 && r->rest.data[1] != ']')
                return false; /* the end of a range, perhaps */
            continue;
        }
        if (!take_character(r, "[]\\", &first))
            return false;
        last = first;
        if (peek(r) == '-' && r->rest.len > 1 && r->rest.data[1] != ']') {
            skip(r, 1);
            if (!take_character(r, "[]\\", &last) || last < first)
                return false;
        }
        for (unsigned c = (unsigned char)first; c <= (unsigned char)last; c++)
            put(&r->atom, (unsigned char)c);
    }
    return true;
}

static bool take_number(struct reading *r, uint32_t *out)
{
    enum { LARGE = 100000 };
    if (!is_digit(peek(r)))
        return false;
    for (*out = 0; is_digit(peek(r)) && *out < LARGE; skip(r, 1))
        *out = *out * 10 + (uint32_t)(peek(r) - '0');
    return *out < LARGE;
}

/* How often; once where nothing is said. */
static bool take_repeat(struct reading *r)
{
    struct plain_atom *atom = &r->atom;
    atom->min = atom->max = 1;
    if (take(r, '*')) {
        atom->min = 0;
        atom->max = UINT32_MAX;
    } else if (take(r, '+')) {
        atom->max = UINT32_MAX;
    } else if (take(r, '?')) {
        atom->min = 0;
    } else if (take(r, '{')) {
        if (!take_number(r, &atom->min))
            return false;
        atom->max = atom->min;
        if (take(r, ',') && !take_number(r, &atom->max)) {
            if (is_digit(peek(r)))
                return false;
            atom->max = UINT32_MAX;
        }
        if (!take(r, '}') || atom->max < atom->min)
            return false;
    }
    return peek(r) != '?'; /* a lazy one */
}

static bool take_atom(struct reading *r)
{
    char c;
    r->atom = (struct plain_atom){0};
    if (take(r, '['))
        return take_class(r) && take_repeat(r);
    if (!take_escape(r)) {
        if (!take_character(r, "^$\\.*+?()[]{}|", &c))
            return false;
        put(&r->atom, (unsigned char)c);
    }
    return take_repeat(r);
}

/* Whether no repeat can take what an atom behind it needs: up to the first that must be there. */
static bool is_unambiguous(const struct plain *plain)
{
    for (uint32_t i = 0; i < plain->len; i++) {
        const struct plain_atom *atom = &plain->atoms[i];
        bool is_needed = atom->min == atom->max;
        for (uint32_t j = i + 1; j < plain->len && !is_needed; j++) {
            const struct plain_atom *next = &plain->atoms[j];
            if ((atom->set[0] & next->set[0]) != 0 || (atom->set[1] & next->set[1]) != 0)
                return false;
            is_needed = next->min > 0;
        }
    }
    return true;
}

bool plain_read(struct span ecma, struct plain *out)
{
    struct reading r = {.rest = ecma};
    *out = (struct plain){.len = 0};
    if (!take(&r, '^'))
        return false;
    while (r.rest.len > 0 && !out->is_whole) {
        if (take(&r, '$')) {
            out->is_whole = true;
            continue;
        }
        if (out->len == PLAIN_ATOMS_MAX || !take_atom(&r))
            return false;
        out->atoms[out->len++] = r.atom;
    }
    return r.rest.len == 0 && is_unambiguous(out);
}

bool plain_match(const struct plain *plain, struct span text)
{
    size_t at = 0;
    for (uint32_t i = 0; i < plain->len; i++) {
        const struct plain_atom *atom = &plain->atoms[i];
        size_t most = text.len - at < atom->max ? text.len : at + atom->max, from = at;
        while (at < most && has(atom, (unsigned char)text.data[at]))
            at++;
        if (at - from < atom->min)
            return false;
    }
    return !plain->is_whole || at == text.len;
}
