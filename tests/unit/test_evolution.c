/*
 * evolution: a commit that changes a schema, under each policy; through candidate_judge, as epochd does.
 */
#include "judging.h"

#define OPEN "{\"properties\":{\"v\":{\"maximum\":9}}}"
#define NARROW "{\"properties\":{\"v\":{\"maximum\":5}}}"
#define WIDE "{\"properties\":{\"v\":{\"maximum\":99}}}"
#define X {"services/x.yaml", "v: 1"}

static void accept_first(struct judging *j)
{
    AUTO_FAKE struct fake_source first = FAKE({"schemas/x.json", OPEN}, X);
    accept(j, &first.source);
}

static void evolution__warns_of_what_breaks_where_nobody_said_otherwise(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source narrow = FAKE({"schemas/x.json", NARROW}, X);
    accept_first(&j);
    accept(&j, &narrow.source);
    assert_int_equal(j.findings.warnings, 1);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_BREAKING);
    assert_string_equal(j.findings.items[0].file, "schemas/x.json");
    assert_int_equal(j.findings.items[0].pos.line, 1);
    assert_non_null(strstr(j.findings.items[0].message, "/v: "));
    accept(&j, &narrow.source); /* once: it is in force now */
    assert_int_equal(j.findings.len, 0);
}

static void evolution__refuses_what_breaks_where_the_policy_says_so(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source narrow =
        FAKE({"epoch.yaml", "policy: {breaking: refuse}"}, {"schemas/x.json", NARROW}, X);
    AUTO_FAKE struct fake_source wide = FAKE({"epoch.yaml", "policy: {breaking: refuse}"}, {"schemas/x.json", WIDE}, X);
    accept_first(&j);
    assert_invalid(&j, &narrow.source, CODE_SCHEMA_BREAKING, "schemas/x.json", "/v: must be at most 5 now, was at most 9");
    accept(&j, &wide.source);
    assert_int_equal(j.findings.len, 0);
}

static void evolution__says_nothing_where_it_is_allowed_or_new(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source narrow = FAKE({"epoch.yaml", "policy: {breaking: allow}"}, {"schemas/x.json", NARROW}, X);
    AUTO_FAKE struct fake_source other =
        FAKE({"epoch.yaml", "policy: {breaking: refuse}"}, {"schemas/other.json", NARROW}, {"schemas/x.json", NARROW}, X);
    accept_first(&j);
    accept(&j, &narrow.source);
    assert_int_equal(j.findings.len, 0);
    accept(&j, &other.source);
    assert_int_equal(j.findings.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evolution__warns_of_what_breaks_where_nobody_said_otherwise),
        cmocka_unit_test(evolution__refuses_what_breaks_where_the_policy_says_so),
        cmocka_unit_test(evolution__says_nothing_where_it_is_allowed_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
