/*
 * json_read: strict JSON into a doc. One pass, no recursion: the builder remembers what is open.
 *
 * Columns count characters. Line breaks are only between values and ASCII is the rule, so a column is the byte's
 * distance from the start of its line, less the continuation bytes of UTF-8 counted while strings were checked.
 */
#include "model/json.h"

#include <math.h>

#include "model/codes.h"
#include "util/num.h"
#include "util/utf8.h"

struct reader {
    const char *at, *end;
    const char *line_start;
    uint32_t line;
    size_t continuation; /* bytes of UTF-8 on this line that begin no character */
    const struct json_options *options;
    struct doc_builder builder;
    struct buf text; /* a string with its escapes resolved */
    struct error *err;
};

static struct doc_pos position(const struct reader *r)
{
    return (struct doc_pos){r->line, (uint32_t)((size_t)(r->at - r->line_start) - r->continuation + 1)};
}

static int refuse_at(struct reader *r, struct doc_pos pos, const char *what)
{
    return error_at(r->err, CODE_MESSAGE_FORM, r->options->file, pos.line, pos.column, "%s", what);
}

static int refuse(struct reader *r, const char *what)
{
    return refuse_at(r, position(r), what);
}

/* For a byte that stands where `wanted` should. */
static int refuse_byte(struct reader *r, const char *wanted)
{
    struct doc_pos pos = position(r);
    char found[32];
    if (r->at == r->end)
        snprintf(found, sizeof found, "the end of the text");
    else if (*r->at > ' ' && *r->at < 0x7F)
        snprintf(found, sizeof found, "'%c'", *r->at);
    else
        snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)*r->at);
    return error_at(r->err, CODE_MESSAGE_FORM, r->options->file, pos.line, pos.column, "%s instead of %s", found,
                    wanted);
}

/* The next byte behind white space, '\0' at the end (where a NUL in the text is refused like any other byte). */
static char next_byte(struct reader *r)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
            r->continuation = 0;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return *r->at;
        }
    }
    return '\0';
}

/* --- strings ------------------------------------------------------------------------------------------------- */

static bool read_hex4(struct reader *r, uint32_t *out)
{
    uint32_t value = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = r->at[i];
        uint32_t digit = 0;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    r->at += 4;
    *out = value;
    return true;
}

