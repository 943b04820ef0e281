/*
 * when: times as they are typed, and ages as they are told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/when.h"
#include "util/clock.h"

/* What `text` means at noon of the 21st; NULL: nothing. */
static void assert_when(const char *text, const char *expected)
{
    char shown[CLOCK_TEXT_LEN + 1];
    int64_t now, ms;
    assert_true(clock_parse(SPAN("2026-11-21T12:00:00.000Z"), &now));
    if (when_parse(text, now, &ms) != (expected != NULL))
        fail_msg("'%s'", text);
    if (expected == NULL)
        return;
    clock_format(ms, shown);
    assert_string_equal(shown, expected);
}

static void when_parse__reads_dates(void **state)
{
    (void)state;
    assert_when("2026-11-20", "2026-11-20T00:00:00.000Z");
    assert_when("2026-11-20 10:30", "2026-11-20T10:30:00.000Z");
    assert_when("2026-11-20T10:30:05Z", "2026-11-20T10:30:05.000Z");
    assert_when("2026-11-20T10:30:05.123Z", "2026-11-20T10:30:05.123Z");
    assert_when("2024-02-29", "2024-02-29T00:00:00.000Z");
}

static void when_parse__knows_the_days_around_now(void **state)
{
    (void)state;
    assert_when("today", "2026-11-21T00:00:00.000Z");
    assert_when("yesterday", "2026-11-20T00:00:00.000Z");
    assert_when("yesterday 10:30", "2026-11-20T10:30:00.000Z");
    assert_when("yesterday.10:30:05", "2026-11-20T10:30:05.000Z");
    assert_when("today 23:59", "2026-11-21T23:59:00.000Z");
    assert_when("10:30", "2026-11-21T10:30:00.000Z");
    assert_when("10:30:05Z", "2026-11-21T10:30:05.000Z");
}

static void when_parse__reads_how_long_ago(void **state)
{
    (void)state;
    assert_when("90s", "2026-11-21T11:58:30.000Z");
    assert_when("15min", "2026-11-21T11:45:00.000Z");
    assert_when("2h", "2026-11-21T10:00:00.000Z");
    assert_when("1w", "2026-11-14T12:00:00.000Z");
    assert_when("2 days ago", "2026-11-19T12:00:00.000Z");
    assert_when("2.days.ago", "2026-11-19T12:00:00.000Z");
    assert_when("1 week", "2026-11-14T12:00:00.000Z");
    assert_when("30 minutes ago", "2026-11-21T11:30:00.000Z");
    assert_when("3d ago", "2026-11-18T12:00:00.000Z");
    assert_when("90 years", NULL);
    assert_when("5200 weeks ago", "1970-01-01T00:00:00.000Z");
}

static void when_parse__guesses_at_nothing(void **state)
{
    (void)state;
    static const char *const others[] = {
        "", " ", ".", "Z", "T", "12", "12 ", "h", "ago", " ago", "2 ago", "2 days  ago", "2 days agone", "days ago", "-1h", "+1h",
        "99y", "1 month ago", "a week ago", "last tuesday", "teatime", "tomorrow", "now", "noon", "Yesterday", "yesterday10:30",
        "yesterday  10:30", "today today", "today 2026-11-20", "yesterday 2h", "25:00", "10:60", "10", "10:3", "1:30", ":", "10:30Zulu",
        "2026-02-30", "2025-02-29", "2026-13-01", "2026-11-20T10", "2026-11-20X10:30", "20261120", "2026-11-20T10:30:00+01:00",
        "18446744073709551615w", "99999999999999h", "18446744073709551616s", "1 sec ond", "1 \n", "1\xc2\xa0h",
        "2026-11-20 10:30:05.1234567890123456789", "000000000000000000000000000000000000000000000000001h"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_when(others[i], NULL);
}

static void when_parse_span__is_seconds_without_a_unit(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(when_parse_span("30", &ms));
    assert_int_equal(ms, 30000);
    assert_true(when_parse_span("2 hours", &ms));
    assert_int_equal(ms, 2 * 3600 * 1000);
    assert_true(when_parse_span("0", &ms));
    assert_int_equal(ms, 0);
    assert_false(when_parse_span("", &ms));
    assert_false(when_parse_span("2 hours ago", &ms));
    assert_false(when_parse_span("5300w", &ms)); /* more than a hundred years */
    assert_int_equal(ms, 0);
}

static void assert_text(const struct buf *out, const char *expected)
{
    assert_false(out->failed);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static void when_put_age__has_one_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } ages[] = {{-5, "0 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"}, {7200, "2 h"}, {200000, "2 days"}};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        struct buf out AUTO_BUF = {0};
        when_put_age(1000000, 1000000 + ages[i].seconds * 1000, &out);
        assert_text(&out, ages[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_parse__reads_dates),
        cmocka_unit_test(when_parse__knows_the_days_around_now),
        cmocka_unit_test(when_parse__reads_how_long_ago),
        cmocka_unit_test(when_parse__guesses_at_nothing),
        cmocka_unit_test(when_parse_span__is_seconds_without_a_unit),
        cmocka_unit_test(when_put_age__has_one_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
