/*
 * spell: see spell.h.
 */
#include "model/spell.h"

#include "model/scalar.h"
#include "util/num.h"
#include "util/utf8.h"

static bool has_any(struct span text, const char *set)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(set, text.data[i]) != NULL)
            return true;
    return false;
}

/* What no reader shows or keeps as it is: controls, line breaks of Unicode, the byte order mark, no characters. */
static bool must_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
           code == 0xFFFE || code == 0xFFFF;
}

static bool has_escapes(struct span text)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_sequence(text.data + at, text.len - at);
        if (len == 0 || must_escape(utf8_decode(text.data + at, len)))
            return true;
    }
    return false;
}

/* --- strings -------------------------------------------------------------------------------------------- */

/* Says no to some that would do: quotes never hurt. */
static bool is_plain(struct span text, bool is_in_flow)
{
    static const char indicators[] = "-?:,[]{}#&*!|>'\"%@` =<";
    if (text.len == 0 || strchr(indicators, text.data[0]) != NULL || has_escapes(text))
        return false;
    char last = text.data[text.len - 1];
    if (last == ' ' || last == ':' || (text.len >= 3 && memcmp(text.data, "...", 3) == 0))
        return false;
    if (is_in_flow && has_any(text, ",[]{}:"))
        return false;
    for (size_t i = 0; i + 1 < text.len; i++)
        if ((text.data[i] == ':' && text.data[i + 1] == ' ') || (text.data[i] == ' ' && text.data[i + 1] == '#'))
            return false;
    return scalar_resolve(text).kind == DOC_STRING && scalar_ambiguity(text) == NULL;
}

static void put_single(struct span text, struct buf *out)
{
    buf_putc(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'')
            buf_putc(out, '\'');
        buf_putc(out, text.data[i]);
    }
    buf_putc(out, '\'');
}

static void put_escaped(uint32_t code, const char *bytes, size_t len, struct buf *out)
{
    if (code == '"' || code == '\\')
        buf_printf(out, "\\%c", (char)code);
    else if (code == '\n' || code == '\t' || code == '\r')
        buf_printf(out, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    else if (!must_escape(code))
        buf_append(out, bytes, len);
    else
        buf_printf(out, code < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)code);
}

static void put_double(struct span text, struct buf *out)
{
    buf_putc(out, '"');
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_sequence(text.data + at, text.len - at);
        if (len == 0)
            break; /* a document holds UTF-8 */
        put_escaped(utf8_decode(text.data + at, len), text.data + at, len, out);
    }
    buf_putc(out, '"');
}

static void put_string(struct span text, enum spell_style style, bool is_in_flow, struct buf *out)
{
    if (style == SPELL_PLAIN && is_plain(text, is_in_flow))
        buf_append_span(out, text);
    else if (style == SPELL_SINGLE && !has_escapes(text))
        put_single(text, out);
    else
        put_double(text, out);
}

void spell_name(struct span name, enum spell_style style, bool is_in_flow, struct buf *out)
{
    put_string(name, style, is_in_flow, out);
}

/* --- lines ---------------------------------------------------------------------------------------------- */

bool spell_has_lines(struct span text)
{
    /* A first line that is blank or begins with a space would need an indentation indicator; more than one break at
       the end a `+`. */
    if (text.len < 2 || memchr(text.data, '\n', text.len) == NULL || strchr(" \t\n#", text.data[0]) != NULL ||
        (text.data[text.len - 1] == '\n' && text.data[text.len - 2] == '\n'))
        return false;
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_sequence(text.data + at, text.len - at);
        if (len == 0 || (text.data[at] != '\n' && must_escape(utf8_decode(text.data + at, len))))
            return false;
    }
    return true;
}

void spell_lines_header(struct span text, struct buf *out)
{
    buf_puts(out, text.data[text.len - 1] == '\n' ? "|" : "|-");
}

void spell_lines(struct span text, size_t indent, struct span line_break, struct buf *out)
{
    size_t len = text.data[text.len - 1] == '\n' ? text.len - 1 : text.len;
    for (size_t at = 0, end; at <= len; at = end + 1) {
        const char *next = memchr(text.data + at, '\n', len - at);
        end = next == NULL ? len : (size_t)(next - text.data);
        buf_append_span(out, line_break);
        if (end > at)
            buf_printf(out, "%*s", (int)indent, "");
        buf_append(out, text.data + at, end - at);
    }
}

/* --- values --------------------------------------------------------------------------------------------- */

/* YAML 1.1 knows an exponent only behind a point. */
static void put_double_number(double number, struct buf *out)
{
    char text[NUM_TEXT_MAX];
    size_t len = num_format_double(number, text);
    const char *exponent = memchr(text, 'e', len);
    if (exponent == NULL || memchr(text, '.', len) != NULL)
        buf_append(out, text, len);
    else
        buf_printf(out, "%.*s.0%s", (int)(exponent - text), text, exponent);
}

static void put_array(const struct doc_node *node, enum spell_style style, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < node->u.array.len; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        spell_value(node->u.array.items[i], style, true, out);
    }
    buf_putc(out, ']');
}

static void put_object(const struct doc_node *node, enum spell_style style, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < node->u.object.len; i++) {
        const struct doc_member *member = &node->u.object.members[i];
        if (i > 0)
            buf_puts(out, ", ");
        spell_name(member->name, SPELL_PLAIN, true, out);
        buf_puts(out, ": ");
        spell_value(member->value, style, true, out);
    }
    buf_putc(out, '}');
}

void spell_value(const struct doc_node *node, enum spell_style style, bool is_in_flow, struct buf *out)
{
    char text[NUM_TEXT_MAX];
    switch (node->kind) {
    case DOC_NULL:
        buf_puts(out, "null");
        return;
    case DOC_BOOL:
        buf_puts(out, node->u.boolean ? "true" : "false");
        return;
    case DOC_INT:
        buf_append(out, text, num_format_int(node->u.integer, text));
        return;
    case DOC_DOUBLE:
        put_double_number(node->u.number, out);
        return;
    case DOC_STRING:
        put_string(node->u.string, style, is_in_flow, out);
        return;
    case DOC_ARRAY:
        put_array(node, style, out);
        return;
    case DOC_OBJECT:
        put_object(node, style, out);
        return;
    }
}
