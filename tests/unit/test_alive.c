/*
 * alive: who was there before.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/alive.h"

static void alive__knows_what_was_there_through_all_its_growth(void **state)
{
    (void)state;
    struct alive alive AUTO_ALIVE = {0};
    struct error err;
    bool was_known, was_there;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2000; i++) {
            char name[16];
            snprintf(name, sizeof name, "s%d", i);
            assert_int_equal(alive_note(&alive, span_of(name), round != 1, &was_known, &was_there, &err), 0);
            assert_int_equal(was_known, round > 0);
            assert_int_equal(was_there, round == 1);
        }
    assert_int_equal(alive.len, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alive__knows_what_was_there_through_all_its_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
