/*
 * nearest: what is near and what is not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/nearest.h"
#include "util/macros.h"

static void nearest__counts_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } table[] = {
        {"", "", 0},
        {"a", "", 1},
        {"", "abc", 3},
        {"same", "same", 0},
        {"url", "ulr", 1},
        {"kitten", "sitting", 3},
        {"branch", "brach", 1},
        {"prefix", "prefixes", 2},
        {"ca", "abc", 3},
        {"abcd", "badc", 2},
        {"poll_s", "poll-s", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_int_equal(nearest_distance(span_of(table[i].a), span_of(table[i].b)), table[i].distance);
        assert_int_equal(nearest_distance(span_of(table[i].b), span_of(table[i].a)), table[i].distance);
    }
}

static const char *nearest_of(const char *typed, const char *const *names)
{
    struct nearest nearest = {.text = span_of(typed)};
    for (size_t i = 0; names[i] != NULL; i++)
        nearest_try(&nearest, names[i]);
    return nearest.name;
}

static void nearest__finds_the_one_that_was_meant(void **state)
{
    (void)state;
    static const char *const names[] = {"repository.path", "mqtt.url", "mqtt.source",
                                        "log.level",       "state",    NULL};
    assert_string_equal(nearest_of("mqtt.ulr", names), "mqtt.url");
    assert_string_equal(nearest_of("repositry.path", names), "repository.path");
    assert_string_equal(nearest_of("stat", names), "state");
    assert_string_equal(nearest_of("log.lvl", names), "log.level");
    assert_string_equal(nearest_of("STATE", names), "state");
}

static void nearest__says_it_in_one_wording(void **state)
{
    (void)state;
    char room[NEAREST_HINT_MAX], longer[2 * NEAREST_MAX];
    struct nearest nearest = {.text = SPAN("routre")};
    assert_string_equal(nearest_hint(&nearest, room), "");
    nearest_try(&nearest, "router");
    assert_string_equal(nearest_hint(&nearest, room), "; did you mean \"router\"?");
    memset(longer, 'a', sizeof longer);
    assert_int_equal(strlen(nearest_hint_name((struct span){longer, sizeof longer}, room)), NEAREST_MAX + strlen("; did you mean \"\"?"));
}

static void nearest__takes_the_first_of_equals(void **state)
{
    (void)state;
    static const char *const names[] = {"aaac", "aaab", "aaad", NULL};
    assert_string_equal(nearest_of("aaae", names), "aaac");
    assert_string_equal(nearest_of("aaad", names), "aaad");
}

static void nearest__offers_nothing_far_away(void **state)
{
    (void)state;
    static const char *const names[] = {"abcdef", NULL};
    assert_string_equal(nearest_of("abcdxy", names), "abcdef"); /* a third of it differs */
    assert_null(nearest_of("abcxyz", names));
    assert_null(nearest_of("", names));
    assert_null(nearest_of("entirely-something-else", names));
}

static void nearest__has_a_limit(void **state)
{
    (void)state;
    char name[NEAREST_MAX + 2], typed[NEAREST_MAX + 2];
    const char *const names[] = {name, NULL};
    memset(name, 'a', sizeof name);
    memset(typed, 'a', sizeof typed);
    name[NEAREST_MAX] = typed[NEAREST_MAX] = '\0';
    typed[0] = 'b';
    assert_ptr_equal(nearest_of(typed, names), name);
    typed[NEAREST_MAX] = 'a';
    typed[NEAREST_MAX + 1] = '\0';
    assert_null(nearest_of(typed, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest__counts_edits),
        cmocka_unit_test(nearest__finds_the_one_that_was_meant),
        cmocka_unit_test(nearest__says_it_in_one_wording),
        cmocka_unit_test(nearest__takes_the_first_of_equals),
        cmocka_unit_test(nearest__offers_nothing_far_away),
        cmocka_unit_test(nearest__has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
