/*
 * keyword_value: type, enum, const.
 */
#include "schema/keywords.h"

#include <stdlib.h>

#include "model/json.h"
#include "model/nearest.h"
#include "schema/order.h"
#include "schema/say.h"
#include "util/macros.h"

/* --- type ----------------------------------------------------------------------------------------------- */

static unsigned kinds_of(const struct doc_node *name)
{
    static const struct {
        const char *name;
        unsigned kinds;
    } table[] = {
        {"null", KIND(DOC_NULL)},     {"boolean", KIND(DOC_BOOL)},
        {"string", KIND(DOC_STRING)}, {"integer", KIND(DOC_INT) | KIND_INTEGRAL},
        {"number", KINDS_NUMBER},     {"array", KIND(DOC_ARRAY)},
        {"object", KIND(DOC_OBJECT)},
    };
    for (size_t i = 0; name->kind == DOC_STRING && i < ARRAY_LEN(table); i++)
        if (span_is(name->u.string, table[i].name))
            return table[i].kinds;
    return 0;
}

/* Is no keyword to be checked: run_apply looks at the kinds of a schema first. */
bool compile_type(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    unsigned kinds = 0;
    (void)out;
    if (at->kind == DOC_ARRAY)
        for (size_t i = 0; i < at->u.array.len; i++)
            kinds |= kinds_of(at->u.array.items[i]);
    else
        kinds = kinds_of(at);
    if (kinds != 0)
        c->schema->kinds = (uint8_t)kinds;
    return false;
}

/* --- enum, const ---------------------------------------------------------------------------------------- */

enum { FEW = 8, LISTED_MAX = 12 };

bool compile_enum(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    if (at->kind != DOC_ARRAY)
        return false;
    size_t len = at->u.array.len;
    const struct doc_node **values = compile_alloc(c, len * sizeof *values);
    if (values == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        values[i] = at->u.array.items[i];
    if (len > FEW)
        qsort(values, len, sizeof *values, value_order_of_pointers);
    out->u.values.values = values;
    out->u.values.len = len;
    out->check = check_enum;
    return true;
}

static bool is_among(const struct keyword *keyword, const struct doc_node *node)
{
    const struct doc_node *const *values = keyword->u.values.values;
    size_t low = 0, high = keyword->u.values.len;
    if (high <= FEW) {
        for (size_t i = 0; i < high; i++)
            if (doc_equal(values[i], node))
                return true;
        return false;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = value_order(node, values[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static void put_choices(struct buf *out, const struct doc_node *choices)
{
    size_t len = choices->u.array.len;
    for (size_t i = 0; i < len && i < LISTED_MAX; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        put_short(out, choices->u.array.items[i]);
    }
    if (len > LISTED_MAX)
        buf_printf(out, " and %zu more", len - LISTED_MAX);
}

static bool is_word(const struct doc_node *node)
{
    return node->kind == DOC_BOOL || node->kind == DOC_INT || node->kind == DOC_DOUBLE;
}

/* A choice that differs in its quotes alone: 3.11 where "3.11" is meant, and 3.1 where "3.10" was written. */
static bool put_other_quotes(struct buf *out, const struct doc_node *choice, const struct doc_node *node)
{
    struct buf text AUTO_BUF = {0};
    bool is_choice_quoted = choice->kind == DOC_STRING;
    const struct doc_node *word = is_choice_quoted ? node : choice, *quoted = is_choice_quoted ? choice : node;
    if (quoted->kind != DOC_STRING || !is_word(word))
        return false;
    json_write(word, &text);
    bool is_same = span_equal(buf_span(&text), quoted->u.string);
    buf_putc(&text, '0');
    bool is_cut = is_choice_quoted && word->kind == DOC_DOUBLE && span_equal(buf_span(&text), quoted->u.string);
    if (text.failed || (!is_same && !is_cut))
        return false;
    if (is_cut) {
        buf_puts(out, "; did you mean ");
        put_short(out, choice);
        buf_puts(out, ", in quotes?");
    } else {
        buf_puts(out, is_choice_quoted ? ": write it in quotes" : ": write it without quotes");
    }
    return true;
}

static void put_nearest_choice(struct buf *out, const struct doc_node *choices, const struct doc_node *node)
{
    struct nearest nearest = {.text = node->kind == DOC_STRING ? node->u.string : SPAN("")};
    for (size_t i = 0; i < choices->u.array.len; i++)
        if (put_other_quotes(out, choices->u.array.items[i], node))
            return;
    for (size_t i = 0; node->kind == DOC_STRING && i < choices->u.array.len; i++)
        if (choices->u.array.items[i]->kind == DOC_STRING)
            nearest_try(&nearest, choices->u.array.items[i]->u.string.data);
    if (nearest.name != NULL && node->u.string.len > 0) {
        buf_puts(out, "; did you mean ");
        put_name(out, span_of(nearest.name));
        buf_putc(out, '?');
    }
}

bool check_enum(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct buf value AUTO_BUF = {0}, choices AUTO_BUF = {0};
    if (!run_charge(run, 1 + place->node->nodes / 16))
        return false;
    if (is_among(keyword, place->node))
        return true;
    if (run->problems == NULL)
        return false;
    if (say_is_secret(run, place)) {
        say(run, keyword, place, "the value (not shown) is none of the %zu that the schema lists", keyword->u.values.len);
        return false;
    }
    put_choices(&choices, keyword->at);
    if (say_may_suggest(run, keyword->u.values.len))
        put_nearest_choice(&choices, keyword->at, place->node);
    say(run, keyword, place, "%s is not one of %s", say_value(run, place, &value), said(run, &choices));
    struct problem *problem = say_last(run);
    if (problem != NULL)
        problem->choice = keyword;
    return false;
}

bool compile_const(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    (void)at;
    out->check = check_const;
    return true;
}

bool check_const(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct buf value AUTO_BUF = {0}, wanted AUTO_BUF = {0};
    if (!run_charge(run, 1 + place->node->nodes / 16))
        return false;
    if (doc_equal(keyword->at, place->node))
        return true;
    if (run->problems == NULL)
        return false;
    if (say_is_secret(run, place)) {
        say(run, keyword, place, "the value (not shown) is not the one that the schema wants");
        return false;
    }
    put_short(&wanted, keyword->at);
    say(run, keyword, place, "%s is not allowed, it must be %s", say_value(run, place, &value),
        said(run, &wanted));
    struct problem *problem = say_last(run);
    if (problem != NULL)
        problem->choice = keyword;
    return false;
}