/* Behind "\u". `pos` is the backslash's. */
static int read_unicode_escape(struct reader *r, struct doc_pos pos, char **to)
{
    uint32_t code = 0, low = 0;
    if (!read_hex4(r, &code))
        return refuse_at(r, pos, "an escape \\u without four hexadecimal digits");
    if (code == 0 && !r->options->allow_nul)
        return refuse_at(r, pos, "the character NUL in a string");
    if (code >= 0xD800 && code < 0xE000) {
        bool is_pair = code < 0xDC00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u';
        if (is_pair) {
            r->at += 2;
            is_pair = read_hex4(r, &low) && low >= 0xDC00 && low < 0xE000;
        }
        if (!is_pair)
            return refuse_at(r, pos, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *to += utf8_encode(code, *to);
    return 0;
}

/* At a backslash. What an escape stands for is never longer than the escape. */
static int read_escape(struct reader *r, char **to)
{
    static const char meanings[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
    };
    unsigned char c = r->end - r->at < 2 ? '\0' : (unsigned char)r->at[1];
    if (c == 'u') {
        struct doc_pos pos = position(r);
        r->at += 2;
        return read_unicode_escape(r, pos, to);
    }
    if (meanings[c] == '\0')
        return refuse(r, "an escape JSON does not have");
    r->at += 2;
    *(*to)++ = meanings[c];
    return 0;
}

/* Bytes that stand for themselves; all others are looked at. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7F] = true,
};

/* Goes over what stands for itself: up to a quote, a backslash, the end, or what must not be in a string. */
static int skip_plain(struct reader *r)
{
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at;
        if (is_plain[c]) {
            r->at++;
            continue;
        }
        if (c == '"' || c == '\\')
            return 0;
        if (c < 0x20)
            return refuse(r, "a control character in a string, not escaped");
        size_t len = utf8_sequence(r->at, (size_t)(r->end - r->at));
        if (len == 0)
            return refuse(r, "bytes that are not UTF-8");
        r->at += len;
        r->continuation += len - 1;
    }
    return 0;
}

/* skip_plain that keeps what it went over: a few bytes, mostly. */
static int take_plain(struct reader *r, char **to)
{
    const char *at = r->at;
    char *out = *to;
    while (at < r->end && is_plain[(unsigned char)*at])
        *out++ = *at++;
    r->at = at;
    *to = out;
    if (at == r->end || *at == '"' || *at == '\\')
        return 0;
    if (skip_plain(r) < 0)
        return -1;
    memcpy(out, at, (size_t)(r->at - at));
    *to = out + (r->at - at);
    return 0;
}

/*
 * At the first backslash of a string that began at `from`. A message inside of a journal line or a snapshot is such a
 * string, with an escape every few bytes. There is room for all that is left of the text, asked for once: what is not
 * written to is addresses alone.
 */
static int resolve_escapes(struct reader *r, const char *from, struct doc_pos pos)
{
    size_t plain = (size_t)(r->at - from);
    buf_reset(&r->text);
    char *const start = buf_reserve(&r->text, (size_t)(r->end - from)), *to = start;
    if (start == NULL)
        return buf_check(&r->text, r->err);
    memcpy(to, from, plain);
    to += plain;
    while (r->at < r->end && *r->at != '"')
        if (read_escape(r, &to) < 0 || take_plain(r, &to) < 0)
            return -1;
    if (r->at == r->end)
        return refuse_at(r, pos, "a string that does not end");
    r->text.len = (size_t)(to - start);
    return 0;
}

/* At a quote. *out is borrowed, from the text itself where it has no escapes. */
static int read_string(struct reader *r, struct span *out)
{
    struct doc_pos pos = position(r);
    const char *from = ++r->at;
    if (skip_plain(r) < 0)
        return -1;
    if (r->at == r->end)
        return refuse_at(r, pos, "a string that does not end");
    *out = (struct span){from, (size_t)(r->at - from)};
    if (*r->at == '\\') {
        if (resolve_escapes(r, from, pos) < 0)
            return -1;
        *out = buf_span(&r->text);
    }
    r->at++;
    return 0;
}

/* --- numbers ------------------------------------------------------------------------------------------------- */

static bool skip_digits(struct reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool skip_either(struct reader *r, char a, char b)
{
    bool is_there = r->at < r->end && (*r->at == a || *r->at == b);
    r->at += is_there;
    return is_there;
}

/* RFC 8259 §6. *is_integer: neither a fraction nor an exponent is written. */
static int scan_number(struct reader *r, bool *is_integer)
{
    struct doc_pos pos = position(r);
    *is_integer = true;
    skip_either(r, '-', '-');
    const char *whole = r->at;
    if (!skip_digits(r))
        return refuse_byte(r, "a digit");
    if (*whole == '0' && r->at - whole > 1)
        return refuse_at(r, pos, "a number that begins with 0");
    if (skip_either(r, '.', '.')) {
        *is_integer = false;
        if (!skip_digits(r))
            return refuse_byte(r, "a digit");
    }
    if (skip_either(r, 'e', 'E')) {
        *is_integer = false;
        skip_either(r, '+', '-');
        if (!skip_digits(r))
            return refuse_byte(r, "a digit");
    }
    return 0;
}

static int read_number(struct reader *r)
{
    enum { DIGITS_SAFE = 15 }; /* any integer of so many digits is within ±(2^53-1) */
    struct doc_pos pos = position(r);
    struct span text = {r->at, 0};
    bool is_integer = false;
    double value = 0;
    if (scan_number(r, &is_integer) < 0)
        return -1;
    text.len = (size_t)(r->at - text.data);
    if (is_integer && text.len <= DIGITS_SAFE) {
        int64_t integer = 0;
        for (size_t i = *text.data == '-'; i < text.len; i++)
            integer = 10 * integer + (text.data[i] - '0');
        return doc_builder_int(&r->builder, pos, *text.data == '-' ? -integer : integer, r->err);
    }
    if (!num_parse_double(text, &value) || !isfinite(value))
        return refuse_at(r, pos, "a number too large for a double");
    bool is_big = is_integer && fabs(value) > (double)NUM_INT_MAX;
    if ((is_big || !doc_number_is_portable(value)) && !r->options->allow_big_numbers)
        return refuse_at(r, pos, "an integer beyond 9007199254740991 (2^53-1), which not every reader keeps exactly");
    return doc_builder_double(&r->builder, pos, value, r->err);
}

/* --- structure ----------------------------------------------------------------------------------------------- */

static bool skip_word(struct reader *r, struct span word)
{
    bool is_there = (size_t)(r->end - r->at) >= word.len && memcmp(r->at, word.data, word.len) == 0;
    r->at += is_there ? word.len : 0;
    return is_there;
}

static int read_scalar(struct reader *r)
{
    struct doc_pos pos = position(r);
    struct span string;
    if (r->at == r->end)
        return refuse_byte(r, "a value");
    if (*r->at == '"') {
        if (read_string(r, &string) < 0)
            return -1;
        return doc_builder_string(&r->builder, pos, string, r->err);
    }
    if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9'))
        return read_number(r);
    if (skip_word(r, SPAN("null")))
        return doc_builder_null(&r->builder, pos, r->err);
    if (skip_word(r, SPAN("true")))
        return doc_builder_bool(&r->builder, pos, true, r->err);
    if (skip_word(r, SPAN("false")))
        return doc_builder_bool(&r->builder, pos, false, r->err);
    return refuse_byte(r, "a value");
}

static int read_key(struct reader *r)
{
    struct span name;
    if (next_byte(r) != '"')
        return refuse_byte(r, "a name in quotes");
    struct doc_pos pos = position(r);
    if (read_string(r, &name) < 0 || doc_builder_key(&r->builder, pos, name, r->err) < 0)
        return -1;
    if (next_byte(r) != ':')
        return refuse_byte(r, "':'");
    r->at++;
    return 0;
}

/* At an opening bracket: goes up to where its first value is due, or with *is_empty to the closing bracket. */
static int open_container(struct reader *r, char bracket, bool *is_empty)
{
    struct doc_pos pos = position(r);
    bool is_object = bracket == '{';
    r->at++;
    int begun = is_object ? doc_builder_begin_object(&r->builder, pos, r->err)
                          : doc_builder_begin_array(&r->builder, pos, r->err);
    if (begun < 0)
        return -1;
    *is_empty = next_byte(r) == (is_object ? '}' : ']');
    return is_object && !*is_empty ? read_key(r) : 0;
}

/* Behind a value: closes what ends there, and goes up to where the next value is due, or to the end of the text. */
static int after_value(struct reader *r)
{
    while (r->builder.depth > 0) {
        bool is_object = doc_builder_wants_key(&r->builder);
        char c = next_byte(r);
        if (c == ',') {
            r->at++;
            return is_object ? read_key(r) : 0;
        }
        if (c != (is_object ? '}' : ']'))
            return refuse_byte(r, is_object ? "',' or '}'" : "',' or ']'");
        r->at++;
        if (doc_builder_end(&r->builder, NULL, r->err) < 0)
            return -1;
    }
    next_byte(r);
    return r->at < r->end ? refuse_byte(r, "the end of the text") : 0;
}

static int read_document(struct reader *r)
{
    if (skip_word(r, SPAN("\xEF\xBB\xBF"))) {
        r->at = r->line_start;
        return refuse(r, "a byte order mark");
    }
    do {
        char c = next_byte(r);
        bool is_whole = true;
        int got = c == '{' || c == '[' ? open_container(r, c, &is_whole) : read_scalar(r);
        if (got < 0 || (is_whole && after_value(r) < 0))
            return -1;
    } while (r->builder.depth > 0);
    return 0;
}

int json_read(struct span text, const struct json_options *options, struct doc *doc, struct error *err)
{
    const char *start = text.len == 0 ? "" : text.data;
    struct reader r = {
        .at = start,
        .end = start + text.len,
        .line_start = start,
        .line = 1,
        .options = options,
        .err = err,
    };
    int read = doc_builder_init(&r.builder, &doc->arena, options->file, &options->limits, err);
    if (read == 0)
        read = read_document(&r);
    if (read == 0)
        doc->root = doc_builder_root(&r.builder);
    else
        doc_fini(doc);
    if (read < 0 && error_is(err, CODE_YAML_DUPLICATE_KEY))
        err->code = CODE_MESSAGE_FORM;
    doc_builder_fini(&r.builder);
    buf_fini(&r.text);
    return read;
}
