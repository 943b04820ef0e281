/*
 * num: see num.h.
 *
 * The C library's conversions are exact but write and read the locale's decimal point. So no number passes
 * through them with a point in it: digits and exponent are taken out of "%.*e", and strtod is given an
 * integer and an exponent.
 */
#include "util/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DIGITS_MAX = 17,  /* always enough to come back to the same double */
    DIGITS_SAFE = 15, /* always distinct doubles, where they are not subnormal */
    /* No point halfway between two doubles has more digits than 767; one more says "and a bit". */
    DIGITS_EXACT = 768,
    EXPONENT_LIMIT = 100000, /* far beyond the range of double, whatever the digits */
};

/* A positive decimal: 0.d1d2d3… × 10^point, without zeros at either end. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int len;
    int point;
};

static void trim(struct decimal *decimal)
{
    while (decimal->len > 1 && decimal->digits[decimal->len - 1] == '0')
        decimal->len--;
}

/* The decimal of `precision` digits nearest to the value. */
static void round_to(double value, int precision, struct decimal *out)
{
    char text[48];
    const char *at = text;
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    out->len = 0;
    /* The decimal point, whatever bytes the locale makes it of, is what is no digit. */
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            out->digits[out->len++] = *at;
    out->point = (int)strtol(at + 1, NULL, 10) + 1;
    trim(out);
}

static bool reads_back(const struct decimal *decimal, double value)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", decimal->len, decimal->digits, decimal->point - decimal->len);
    return strtod(text, NULL) == value;
}

/* One more in the last of `precision` digits. */
static void step_up(struct decimal *decimal, int precision)
{
    while (decimal->len < precision)
        decimal->digits[decimal->len++] = '0';
    int at = precision - 1;
    while (at >= 0 && decimal->digits[at] == '9')
        decimal->digits[at--] = '0';
    if (at >= 0) {
        decimal->digits[at]++;
    } else {
        decimal->digits[0] = '1';
        decimal->point++;
    }
    trim(decimal);
}

/* The shortest decimal that reads back as the value, and of those the nearest. */
static void shortest(double value, struct decimal *out)
{
    int exponent;
    /* Below a power of two the doubles lie twice as dense as above it: the nearest decimal, below, may miss
       where the next one up still reads back. */
    bool is_power_of_two = frexp(value, &exponent) == 0.5;
    bool is_subnormal = fpclassify(value) == FP_SUBNORMAL;
    for (int precision = is_subnormal ? 1 : DIGITS_SAFE; precision < DIGITS_MAX; precision++) {
        round_to(value, precision, out);
        if (reads_back(out, value))
            return;
        if (is_power_of_two) {
            step_up(out, precision);
            if (reads_back(out, value))
                return;
        }
    }
    round_to(value, DIGITS_MAX, out);
}

static char *put_digits(char *to, const char *digits, int len)
{
    memcpy(to, digits, (size_t)len);
    return to + len;
}

static char *put_zeros(char *to, int len)
{
    memset(to, '0', (size_t)len);
    return to + len;
}

/* ECMA-262 Number::toString, steps 6 to 12. */
static char *put_decimal(char *to, const struct decimal *decimal)
{
    const char *digits = decimal->digits;
    int len = decimal->len, point = decimal->point;
    if (len <= point && point <= 21)
        return put_zeros(put_digits(to, digits, len), point - len);
    if (0 < point && point <= 21) {
        to = put_digits(to, digits, point);
        *to++ = '.';
        return put_digits(to, digits + point, len - point);
    }
    if (-6 < point && point <= 0) {
        *to++ = '0';
        *to++ = '.';
        return put_digits(put_zeros(to, -point), digits, len);
    }
    *to++ = digits[0];
    if (len > 1) {
        *to++ = '.';
        to = put_digits(to, digits + 1, len - 1);
    }
    *to++ = 'e';
    *to++ = point > 0 ? '+' : '-';
    char exponent[NUM_TEXT_MAX];
    int exponent_len = (int)num_format_int(abs(point - 1), exponent);
    return put_digits(to, exponent, exponent_len);
}

