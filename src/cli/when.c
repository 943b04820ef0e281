/*
 * when: see when.h.
 */
#include "cli/when.h"

#include <string.h>

#include "util/clock.h"
#include "util/num.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

/* So many seconds: a hundred years and more are a typing error. */
static const uint64_t most_s = (uint64_t)100 * 366 * DAY_S;

bool when_parse_span(const char *text, int64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"", 1},           {"s", 1},         {"m", MINUTE_S}, {"min", MINUTE_S},
                 {"h", HOUR_S}, {"d", DAY_S}, {"w", 7 * DAY_S}};
    size_t digits = strspn(text, "0123456789");
    uint64_t count;
    if (!num_parse_u64((struct span){text, digits}, &count) || count > most_s)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].name) != 0 || count * units[i].seconds > most_s)
            continue;
        *ms = (int64_t)(count * units[i].seconds) * 1000;
        return true;
    }
    return false;
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
    if (len > 10 && full[10] == ' ')
        full[10] = 'T';
    return clock_parse((struct span){full, CLOCK_TEXT_LEN}, unix_ms);
}

bool when_parse(const char *text, int64_t now_ms, int64_t *unix_ms)
{
    int64_t ago;
    if (parse_date(text, unix_ms))
        return true;
    if (text[0] == '\0' || text[strspn(text, "0123456789")] == '\0' || !when_parse_span(text, &ago))
        return false;
    *unix_ms = ago < now_ms ? now_ms - ago : 0;
    return true;
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
