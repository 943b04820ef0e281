/*
 * hook_answer: the lines that git gives to pre-receive and post-receive.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/hook_answer.h"

#define OLD "1111111111111111111111111111111111111111"
#define NEW "2222222222222222222222222222222222222222"
#define ZERO "0000000000000000000000000000000000000000"

static bool parse(const char *line, struct hook_push *out)
{
    return hook_parse_push(span_of(line), out);
}

static void hook_parse_push__reads_what_a_push_does_to_a_branch(void **state)
{
    (void)state;
    struct hook_push push;
    char hex[OID_HEX_LEN + 1];
    assert_true(parse(OLD " " NEW " refs/heads/feature/x", &push));
    assert_string_equal(push.branch, "feature/x");
    oid_format(&push.before, hex);
    assert_string_equal(hex, OLD);
    oid_format(&push.after, hex);
    assert_string_equal(hex, NEW);
}

static void hook_parse_push__tells_a_new_branch_from_one_that_goes(void **state)
{
    (void)state;
    struct hook_push push;
    assert_true(parse(ZERO " " NEW " refs/heads/main", &push));
    assert_true(oid_is_zero(&push.before) && !oid_is_zero(&push.after));
    assert_true(parse(OLD " " ZERO " refs/heads/main", &push));
    assert_true(oid_is_zero(&push.after));
}

static void hook_parse_push__leaves_everything_else_alone(void **state)
{
    (void)state;
    static const char *const others[] = {
        "", " ", OLD, OLD " " NEW, OLD " " NEW " ", OLD " " NEW " refs/heads/", OLD " " NEW " refs/tags/v1",
        OLD " " NEW " refs/notes/commits", OLD " " NEW " HEAD", "x" OLD " " NEW " refs/heads/main", OLD " HEAD refs/heads/main"};
    struct hook_push push;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (parse(others[i], &push))
            fail_msg("'%s'", others[i]);
}

static void hook_parse_push__takes_no_name_longer_than_its_room(void **state)
{
    (void)state;
    char line[512];
    struct hook_push push;
    size_t room = sizeof push.branch - 1;
    int begin = snprintf(line, sizeof line, "%s %s refs/heads/", OLD, NEW);
    memset(line + begin, 'a', room + 1);
    line[(size_t)begin + room] = '\0';
    assert_true(parse(line, &push));
    assert_int_equal(strlen(push.branch), room);
    line[(size_t)begin + room] = 'a';
    line[(size_t)begin + room + 1] = '\0';
    assert_false(parse(line, &push));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hook_parse_push__reads_what_a_push_does_to_a_branch),
        cmocka_unit_test(hook_parse_push__tells_a_new_branch_from_one_that_goes),
        cmocka_unit_test(hook_parse_push__leaves_everything_else_alone),
        cmocka_unit_test(hook_parse_push__takes_no_name_longer_than_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
