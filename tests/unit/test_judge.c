/*
 * judge: services under all their profiles: what is refused, at which line of which file, and in whose name.
 */
#include "judging.h"

#include "config/profiles.h"

#define SCHEMA "{\"additionalProperties\":false,\"properties\":{\"v\":{\"maximum\":9,\"type\":\"integer\"},\"url\":{}}}"
#define NEEDS_URL "{\"required\":[\"url\"]}"

/* Every finding, a line each. */
static void assert_findings(struct judging *j, const struct fake_source *source, const char *wanted)
{
    AUTO_BUF struct buf text = {0};
    assert_int_equal(judge(j, &source->source), 0);
    for (size_t i = 0; i < j->findings.len; i++) {
        finding_format(&j->findings.items[i], &text);
        buf_putc(&text, '\n');
    }
    buf_putc(&text, '\0');
    assert_string_equal(text.data, wanted);
}

static void judge__points_at_the_line_of_the_service(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"schemas/x.json", SCHEMA}, {"services/x.yaml", "\nv: 12\n"});
    assert_findings(&j, &source, "services/x.yaml:2:4: v: 12 is above the maximum 9 [schema.maximum]\n");
}

static void judge__points_at_the_line_of_a_base_once_for_all_services(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "v: 12\n"}, {"epoch.yaml", "bases: {\"*\": [common]}\nschemas: {\"*\": s}"},
             {"schemas/s.json", SCHEMA}, {"services/x.yaml", "{}"}, {"services/z.yaml", "{}"}, {"services/w.yaml", "v: 1"});
    assert_findings(&j, &source,
                    "bases/common.yaml:1:4: v: 12 is above the maximum 9 (in the service x and 1 other) "
                    "[schema.maximum]\n");
}

/* Each schema has words of its own for it, but it is one value that has to be mended. */
static void judge__tells_a_mistake_of_a_base_once_for_services_of_different_schemas(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "port: high\n"},
             {"epoch.yaml", "bases: {\"*\": [common]}\nschemas: {c: b}\n"},
             {"schemas/a.json", "{\"properties\":{\"port\":{\"type\":\"integer\"}}}"},
             {"schemas/b.json", "{\"properties\":{\"port\":{\"type\":\"boolean\"}}}"},
             {"services/a.yaml", "{}"}, {"services/b.yaml", "{}"}, {"services/c.yaml", "{}"});
    assert_findings(&j, &source,
                    "bases/common.yaml:1:7: port: \"high\" is a string, must be an integer (in the service a "
                    "and 2 others) [schema.type]\n");
}

/* That one schema misses this key there and another one that key are two mistakes. */
static void judge__tells_each_key_that_a_base_misses(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "audio: {}\n"}, {"epoch.yaml", "bases: {\"*\": [common]}\n"},
             {"schemas/a.json", "{\"properties\":{\"audio\":{\"required\":[\"rate\"]}}}"},
             {"schemas/b.json", "{\"properties\":{\"audio\":{\"required\":[\"gain\",\"rate\"]}}}"},
             {"services/a.yaml", "{}"}, {"services/b.yaml", "{}"});
    assert_findings(&j, &source,
                    "bases/common.yaml:1:8: audio: \"gain\" is missing (in the service b) [schema.required]\n"
                    "bases/common.yaml:1:8: audio: \"rate\" is missing (in the service a and 1 other) "
                    "[schema.required]\n");
}

/* Without an active patch-free variant a mistake of the file shows under every profile, and none of them is
 * to blame. */
