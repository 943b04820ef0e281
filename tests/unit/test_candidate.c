/*
 * candidate: what a revision changes, what is read for it, and what makes it invalid.
 */
#include "judging.h"

/* --- what changes --- */

static void candidate__gives_every_service_when_nothing_is_in_force(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"services/router.yaml", "port: 1883\n"}, {"services/audio/tts.yaml", "b: 2\na: 1.0\n"},
             {"services/audio/stt.yaml", "{}"}, {"notes.txt", "ignored"});
    accept(&j, &first.source);
    assert_changes(&j, "router={\"port\":1883} stt={} tts={\"a\":1,\"b\":2} ", 3);
    assert_string_equal(j.candidate.services[2].path, "services/audio/tts.yaml");
    assert_ptr_equal(j.candidate.listing, first.source.listing);
    assert_int_equal(first.reads, 3);
}

static void candidate__reads_only_what_differs(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a/x.yaml", "v: 1"}, {"services/a/y.yaml", "v: 1"},
                                              {"services/b/z.yaml", "v: 1"}, {"services/w.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"services/a/x.yaml", "v: 1"}, {"services/a/y.yaml", "v: 2"},
                                               {"services/b/z.yaml", "v: 1"}, {"services/w.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "y={\"v\":2} ", 4);
    assert_int_equal(second.reads, 1);
    accept(&j, &second.source);
    assert_changes(&j, "", 4);
    assert_int_equal(second.reads, 1);
}

static void candidate__takes_another_spelling_for_no_change(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/x.yaml", "a: 1\nb: [2]\n"});
    AUTO_FAKE struct fake_source second =
        FAKE({"services/x.yaml", "# says the same\nb:\n- 0x2\na: !!int '1'\n"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "", 1);
    assert_int_equal(second.reads, 1);
}

static void candidate__takes_a_move_for_no_change(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"services/b/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    AUTO_FAKE struct fake_source third = FAKE({"services/x.yaml", "v: 2"}, {"services/y.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "", 2);
    accept(&j, &third.source);
    assert_changes(&j, "x={\"v\":2} ", 2);
}

static void candidate__tells_removed_services_apart_from_moved_ones(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"services/a/x.yaml", "v: 1"}, {"services/a/y.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second =
        FAKE({"services/y.yaml", "v: 1"}, {"services/new.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "new={\"v\":1} -x ", 3);
    assert_null(j.candidate.services[1].config.data);
}

static void candidate__follows_a_folder_that_becomes_a_service_and_back(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/x/y.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"services/x.yaml", "v: 1"}, {"services/z.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "x={\"v\":1} -y ", 2);
    accept(&j, &first.source);
    assert_changes(&j, "-x y={\"v\":1} ", 2);
}

static void candidate__compares_with_the_catalog_when_no_listing_is_known(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    put_in_force(&j, "same", SPAN("{\"v\":1}"));
    put_in_force(&j, "changed", SPAN("{\"v\":1}"));
    put_in_force(&j, "gone", SPAN("{\"v\":1}"));
    AUTO_FAKE struct fake_source next = FAKE({"services/changed.yaml", "v: 2"}, {"services/new.yaml", "v: 1"},
                                             {"services/same.yaml", "v: 1"});
    accept(&j, &next.source);
    assert_changes(&j, "changed={\"v\":2} -gone new={\"v\":1} ", 3);
    assert_int_equal(next.reads, 3);
}

static void candidate__reads_everything_when_nothing_is_in_force(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "v: 1"});
    j.before = listing_ref(source.source.listing);
    accept(&j, &source.source);
    assert_changes(&j, "x={\"v\":1} ", 1);
}

static void candidate__takes_a_repository_without_services_for_valid(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"README.md", "nothing here"});
    accept(&j, &source.source);
    assert_changes(&j, "", 0);
}

/* --- findings --- */

static void candidate__collects_the_findings_of_all_files_in_order(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source =
        FAKE({"services/z.yaml", "a: [1\n"}, {"services/b.yaml", "a: 1\na: 2\n"}, {"services/notes.txt", ""},
             {"services/good.yaml", "no: 1\n"});
    assert_int_equal(judge(&j, &source.source), 0);
    assert_int_equal(j.findings.errors, 3);
    assert_int_equal(j.findings.warnings, 1);
    static const char *const codes[] = {CODE_YAML_DUPLICATE_KEY, CODE_YAML_AMBIGUOUS, CODE_LAYOUT_ENTRY,
                                        CODE_YAML_SYNTAX};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_string_equal(j.findings.items[i].code, codes[i]);
}

static void candidate__judges_a_revision_that_only_warns_valid(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "debug: no\n"});
    accept(&j, &source.source);
    assert_changes(&j, "x={\"debug\":\"no\"} ", 1);
    assert_int_equal(j.findings.warnings, 1);
}

static void candidate__is_not_blamed_for_findings_that_were_there_before(void **state)
{
    (void)state;
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "v: 1"});
    AUTO_CANDIDATE struct candidate candidate = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    const struct candidate_base nothing = {0};
    findings_add(&findings, FINDING_ERROR, CODE_SETTINGS, "elsewhere", (struct doc_pos){0}, "wrong");
    assert_int_equal(candidate_judge(&source.source, &nothing, &candidate, &findings, &err), 0);
    assert_int_equal(candidate.len, 1);
}