size_t num_format_double(double value, char out[static NUM_TEXT_MAX])
{
    if (!isfinite(value)) {
        memcpy(out, "null", sizeof "null");
        return strlen("null");
    }
    if (fabs(value) <= (double)NUM_INT_MAX && value == (double)(int64_t)value)
        return num_format_int((int64_t)value, out);
    char *to = out;
    if (value < 0)
        *to++ = '-';
    struct decimal decimal;
    shortest(fabs(value), &decimal);
    to = put_decimal(to, &decimal);
    *to = '\0';
    return (size_t)(to - out);
}

size_t num_format_int(int64_t value, char out[static NUM_TEXT_MAX])
{
    char digits[NUM_TEXT_MAX];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        digits[--at] = '-';
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at - 1;
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
    char digits[DIGITS_EXACT + 1]; /* significant ones, without leading zeros */
    size_t len;
    int64_t exponent; /* of the last digit taken */
};

static bool is_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool take(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* At least one digit. Behind the point each digit kept lowers the exponent; before it each digit dropped
 * raises it. */
static bool take_digits(struct reader *reader, bool is_fraction)
{
    const char *start = reader->at;
    for (; is_digit(reader); reader->at++) {
        bool is_leading_zero = reader->len == 0 && *reader->at == '0';
        bool is_kept = reader->len < DIGITS_EXACT;
        if (is_kept && !is_leading_zero)
            reader->digits[reader->len++] = *reader->at;
        if (!is_kept && *reader->at != '0')
            reader->digits[DIGITS_EXACT] = '1';
        reader->exponent += (is_kept ? 0 : 1) - (is_fraction ? 1 : 0);
    }
    return reader->at > start;
}

static bool take_exponent(struct reader *reader)
{
    static const int64_t limit =
        INT64_C(1000000000000000); /* more than any text has digits to make up for it */
    bool is_negative = take(reader, '-');
    if (!is_negative)
        take(reader, '+');
    const char *start = reader->at;
    int64_t value = 0;
    for (; is_digit(reader); reader->at++)
        if (value < limit)
            value = value * 10 + (*reader->at - '0');
    reader->exponent += is_negative ? -value : value;
    return reader->at > start;
}

/* `digits` × 10^exponent, nearest. */
static double value_of(struct reader *reader)
{
    char number[DIGITS_EXACT + 1 + NUM_TEXT_MAX];
    if (reader->len == 0)
        return 0;
    /* One digit for all that was dropped: what would be halfway but for them is rounded the right way. */
    if (reader->len == DIGITS_EXACT) {
        reader->len++;
        reader->exponent--;
    }
    int exponent = reader->exponent > EXPONENT_LIMIT    ? EXPONENT_LIMIT
                   : reader->exponent < -EXPONENT_LIMIT ? -EXPONENT_LIMIT
                                                        : (int)reader->exponent;
    snprintf(number, sizeof number, "%.*se%d", (int)reader->len, reader->digits, exponent);
    return strtod(number, NULL);
}

bool num_parse_double(struct span text, double *out)
{
    if (text.len == 0)
        return false;
    struct reader reader = {.at = text.data, .end = text.data + text.len};
    reader.digits[DIGITS_EXACT] = '0';
    bool is_negative = take(&reader, '-');
    if (!take(&reader, '0') && !take_digits(&reader, false))
        return false;
    if (take(&reader, '.') && !take_digits(&reader, true))
        return false;
    if ((take(&reader, 'e') || take(&reader, 'E')) && !take_exponent(&reader))
        return false;
    if (reader.at != reader.end)
        return false;
    double value = value_of(&reader);
    *out = is_negative ? -value : value;
    return true;
}

bool num_parse_u64(struct span text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}