static void judge__names_profiles_only_where_they_matter(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/loud/x.yaml", "url: a\n"},
             {"profiles/night/x.yaml", "url: b\n"}, {"profiles/quiet/x.yaml", "url: c\n"},
             {"schemas/x.json", SCHEMA}, {"services/x.yaml", "v: 12\n"});
    AUTO_FAKE struct fake_source some =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/loud/x.yaml", "url: a\n"},
             {"profiles/night/x.yaml", "url: b\n"}, {"profiles/quiet/x.yaml", "v: 1\n"},
             {"schemas/x.json", SCHEMA}, {"services/x.yaml", "v: 12\n"});
    AUTO_FAKE struct fake_source one =
        FAKE({"bases/common.yaml", "v: 12\n"}, {"epoch.yaml", "profile: quiet\nbases: {\"*\": [common]}\n"},
             {"profiles/loud/x.yaml", "url: a\n"}, {"profiles/loud/y.yaml", "url: a\n"},
             {"profiles/quiet/x.yaml", "v: 1\n"}, {"profiles/quiet/y.yaml", "v: 1\n"},
             {"schemas/x.json", SCHEMA}, {"schemas/y.json", SCHEMA}, {"services/x.yaml", "{}"},
             {"services/y.yaml", "{}"});
    assert_findings(&j, &source, "services/x.yaml:1:4: v: 12 is above the maximum 9 [schema.maximum]\n");
    assert_findings(&j, &some,
                    "services/x.yaml:1:4: v: 12 is above the maximum 9 (under the profile loud and 1 other) "
                    "[schema.maximum]\n");
    assert_findings(&j, &one,
                    "bases/common.yaml:1:4: v: 12 is above the maximum 9 (in the service x, under the "
                    "profile loud, and 1 "
                    "other) [schema.maximum]\n");
}

static void judge__looks_at_every_profile_not_only_the_active_one(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/loud/x.yaml", "v: 11\n"}, {"profiles/quiet/x.yaml", "v: 1\n"},
             {"schemas/x.json", SCHEMA}, {"services/x.yaml", "v: 2"});
    assert_findings(&j, &source, "profiles/loud/x.yaml:1:4: v: 11 is above the maximum 9 [schema.maximum]\n");
}

static void judge__says_under_which_profile_a_line_is_wrong(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"epoch.yaml", "profile: quiet"}, {"profiles/loud/x.yaml", "url: null\n"}, {"profiles/quiet/x.yaml", "v: 1\n"},
             {"schemas/x.json", NEEDS_URL}, {"services/x.yaml", "url: here"});
    AUTO_FAKE struct fake_source both =
        FAKE({"profiles/loud/x.yaml", "w: 1\n"}, {"schemas/x.json", SCHEMA}, {"services/x.yaml", "v: 12"});
    assert_int_equal(judge(&j, &source.source), 0);
    assert_int_equal(j.findings.errors, 1); /* at the line that took it away */
    assert_string_equal(j.findings.items[0].file, "profiles/loud/x.yaml");
    assert_string_equal(j.findings.items[0].code, CODE_SCHEMA_REQUIRED);
    assert_int_equal(judge(&j, &both.source), 0);
    assert_int_equal(j.findings.errors, 2); /* the service's own mistake is told once */
    assert_string_equal(j.findings.items[0].file, "profiles/loud/x.yaml");
    assert_string_equal(j.findings.items[1].file, "services/x.yaml");
    assert_null(strstr(j.findings.items[1].message, "profile"));
}

