/*
 * clock: see clock.h.
 */
#include "util/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_boot_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* `width` digits, and what follows them. Every line of the log and every message has a time: with printf they were
   a fiftieth of an epoch. */
static char *put_digits(char *at, int value, int width, char after)
{
    for (int i = width; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    at[width] = after;
    return at + width + 1;
}

void clock_format(int64_t unix_ms, char out[static CLOCK_TEXT_LEN + 1])
{
    static const int64_t last = INT64_C(253402300799999);
    if (unix_ms < 0)
        unix_ms = 0;
    if (unix_ms > last)
        unix_ms = last;
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char *at = put_digits(out, tm.tm_year + 1900, 4, '-');
    at = put_digits(at, tm.tm_mon + 1, 2, '-');
    at = put_digits(at, tm.tm_mday, 2, 'T');
    at = put_digits(at, tm.tm_hour, 2, ':');
    at = put_digits(at, tm.tm_min, 2, ':');
    at = put_digits(at, tm.tm_sec, 2, '.');
    at = put_digits(at, (int)(unix_ms % 1000), 3, 'Z');
    *at = '\0';
}

static bool digits(const char *text, size_t n, int *out)
{
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return true;
}

bool clock_parse(struct span text, int64_t *unix_ms)
{
    struct tm tm = {0};
    int ms;
    const char *t = text.data;
    if (text.len != CLOCK_TEXT_LEN || !digits(t, 4, &tm.tm_year) || !digits(t + 5, 2, &tm.tm_mon) ||
        !digits(t + 8, 2, &tm.tm_mday) || !digits(t + 11, 2, &tm.tm_hour) || !digits(t + 14, 2, &tm.tm_min) ||
        !digits(t + 17, 2, &tm.tm_sec) || !digits(t + 20, 3, &ms))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = timegm(&tm);
    /* timegm makes 3 March of 31 February. Written back it shows whether the text was a real date, and whether the
       characters between the digits are the right ones. */
    char again[CLOCK_TEXT_LEN + 1];
    int64_t value = (int64_t)seconds * 1000 + ms;
    if (value < 0)
        return false;
    clock_format(value, again);
    if (memcmp(again, t, CLOCK_TEXT_LEN) != 0)
        return false;
    *unix_ms = value;
    return true;
}
