/*
 * keyword_number: minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf.
 */
#include "schema/decimal.h"
#include "schema/keywords.h"
#include "schema/say.h"

static bool is_number(const struct doc_node *node)
{
    return (KIND(node->kind) & KINDS_NUMBER) != 0;
}

static bool say_bound(struct run *run, const struct keyword *keyword, const struct place *place, const char *clause)
{
    struct buf value AUTO_BUF = {0}, bound AUTO_BUF = {0};
    if (run->problems == NULL)
        return false;
    put_short(&bound, keyword->at);
    return say(run, keyword, place, "%s %s %s", say_value(run, place, &value), clause, said(run, &bound));
}

static bool check_minimum(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return decimal_compare(place->node, keyword->at) >= 0 ||
           say_bound(run, keyword, place, "is below the minimum");
}

static bool check_maximum(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return decimal_compare(place->node, keyword->at) <= 0 ||
           say_bound(run, keyword, place, "is above the maximum");
}

static bool check_exclusive_minimum(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return decimal_compare(place->node, keyword->at) > 0 || say_bound(run, keyword, place, "is not above");
}

static bool check_exclusive_maximum(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return decimal_compare(place->node, keyword->at) < 0 || say_bound(run, keyword, place, "is not below");
}

static bool check_multiple_of(struct run *run, const struct keyword *keyword, const struct place *place)
{
    enum { OF_FRACTIONS = 20 }; /* the few that are written as decimals */
    if (place->node->kind == DOC_DOUBLE && !run_charge(run, OF_FRACTIONS))
        return false;
    return decimal_is_multiple(place->node, keyword->u.step) || say_bound(run, keyword, place, "is no multiple of");
}

static bool compile_bound(const struct doc_node *at, keyword_check *check, struct keyword *out)
{
    out->check = check;
    out->kinds = KINDS_NUMBER;
    return is_number(at);
}

bool compile_minimum(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_bound(at, check_minimum, out);
}

bool compile_maximum(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_bound(at, check_maximum, out);
}

bool compile_exclusive_minimum(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_bound(at, check_exclusive_minimum, out);
}

bool compile_exclusive_maximum(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_bound(at, check_exclusive_maximum, out);
}

bool compile_multiple_of(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    static const struct doc_node zero = {.kind = DOC_INT};
    (void)c;
    if (!compile_bound(at, check_multiple_of, out) || decimal_compare(at, &zero) <= 0)
        return false;
    out->u.step = decimal_of(at);
    return true;
}
