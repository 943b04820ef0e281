/*
 * touch: which services a revision judges again, why, and what it reads for it; through candidate_judge, as epochd does.
 */
#include "judging.h"

/* "name:why name:why ", why in letters. */
static void assert_touched(const struct judging *j, const char *wanted)
{
    static const char letters[] = "fbsapr"; /* file, base, schema, a patch, active profile, rules */
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < j->candidate.touched_len; i++) {
        buf_printf(&text, "%s:", j->candidate.touched[i].name);
        for (unsigned bit = 0; letters[bit] != '\0'; bit++)
            if ((j->candidate.touched[i].why & 1u << bit) != 0)
                buf_putc(&text, letters[bit]);
        buf_putc(&text, ' ');
    }
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

#define CLOSED "{\"properties\":{\"v\":{\"type\":\"integer\"},\"w\":{},\"extra\":{}}}"
#define SERVICES {"services/a.yaml", "v: 1"}, {"services/b.yaml", "v: 1"}, {"services/c.yaml", "v: 1"}

static void touch__of_a_service_file_reads_that_file_alone(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"bases/common.yaml", "w: 1"}, {"epoch.yaml", "bases: {\"*\": [common]}"}, {"profiles/quiet/a.yaml", "v: 0"},
             {"schemas/a.json", CLOSED}, SERVICES);
    AUTO_FAKE struct fake_source second =
        FAKE({"bases/common.yaml", "w: 1"}, {"epoch.yaml", "bases: {\"*\": [common]}"}, {"profiles/quiet/a.yaml", "v: 0"},
             {"schemas/a.json", CLOSED}, {"services/a.yaml", "v: 1"}, {"services/b.yaml", "v: 2"}, {"services/c.yaml", "v: 1"});
    accept(&j, &first.source);
    assert_changes(&j, "a={\"v\":1,\"w\":1} b={\"v\":1,\"w\":1} c={\"v\":1,\"w\":1} ", 3);
    assert_touched(&j, "");
    accept(&j, &second.source);
    assert_changes(&j, "b={\"v\":2,\"w\":1} ", 3);
    assert_touched(&j, "b:f ");
    assert_int_equal(second.reads, 1);
}

static void touch__of_a_service_file_shares_what_all_are_judged_by(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging bare = {0}, whole = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a.yaml", "v: 1"}), second = FAKE({"services/a.yaml", "v: 2"});
    AUTO_FAKE struct fake_source third =
        FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "{}"}, {"schemas/a.json", CLOSED}, {"services/a.yaml", "v: 1"});
    AUTO_FAKE struct fake_source fourth =
        FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "{}"}, {"schemas/a.json", CLOSED}, {"services/a.yaml", "v: 2"});
    accept(&bare, &first.source);
    assert_int_equal(judge(&bare, &second.source), 0);
    assert_ptr_equal(bare.candidate.environment, bare.environment);
    accept(&whole, &third.source);
    assert_int_equal(judge(&whole, &fourth.source), 0);
    assert_ptr_equal(whole.candidate.environment, whole.environment);
}

static void touch__of_a_base_judges_those_that_have_it(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define RULES {"epoch.yaml", "bases: {a: [one], b: [one, two], c: [two]}"}
    AUTO_FAKE struct fake_source first = FAKE({"bases/one.yaml", "w: 1"}, {"bases/two.yaml", "x: 1"}, RULES, SERVICES);
    AUTO_FAKE struct fake_source second = FAKE({"bases/one.yaml", "w: 2"}, {"bases/two.yaml", "x: 1"}, RULES, SERVICES);
    AUTO_FAKE struct fake_source third = FAKE({"bases/one.yaml", "v: 9\nw: 2"}, {"bases/two.yaml", "x: 1"}, RULES, SERVICES);
#undef RULES
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "a={\"v\":1,\"w\":2} b={\"v\":1,\"w\":2,\"x\":1} ", 3);
    assert_touched(&j, "a:b b:b ");
    assert_int_equal(second.reads, 4); /* both bases, both services */
    accept(&j, &third.source);
    assert_changes(&j, "", 3); /* the services say v themselves */
    assert_touched(&j, "a:b b:b ");
}

