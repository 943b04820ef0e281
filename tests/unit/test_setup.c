/*
 * setup: the plan follows from what there is, and holds nothing that is not needed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/setup.h"

static struct setup_facts facts_of(const char *repository, uid_t owner, const char *url)
{
    struct setup_facts facts = {.owner = owner, .daemon = 990, .url = url, .self = "/usr/bin/epochctl"};
    snprintf(facts.repository, sizeof facts.repository, "%s", repository);
    snprintf(facts.owner_name, sizeof facts.owner_name, "%s", owner == 990 ? "epochd" : "ann");
    snprintf(facts.home, sizeof facts.home, "/home/ann");
    snprintf(facts.runtime, sizeof facts.runtime, "/run/user/1000");
    return facts;
}

/* The plan as one text: files with what is in them, commands a line each. */
static void tell(const struct setup_facts *facts, struct buf *out)
{
    struct setup_plan plan AUTO_SETUP_PLAN = {0};
    struct error err;
    assert_int_equal(setup_make_plan(facts, &plan, &err), 0);
    for (size_t i = 0; i < plan.len; i++) {
        const struct setup_step *step = &plan.steps[i];
        if (step->path != NULL)
            buf_printf(out, "%s %s\n%.*s", step->text.len == 0 ? "rm" : "write", step->path, (int)step->text.len, step->text.data);
        for (size_t j = 0; step->words[j] != NULL; j++)
            buf_printf(out, "%s ", step->words[j]);
        buf_putc(out, '\n');
    }
    buf_putc(out, '\0');
    assert_false(out->failed);
}

static void assert_plan(const struct setup_facts *facts, const char *wanted, bool is_in)
{
    struct buf text AUTO_BUF = {0};
    tell(facts, &text);
    if ((strstr(text.data, wanted) != NULL) != is_in)
        fail_msg("%s '%s' in:\n%s", is_in ? "no" : "there is", wanted, text.data);
}

static void setup__makes_a_missing_repository_as_the_daemon(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 0, "mqtt://localhost:1883");
    facts.is_missing = true;
    assert_plan(&facts, "install -d -o epochd -g epoch /srv/config", true);
    assert_plan(&facts, "setpriv --reuid=epochd --regid=epoch --clear-groups /usr/bin/epochctl init /srv/config", true);
    assert_plan(&facts, "write /etc/epochd/epochd.yaml", true);
    assert_plan(&facts, "trusted_uids", false);
    assert_plan(&facts, SETUP_DROP_IN, false);
    assert_plan(&facts, "systemctl restart epochd.service", true);
}

static void setup__needs_no_drop_in_for_the_daemons_own(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 990, "mqtt://127.0.0.1:1883");
    assert_plan(&facts, SETUP_DROP_IN, false);
    assert_plan(&facts, " init ", false);
    facts.has_drop_in = true;
    assert_plan(&facts, "rm " SETUP_DROP_IN, true);
}

static void setup__serves_a_work_tree_as_its_owner(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/home/ann/config", 1000, "mqtt://localhost:1883");
    assert_plan(&facts, "User=ann", true);
    assert_plan(&facts, "ProtectHome=read-only", true);
    assert_plan(&facts, "trusted_uids", false);
    facts = facts_of("/srv/ann", 1000, "mqtt://localhost:1883");
    assert_plan(&facts, "User=ann", true);
    assert_plan(&facts, "ProtectHome", false);
}

static void setup__trusts_the_owner_of_a_bare_repository(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/git/config.git", 1000, "mqtt://localhost:1883");
    facts.is_bare = true;
    assert_plan(&facts, "trusted_uids: [1000]", true);
    assert_plan(&facts, "PrivateUsers=no", true);
    assert_plan(&facts, "User=", false);
}

static void setup__trusts_root_and_never_runs_as_root(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 0, "mqtt://localhost:1883");
    assert_plan(&facts, "trusted_uids: [0]", true);
    assert_plan(&facts, "User=", false);
    assert_plan(&facts, "PrivateUsers", false);
}

static void setup__opens_the_network_as_far_as_the_broker_is(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 990, "mqtts://broker.home");
    assert_plan(&facts, "IPAddressAllow=any", true);
    facts.url = "unix:///run/mosquitto/epoch.sock";
    assert_plan(&facts, "PrivateNetwork=yes", true);
    facts.url = "off";
    assert_plan(&facts, SETUP_DROP_IN, false);
}

static void setup__refuses_a_url_that_is_none(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 990, "http://broker");
    struct setup_plan plan AUTO_SETUP_PLAN = {0};
    struct error err;
    assert_int_equal(setup_make_plan(&facts, &plan, &err), -1);
    assert_string_equal(err.code, "settings");
    assert_int_equal(plan.len, 0);
    facts.is_user = true; /* no drop-in is written, and the settings would be refused all the same */
    assert_int_equal(setup_make_plan(&facts, &plan, &err), -1);
    assert_int_equal(plan.len, 0);
}

static void setup__leaves_settings_that_are_there(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/srv/config", 990, "mqtt://localhost:1883");
    facts.has_settings = true;
    assert_plan(&facts, "epochd.yaml", false);
}

static void setup__keeps_a_user_in_their_home(void **state)
{
    (void)state;
    struct setup_facts facts = facts_of("/home/ann/my config", 1000, "off");
    facts.is_user = true;
    assert_plan(&facts, "write /home/ann/.config/epochd/epochd.yaml", true);
    assert_plan(&facts, "path: \"/home/ann/my config\"", true);
    assert_plan(&facts, "state: \"/home/ann/.local/state/epochd\"\nrun: \"/run/user/1000/epochd\"", true);
    assert_plan(&facts, "systemctl --user restart epochd.service", true);
    assert_plan(&facts, SETUP_DROP_IN, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup__makes_a_missing_repository_as_the_daemon),
        cmocka_unit_test(setup__needs_no_drop_in_for_the_daemons_own),
        cmocka_unit_test(setup__serves_a_work_tree_as_its_owner),
        cmocka_unit_test(setup__trusts_the_owner_of_a_bare_repository),
        cmocka_unit_test(setup__trusts_root_and_never_runs_as_root),
        cmocka_unit_test(setup__opens_the_network_as_far_as_the_broker_is),
        cmocka_unit_test(setup__refuses_a_url_that_is_none),
        cmocka_unit_test(setup__leaves_settings_that_are_there),
        cmocka_unit_test(setup__keeps_a_user_in_their_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
