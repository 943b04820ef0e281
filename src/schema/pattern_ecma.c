/*
 * pattern_ecma: the grammar of ECMA-262 §22.2.1 read, and the same expression written for PCRE2. See pattern.h.
 *
 * A callout stands at the start of every alternative and behind every repeat and reference: between two of them there
 * is no more work than `reach` says, or than the callout can see by how far the match has moved.
 *
 * Groups keep their numbers and lose their names. One difference stays: in ECMA-262 a group forgets, at each round of a
 * repeat around it, what it held; here it keeps it until it matches again. It shows only where a reference stands in
 * such a round before its group, or beside it in another alternative.
 */
#include "schema/pattern_priv.h"

#include <stdarg.h>

#include "model/codes.h"
#include "util/utf8.h"

/* Work that is counted begins here. */
static void callout(struct translation *t)
{
    if (t->run > t->reach)
        t->reach = t->run;
    t->run = 0;
    buf_puts(t->out, "(?C)");
}

int pattern_refuse(struct translation *t, size_t at, const char *format, ...)
{
    char what[160];
    size_t characters = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    for (size_t i = 0; i < at; characters++)
        i += utf8_sequence(t->in.data + i, t->in.len - i);
    return error_set(t->err, CODE_SCHEMA_REGEX, 0, "character %zu of the pattern: %s", characters, what);
}

uint32_t pattern_take_character(struct translation *t)
{
    size_t len = utf8_sequence(t->in.data + t->at, t->in.len - t->at);
    uint32_t code_point = utf8_decode(t->in.data + t->at, len);
    t->at += len;
    return code_point;
}

/* Takes decimal digits; what is beyond UINT32_MAX is UINT32_MAX. False if there are none. */
static bool take_number(struct translation *t, uint32_t *out)
{
    uint64_t value = 0;
    size_t start = t->at;
    for (char c; (c = pattern_peek(t)) >= '0' && c <= '9'; t->at++)
        value = value > UINT32_MAX ? value : value * 10 + (uint64_t)(c - '0');
    *out = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return t->at > start;
}

/* --- names and numbers of groups --------------------------------------------------------------------------------- */

static bool is_name_character(uint32_t c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '$' || c == '_' || c >= 128;
    return is_letter || (!is_first && c >= '0' && c <= '9');
}

/* Takes name> . Letters beyond ASCII are not looked at closer: a name means nothing but itself. */
static int take_name(struct translation *t, struct span *out)
{
    size_t start = t->at;
    while (t->at < t->in.len && pattern_peek(t) != '>') {
        bool is_first = t->at == start;
        if (!is_name_character(pattern_take_character(t), is_first))
            return pattern_refuse(t, start, "the name of a group is letters, digits, $ and _");
    }
    *out = (struct span){t->in.data + start, t->at - start};
    return out->len > 0 && pattern_take(t, ">") ? 0 : pattern_refuse(t, start, "the name of a group, and >");
}

static unsigned number_of(const struct translation *t, struct span name)
{
    for (unsigned i = 0; i < t->names_len; i++)
        if (span_equal(t->names[i], name))
            return t->numbers[i];
    return 0;
}

static int note_name(struct translation *t)
{
    struct span name;
    size_t start = t->at;
    if (take_name(t, &name) < 0)
        return -1;
    if (number_of(t, name) != 0)
        return pattern_refuse(t, start, "two groups have one name");
    if (t->names_len == PATTERN_NAMES_MAX)
        return pattern_refuse(t, start, "more than %d named groups", PATTERN_NAMES_MAX);
    t->names[t->names_len] = name;
    t->numbers[t->names_len++] = t->groups;
    return 0;
}

