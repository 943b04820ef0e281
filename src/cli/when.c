/*
 * when: see when.h.
 */
#include "cli/when.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/num.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

enum { DATE_LEN = 10, WHEN_MAX = 32 /* longer than anything that is understood */ };

/* So many seconds: a hundred years and more are a typing error. */
static const uint64_t most_s = (uint64_t)100 * 366 * DAY_S;

/* Words are parted by a blank, or by a dot, which no shell wants quoted. */
static bool is_gap(char c)
{
    return c == ' ' || c == '.';
}

static bool parse_unit(const char *name, uint64_t *seconds)
{
    static const struct {
        const char *names; /* each of them between blanks */
        uint64_t seconds;
    } units[] = {{" s sec second seconds ", 1},
                 {" m min mins minute minutes ", MINUTE_S},
                 {" h hour hours ", HOUR_S},
                 {" d day days ", DAY_S},
                 {" w week weeks ", 7 * DAY_S}};
    char word[16];
    int len = snprintf(word, sizeof word, " %s ", name);
    if (len < 3 || (size_t)len >= sizeof word || name[strspn(name, "abcdefghijklmnopqrstuvwxyz")] != '\0')
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strstr(units[i].names, word) != NULL) {
            *seconds = units[i].seconds;
            return true;
        }
    return false;
}

bool when_parse_span(const char *text, int64_t *ms)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + (is_gap(text[digits]) && text[digits + 1] != '\0');
    uint64_t count, seconds = 1;
    if (!num_parse_u64((struct span){text, digits}, &count) || count > most_s)
        return false;
    if ((text[digits] != '\0' && !parse_unit(unit, &seconds)) || count * seconds > most_s)
        return false;
    *ms = (int64_t)(count * seconds) * 1000;
    return true;
}

/* The text laid over midnight of the epoch: what it leaves out is zero. */
static bool parse_date(const char *text, int64_t *unix_ms)
{
    char full[] = "0000-00-00T00:00:00.000Z";
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == 'Z')
        len--;
    if (len != 10 && len != 16 && len != 19 && len != CLOCK_TEXT_LEN - 1)
        return false;
    for (size_t i = 0; i < len; i++)
        full[i] = text[i];
    if (len > DATE_LEN && full[DATE_LEN] == ' ')
        full[DATE_LEN] = 'T';
    return clock_parse((struct span){full, CLOCK_TEXT_LEN}, unix_ms);
}

/* "yesterday", "yesterday 10:30", "10:30": the day as a date, and the time behind it. */
static bool parse_day(const char *text, int64_t now_ms, int64_t *unix_ms)
{
    static const struct {
        const char *word;
        int64_t days_ago;
    } days[] = {{"today", 0}, {"yesterday", 1}};
    char date[CLOCK_TEXT_LEN + 1], full[CLOCK_TEXT_LEN + 1];
    const char *time = text;
    int64_t day_ms = now_ms;
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        size_t len = strlen(days[i].word);
        if (strncmp(text, days[i].word, len) != 0 || (text[len] != '\0' && !is_gap(text[len])))
            continue;
        day_ms -= days[i].days_ago * DAY_S * 1000;
        time = text + len + (text[len] != '\0');
    }
    if (text[0] == '\0' || strlen(time) >= CLOCK_TEXT_LEN - DATE_LEN)
        return false;
    clock_format(day_ms, date);
    snprintf(full, sizeof full, "%.*s%s%s", DATE_LEN, date, time[0] == '\0' ? "" : "T", time);
    return parse_date(full, unix_ms);
}

/* "3d", "3 days", "3 days ago". A number alone is none: of what? */
static bool parse_ago(const char *text, int64_t now_ms, int64_t *unix_ms)
{
    static const char ago[] = "ago";
    char span[WHEN_MAX + 1];
    size_t len = strlen(text);
    int64_t ms;
    if (len > WHEN_MAX)
        return false;
    if (len > sizeof ago && strcmp(text + len - (sizeof ago - 1), ago) == 0 && is_gap(text[len - sizeof ago]))
        len -= sizeof ago;
    snprintf(span, sizeof span, "%.*s", (int)len, text);
    if (span[strspn(span, "0123456789")] == '\0' || !when_parse_span(span, &ms))
        return false;
    *unix_ms = ms < now_ms ? now_ms - ms : 0;
    return true;
}

bool when_parse(const char *text, int64_t now_ms, int64_t *unix_ms)
{
    return parse_date(text, unix_ms) || parse_day(text, now_ms, unix_ms) || parse_ago(text, now_ms, unix_ms);
}

void when_put_age(int64_t then_ms, int64_t now_ms, struct buf *out)
{
    long long seconds = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
    if (seconds < 2 * MINUTE_S)
        buf_printf(out, "%lld s", seconds);
    else if (seconds < 2 * HOUR_S)
        buf_printf(out, "%lld min", seconds / MINUTE_S);
    else if (seconds < 2 * DAY_S)
        buf_printf(out, "%lld h", seconds / HOUR_S);
    else
        buf_printf(out, "%lld days", seconds / DAY_S);
}
