/*
 * pattern_escape: what stands behind a backslash (ECMA-262 §22.2.1, with the flag u). See pattern_priv.h.
 */
#include "schema/pattern_priv.h"

/* WhiteSpace and LineTerminator of ECMA-262 §12.2 and §12.3, and all that is neither. */
#define SPACES                                                                                               \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"   \
    "\\x{feff}"
#define NO_SPACES                                                                                            \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"      \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly `len` hex digits, or nothing. */
static bool take_hex(struct translation *t, size_t len, uint32_t *out)
{
    uint32_t value = 0;
    if (t->in.len - t->at < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int digit = digit_value(t->in.data[t->at + i]);
        if (digit < 0)
            return false;
        value = value * 16 + (uint32_t)digit;
    }
    t->at += len;
    *out = value;
    return true;
}

/* Behind \u{ */
static int take_braced(struct translation *t, size_t start, uint32_t *out)
{
    uint32_t value = 0;
    size_t digits = 0;
    for (int digit; (digit = digit_value(pattern_peek(t))) >= 0 && value <= CODE_POINT_MAX; t->at++, digits++)
        value = value * 16 + (uint32_t)digit;
    if (digits == 0 || value > CODE_POINT_MAX || !pattern_take(t, "}"))
        return pattern_refuse(t, start, "\\u{…} wants hex digits up to 10FFFF");
    *out = value;
    return 0;
}

/* Behind \u: two surrogates that follow each other are one character. */
static int take_unicode(struct translation *t, size_t start, uint32_t *out)
{
    uint32_t high, low;
    if (pattern_take(t, "{"))
        return take_braced(t, start, out);
    if (!take_hex(t, 4, &high))
        return pattern_refuse(t, start, "\\u wants four hex digits, or braces");
    *out = high;
    if (high < SURROGATE_MIN || high > 0xdbff)
        return 0;
    size_t behind = t->at;
    if (pattern_take(t, "\\u") && take_hex(t, 4, &low) && low >= 0xdc00 && low <= SURROGATE_MAX)
        *out = 0x10000 + ((high - SURROGATE_MIN) << 10) + (low - 0xdc00);
    else
        t->at = behind;
    return 0;
}

static int take_property(struct translation *t, size_t start, struct pattern_escape *out)
{
    const char *begin = t->in.data + t->at + 1;
    size_t len = 0;
    if (pattern_take(t, "{")) {
        while (t->at + len < t->in.len && t->in.data[t->at + len] != '}')
            len++;
        t->at += len;
        if (pattern_take(t, "}")) {
            out->property = (struct span){begin, len};
            return 0;
        }
    }
    return pattern_refuse(t, start, "\\%c wants the name of a property in braces", out->name);
}

static int take_control(struct translation *t, size_t start, uint32_t *out)
{
    char c = pattern_peek(t);
    if (!is_letter(c))
        return pattern_refuse(t, start, "\\c wants a letter");
    t->at++;
    *out = (uint32_t)c & 31;
    return 0;
}

/* What other dialects mean by a letter and ECMA-262 does not know. */
static int refuse_letter(struct translation *t, size_t start, char c)
{
    const char *hint = "";
    if (c == 'A')
        hint = "; ^ is the start of the text";
    else if (c == 'Z' || c == 'z')
        hint = "; $ is the end of the text";
    return pattern_refuse(t, start, "ECMA-262 has no \\%c%s", c, hint);
}

int pattern_take_escape(struct translation *t, struct pattern_escape *out)
{
    static const char controls[][2] = {{'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'v', '\v'}};
    size_t start = t->at - 1;
    if (t->at == t->in.len)
        return pattern_refuse(t, start, "a backslash at the end");
    char c = pattern_peek(t);
    *out = (struct pattern_escape){.name = c};
    if (!is_letter(c) && !is_digit(c)) {
        out->code_point = pattern_take_character(t);
        return 0;
    }
    t->at++;
    for (size_t i = 0; i < ARRAY_LEN(controls); i++)
        if (c == controls[i][0]) {
            out->code_point = (uint32_t)controls[i][1];
            return 0;
        }
    out->is_class = strchr("dDsSwWpP", c) != NULL;
    if (c == 'p' || c == 'P')
        return take_property(t, start, out);
    if (out->is_class || (c == '0' && !is_digit(pattern_peek(t))))
        return 0;
    if (c == 'x')
        return take_hex(t, 2, &out->code_point) ? 0 : pattern_refuse(t, start, "\\x wants two hex digits");
    if (c == 'u')
        return take_unicode(t, start, &out->code_point);
    if (c == 'c')
        return take_control(t, start, &out->code_point);
    if (is_digit(c))
        return pattern_refuse(t, start, "\\%c is no group and no character; \\x%02x is", c,
                              (unsigned)(c - '0'));
    return refuse_letter(t, start, c);
}

void pattern_put_character(struct buf *out, uint32_t code_point)
{
    if (code_point < 128 && (is_letter((char)code_point) || is_digit((char)code_point)))
        buf_putc(out, (char)code_point);
    else
        buf_printf(out, "\\x{%x}", code_point);
}

int pattern_put_class_escape(struct translation *t, const struct pattern_escape *escape, bool is_in_brackets)
{
    bool is_space = escape->name == 's', is_property = escape->name == 'p' || escape->name == 'P';
    if (is_property) {
        if (!pattern_put_property(t->out, escape->name == 'P', escape->property))
            return pattern_refuse(t, (size_t)(escape->property.data - t->in.data),
                                  "no such property for \\%c", escape->name);
    } else if (is_space || escape->name == 'S') {
        buf_printf(t->out, is_in_brackets ? "%s" : "[%s]", is_space ? SPACES : NO_SPACES);
    } else {
        buf_printf(t->out, "\\%c", escape->name); /* ASCII without PCRE2_UCP, as in ECMA-262 */
    }
    return 0;
}
