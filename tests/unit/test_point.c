/*
 * point: what is one point of the history, and what is two. Finding them is tested as it is typed, in tests/integration.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/point.h"

static void point_split__parts_a_range(void **state)
{
    (void)state;
    struct point_range range;
    assert_int_equal(point_split("411..412", &range), POINT_RANGE);
    assert_string_equal(range.from, "411");
    assert_string_equal(range.to, "412");
    assert_int_equal(point_split("2.days.ago..HEAD~1", &range), POINT_RANGE);
    assert_string_equal(range.from, "2.days.ago");
    assert_string_equal(range.to, "HEAD~1");
}

static void point_split__ends_at_head_where_no_end_is_named(void **state)
{
    (void)state;
    struct point_range range;
    assert_int_equal(point_split("411..", &range), POINT_RANGE);
    assert_string_equal(range.from, "411");
    assert_string_equal(range.to, "HEAD");
}

static void point_split__leaves_one_point_alone(void **state)
{
    (void)state;
    static const char *const points[] = {"412", "HEAD", "v1.2", "2.days.ago", "main@{1}", "2026-11-20 10:30"};
    struct point_range range;
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        assert_int_equal(point_split(points[i], &range), POINT_ONE);
}

static void point_split__refuses_what_is_neither(void **state)
{
    (void)state;
    static const char *const others[] = {"", "..", "..412", "411...412", "...", "....412"};
    struct point_range range;
    char longest[2 * POINT_MAX + 8];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(point_split(others[i], &range), POINT_WRONG);
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(point_split(longest, &range), POINT_WRONG);
    longest[POINT_MAX] = longest[POINT_MAX + 1] = '.';
    assert_int_equal(point_split(longest, &range), POINT_WRONG);
    memcpy(longest, "a..", 3);
    assert_int_equal(point_split(longest, &range), POINT_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(point_split__parts_a_range),
        cmocka_unit_test(point_split__ends_at_head_where_no_end_is_named),
        cmocka_unit_test(point_split__leaves_one_point_alone),
        cmocka_unit_test(point_split__refuses_what_is_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
