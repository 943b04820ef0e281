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

#define REFUSE "policy: {breaking: refuse}\n"
#define Y {"services/y.yaml", "v: 1"}

/* The file has another name, and epoch.yaml says so: what judged each service is compared with what judges it. */
static void evolution__compares_a_schema_that_was_renamed_with_its_old_name(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"epoch.yaml", REFUSE "schemas: {\"*\": a}"}, {"schemas/a.json", OPEN}, X, Y);
    AUTO_FAKE struct fake_source narrow =
        FAKE({"epoch.yaml", REFUSE "schemas: {\"*\": b}"}, {"schemas/b.json", NARROW}, X, Y);
    AUTO_FAKE struct fake_source wide =
        FAKE({"epoch.yaml", REFUSE "schemas: {\"*\": b}"}, {"schemas/b.json", WIDE}, X, Y);
    accept(&j, &first.source);
    assert_invalid(&j, &narrow.source, CODE_SCHEMA_BREAKING, "schemas/b.json",
                   "/v: must be at most 5 now, was at most 9 (x and 1 other were judged by schemas/a.json before)");
    accept(&j, &wide.source);
    assert_int_equal(j.findings.len, 0);
}

static void evolution__compares_what_a_service_is_given_instead(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"schemas/other.json", NARROW}, {"schemas/x.json", OPEN}, X);
    AUTO_FAKE struct fake_source given =
        FAKE({"epoch.yaml", "schemas: {x: other}"}, {"schemas/other.json", NARROW}, {"schemas/x.json", OPEN}, X);
    accept(&j, &first.source);
    accept(&j, &given.source);
    assert_int_equal(j.findings.warnings, 1);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_BREAKING);
    assert_string_equal(j.findings.items[0].message,
                        "/v: must be at most 5 now, was at most 9 (x was judged by schemas/x.json before)");
}

/* What judges a service that is new, or goes, or had no schema has nothing to be compared with. */
static void evolution__a_service_without_a_before_has_nothing_to_compare(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"epoch.yaml", REFUSE "schemas: {\"*\": a}"}, {"schemas/a.json", OPEN}, X, {"services/z.yaml", "v: 1"});
    AUTO_FAKE struct fake_source next =
        FAKE({"epoch.yaml", REFUSE "schemas: {\"*\": a, y: b, z: b}"}, {"schemas/a.json", OPEN}, {"schemas/b.json", NARROW}, X, Y);
    AUTO_FAKE struct fake_source none = FAKE({"epoch.yaml", REFUSE}, X, Y);
    accept(&j, &first.source);
    accept(&j, &next.source);
    accept(&j, &none.source);
    accept(&j, &next.source);
}

static void evolution__warns_of_an_annotation_under_any_policy(void **state)
{
    (void)state;
    static const char secret[] = "{\"properties\":{\"v\":{\"x-secret\":true,\"x-env\":\"V\"}}}";
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"schemas/x.json", secret}, X);
    AUTO_FAKE struct fake_source open = FAKE({"epoch.yaml", "policy: {breaking: allow}"}, {"schemas/x.json", WIDE}, X);
    accept(&j, &first.source);
    accept(&j, &open.source);
    assert_int_equal(j.findings.warnings, 2);
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_ANNOTATION);
    assert_string_equal(j.findings.items[1].code, CODE_SCHEMA_ANNOTATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evolution__warns_of_what_breaks_where_nobody_said_otherwise),
        cmocka_unit_test(evolution__refuses_what_breaks_where_the_policy_says_so),
        cmocka_unit_test(evolution__says_nothing_where_it_is_allowed_or_new),
        cmocka_unit_test(evolution__compares_a_schema_that_was_renamed_with_its_old_name),
        cmocka_unit_test(evolution__compares_what_a_service_is_given_instead),
        cmocka_unit_test(evolution__a_service_without_a_before_has_nothing_to_compare),
        cmocka_unit_test(evolution__warns_of_an_annotation_under_any_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
