/*
 * unit: advice for the system's daemon, and for one that a user runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/unit.h"

static const char advice[] = "systemctl start epochd; journalctl -u epochd -e says why it stopped";

static void assert_advice(const struct unit_facts *facts, const char *text, const char *expected)
{
    struct buf out AUTO_BUF = {0};
    unit_put_for(facts, text, &out);
    buf_putc(&out, '\0');
    assert_false(out.failed);
    assert_string_equal(out.data, expected);
}

static void unit__of_the_system_is_said_as_it_stands(void **state)
{
    (void)state;
    const struct unit_facts epochd = {"/var/lib/epochd", 990, 0, "epochd", "/var/lib/epochd"};
    const struct unit_facts trial = {"/root/state", 0, 0, "root", "/root"};
    const struct unit_facts elsewhere = {"/srv/state", 1000, 1000, "ann", "/home/ann"};
    const struct unit_facts neighbour = {"/home/anna/state", 1000, 1000, "ann", "/home/ann"};
    const struct unit_facts homeless = {"/srv/state", 1000, 1000, NULL, NULL};
    const struct unit_facts rooted = {"/srv/state", 1000, 1000, "ann", "/"};
    assert_advice(&epochd, advice, advice);
    assert_advice(&trial, advice, advice);
    assert_advice(&elsewhere, advice, advice);
    assert_advice(&neighbour, advice, advice);
    assert_advice(&homeless, advice, advice);
    assert_advice(&rooted, advice, advice);
}

static void unit__of_a_user_is_that_of_their_manager(void **state)
{
    (void)state;
    const struct unit_facts own = {"/home/ann/.local/state/epochd", 1000, 1000, "ann", "/home/ann"};
    assert_advice(&own, advice, "systemctl --user start epochd; journalctl --user-unit epochd -e says why it stopped");
    assert_advice(&own, "Mend it. systemctl reload epochd tries now.", "Mend it. systemctl --user reload epochd tries now.");
    assert_advice(&own, "epochctl resume", "epochctl resume");
    assert_advice(&own, "", "");
}

static void unit__of_somebody_else_names_them(void **state)
{
    (void)state;
    const struct unit_facts anns = {"/home/ann/.local/state/epochd", 1000, 0, "ann", "/home/ann"};
    assert_advice(&anns, "systemctl start epochd", "as ann: systemctl --user start epochd");
    assert_advice(&anns, "git fetch --unshallow", "git fetch --unshallow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit__of_the_system_is_said_as_it_stands),
        cmocka_unit_test(unit__of_a_user_is_that_of_their_manager),
        cmocka_unit_test(unit__of_somebody_else_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