/* References may stand before their groups, so groups are counted first. */
static int count_groups(struct translation *t)
{
    bool is_in_class = false;
    while (t->at < t->in.len) {
        char c = t->in.data[t->at++];
        if (c == '\\' && t->at < t->in.len)
            t->at++;
        else if (c == '[')
            is_in_class = true;
        else if (c == ']')
            is_in_class = false;
        if (c != '(' || is_in_class)
            continue;
        bool is_named = pattern_take(t, "?<") && pattern_peek(t) != '=' && pattern_peek(t) != '!';
        bool is_plain = t->in.data[t->at - 1] == '(' && pattern_peek(t) != '?';
        t->groups += is_named || is_plain;
        if (is_named && note_name(t) < 0)
            return -1;
    }
    t->at = 0;
    return 0;
}

/* --- terms -------------------------------------------------------------------------------------------------------- */

static int disjunction(struct translation *t);

static int group(struct translation *t, size_t start, bool *is_assertion)
{
    static const char *const openings[] = {"?:", "?=", "?!", "?<=", "?<!"};
    struct span name;
    const char *opening = "";
    for (size_t i = 0; i < ARRAY_LEN(openings) && *opening == '\0'; i++)
        if (pattern_take(t, openings[i]))
            opening = openings[i];
    *is_assertion = *opening != '\0' && opening[1] != ':';
    if (*opening == '\0' && pattern_take(t, "?<")) {
        if (take_name(t, &name) < 0)
            return -1;
    } else if (*opening == '\0' && pattern_peek(t) == '?') {
        return pattern_refuse(t, start, "ECMA-262 has no group that begins so");
    }
    if (++t->depth > PATTERN_DEPTH_MAX)
        return pattern_refuse(t, start, "groups nest deeper than %d", PATTERN_DEPTH_MAX);
    buf_printf(t->out, "(%s", opening);
    if (disjunction(t) < 0)
        return -1;
    if (!pattern_take(t, ")"))
        return pattern_refuse(t, start, "a ( without its )");
    t->depth--;
    buf_putc(t->out, ')');
    return 0;
}

static int reference(struct translation *t, size_t start, uint32_t number)
{
    if (number == 0 || number > t->groups)
        return pattern_refuse(t, start, "a reference to a group that is not there");
    buf_printf(t->out, "(?:\\g{%u}", number); /* a repeat may follow */
    t->run = UINT32_MAX;
    callout(t);
    buf_putc(t->out, ')');
    return 0;
}

/* Behind a backslash outside of brackets. */
static int escape(struct translation *t, size_t start, bool *is_assertion)
{
    struct pattern_escape escape;
    struct span name;
    uint32_t number;
    char c = pattern_peek(t);
    if (c == 'b' || c == 'B') {
        t->at++;
        *is_assertion = true;
        buf_printf(t->out, "\\%c", c);
        return 0;
    }
    if (c >= '1' && c <= '9' && take_number(t, &number))
        return reference(t, start, number);
    if (pattern_take(t, "k<"))
        return take_name(t, &name) < 0 ? -1 : reference(t, start, number_of(t, name));
    if (pattern_take_escape(t, &escape) < 0)
        return -1;
    if (escape.is_class)
        return pattern_put_class_escape(t, &escape, false);
    if (escape.code_point >= SURROGATE_MIN && escape.code_point <= SURROGATE_MAX)
        buf_puts(t->out, PATTERN_NOTHING); /* no UTF-8 holds one */
    else
        pattern_put_character(t->out, escape.code_point);
    return 0;
}

