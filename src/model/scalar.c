/*
 * scalar: see scalar.h. The regular expressions of the two specifications, by hand: a text is read once, from
 * left to right, and most texts are settled by their first character.
 */
#include "model/scalar.h"

#include <math.h>

#include "util/num.h"

#define DIGITS "0123456789"

enum { NUMBER_TEXT_MAX = 256 };

static const char too_large[] = "an integer beyond ±(2^53-1), which JSON cannot carry exactly";

/* The end of the run of characters of `set` that begins at `at`. */
static size_t skip(struct span text, size_t at, const char *set)
{
    while (at < text.len && text.data[at] != '\0' && strchr(set, text.data[at]) != NULL)
        at++;
    return at;
}

/* Behind one optional character of `set`. */
static size_t skip_one(struct span text, size_t at, const char *set)
{
    return at < text.len && text.data[at] != '\0' && strchr(set, text.data[at]) != NULL ? at + 1 : at;
}

static bool is_one_of(struct span text, const char *const *words, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (span_is(text, words[i]))
            return true;
    return false;
}

/* --- YAML 1.2 ----------------------------------------------------------------------------------------- */

static unsigned digit_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* `digits` are of that base, at least one. */
static struct scalar make_integer(struct span digits, unsigned base, bool is_negative)
{
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        value = value * base + digit_value(digits.data[i]);
        if (value > NUM_INT_MAX)
            return (struct scalar){.kind = DOC_INT, .unfit = too_large};
    }
    return (struct scalar){.kind = DOC_INT, .u.integer = is_negative ? -value : value};
}

/* 0o17 and 0x1f: without a sign, in lower-case only. */
static bool read_based(struct span text, struct scalar *out)
{
    if (text.len < 3 || text.data[0] != '0' || (text.data[1] != 'o' && text.data[1] != 'x'))
        return false;
    bool is_hex = text.data[1] == 'x';
    if (skip(text, 2, is_hex ? DIGITS "abcdefABCDEF" : "01234567") != text.len)
        return false;
    *out = make_integer((struct span){text.data + 2, text.len - 2}, is_hex ? 16 : 8, false);
    return true;
}

/* The parts of [-+]? digits [. digits] [exponent]; at least one digit before or behind the point. */
struct decimal {
    bool is_negative, has_point;
    struct span whole, fraction, exponent; /* exponent with its letter and sign */
};

static bool split_decimal(struct span text, struct decimal *out)
{
    size_t begin = skip_one(text, 0, "+-"), at = skip(text, begin, DIGITS);
    *out = (struct decimal){.is_negative = begin > 0 && text.data[0] == '-',
                            .whole = {text.data + begin, at - begin}};
    size_t point = at;
    at = skip_one(text, at, ".");
    out->has_point = at > point;
    size_t fraction = at;
    at = skip(text, at, DIGITS);
    if (out->has_point)
        out->fraction = (struct span){text.data + fraction, at - fraction};
    if (out->whole.len == 0 && out->fraction.len == 0)
        return false;
    size_t exponent = at;
    at = skip_one(text, at, "eE");
    if (at > exponent) {
        size_t digits = skip_one(text, at, "+-");
        at = skip(text, digits, DIGITS);
        if (at == digits)
            return false;
        out->exponent = (struct span){text.data + exponent, at - exponent};
    }
    return at == text.len;
}

static size_t put(char *out, size_t at, struct span text)
{
    if (text.len > 0)
        memcpy(out + at, text.data, text.len);
    return at + text.len;
}

/* JSON knows no leading zeros, no '+' in front, no bare point: spelled anew, the digits are JSON's. */
static struct scalar make_double(const struct decimal *decimal)
{
    char spelled[NUMBER_TEXT_MAX + 4];
    struct span whole = decimal->whole;
    while (whole.len > 0 && whole.data[0] == '0')
        whole = (struct span){whole.data + 1, whole.len - 1};
    if (whole.len + decimal->fraction.len + decimal->exponent.len > NUMBER_TEXT_MAX)
        return (struct scalar){.kind = DOC_DOUBLE, .unfit = "a number of more than 256 characters"};
    size_t len = decimal->is_negative ? put(spelled, 0, SPAN("-")) : 0;
    len = put(spelled, len, whole.len == 0 ? SPAN("0") : whole);
    if (decimal->fraction.len > 0)
        len = put(spelled, put(spelled, len, SPAN(".")), decimal->fraction);
    len = put(spelled, len, decimal->exponent);

    struct scalar scalar = {.kind = DOC_DOUBLE};
    if (!num_parse_double((struct span){spelled, len}, &scalar.u.number) || !isfinite(scalar.u.number))
        scalar.unfit = "a number too large for a double";
    else if (!doc_number_is_portable(scalar.u.number))
        scalar.unfit = too_large;
    return scalar;
}

