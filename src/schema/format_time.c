/*
 * format_time: date, time and date-time of RFC 3339 §5.6, duration of its appendix A.
 *
 * A leap second is one only in the last minute of a day of UTC; which days had one is not looked up.
 */
#include "schema/format_priv.h"

/* Exactly `len` digits. */
static bool take_number(struct span *rest, size_t len, unsigned *out)
{
    unsigned value = 0;
    if (rest->len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!format_is_digit(rest->data[i]))
            return false;
        value = value * 10 + (unsigned)(rest->data[i] - '0');
    }
    format_skip(rest, len);
    *out = value;
    return true;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1u : 0u);
}

static bool take_date(struct span *rest)
{
    unsigned year, month, day;
    return take_number(rest, 4, &year) && format_take(rest, '-') && take_number(rest, 2, &month) &&
           format_take(rest, '-') && take_number(rest, 2, &day) && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_of(year, month);
}

/* Z or ±hh:mm, in minutes. */
static bool take_offset(struct span *rest, int *minutes)
{
    unsigned hour, minute;
    bool is_west = format_peek(rest) == '-';
    *minutes = 0;
    if (format_take(rest, 'Z') || format_take(rest, 'z'))
        return true;
    if (!format_take(rest, '+') && !format_take(rest, '-'))
        return false;
    if (!take_number(rest, 2, &hour) || !format_take(rest, ':') || !take_number(rest, 2, &minute))
        return false;
    *minutes = (int)(hour * 60 + minute) * (is_west ? -1 : 1);
    return hour < 24 && minute < 60;
}

static bool take_time(struct span *rest)
{
    enum { DAY = 24 * 60 };
    unsigned hour, minute, second;
    int offset;
    if (!take_number(rest, 2, &hour) || !format_take(rest, ':') || !take_number(rest, 2, &minute) ||
        !format_take(rest, ':') || !take_number(rest, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (format_take(rest, '.') && format_run(rest, format_is_digit, SIZE_MAX) == 0)
        return false;
    if (!take_offset(rest, &offset))
        return false;
    return second < 60 || ((int)(hour * 60 + minute) - offset + DAY) % DAY == DAY - 1;
}

bool format_is_date(struct span text)
{
    return take_date(&text) && text.len == 0;
}

bool format_is_time(struct span text)
{
    return take_time(&text) && text.len == 0;
}

bool format_is_date_time(struct span text)
{
    return take_date(&text) && (format_take(&text, 'T') || format_take(&text, 't')) && take_time(&text) &&
           text.len == 0;
}

/* Numbers with the given units, each at most once, in their order and without one left out between two. */
static bool take_units(struct span *rest, const char *units)
{
    const char *next = NULL;
    while (format_is_digit(format_peek(rest))) {
        format_run(rest, format_is_digit, SIZE_MAX);
        const char *unit = rest->len == 0 || rest->data[0] == '\0' ? NULL : strchr(units, rest->data[0]);
        if (unit == NULL || (next != NULL && unit != next))
            return false;
        next = unit + 1;
        format_skip(rest, 1);
    }
    return next != NULL;
}

bool format_is_duration(struct span text)
{
    if (!format_take(&text, 'P'))
        return false;
    struct span weeks = text;
    if (take_units(&weeks, "W") && weeks.len == 0)
        return true;
    if (format_peek(&text) != 'T' && !take_units(&text, "YMD"))
        return false;
    return text.len == 0 || (format_take(&text, 'T') && take_units(&text, "HMS") && text.len == 0);
}
