/*
 * clock: the one way a time is written, and back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "util/clock.h"
#include "util/macros.h"

static const int64_t LAST = INT64_C(253402300799999);

static const struct {
    int64_t ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {999, "1970-01-01T00:00:00.999Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {1795231402123, "2026-11-21T03:23:22.123Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"}, /* 2100 is no leap year */
    {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
};

static void clock__formats_with_three_decimals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char text[CLOCK_TEXT_LEN + 1];
        clock_format(times[i].ms, text);
        assert_string_equal(text, times[i].text);
    }
}

static void clock__parses_what_it_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        int64_t ms = -1;
        assert_true(clock_parse(span_of(times[i].text), &ms));
        assert_int_equal(ms, times[i].ms);
    }
    for (int64_t at = 0; at < LAST; at += INT64_C(86399999123)) {
        char text[CLOCK_TEXT_LEN + 1];
        int64_t ms = -1;
        clock_format(at, text);
        assert_true(clock_parse(span_of(text), &ms));
        assert_int_equal(ms, at);
    }
}

static void clock__refuses_every_other_form(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-21T03:23:22Z",
        "2026-11-21T03:23:22.12Z",
        "2026-11-21T03:23:22.1234Z",
        "2026-11-21T03:23:22.123",
        "2026-11-21T03:23:22.123z",
        "2026-11-21t03:23:22.123Z",
        "2026-11-21 03:23:22.123Z",
        "2026-11-21T03:23:22,123Z",
        "2026/11/21T03:23:22.123Z",
        "2026-11-21T03-23-22.123Z",
        "2026-11-21T03:23:22.12xZ",
        "2026-11-21T03:23: 2.123Z",
        "+026-11-21T03:23:22.123Z",
        "2026-11-21T03:23:22.123Zx",
        "2026-1-021T03:23:22.123Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 77;
        assert_false(clock_parse(span_of(bad[i]), &ms));
        assert_int_equal(ms, 77);
    }
    int64_t ms = 77;
    assert_false(clock_parse((struct span){0}, &ms));
    assert_false(clock_parse((struct span){"2026-11-21T03:23:22.123Z", CLOCK_TEXT_LEN - 1}, &ms));
    assert_false(clock_parse(SPAN("2026-11-21T03:23:22.12\0Z"), &ms));
}

static void clock__refuses_days_and_hours_that_do_not_exist(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2026-00-21T03:23:22.123Z", "2026-13-21T03:23:22.123Z", "2026-02-29T03:23:22.123Z",
        "2100-02-29T03:23:22.123Z", "2026-02-00T03:23:22.123Z", "2026-04-31T03:23:22.123Z",
        "2026-11-21T24:00:00.000Z", "2026-11-21T03:60:22.123Z", "2026-11-21T03:23:60.123Z",
        "1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 77;
        assert_false(clock_parse(span_of(bad[i]), &ms));
        assert_int_equal(ms, 77);
    }
}

static void f73__times_hold_to_the_years_they_can_be_written_in(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_LEN + 1];
    clock_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(LAST + 1, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

/* Unix time has no leap seconds: the second that 2016 ended with is the next day's first, told twice. */
static void f73__clock_goes_on_past_2038_2106_and_a_leap_second(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {INT64_C(2147483647999), "2038-01-19T03:14:07.999Z"}, {INT64_C(2147483648000), "2038-01-19T03:14:08.000Z"},
        {INT64_C(4294967296000), "2106-02-07T06:28:16.000Z"}, {INT64_C(1483228799999), "2016-12-31T23:59:59.999Z"},
        {INT64_C(1483228800000), "2017-01-01T00:00:00.000Z"}, {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLOCK_TEXT_LEN + 1];
        int64_t ms;
        clock_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_true(clock_parse(span_of(text), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
    int64_t ms = 77;
    assert_false(clock_parse(SPAN("2016-12-31T23:59:60.000Z"), &ms));
    assert_int_equal(ms, 77);
}

static void clock__does_not_care_for_the_time_zone(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_LEN + 1];
    int64_t ms = 0;
    assert_int_equal(setenv("TZ", "XYZ-5:30", 1), 0);
    tzset();
    clock_format(1795231402123, text);
    bool is_parsed = clock_parse(SPAN("2026-11-21T03:23:22.123Z"), &ms);
    unsetenv("TZ");
    tzset();
    assert_string_equal(text, "2026-11-21T03:23:22.123Z");
    assert_true(is_parsed);
    assert_int_equal(ms, 1795231402123);
}

static void clock__reads_both_clocks(void **state)
{
    (void)state;
    int64_t wall = clock_wall_ms();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    assert_in_range(wall, 1, (uintmax_t)now.tv_sec * 1000 + 999);
    assert_true((int64_t)now.tv_sec * 1000 - wall < 60000);
    int64_t before = clock_boot_ms();
    int64_t after = clock_boot_ms();
    assert_true(before > 0 && after >= before);
    clock_gettime(CLOCK_BOOTTIME, &now);
    assert_true((int64_t)now.tv_sec * 1000 - before < 60000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__formats_with_three_decimals),
        cmocka_unit_test(clock__parses_what_it_formats),
        cmocka_unit_test(clock__refuses_every_other_form),
        cmocka_unit_test(clock__refuses_days_and_hours_that_do_not_exist),
        cmocka_unit_test(f73__times_hold_to_the_years_they_can_be_written_in),
        cmocka_unit_test(f73__clock_goes_on_past_2038_2106_and_a_leap_second),
        cmocka_unit_test(clock__does_not_care_for_the_time_zone),
        cmocka_unit_test(clock__reads_both_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