static void touch__of_epoch_yaml_judges_those_it_means(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "{}"}, SERVICES);
    AUTO_FAKE struct fake_source second = FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "bases: {b: [one]}"}, SERVICES);
    AUTO_FAKE struct fake_source third =
        FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "bases: {b: [one]}\nconsumers: {a: 1}"}, SERVICES);
    AUTO_FAKE struct fake_source gone = FAKE({"bases/one.yaml", "w: 1"}, SERVICES);
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "b={\"v\":1,\"w\":1} ", 3);
    assert_touched(&j, "b:r ");
    assert_int_equal(second.reads, 2);
    accept(&j, &third.source);
    assert_touched(&j, "");
    assert_int_equal(third.reads, 1);
    accept(&j, &gone.source);
    assert_changes(&j, "b={\"v\":1} ", 3);
    assert_touched(&j, "b:r ");
}

static void touch__of_a_schema_judges_those_that_have_it(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"epoch.yaml", "schemas: {c: a}"}, SERVICES);
    AUTO_FAKE struct fake_source second = FAKE({"schemas/a.json", CLOSED}, SERVICES);
    AUTO_FAKE struct fake_source third = FAKE({"schemas/a.json", CLOSED " "}, {"schemas/c.yaml", CLOSED}, SERVICES);
    AUTO_FAKE struct fake_source gone = FAKE({"schemas/a.json", CLOSED " "}, SERVICES);
    assert_invalid(&j, &first.source, CODE_RULES_SCHEMA, RULES_FILE, "there is no schema 'a'");
    accept(&j, &second.source);
    accept(&j, &third.source);
    assert_touched(&j, "a:s c:s ");
    assert_changes(&j, "", 3);
    accept(&j, &gone.source);
    assert_touched(&j, "c:s ");
}

static void touch__of_a_schema_reaches_those_that_refer_to_it(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define A {"schemas/a.json", "{\"properties\":{\"v\":{\"$ref\":\"c.json\"}}}"}
    AUTO_FAKE struct fake_source first = FAKE(A, {"schemas/b.json", "{}"}, {"schemas/c.json", "{\"type\":\"integer\"}"},
                                              {"services/a.yaml", "v: 1"}, {"services/b.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE(A, {"schemas/b.json", "{}"}, {"schemas/c.json", "{\"maximum\":0}"},
                                               {"services/a.yaml", "v: 1"}, {"services/b.yaml", "v: 1"});
#undef A
    accept(&j, &first.source);
    assert_invalid(&j, &second.source, CODE_SCHEMA_MAXIMUM, "services/a.yaml", "above the maximum 0");
}

static void touch__of_a_patch_judges_its_service(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define QUIET {"epoch.yaml", "profile: quiet"}
    AUTO_FAKE struct fake_source first =
        FAKE(QUIET, {"profiles/loud/b.yaml", "v: 8"}, {"profiles/quiet/a.yaml", "v: 0"}, SERVICES);
    AUTO_FAKE struct fake_source second =
        FAKE(QUIET, {"profiles/loud/b.yaml", "v: 9"}, {"profiles/quiet/a.yaml", "v: null"}, SERVICES);
    AUTO_FAKE struct fake_source third = FAKE(QUIET, {"profiles/quiet/c.yaml", "w: {x: 1}"}, SERVICES);
#undef QUIET
    accept(&j, &first.source);
    assert_changes(&j, "a={\"v\":0} b={\"v\":1} c={\"v\":1} ", 3);
    accept(&j, &second.source);
    assert_changes(&j, "a={} ", 3);
    assert_touched(&j, "a:a b:a ");
    accept(&j, &third.source);
    assert_changes(&j, "a={\"v\":1} c={\"v\":1,\"w\":{\"x\":1}} ", 3);
    assert_touched(&j, "a:a b:a c:a ");
}

static void touch__of_the_profile_judges_those_that_have_a_patch(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define PATCHES {"profiles/loud/b.yaml", "v: 9"}, {"profiles/loud/c.yaml", "v: 1"}, {"profiles/quiet/a.yaml", "v: 0"}
    AUTO_FAKE struct fake_source first = FAKE(PATCHES, SERVICES, {"services/d.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"epoch.yaml", "profile: quiet"}, PATCHES, SERVICES, {"services/d.yaml", "v: 1"});
    AUTO_FAKE struct fake_source third = FAKE({"epoch.yaml", "profile: loud"}, PATCHES, SERVICES, {"services/d.yaml", "v: 1"});
#undef PATCHES
    accept(&j, &first.source);
    assert_changes(&j, "a={\"v\":1} b={\"v\":1} c={\"v\":1} d={\"v\":1} ", 4);
    accept(&j, &second.source);
    assert_changes(&j, "a={\"v\":0} ", 4);
    assert_touched(&j, "a:p ");
    assert_int_equal(second.reads, 3); /* epoch.yaml, the service, its patch */
    accept(&j, &third.source);
    assert_changes(&j, "a={\"v\":1} b={\"v\":9} ", 4);
    assert_touched(&j, "a:p b:p c:p ");
    accept(&j, &first.source);
    assert_changes(&j, "b={\"v\":1} ", 4);
}

/* --- patches of nobody --- */

static void touch__refuses_a_patch_of_nobody(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"profiles/quiet/worcer.yaml", "v: 0"}, {"services/worker.yaml", "v: 1"});
    assert_invalid(&j, &source.source, CODE_PROFILE_SERVICE, "profiles/quiet/worcer.yaml",
                   "there is no service 'worcer' to lay this over; did you mean \"worker\"?");
}

static void touch__refuses_a_patch_whose_service_goes(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"profiles/loud/a.yaml", "v: 0"}, {"profiles/quiet/a.yaml", "v: 0"}, SERVICES);
    AUTO_FAKE struct fake_source second = FAKE({"profiles/loud/b.yaml", "v: 0"}, {"profiles/quiet/a.yaml", "v: 0"},
                                               {"services/b.yaml", "v: 1"}, {"services/c.yaml", "v: 1"});
    AUTO_FAKE struct fake_source moved = FAKE({"profiles/loud/a.yaml", "v: 0"}, {"profiles/quiet/a.yaml", "v: 0"},
                                              {"services/b.yaml", "v: 1"}, {"services/c.yaml", "v: 1"}, {"services/x/a.yaml", "v: 1"});
    accept(&j, &first.source);
    assert_invalid(&j, &second.source, CODE_PROFILE_SERVICE, "profiles/quiet/a.yaml", "there is no service 'a'");
    accept(&j, &moved.source);
    assert_changes(&j, "", 3);
}