static bool read_decimal(struct span text, struct scalar *out)
{
    struct decimal decimal;
    if (!split_decimal(text, &decimal))
        return false;
    bool is_integer = !decimal.has_point && decimal.exponent.len == 0;
    *out = is_integer ? make_integer(decimal.whole, 10, decimal.is_negative) : make_double(&decimal);
    return true;
}

/* .inf and .nan are numbers of YAML, and no numbers of JSON. */
static bool read_special(struct span text, struct scalar *out)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF"};
    static const char *const nans[] = {".nan", ".NaN", ".NAN"};
    size_t sign = skip_one(text, 0, "+-");
    struct span rest = {text.data + sign, text.len - sign};
    if (is_one_of(rest, infinities, ARRAY_LEN(infinities)))
        *out = (struct scalar){.kind = DOC_DOUBLE, .unfit = "an infinity, which JSON cannot carry"};
    else if (is_one_of(text, nans, ARRAY_LEN(nans)))
        *out = (struct scalar){.kind = DOC_DOUBLE, .unfit = "not-a-number, which JSON cannot carry"};
    else
        return false;
    return true;
}

struct scalar scalar_resolve(struct span text)
{
    static const char *const nulls[] = {"~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    struct scalar scalar = {.kind = DOC_STRING};
    char first = text.len == 0 ? '~' : text.data[0];
    if (strchr("~nN", first) != NULL && (text.len == 0 || is_one_of(text, nulls, ARRAY_LEN(nulls))))
        return (struct scalar){.kind = DOC_NULL};
    if (strchr("tT", first) != NULL && is_one_of(text, trues, ARRAY_LEN(trues)))
        return (struct scalar){.kind = DOC_BOOL, .u.boolean = true};
    if (strchr("fF", first) != NULL && is_one_of(text, falses, ARRAY_LEN(falses)))
        return (struct scalar){.kind = DOC_BOOL, .u.boolean = false};
    if (strchr(DIGITS "+-.", first) != NULL && !read_based(text, &scalar) && !read_decimal(text, &scalar))
        read_special(text, &scalar);
    return scalar;
}

/* --- YAML 1.1 (the type repository: bool, int, float, timestamp, merge, value) ------------------------ */

#define STRING_OF(word, meant)                                                                               \
    {                                                                                                        \
        word, "'" word "' is the string \"" word "\" in YAML 1.2; write " meant ", or quote it"              \
    }
#define TRUE_WORD(word) STRING_OF(word, "true")
#define FALSE_WORD(word) STRING_OF(word, "false")

static const struct word {
    const char *text, *sentence;
} words[] = {
    TRUE_WORD("y"),
    TRUE_WORD("Y"),
    TRUE_WORD("yes"),
    TRUE_WORD("Yes"),
    TRUE_WORD("YES"),
    TRUE_WORD("on"),
    TRUE_WORD("On"),
    TRUE_WORD("ON"),
    FALSE_WORD("n"),
    FALSE_WORD("N"),
    FALSE_WORD("no"),
    FALSE_WORD("No"),
    FALSE_WORD("NO"),
    FALSE_WORD("off"),
    FALSE_WORD("Off"),
    FALSE_WORD("OFF"),
    {"=", "'=' is the string \"=\" in YAML 1.2 and a value key in YAML 1.1; quote it"},
    {"<<", "'<<' is the string \"<<\" in YAML 1.2 and a merge key in YAML 1.1; quote it"},
};

/* 012, -007: one sign, then a zero with more digits behind it, and nothing else. */
static bool has_leading_zero(struct span text)
{
    size_t at = skip_one(text, 0, "+-");
    return text.len - at > 1 && text.data[at] == '0' && skip(text, at, DIGITS) == text.len;
}

/* 0b101, +0x1F, 0x1_F: what 1.2 has no such form for. Plain 0x1F is the same in both. */
static bool is_based_11(struct span text)
{
    size_t at = skip_one(text, 0, "+-");
    if (text.len - at < 3 || text.data[at] != '0')
        return false;
    bool is_hex = text.data[at + 1] == 'x', is_binary = text.data[at + 1] == 'b';
    if (!is_hex && !is_binary)
        return false;
    bool has_underscore = memchr(text.data, '_', text.len) != NULL;
    return (is_binary || at > 0 || has_underscore) &&
           skip(text, at + 2, is_hex ? DIGITS "abcdefABCDEF_" : "01_") == text.len;
}

/* 1_000 and 1_000.5e+3. */
static bool has_digit_groups(struct span text)
{
    size_t begin = skip_one(text, 0, "+-"), at = skip_one(text, begin, DIGITS);
    if (at == begin || memchr(text.data, '_', text.len) == NULL)
        return false;
    at = skip_one(text, skip(text, at, DIGITS "_"), ".");
    at = skip(text, at, DIGITS "_");
    size_t exponent = skip_one(text, at, "eE");
    if (exponent > at)
        at = skip(text, skip_one(text, exponent, "+-"), DIGITS);
    return at == text.len;
}

/* [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+, and the same with a fraction, where a zero may lead too. */
static bool is_sexagesimal(struct span text)
{
    size_t first = skip_one(text, 0, "+-"), at = skip(text, first, DIGITS "_"), groups = 0;
    if (at == first || text.data[first] == '_')
        return false;
    for (; at < text.len && text.data[at] == ':'; groups++) {
        size_t digits = at + 1;
        at = skip_one(text, skip_one(text, digits, DIGITS), DIGITS);
        if (at == digits || (at == digits + 2 && text.data[digits] > '5'))
            return false;
    }
    size_t fraction = skip_one(text, at, ".");
    bool has_fraction = fraction > at;
    if (has_fraction)
        at = skip(text, fraction, DIGITS "_");
    return groups > 0 && at == text.len && (text.data[first] != '0' || has_fraction);
}

/* True, and *at behind them, if `min` to `max` digits stand there. */
static bool take_digits(struct span text, size_t *at, size_t min, size_t max)
{
    size_t end = skip(text, *at, DIGITS), len = end - *at;
    *at = end;
    return len >= min && len <= max;
}

static bool take_char(struct span text, size_t *at, const char *set)
{
    size_t begin = *at;
    *at = skip_one(text, begin, set);
    return *at > begin;
}

/* Behind 2026-11-21: a time of day, a fraction, a zone. */
static bool is_time_of_day(struct span text, size_t at)
{
    if (!take_char(text, &at, "Tt") && !take_char(text, &at, " \t"))
        return false;
    at = skip(text, at, " \t");
    if (!take_digits(text, &at, 1, 2) || !take_char(text, &at, ":") || !take_digits(text, &at, 2, 2) ||
        !take_char(text, &at, ":") || !take_digits(text, &at, 2, 2))
        return false;
    if (take_char(text, &at, "."))
        at = skip(text, at, DIGITS);
    at = skip(text, at, " \t");
    if (take_char(text, &at, "+-")) {
        if (!take_digits(text, &at, 1, 2) || (take_char(text, &at, ":") && !take_digits(text, &at, 2, 2)))
            return false;
    } else {
        take_char(text, &at, "Z");
    }
    return at == text.len;
}

static bool is_date(struct span text)
{
    size_t at = 0;
    if (!take_digits(text, &at, 4, 4) || !take_char(text, &at, "-") || !take_digits(text, &at, 1, 2) ||
        !take_char(text, &at, "-") || !take_digits(text, &at, 1, 2))
        return false;
    /* A date alone has two digits everywhere; only one with a time may be shorter. */
    return at == text.len ? text.len == strlen("2026-11-21") : is_time_of_day(text, at);
}

const char *scalar_ambiguity(struct span text)
{
    if (text.len == 0 || text.data[0] == '\0' || strchr("yYnNoO=<+-" DIGITS, text.data[0]) == NULL)
        return NULL;
    for (size_t i = 0; text.len <= 3 && i < ARRAY_LEN(words); i++)
        if (span_is(text, words[i].text))
            return words[i].sentence;
    if (has_leading_zero(text))
        return "a number with a leading zero is decimal in YAML 1.2 and octal in YAML 1.1; drop the zero, or "
               "quote it";
    if (is_based_11(text))
        return "binary, signed and grouped hexadecimal are strings in YAML 1.2 and numbers in YAML 1.1; "
               "write a plain number, or quote it";
    if (is_sexagesimal(text))
        return "digits with ':' are a string in YAML 1.2 and a number of base 60 in YAML 1.1; quote it";
    if (has_digit_groups(text))
        return "digits with '_' are a string in YAML 1.2 and a number in YAML 1.1; drop the '_', or quote it";
    if (is_date(text))
        return "a date is a string in YAML 1.2 and a timestamp in YAML 1.1; quote it";
    return NULL;
}

int scalar_build(struct doc_builder *b, struct doc_pos pos, const struct scalar *scalar, struct span text,
                 struct error *err)
{
    switch (scalar->kind) {
    case DOC_NULL:
        return doc_builder_null(b, pos, err);
    case DOC_BOOL:
        return doc_builder_bool(b, pos, scalar->u.boolean, err);
    case DOC_INT:
        return doc_builder_int(b, pos, scalar->u.integer, err);
    case DOC_DOUBLE:
        return doc_builder_double(b, pos, scalar->u.number, err);
    case DOC_STRING:
    case DOC_ARRAY: /* never of a scalar */
    case DOC_OBJECT:
        break;
    }
    return doc_builder_string(b, pos, text, err);
}
