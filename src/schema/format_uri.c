/*
 * format_uri: uri and uri-reference (RFC 3986), iri and iri-reference (RFC 3987), uri-template (RFC 6570).
 *
 * The forms are checked; that a host of digits is an address, or a port in range, is not theirs to say.
 */
#include "schema/format_priv.h"

#include "util/utf8.h"

/* A character beyond ASCII that an IRI may hold (RFC 3987 §2.2), the private ones only where that is said. */
static bool is_beyond_ascii(uint32_t c, bool is_private_allowed)
{
    bool is_private = (c >= 0xe000 && c <= 0xf8ff) || c >= 0xf0000;
    bool is_noncharacter = (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xfff0 && c <= 0xffff);
    bool is_special = c >= 0xe0000 && c <= 0xe0fff;
    return c >= 0xa0 && !is_noncharacter && !is_special && (is_private_allowed || !is_private);
}

bool format_take_beyond_ascii(struct span *rest, uint32_t *code_point)
{
    size_t len = rest->len == 0 ? 0 : utf8_sequence(rest->data, rest->len);
    if (len < 2)
        return false;
    *code_point = utf8_decode(rest->data, len);
    format_skip(rest, len);
    return true;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* What a character of ASCII is in RFC 3986 §2. */
enum { UNRESERVED = 1, SUB_DELIMITER = 2, COLON = 4, AT = 8, SLASH = 16, QUESTION = 32 };

enum { AUTHORITY = SUB_DELIMITER, USER = SUB_DELIMITER | COLON, PATH = SUB_DELIMITER | COLON | AT | SLASH };

static const unsigned char kinds[128] = {
    ['a' ... 'z'] = UNRESERVED, ['A' ... 'Z'] = UNRESERVED, ['0' ... '9'] = UNRESERVED, ['-'] = UNRESERVED,
    ['.'] = UNRESERVED,         ['_'] = UNRESERVED,         ['~'] = UNRESERVED,         ['!'] = SUB_DELIMITER,
    ['$'] = SUB_DELIMITER,      ['&'] = SUB_DELIMITER,      ['\''] = SUB_DELIMITER,     ['('] = SUB_DELIMITER,
    [')'] = SUB_DELIMITER,      ['*'] = SUB_DELIMITER,      ['+'] = SUB_DELIMITER,      [','] = SUB_DELIMITER,
    [';'] = SUB_DELIMITER,      ['='] = SUB_DELIMITER,      [':'] = COLON,              ['@'] = AT,
    ['/'] = SLASH,              ['?'] = QUESTION,
};

static bool take_percent(struct span *rest)
{
    return format_take(rest, '%') && format_run(rest, format_is_hex, 2) == 2;
}

/* Unreserved, percent-encoded, and the kinds of `more`, to the end. */
static bool is_made_of(struct span text, unsigned more, bool is_iri, bool is_private_allowed)
{
    uint32_t c;
    while (text.len > 0) {
        unsigned char first = (unsigned char)text.data[0];
        if (first < 128 && (kinds[first] & (UNRESERVED | more)) != 0)
            format_skip(&text, 1);
        else if (first == '%' ? !take_percent(&text)
                              : !(is_iri && format_take_beyond_ascii(&text, &c) &&
                                  is_beyond_ascii(c, is_private_allowed)))
            return false;
    }
    return true;
}

static bool is_ip_literal(struct span text)
{
    if (!format_take(&text, 'v') && !format_take(&text, 'V'))
        return format_is_ipv6(text);
    bool is_versioned = format_run(&text, format_is_hex, SIZE_MAX) > 0 && format_take(&text, '.') && text.len > 0;
    return is_versioned && memchr(text.data, '%', text.len) == NULL &&
           is_made_of(text, USER, false, false);
}

static bool is_host_and_port(struct span text, bool is_iri)
{
    struct span host;
    if (format_take(&text, '[')) {
        if (text.len == 0 || memchr(text.data, ']', text.len) == NULL)
            return false;
        host = format_before(&text, ']');
        if (!is_ip_literal(host) || (text.len > 0 && !format_take(&text, ':')))
            return false;
    } else {
        host = format_before(&text, ':');
        if (!is_made_of(host, AUTHORITY, is_iri, false))
            return false;
    }
    format_run(&text, format_is_digit, SIZE_MAX);
    return text.len == 0;
}

static bool is_authority(struct span text, bool is_iri)
{
    if (text.len > 0 && memchr(text.data, '@', text.len) != NULL &&
        !is_made_of(format_before(&text, '@'), USER, is_iri, false))
        return false;
    return is_host_and_port(text, is_iri);
}

static bool is_scheme_character(char c)
{
    return format_is_letter(c) || format_is_digit(c) || is_one_of(c, "+-.");
}

/* scheme: , or nothing. */
static bool take_scheme(struct span *rest)
{
    struct span ahead = *rest;
    if (!format_is_letter(format_peek(&ahead)))
        return false;
    format_run(&ahead, is_scheme_character, SIZE_MAX);
    if (!format_take(&ahead, ':'))
        return false;
    *rest = ahead;
    return true;
}

/* //authority and path, or path alone. */
static bool is_hierarchy(struct span text, bool has_scheme, bool is_iri)
{
    if (text.len >= 2 && text.data[0] == '/' && text.data[1] == '/') {
        format_skip(&text, 2);
        const char *slash = text.len == 0 ? NULL : memchr(text.data, '/', text.len);
        struct span authority = {text.data, slash == NULL ? text.len : (size_t)(slash - text.data)};
        format_skip(&text, authority.len);
        if (!is_authority(authority, is_iri))
            return false;
    } else if (!has_scheme) {
        struct span rest = text, first = format_before(&rest, '/');
        if (first.len > 0 && memchr(first.data, ':', first.len) != NULL)
            return false; /* it would be read as a scheme */
    }
    return is_made_of(text, PATH, is_iri, false);
}

static bool is_reference(struct span text, bool wants_scheme, bool is_iri)
{
    bool has_scheme = take_scheme(&text);
    struct span fragment = text, query = format_before(&fragment, '#'), path = format_before(&query, '?');
    return (has_scheme || !wants_scheme) && is_hierarchy(path, has_scheme, is_iri) &&
           is_made_of(query, PATH | QUESTION, is_iri, true) && is_made_of(fragment, PATH | QUESTION, is_iri, false);
}

bool format_is_uri(struct span text)
{
    return is_reference(text, true, false);
}

bool format_is_uri_reference(struct span text)
{
    return is_reference(text, false, false);
}

bool format_is_iri(struct span text)
{
    return is_reference(text, true, true);
}

bool format_is_iri_reference(struct span text)
{
    return is_reference(text, false, true);
}

/* --- templates --------------------------------------------------------------------------------------------------- */

static bool is_name_character(char c)
{
    return format_is_letter(c) || format_is_digit(c) || c == '_';
}

/* A name with single dots inside, then :1 to :9999, or *. */
static bool take_variable(struct span *rest)
{
    do {
        bool is_there = false;
        while (format_run(rest, is_name_character, SIZE_MAX) > 0 ||
               (format_peek(rest) == '%' && take_percent(rest)))
            is_there = true;
        if (!is_there)
            return false;
    } while (format_take(rest, '.'));
    if (format_take(rest, '*') || !format_take(rest, ':'))
        return true;
    return format_peek(rest) != '0' && format_run(rest, format_is_digit, 4) > 0;
}

static bool take_expression(struct span *rest)
{
    if (is_one_of(format_peek(rest), "+#./;?&=,!@|"))
        format_skip(rest, 1);
    do {
        if (!take_variable(rest))
            return false;
    } while (format_take(rest, ','));
    return format_take(rest, '}');
}

static bool take_literal(struct span *rest)
{
    uint32_t code_point;
    char c = format_peek(rest);
    if (c == '%')
        return take_percent(rest);
    if (c <= ' ' || c == 0x7f || is_one_of(c, "\"<>\\^`|}"))
        return format_take_beyond_ascii(rest, &code_point) && is_beyond_ascii(code_point, true);
    format_skip(rest, 1);
    return true;
}

bool format_is_uri_template(struct span text)
{
    while (text.len > 0)
        if (!(format_take(&text, '{') ? take_expression(&text) : take_literal(&text)))
            return false;
    return true;
}