static void touch__says_the_same_when_everything_is_read(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define PATCHES {"profiles/quiet/a.yaml", "v: 1"}
    AUTO_FAKE struct fake_source first =
        FAKE({"bases/one.yaml", "w: 1"}, {"epoch.yaml", "bases: {b: [one]}"}, PATCHES, {"profiles/quiet/b.yaml", "v: 1"}, SERVICES);
    AUTO_FAKE struct fake_source second =
        FAKE({"bases/one.yaml", "w: 2"}, {"epoch.yaml", "bases: {b: [one]}"}, PATCHES, {"services/a.yaml", "v: 1"},
             {"services/b.yaml", "v: 1"}, {"services/c.yaml", "v: 2"});
#undef PATCHES
    accept(&j, &first.source);
    j.reads_all = true;
    assert_int_equal(judge(&j, &second.source), 0);
    assert_changes(&j, "b={\"v\":1,\"w\":2} c={\"v\":2} ", 3);
    assert_touched(&j, "b:ba c:f ");
    assert_int_equal(second.reads, 5); /* the base, three services, a patch */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touch__of_a_service_file_reads_that_file_alone),
        cmocka_unit_test(touch__of_a_service_file_shares_what_all_are_judged_by),
        cmocka_unit_test(touch__of_a_base_judges_those_that_have_it),
        cmocka_unit_test(touch__of_epoch_yaml_judges_those_it_means),
        cmocka_unit_test(touch__of_a_schema_judges_those_that_have_it),
        cmocka_unit_test(touch__of_a_schema_reaches_those_that_refer_to_it),
        cmocka_unit_test(touch__of_a_patch_judges_its_service),
        cmocka_unit_test(touch__of_the_profile_judges_those_that_have_a_patch),
        cmocka_unit_test(touch__refuses_a_patch_of_nobody),
        cmocka_unit_test(touch__refuses_a_patch_whose_service_goes),
        cmocka_unit_test(touch__says_the_same_when_everything_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
