/*
 * format_priv: the readers of format_<what>.c, and how they read. Nobody else includes it.
 *
 * A reader takes what it knows from the front of a span. It says false where that is not there; what was taken until
 * then does not matter, since the whole text is wrong.
 */
#ifndef SCHEMA_FORMAT_PRIV_H
#define SCHEMA_FORMAT_PRIV_H

#include <stdint.h>

#include "schema/format.h"

bool format_is_date(struct span text);
bool format_is_time(struct span text);
bool format_is_date_time(struct span text);
bool format_is_duration(struct span text);

bool format_is_ipv4(struct span text);
bool format_is_ipv6(struct span text);
bool format_is_hostname(struct span text);
bool format_is_a_label(struct span label); /* which begins with xn-- */
bool format_is_email(struct span text);
bool format_is_idn_email(struct span text);

bool format_is_uri(struct span text);
bool format_is_uri_reference(struct span text);
bool format_is_iri(struct span text);
bool format_is_iri_reference(struct span text);
bool format_is_uri_template(struct span text);

static inline bool format_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool format_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool format_is_hex(char c)
{
    return format_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static inline char format_peek(const struct span *rest)
{
    return rest->len > 0 ? rest->data[0] : '\0';
}

static inline void format_skip(struct span *rest, size_t len)
{
    rest->data += len;
    rest->len -= len;
}

static inline bool format_take(struct span *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    format_skip(rest, 1);
    return true;
}

/* Takes up to `most` characters that `is` says yes to, and gives how many there were. */
static inline size_t format_run(struct span *rest, bool (*is)(char c), size_t most)
{
    size_t len = 0;
    while (len < rest->len && len < most && is(rest->data[len]))
        len++;
    format_skip(rest, len);
    return len;
}

/* Takes the part before the first `c` and `c` itself; all there is if there is no `c`. */
static inline struct span format_before(struct span *rest, char c)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->data, c, rest->len);
    struct span before = {rest->data, at == NULL ? rest->len : (size_t)(at - rest->data)};
    format_skip(rest, at == NULL ? rest->len : before.len + 1);
    return before;
}

/* Takes a character beyond ASCII; false, nothing taken, for ASCII and what is no UTF-8. */
bool format_take_beyond_ascii(struct span *rest, uint32_t *code_point);

#endif