static void candidate__takes_damaged_and_too_large_objects_for_findings(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    source.damaged = "services/y.yaml";
    source.damaged_code = CODE_REPO_OBJECT;
    assert_invalid(&j, &source.source, CODE_REPO_OBJECT, "services/y.yaml", "damaged");
    source.damaged_code = CODE_LIMIT_FILE;
    assert_invalid(&j, &source.source, CODE_LIMIT_FILE, "services/y.yaml", "damaged");
}

static void candidate__fails_when_a_file_cannot_be_read_now(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/x.yaml", "v: 1"});
    source.damaged = "services/x.yaml";
    source.damaged_code = CODE_REPO_UNREADABLE;
    assert_int_equal(judge(&j, &source.source), -1);
    assert_string_equal(j.err.code, CODE_REPO_UNREADABLE);
    assert_string_equal(j.err.message, "reading services/x.yaml: the object is damaged");
    assert_null(j.candidate.listing);
}

static void candidate__warns_once_an_area_of_what_is_not_applied_yet(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"services/x.yaml", "v: 1"}, {"authors", "?"}, {"recipients/x.pub", "?"}, {"recipients/y.pub", "?"});
    static const char *const files[] = {"authors", "recipients/x.pub"};
    accept(&j, &first.source);
    assert_changes(&j, "x={\"v\":1} ", 1);
    assert_int_equal(first.reads, 1);
    assert_int_equal(j.findings.warnings, ARRAY_LEN(files));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        assert_string_equal(j.findings.items[i].file, files[i]);
        assert_string_equal(j.findings.items[i].code, CODE_LAYOUT_NOT_YET);
    }
    assert_string_equal(j.findings.items[1].message,
                        "this version of epochd does not apply recipients/ yet; it has no effect");
    assert_string_equal(j.findings.items[0].message,
                        "this version of epochd does not apply authors yet; it has no effect");
}

/* --- one name, one file --- */

static void names__stand_once_among_new_files(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source source = FAKE({"services/b/x.yaml", "v: 1"}, {"services/a/x.yaml", "v: 2"});
    assert_invalid(&j, &source.source, CODE_LAYOUT_DUPLICATE, "services/b/x.yaml",
                   "the service 'x' stands at services/a/x.yaml too");
}

static void names__stand_once_whatever_the_catalog_thinks_of_paths(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second =
        FAKE({"services/a/x.yaml", "v: 1"}, {"services/b/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    accept(&j, &first.source);
    assert_invalid(&j, &second.source, CODE_LAYOUT_DUPLICATE, "services/b/x.yaml",
                   "the service 'x' stands at services/a/x.yaml too");
    assert_int_equal(second.reads, 1);
}

static void names__stand_once_when_one_of_the_two_changes_too(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/b/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second =
        FAKE({"services/a/x.yaml", "v: 1"}, {"services/b/x.yaml", "v: 2"}, {"services/y.yaml", "v: 1"});
    accept(&j, &first.source);
    assert_invalid(&j, &second.source, CODE_LAYOUT_DUPLICATE, "services/b/x.yaml", "services/a/x.yaml");
}

static void names__may_be_exchanged_between_folders(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first = FAKE({"services/a/x.yaml", "v: 1"}, {"services/b/y.yaml", "v: 2"});
    AUTO_FAKE struct fake_source second = FAKE({"services/a/y.yaml", "v: 2"}, {"services/b/x.yaml", "v: 3"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "x={\"v\":3} ", 2);
}

static void names__in_ignored_folders_and_other_areas_do_not_count(void **state)
{
    (void)state;
    AUTO_JUDGING struct judging j = {0};
    AUTO_FAKE struct fake_source first =
        FAKE({"services/.old/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"}, {"bases/x.yaml", "v: 1"});
    AUTO_FAKE struct fake_source second = FAKE({"services/.old/x.yaml", "v: 1"}, {"services/y.yaml", "v: 1"},
                                               {"services/x.yaml", "v: 1"}, {"bases/x.yaml", "v: 1"});
    accept(&j, &first.source);
    accept(&j, &second.source);
    assert_changes(&j, "x={\"v\":1} ", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidate__gives_every_service_when_nothing_is_in_force),
        cmocka_unit_test(candidate__reads_only_what_differs),
        cmocka_unit_test(candidate__takes_another_spelling_for_no_change),
        cmocka_unit_test(candidate__takes_a_move_for_no_change),
        cmocka_unit_test(candidate__tells_removed_services_apart_from_moved_ones),
        cmocka_unit_test(candidate__follows_a_folder_that_becomes_a_service_and_back),
        cmocka_unit_test(candidate__compares_with_the_catalog_when_no_listing_is_known),
        cmocka_unit_test(candidate__reads_everything_when_nothing_is_in_force),
        cmocka_unit_test(candidate__takes_a_repository_without_services_for_valid),
        cmocka_unit_test(candidate__collects_the_findings_of_all_files_in_order),
        cmocka_unit_test(candidate__judges_a_revision_that_only_warns_valid),
        cmocka_unit_test(candidate__is_not_blamed_for_findings_that_were_there_before),
        cmocka_unit_test(candidate__takes_damaged_and_too_large_objects_for_findings),
        cmocka_unit_test(candidate__fails_when_a_file_cannot_be_read_now),
        cmocka_unit_test(candidate__warns_once_an_area_of_what_is_not_applied_yet),
        cmocka_unit_test(names__stand_once_among_new_files),
        cmocka_unit_test(names__stand_once_whatever_the_catalog_thinks_of_paths),
        cmocka_unit_test(names__stand_once_when_one_of_the_two_changes_too),
        cmocka_unit_test(names__may_be_exchanged_between_folders),
        cmocka_unit_test(names__in_ignored_folders_and_other_areas_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
