/*
 * pattern_class: what stands in brackets, as ranges by number. See pattern_priv.h.
 *
 * Text is UTF-8 and holds no lone surrogates, so they are cut out of ranges; a class of nothing else matches nothing.
 */
#include "schema/pattern_priv.h"

static void put_range(struct buf *out, uint32_t from, uint32_t to)
{
    if (from >= SURROGATE_MIN && from <= SURROGATE_MAX)
        from = SURROGATE_MAX + 1;
    if (to >= SURROGATE_MIN && to <= SURROGATE_MAX)
        to = SURROGATE_MIN - 1;
    if (from > to)
        return;
    pattern_put_character(out, from);
    if (from == to)
        return;
    buf_putc(out, '-');
    pattern_put_character(out, to);
}

/* One character or class escape. */
static int take_atom(struct translation *t, struct pattern_escape *out)
{
    if (!pattern_take(t, "\\")) {
        *out = (struct pattern_escape){.code_point = pattern_take_character(t)};
        return 0;
    }
    if (pattern_take(t, "b")) {
        *out = (struct pattern_escape){.code_point = '\b'};
        return 0;
    }
    return pattern_take_escape(t, out);
}

static int put_atom(struct translation *t, const struct pattern_escape *atom)
{
    if (atom->is_class)
        return pattern_put_class_escape(t, atom, true);
    put_range(t->out, atom->code_point, atom->code_point);
    return 0;
}

/* An atom, or a range of two. A dash beside a class escape is a dash. */
static int take_item(struct translation *t)
{
    struct pattern_escape from, to;
    size_t start = t->at;
    if (take_atom(t, &from) < 0)
        return -1;
    if (t->in.len - t->at < 2 || pattern_peek(t) != '-' || t->in.data[t->at + 1] == ']')
        return put_atom(t, &from);
    t->at++;
    if (take_atom(t, &to) < 0)
        return -1;
    if (from.is_class || to.is_class) {
        if (put_atom(t, &from) < 0)
            return -1;
        pattern_put_character(t->out, '-');
        return put_atom(t, &to);
    }
    if (from.code_point > to.code_point)
        return pattern_refuse(t, start, "a range that ends before it begins");
    put_range(t->out, from.code_point, to.code_point);
    return 0;
}

int pattern_class(struct translation *t)
{
    size_t start = t->at - 1, begin = t->out->len;
    bool is_negated = pattern_take(t, "^");
    buf_puts(t->out, is_negated ? "[^" : "[");
    size_t empty = t->out->len;
    while (!pattern_take(t, "]")) {
        if (t->at == t->in.len)
            return pattern_refuse(t, start, "a [ without its ]");
        if (take_item(t) < 0)
            return -1;
    }
    if (t->out->len > empty || is_negated) {
        buf_putc(t->out, ']');
    } else if (!t->out->failed) {
        buf_truncate(t->out, begin);
        buf_puts(t->out, PATTERN_NOTHING);
    }
    return 0;
}
