/*
 * decimal: a double is taken for the shortest decimal that reads back as it: digits × 10^exponent, at most 17
 * digits.
 */
#include "schema/decimal.h"

#include <math.h>
#include <stdlib.h>

#include "util/macros.h"
#include "util/num.h"

__extension__ typedef unsigned __int128 wide;

struct decimal decimal_of(const struct doc_node *node)
{
    char text[NUM_TEXT_MAX];
    struct decimal out = {0};
    if (node->kind == DOC_INT) {
        out.digits = (uint64_t)(node->u.integer < 0 ? -node->u.integer : node->u.integer);
        return out;
    }
    num_format_double(node->u.number, text);
    bool is_fraction = false;
    const char *at = text;
    for (; *at != '\0' && *at != 'e'; at++) {
        if (*at == '.')
            is_fraction = true;
        if (*at < '0' || *at > '9')
            continue;
        /* Beyond 17 digits there are only zeros: 1e20 is written out. */
        if (out.digits < UINT64_C(100000000000000000))
            out.digits = out.digits * 10 + (uint64_t)(*at - '0');
        else
            out.exponent++;
        out.exponent -= is_fraction;
    }
    if (*at == 'e')
        out.exponent += (int)strtol(at + 1, NULL, 10);
    return out;
}

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((wide)a * b % modulus);
}

/* value × 10^power modulo modulus. */
static uint64_t scaled(uint64_t value, int power, uint64_t modulus)
{
    uint64_t base = 10 % modulus, out = value % modulus;
    for (; power > 0; power >>= 1) {
        if (power & 1)
            out = multiply(out, base, modulus);
        base = multiply(base, base, modulus);
    }
    return out;
}

static bool is_multiple(struct decimal a, struct decimal b)
{
    if (a.digits == 0)
        return true;
    if (a.exponent >= b.exponent)
        return scaled(a.digits, a.exponent - b.exponent, b.digits) == 0;
    /* The step has the larger exponent: bring the value there, which only zeros at its end allow. */
    for (; a.exponent < b.exponent; a.exponent++) {
        if (a.digits % 10 != 0)
            return false;
        a.digits /= 10;
    }
    return a.digits % b.digits == 0;
}

bool decimal_is_multiple(const struct doc_node *value, struct decimal step)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    if (value->kind == DOC_INT && step.exponent == 0)
        return (uint64_t)(value->u.integer < 0 ? -value->u.integer : value->u.integer) % step.digits == 0;
    if (value->kind == DOC_DOUBLE && step.exponent <= 0 && step.exponent > -(int)ARRAY_LEN(powers)) {
        /* As many decimal places as the step has: either they say the value exactly, or it has more and is no
           multiple. Dividing two exact numbers gives the double nearest to the decimal, which is how one is
           read. */
        double power = powers[-step.exponent], places = nearbyint(fabs(value->u.number) * power);
        if (places < (double)NUM_INT_MAX)
            return places / power == fabs(value->u.number) && (uint64_t)places % step.digits == 0;
    }
    return is_multiple(decimal_of(value), step);
}