static void judge__lets_profiles_give_what_a_service_alone_misses(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define STAGES {"profiles/production/x.yaml", "url: a"}, {"profiles/staging/x.yaml", "url: b"}, {"schemas/x.json", NEEDS_URL}
    AUTO_FAKE struct fake_source good = FAKE({"epoch.yaml", "profile: staging"}, STAGES, {"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source none = FAKE(STAGES, {"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source third = FAKE({"epoch.yaml", "profile: staging"}, {"profiles/empty/y.yaml", "v: 1"}, STAGES,
                                              {"services/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    AUTO_FAKE struct fake_source two =
        FAKE({"epoch.yaml", "profile: staging"}, STAGES, {"services/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
#undef STAGES
    assert_invalid(&j, &none.source, CODE_SCHEMA_REQUIRED, "services/x.yaml", "url");
    accept(&j, &good.source);
    assert_changes(&j, "x={\"url\":\"b\",\"v\":1} ", 1);
    accept(&j, &two.source);
    assert_invalid(&j, &third.source, CODE_SCHEMA_REQUIRED, "services/x.yaml", "url"); /* a profile that leaves it plain */
}

static void judge__refuses_what_epoch_yaml_names_and_nobody_has(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"bases/common.yaml", "a: 1"}, {"epoch.yaml", "profile: quit\nbases: {x: [comon]}\nschemas: {x: speech}\n"},
             {"profiles/quiet/x.yaml", "a: 2"}, {"services/x.yaml", "v: 1"});
    assert_findings(&j, &source,
                    "epoch.yaml:1:10: there is no profile 'quit'; did you mean \"quiet\"? [rules.unknown-profile]\n"
                    "epoch.yaml:2:13: there is no base 'comon'; did you mean \"common\"? [rules.unknown-base]\n"
                    "epoch.yaml:3:14: there is no schema 'speech' [rules.unknown-schema]\n");
}

static void judge__warns_of_names_in_epoch_yaml_that_no_service_has(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
#define RULES                                                                                                \
    "schemas: {wroker: s, worker: s, \"x*\": s}\nbases: {worker: []}\nconsumers: {wroker: 1, elsewhere: "    \
    "2}\n"
    AUTO_FAKE struct fake_source source = FAKE({"epoch.yaml", RULES}, {"schemas/s.json", "{}"},
                                               {"services/a.yaml", "{}"}, {"services/worker.yaml", "{}"});
    AUTO_FAKE struct fake_source later = FAKE({"epoch.yaml", RULES}, {"schemas/s.json", "{}"},
                                              {"services/a.yaml", "v: 1"}, {"services/worker.yaml", "{}"});
    static const char told[] =
        "epoch.yaml:1:11: warning: schemas: there is no service 'wroker'; did you mean \"worker\"? "
        "[rules.unknown-service]\n"
        "epoch.yaml:3:13: warning: consumers: there is no service 'wroker'; did you mean \"worker\"? "
        "[rules.unknown-service]\n"
        "epoch.yaml:3:24: warning: consumers: there is no service 'elsewhere' [rules.unknown-service]\n";
    assert_findings(&j, &source, told);
    accept(&j, &source.source);
    assert_findings(&j, &later, ""); /* who commits reads everything, the daemon what differs */
    j.reads_all = true;
    assert_findings(&j, &later, told);
}

static void judge__warns_of_one_variable_for_two_fields(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE(
        {"schemas/x.json",
         "{\"properties\":{\n\"a\":{\"x-env\":\"A\"},\n\"b\":{\"x-env\":\"B\"},\n\"c\":{\"x-env\":\"A\"}}}"},
        {"schemas/y.json", "{\"oneOf\":[{\"properties\":{\"a\":{\"x-env\":\"A\"}}},{\"properties\":{\"a\":{"
                           "\"x-env\":\"A\"}}}]}"},
        {"services/x.yaml", "{}"});
    assert_findings(
        &j, &source,
        "schemas/x.json:4:14: warning: x-env: A overrides /a already; here it is /c [schema.variable]\n");
}

static void judge__refuses_a_service_without_a_schema_where_one_is_required(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"schemas/x.json", "{}"}, {"services/x.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"epoch.yaml", "require_schema: true"}, {"schemas/x.json", "{}"},
                                               {"services/x.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    accept(&j, &first.source);
    assert_findings(&j, &second, "epoch.yaml:1:17: the service 'z' has no schema: add schemas/z.yaml, or a line for it under "
                                 "`schemas` [rules.schema-required]\n");
}

static void judge__tells_a_broken_file_alone_where_the_rest_hangs_on_it(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source base =
        FAKE({"bases/common.yaml", "a: [\n"}, {"epoch.yaml", "bases: {\"*\": [common]}"}, {"schemas/x.json", NEEDS_URL},
             {"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source rules =
        FAKE({"epoch.yaml", "bases: [\n"}, {"schemas/x.json", NEEDS_URL}, {"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source schema = FAKE({"schemas/x.json", "{\"type\":}"}, {"services/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source twice =
        FAKE({"schemas/x.json", "{}"}, {"schemas/x.yaml", "{}"}, {"services/x.yaml", "v: 1"});
    assert_invalid(&j, &base.source, CODE_YAML_SYNTAX, "bases/common.yaml", " ");
    assert_invalid(&j, &rules.source, CODE_YAML_SYNTAX, RULES_FILE, " ");
    assert_invalid(&j, &schema.source, CODE_JSON_SYNTAX, "schemas/x.json", " ");
    assert_invalid(&j, &twice.source, CODE_LAYOUT_DUPLICATE, "schemas/x.yaml", "schemas/x.json");
}

static void judge__refuses_defaults_without_end(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"schemas/x.json", "{\"properties\":{\"me\":{\"$ref\":\"#\",\"default\":{}}}}"}, {"services/x.yaml", "v: 1"});
    assert_invalid(&j, &source.source, CODE_SCHEMA_TOO_EXPENSIVE, "schemas/x.json", "nest deeper than 64 (in the service x)");
}

static void judge__names_the_schema_of_each_service(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"schemas/x.json", "{}"}, {"services/x.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    accept(&j, &source.source);
    assert_string_equal(j.candidate.services[0].schema, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_string_equal(j.candidate.services[1].schema, "");
}

/* --- limits --- */

enum { NAMES = 64 };

/* `count` files of one text, "<prefix>0007<suffix>", before those that are given. */
static struct fake_source many(struct fake_file *files, char (*names)[NAMES], size_t count, const char *prefix,
                               const char *suffix, struct fake_file last)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], NAMES, "%s%04zu%s", prefix, i, suffix);
        files[i] = (struct fake_file){names[i], "v: 1"};
    }
    files[count] = last;
    return fake_source_of(files, count + 1);
}

static void judge__refuses_more_profiles_than_can_be_afforded(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    static struct fake_file files[PROFILES_MAX + 2];
    static char names[PROFILES_MAX + 1][NAMES];
    const struct fake_file x = {"services/x.yaml", "v: 1"};
    AUTO_FAKE struct fake_source good = many(files, names, PROFILES_MAX, "profiles/p", "/x.yaml", x);
    accept(&j, &good.source);
    AUTO_FAKE struct fake_source bad = many(files, names, PROFILES_MAX + 1, "profiles/p", "/x.yaml", x);
    assert_invalid(&j, &bad.source, CODE_LIMIT_PROFILES, "profiles", "more than 32 profiles");
}

static void judge__refuses_more_bases_than_can_be_afforded(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    static struct fake_file files[SHARED_FILES_MAX + 2];
    static char names[SHARED_FILES_MAX + 1][NAMES];
    const struct fake_file x = {"services/x.yaml", "v: 1"};
    AUTO_FAKE struct fake_source good = many(files, names, SHARED_FILES_MAX, "bases/b", ".yaml", x);
    accept(&j, &good.source);
    AUTO_FAKE struct fake_source bad = many(files, names, SHARED_FILES_MAX + 1, "bases/b", ".yaml", x);
    assert_invalid(&j, &bad.source, CODE_LIMIT_SHARED, "bases", "more than 1000 files or 16 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge__points_at_the_line_of_the_service),
        cmocka_unit_test(judge__points_at_the_line_of_a_base_once_for_all_services),
        cmocka_unit_test(judge__tells_a_mistake_of_a_base_once_for_services_of_different_schemas),
        cmocka_unit_test(judge__tells_each_key_that_a_base_misses),
        cmocka_unit_test(judge__names_profiles_only_where_they_matter),
        cmocka_unit_test(judge__looks_at_every_profile_not_only_the_active_one),
        cmocka_unit_test(judge__says_under_which_profile_a_line_is_wrong),
        cmocka_unit_test(judge__lets_profiles_give_what_a_service_alone_misses),
        cmocka_unit_test(judge__refuses_what_epoch_yaml_names_and_nobody_has),
        cmocka_unit_test(judge__warns_of_names_in_epoch_yaml_that_no_service_has),
        cmocka_unit_test(judge__warns_of_one_variable_for_two_fields),
        cmocka_unit_test(judge__refuses_a_service_without_a_schema_where_one_is_required),
        cmocka_unit_test(judge__tells_a_broken_file_alone_where_the_rest_hangs_on_it),
        cmocka_unit_test(judge__refuses_defaults_without_end),
        cmocka_unit_test(judge__refuses_more_profiles_than_can_be_afforded),
        cmocka_unit_test(judge__refuses_more_bases_than_can_be_afforded),
        cmocka_unit_test(judge__names_the_schema_of_each_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
