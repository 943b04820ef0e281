/*
 * decimal: whether one number is a multiple of another, exactly, as the decimals that people wrote: 0.0075 is
 * a multiple of 0.0001 although no double is.
 */
#ifndef SCHEMA_DECIMAL_H
#define SCHEMA_DECIMAL_H

#include "model/doc.h"

/* digits × 10^exponent. */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* The size of a number, without its sign. */
struct decimal decimal_of(const struct doc_node *node);

/* `value` is a number, `step` above zero. */
bool decimal_is_multiple(const struct doc_node *value, struct decimal step);

static inline double decimal_double(const struct doc_node *node)
{
    return node->kind == DOC_INT ? (double)node->u.integer : node->u.number;
}

/* <0, 0, >0; both are numbers. Exact: integers are within ±2^53. */
static inline int decimal_compare(const struct doc_node *a, const struct doc_node *b)
{
    double x = decimal_double(a), y = decimal_double(b);
    return (x > y) - (x < y);
}

#endif
