/*
 * uri: see uri.h. Split as in RFC 3986 appendix B, joined as in §5.3.
 */
#include "schema/uri.h"

struct parts {
    struct span scheme, authority, path, query, fragment; /* data NULL: not there; path is always there */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_character(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* The text up to the first of the characters; *rest is what follows, from that character on. */
static struct span take_until(struct span *rest, const char *stops)
{
    size_t len = 0;
    while (len < rest->len && (rest->data[len] == '\0' || strchr(stops, rest->data[len]) == NULL))
        len++;
    struct span taken = {rest->data, len};
    *rest = (struct span){rest->data + len, rest->len - len};
    return taken;
}

static struct span scheme_of(struct span uri)
{
    size_t len = 0;
    if (uri.len == 0 || !is_letter(uri.data[0]))
        return (struct span){0};
    while (len < uri.len && is_scheme_character(uri.data[len]))
        len++;
    return len < uri.len && uri.data[len] == ':' ? (struct span){uri.data, len} : (struct span){0};
}

bool uri_is_absolute(struct span uri)
{
    return scheme_of(uri).data != NULL;
}

struct span uri_without_fragment(struct span uri, struct span *fragment)
{
    struct span rest = uri;
    struct span before = take_until(&rest, "#");
    *fragment = (struct span){0};
    if (rest.len > 0)
        *fragment = (struct span){rest.data + 1, rest.len - 1};
    return before;
}

static struct parts split(struct span uri)
{
    struct parts parts = {.scheme = scheme_of(uri)};
    struct span rest = uri_without_fragment(uri, &parts.fragment);
    if (parts.scheme.data != NULL)
        rest = span_from(rest, parts.scheme.len + 1);
    if (span_starts(rest, SPAN("//"))) {
        rest = span_from(rest, 2);
        parts.authority = take_until(&rest, "/?");
    }
    parts.path = take_until(&rest, "?");
    if (rest.len > 0)
        parts.query = (struct span){rest.data + 1, rest.len - 1};
    return parts;
}

/* Takes the last segment away, the slash before it too, down to `start`. */
static void drop_segment(struct buf *out, size_t start)
{
    while (out->len > start && out->data[out->len - 1] != '/')
        out->len--;
    if (out->len > start)
        out->len--;
}

/* RFC 3986 §5.2.4. */
static void put_without_dots(struct span path, struct buf *out)
{
    size_t start = out->len;
    while (path.len > 0) {
        if (span_starts(path, SPAN("../")) || span_starts(path, SPAN("./"))) {
            path = span_from(path, path.data[1] == '.' ? 3 : 2);
        } else if (span_starts(path, SPAN("/./"))) {
            path = span_from(path, 2);
        } else if (span_is(path, "/.")) {
            path = SPAN("/");
        } else if (span_starts(path, SPAN("/../"))) {
            path = span_from(path, 3);
            drop_segment(out, start);
        } else if (span_is(path, "/..")) {
            path = SPAN("/");
            drop_segment(out, start);
        } else if (span_is(path, ".") || span_is(path, "..")) {
            path.len = 0;
        } else {
            if (path.data[0] == '/') {
                buf_putc(out, '/');
                path = span_from(path, 1);
            }
            buf_append_span(out, take_until(&path, "/"));
        }
    }
}

/* §5.2.3: the folder of the base's path, and the reference's behind it. */
static void put_merged(const struct parts *base, struct span path, struct buf *out)
{
    struct buf merged AUTO_BUF = {0};
    size_t folder = base->path.len;
    while (folder > 0 && base->path.data[folder - 1] != '/')
        folder--;
    if (base->authority.data != NULL && base->path.len == 0)
        buf_putc(&merged, '/');
    buf_append(&merged, base->path.data, folder);
    buf_append_span(&merged, path);
    if (merged.failed)
        out->failed = true;
    put_without_dots(buf_span(&merged), out);
}

static void put_lower(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        buf_putc(out, (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] + ('a' - 'A') : text.data[i]));
}

static void put_origin(struct span scheme, struct span authority, struct buf *out)
{
    put_lower(scheme, out);
    buf_putc(out, ':');
    if (authority.data != NULL) {
        buf_puts(out, "//");
        put_lower(authority, out);
    }
}

static void put_behind(char mark, struct span part, struct buf *out)
{
    if (part.data == NULL)
        return;
    buf_putc(out, mark);
    buf_append_span(out, part);
}

void uri_resolve(struct span base_text, struct span reference_text, struct buf *out)
{
    struct parts base = split(base_text), ref = split(reference_text);
    struct span query = ref.query;
    if (ref.scheme.data != NULL || ref.authority.data != NULL) {
        put_origin(ref.scheme.data != NULL ? ref.scheme : base.scheme, ref.authority, out);
        put_without_dots(ref.path, out);
    } else {
        put_origin(base.scheme, base.authority, out);
        if (ref.path.len == 0) {
            buf_append_span(out, base.path);
            query = ref.query.data != NULL ? ref.query : base.query;
        } else if (ref.path.data[0] == '/') {
            put_without_dots(ref.path, out);
        } else {
            put_merged(&base, ref.path, out);
        }
    }
    put_behind('?', query, out);
    put_behind('#', ref.fragment, out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uri_decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            buf_putc(out, text.data[i]);
            continue;
        }
        int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        buf_putc(out, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}