static int atom(struct translation *t, bool *is_assertion)
{
    size_t start = t->at;
    char c = pattern_peek(t);
    if (pattern_take(t, "("))
        return group(t, start, is_assertion);
    if (pattern_take(t, "["))
        return pattern_class(t);
    if (pattern_take(t, "\\"))
        return escape(t, start, is_assertion);
    if (pattern_take(t, "."))
        buf_puts(t->out, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
    else if (c == '^' || c == '$')
        *is_assertion = pattern_take(t, c == '^' ? "^" : "$");
    else
        pattern_put_character(t->out, pattern_take_character(t));
    if (*is_assertion)
        buf_putc(t->out, c);
    return 0;
}

/* Takes {n}, {n,} or {n,m} and is true; a brace that begins none of them stands for itself. */
static bool take_braces(struct translation *t, uint32_t *least, uint32_t *most, bool *is_open)
{
    size_t start = t->at;
    if (pattern_take(t, "{") && take_number(t, least)) {
        *most = *least;
        *is_open = pattern_take(t, ",") && !take_number(t, most);
        if (pattern_take(t, "}"))
            return true;
    }
    t->at = start;
    return false;
}

static int put_braces(struct translation *t, size_t start, uint32_t least, uint32_t most, bool is_open)
{
    if (!is_open && least > most)
        return pattern_refuse(t, start, "a repeat that ends before it begins");
    if (least > PATTERN_REPEAT_MAX || most > PATTERN_REPEAT_MAX)
        return pattern_refuse(t, start, "repeats more than %d times", PATTERN_REPEAT_MAX);
    buf_printf(t->out, "{%u", least);
    if (is_open)
        buf_putc(t->out, ',');
    else if (most != least)
        buf_printf(t->out, ",%u", most);
    buf_putc(t->out, '}');
    t->run += least;
    return 0;
}

static int quantifier(struct translation *t, bool is_assertion)
{
    uint32_t least, most;
    bool is_open;
    size_t start = t->at;
    char c = pattern_peek(t);
    bool is_sign = c == '*' || c == '+' || c == '?', is_braces = take_braces(t, &least, &most, &is_open);
    if (!is_sign && !is_braces)
        return 0;
    if (is_assertion)
        return pattern_refuse(t, start, "an assertion cannot be repeated");
    if (is_sign)
        buf_putc(t->out, t->in.data[t->at++]);
    else if (put_braces(t, start, least, most, is_open) < 0)
        return -1;
    if (pattern_take(t, "?"))
        buf_putc(t->out, '?');
    callout(t);
    return 0;
}

static int term(struct translation *t)
{
    bool is_assertion = false, is_open;
    uint32_t least, most;
    size_t start = t->at;
    char c = pattern_peek(t);
    if (c == '*' || c == '+' || c == '?' || take_braces(t, &least, &most, &is_open))
        return pattern_refuse(t, start, "nothing to repeat");
    if (atom(t, &is_assertion) < 0)
        return -1;
    t->run++;
    return quantifier(t, is_assertion);
}

static int disjunction(struct translation *t)
{
    callout(t);
    while (t->at < t->in.len && pattern_peek(t) != ')') {
        if (!pattern_take(t, "|")) {
            if (term(t) < 0)
                return -1;
            continue;
        }
        buf_putc(t->out, '|');
        callout(t);
    }
    return 0;
}

static int translate(struct translation *t)
{
    if (t->in.len > PATTERN_MAX)
        return error_set(t->err, CODE_SCHEMA_REGEX, 0, "the pattern is longer than %d bytes", PATTERN_MAX);
    if (!utf8_is_valid(t->in))
        return error_set(t->err, CODE_SCHEMA_REGEX, 0, "the pattern is not UTF-8");
    if (count_groups(t) < 0 || disjunction(t) < 0)
        return -1;
    return t->at < t->in.len ? pattern_refuse(t, t->at, "a ) without its (") : 0;
}

int pattern_translate(struct span ecma, struct buf *out, uint32_t *reach, struct error *err)
{
    struct translation t = {.in = ecma, .out = out, .err = err};
    if (translate(&t) < 0)
        return -1;
    *reach = t.run > t.reach ? t.run : t.reach;
    return buf_check(out, err);
}

/* What has failed takes no memory: only the grammar is asked. */
bool pattern_is_regex(struct span text)
{
    struct buf nowhere = {.failed = true};
    struct error err;
    struct translation t = {.in = text, .out = &nowhere, .err = &err};
    return translate(&t) == 0;
}
