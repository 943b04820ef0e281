/*
 * format_net: ipv4 (RFC 2673 §3.2), ipv6 (RFC 4291 §2.2), hostname (RFC 1123 §2.1), email (RFC 5321 §4.1.2), idn-email
 * (RFC 6531 §3.3).
 *
 * A label that begins with xn-- is format_idna.c's.
 */
#include <strings.h>

#include "schema/format_priv.h"

enum { HOSTNAME_MAX = 253, LABEL_MAX = 63, LOCAL_PART_MAX = 64 };

/* 0 to 255, no leading zero: a reader that takes 010 for eight is not to be helped. */
static bool take_octet(struct span *rest)
{
    struct span digits = *rest;
    size_t len = format_run(rest, format_is_digit, 3);
    if (len == 0 || (len > 1 && digits.data[0] == '0'))
        return false;
    return len < 3 || memcmp(digits.data, "255", 3) <= 0;
}

bool format_is_ipv4(struct span text)
{
    for (int i = 0; i < 4; i++)
        if ((i > 0 && !format_take(&text, '.')) || !take_octet(&text))
            return false;
    return text.len == 0;
}

bool format_is_ipv6(struct span text)
{
    unsigned groups = 0;
    bool is_cut = text.len >= 2 && memcmp(text.data, "::", 2) == 0;
    if (is_cut)
        format_skip(&text, 2);
    while (text.len > 0 || !is_cut) {
        if (format_is_ipv4(text)) {
            groups += 2;
            break;
        }
        if (format_run(&text, format_is_hex, 4) == 0)
            return false;
        groups++;
        if (text.len == 0)
            break;
        if (!format_take(&text, ':') || text.len == 0)
            return false;
        if (format_peek(&text) == ':' && is_cut)
            return false;
        is_cut = format_take(&text, ':') || is_cut;
    }
    return is_cut ? groups < 8 : groups == 8;
}

static bool is_label_character(char c)
{
    return format_is_letter(c) || format_is_digit(c) || c == '-';
}

/* Letters, digits and dashes, no dash at either end; with `is_idn` also anything beyond ASCII. */
static bool is_label(struct span label, bool is_idn)
{
    uint32_t code_point;
    const struct span whole = label;
    if (label.len == 0 || label.data[0] == '-' || label.data[label.len - 1] == '-' ||
        (!is_idn && label.len > LABEL_MAX))
        return false;
    while (label.len > 0)
        if (format_run(&label, is_label_character, SIZE_MAX) == 0 &&
            !(is_idn && format_take_beyond_ascii(&label, &code_point)))
            return false;
    return whole.len < 4 || strncasecmp(whole.data, "xn--", 4) != 0 || format_is_a_label(whole);
}

static bool is_name(struct span text, bool is_idn)
{
    bool is_fine = text.len > 0 && text.len <= HOSTNAME_MAX && text.data[text.len - 1] != '.';
    while (is_fine && text.len > 0)
        is_fine = is_label(format_before(&text, '.'), is_idn);
    return is_fine;
}

bool format_is_hostname(struct span text)
{
    return is_name(text, false);
}

static bool is_atom_character(char c)
{
    return format_is_letter(c) || format_is_digit(c) ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* What stands between the quotes, and the closing one. */
static bool take_quoted(struct span *rest, bool is_idn)
{
    uint32_t code_point;
    while (rest->len > 0) {
        if (format_take(rest, '"'))
            return true;
        format_take(rest, '\\');
        char c = format_peek(rest);
        if (c >= ' ' && c <= '~')
            format_skip(rest, 1);
        else if (!is_idn || !format_take_beyond_ascii(rest, &code_point))
            return false;
    }
    return false;
}

/* Atoms with dots between them. */
static bool take_atoms(struct span *rest, bool is_idn)
{
    uint32_t code_point;
    do {
        size_t taken = 0;
        for (size_t run = 1; run > 0; taken += run) {
            run = format_run(rest, is_atom_character, SIZE_MAX);
            run += is_idn && format_take_beyond_ascii(rest, &code_point);
        }
        if (taken == 0)
            return false;
    } while (format_take(rest, '.'));
    return true;
}

static bool is_address_literal(struct span text)
{
    static const char tag[] = "IPv6:";
    size_t len = sizeof tag - 1;
    if (text.len > len && memcmp(text.data, tag, len) == 0)
        return format_is_ipv6((struct span){text.data + len, text.len - len});
    return format_is_ipv4(text);
}

static bool is_mailbox(struct span text, bool is_idn)
{
    const char *start = text.data;
    if (!(format_take(&text, '"') ? take_quoted(&text, is_idn) : take_atoms(&text, is_idn)))
        return false;
    if (text.data - start > LOCAL_PART_MAX || !format_take(&text, '@'))
        return false;
    if (text.len > 1 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        return is_address_literal((struct span){text.data + 1, text.len - 2});
    return is_name(text, is_idn);
}

bool format_is_email(struct span text)
{
    return is_mailbox(text, false);
}

bool format_is_idn_email(struct span text)
{
    return is_mailbox(text, true);
}
