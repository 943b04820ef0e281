/*
 * layout: each place of the repository, and what is refused there by its name or mode alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/layout.h"

static const enum layout_area folders[] = {LAYOUT_SERVICES, LAYOUT_SCHEMAS, LAYOUT_BASES, LAYOUT_PROFILES,
                                           LAYOUT_RECIPIENTS};
static const char *const folder_names[] = {"services", "schemas", "bases", "profiles", "recipients"};

static enum layout_verdict judge(const char *folder, const char *name, uint32_t mode,
                                 struct layout_entry *out)
{
    return layout_judge(folder, span_of(name), mode, out, NULL);
}

static void assert_verdict(const char *folder, const char *name, uint32_t mode, enum layout_verdict wanted)
{
    struct layout_entry entry;
    enum layout_verdict verdict = judge(folder, name, mode, &entry);
    if (verdict != wanted)
        fail_msg("%s/%s (%o) is judged %d, not %d", folder, name, mode, verdict, wanted);
}

static void assert_refused(const char *folder, const char *name, uint32_t mode, const char *code,
                           const char *words)
{
    AUTO_FINDINGS struct findings findings = {0};
    struct layout_entry entry;
    char path[512];
    snprintf(path, sizeof path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name);
    assert_int_equal(layout_judge(folder, span_of(name), mode, &entry, &findings), LAYOUT_REFUSE);
    assert_int_equal(findings.len, 1);
    assert_int_equal(findings.items[0].severity, FINDING_ERROR);
    assert_string_equal(findings.items[0].file, path);
    if (strcmp(findings.items[0].code, code) != 0 || strstr(findings.items[0].message, words) == NULL)
        fail_msg("%s: \"%s\" [%s] is not \"…%s…\" [%s]", path, findings.items[0].message,
                 findings.items[0].code, words, code);
}

static void name__is_lower_case_letters_digits_and_dashes(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "z9", "stt-worker", "a--", "x0-9"};
    static const char *const bad[] = {"", "A", "9a", "-a", "a_b", "a.b", "a b", "ä", "a/b", "aB", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(layout_name_is_good(span_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(layout_name_is_good(span_of(bad[i])));
    assert_false(layout_name_is_good(SPAN("a\0b")));
}

static void name__has_at_most_63_characters(void **state)
{
    (void)state;
    char name[65];
    memset(name, 'a', sizeof name);
    assert_true(layout_name_is_good((struct span){name, 62}));
    assert_true(layout_name_is_good((struct span){name, 63}));
    assert_false(layout_name_is_good((struct span){name, 64}));
}

static void area__is_told_by_the_name_at_the_top(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        assert_int_equal(layout_area_of(span_of(folder_names[i])), folders[i]);
    assert_int_equal(layout_area_of(SPAN("epoch.yaml")), LAYOUT_SETTINGS);
    assert_int_equal(layout_area_of(SPAN("authors")), LAYOUT_AUTHORS);
    assert_int_equal(layout_area_of(SPAN("service")), LAYOUT_OUTSIDE);
    assert_int_equal(layout_area_of(SPAN("Services")), LAYOUT_OUTSIDE);
    assert_int_equal(layout_area_of(SPAN("")), LAYOUT_OUTSIDE);
}

static void layout__ignores_what_is_outside(void **state)
{
    (void)state;
    assert_verdict("", "README.md", LAYOUT_MODE_FILE, LAYOUT_IGNORE);
    assert_verdict("", "src", LAYOUT_MODE_DIR, LAYOUT_IGNORE);
    assert_verdict("", ".gitignore", LAYOUT_MODE_FILE, LAYOUT_IGNORE);
    assert_verdict("", "link", LAYOUT_MODE_LINK, LAYOUT_IGNORE);
    assert_verdict("src", "x.txt", LAYOUT_MODE_FILE, LAYOUT_IGNORE);
}

static void layout__ignores_dot_files_and_readmes_everywhere(void **state)
{
    (void)state;
    static const char *const places[] = {"services", "services/audio", "schemas",
                                         "bases",    "profiles",       "profiles/quiet"};
    static const char *const names[] = {".gitkeep", ".", "..", ".git", "README.md", ".x.yaml"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (size_t j = 0; j < ARRAY_LEN(names); j++) {
            assert_verdict(places[i], names[j], LAYOUT_MODE_FILE, LAYOUT_IGNORE);
            assert_verdict(places[i], names[j], LAYOUT_MODE_DIR, LAYOUT_IGNORE);
            assert_verdict(places[i], names[j], LAYOUT_MODE_LINK, LAYOUT_IGNORE);
        }
}

static void layout__enters_its_folders_and_takes_its_files(void **state)
{
    (void)state;
    struct layout_entry entry;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        assert_int_equal(judge("", folder_names[i], LAYOUT_MODE_DIR, &entry), LAYOUT_DESCEND);
        assert_int_equal(entry.area, folders[i]);
    }
    assert_int_equal(judge("", "epoch.yaml", LAYOUT_MODE_FILE, &entry), LAYOUT_FILE);
    assert_int_equal(entry.area, LAYOUT_SETTINGS);
    assert_int_equal(judge("", "authors", LAYOUT_MODE_FILE, &entry), LAYOUT_FILE);
    assert_int_equal(entry.area, LAYOUT_AUTHORS);
}

static void layout__names_entries_by_their_file(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *file, *name, *profile;
        enum layout_area area;
    } cases[] = {
        {"services", "router.yaml", "router", "", LAYOUT_SERVICES},
        {"services/a/b/c", "stt-worker.yaml", "stt-worker", "", LAYOUT_SERVICES},
        {"schemas", "common.yaml", "common", "", LAYOUT_SCHEMAS},
        {"schemas", "common.json", "common", "", LAYOUT_SCHEMAS},
        {"bases", "audio.yaml", "audio", "", LAYOUT_BASES},
        {"profiles/quiet", "router.yaml", "router", "quiet", LAYOUT_PROFILES},
        {"recipients", "router.pub", "router", "", LAYOUT_RECIPIENTS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct layout_entry entry;
        assert_int_equal(judge(cases[i].folder, cases[i].file, LAYOUT_MODE_FILE, &entry), LAYOUT_FILE);
        assert_int_equal(entry.area, cases[i].area);
        assert_string_equal(entry.name, cases[i].name);
        assert_string_equal(entry.profile, cases[i].profile);
    }
}

static void layout__takes_any_regular_file(void **state)
{
    (void)state;
    assert_verdict("services", "x.yaml", LAYOUT_MODE_EXEC, LAYOUT_FILE);
    assert_verdict("services", "x.yaml", 0100664, LAYOUT_FILE); /* of old repositories */
}

static void layout__refuses_links_and_submodules_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const places[] = {"services", "services/a/b/c", "schemas",   "bases",
                                         "profiles", "profiles/quiet", "recipients"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        assert_refused(places[i], "x.yaml", LAYOUT_MODE_LINK, CODE_LAYOUT_TYPE, "symbolic link");
        assert_refused(places[i], "x", LAYOUT_MODE_COMMIT, CODE_LAYOUT_TYPE, "submodule");
        assert_refused(places[i], "x.yaml", 0, CODE_LAYOUT_TYPE, "not a regular file");
    }
    assert_refused("", "services", LAYOUT_MODE_LINK, CODE_LAYOUT_TYPE, "a folder is wanted");
    assert_refused("", "services", LAYOUT_MODE_FILE, CODE_LAYOUT_TYPE, "a file; a folder is wanted");
    assert_refused("", "epoch.yaml", LAYOUT_MODE_LINK, CODE_LAYOUT_TYPE, "a regular file is wanted");
    assert_refused("", "epoch.yaml", LAYOUT_MODE_DIR, CODE_LAYOUT_TYPE, "a folder; a regular file is wanted");
}

static void layout__refuses_other_entries_by_name(void **state)
{
    (void)state;
    assert_refused("services", "notes.txt", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY,
                   "services/ holds <service>.yaml");
    assert_refused("services", "x.json", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY,
                   "'x.json' does not belong here");
    assert_refused("services", "yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "does not belong");
    assert_refused("bases", "x.json", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "bases/ holds <base>.yaml");
    assert_refused("schemas", "x.txt", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "<schema>.json");
    assert_refused("profiles", "x.yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "<profile>/<service>.yaml");
    assert_refused("recipients", "x.yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "<service>.pub");
}

static void layout__refuses_folders_where_files_belong(void **state)
{
    (void)state;
    assert_refused("schemas", "x", LAYOUT_MODE_DIR, CODE_LAYOUT_ENTRY, "the folder 'x'");
    assert_refused("bases", "x", LAYOUT_MODE_DIR, CODE_LAYOUT_ENTRY, "the folder 'x'");
    assert_refused("profiles/quiet", "x", LAYOUT_MODE_DIR, CODE_LAYOUT_ENTRY, "the folder 'x'");
    assert_refused("recipients", "x", LAYOUT_MODE_DIR, CODE_LAYOUT_ENTRY, "the folder 'x'");
}

static void layout__says_what_a_yml_file_should_be_called(void **state)
{
    (void)state;
    assert_refused("services", "stt-worker.yml", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY,
                   "rename to stt-worker.yaml");
    assert_refused("profiles/quiet", "x.yml", LAYOUT_MODE_FILE, CODE_LAYOUT_ENTRY, "rename to x.yaml");
}

static void layout__refuses_bad_names_and_suggests_good_ones(void **state)
{
    (void)state;
    assert_refused("services", "STT_Worker.yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_NAME,
                   "rename to stt-worker.yaml");
    assert_refused("services", "a.b.yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_NAME, "rename to a-b.yaml");
    assert_refused("services", "Audio", LAYOUT_MODE_DIR, CODE_LAYOUT_NAME, "rename to audio");
    assert_refused("services", "9.yaml", LAYOUT_MODE_FILE, CODE_LAYOUT_NAME, "'9.yaml' is no name");
    assert_refused("profiles", "Quiet", LAYOUT_MODE_DIR, CODE_LAYOUT_NAME, "rename to quiet");
}

static void layout__holds_names_of_files_to_63_characters(void **state)
{
    (void)state;
    char file[80];
    memset(file, 'a', sizeof file);
    memcpy(file + 63, ".yaml", 6);
    assert_verdict("services", file, LAYOUT_MODE_FILE, LAYOUT_FILE);
    memcpy(file + 63, "a.yaml", 7);
    assert_refused("services", file, LAYOUT_MODE_FILE, CODE_LAYOUT_NAME, "at most 63");
}

static void layout__shows_odd_bytes_as_escapes(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings findings = {0};
    struct layout_entry entry;
    assert_int_equal(layout_judge("services", SPAN("a\nb\xff.yaml"), LAYOUT_MODE_FILE, &entry, &findings),
                     LAYOUT_REFUSE);
    assert_string_equal(findings.items[0].file, "services/a\\x0ab\\xff.yaml");
    assert_non_null(strstr(findings.items[0].message, "'a\\x0ab\\xff.yaml'"));
    assert_string_equal(findings.items[0].code, CODE_LAYOUT_NAME);
}

static void layout__lets_folders_under_services_nest_three_deep(void **state)
{
    (void)state;
    assert_verdict("services", "a", LAYOUT_MODE_DIR, LAYOUT_DESCEND);
    assert_verdict("services/a", "b", LAYOUT_MODE_DIR, LAYOUT_DESCEND);
    assert_verdict("services/a/b", "c", LAYOUT_MODE_DIR, LAYOUT_DESCEND);
    assert_refused("services/a/b/c", "d", LAYOUT_MODE_DIR, CODE_LAYOUT_DEPTH, "three deep");
}

static void layout__survives_a_name_of_any_length(void **state)
{
    (void)state;
    enum { LEN = 100000 };
    AUTO_FINDINGS struct findings findings = {0};
    struct layout_entry entry;
    char *name AUTO_FREE = malloc(LEN);
    assert_non_null(name);
    memset(name, 'A', LEN);
    struct span span = {name, LEN};
    assert_int_equal(layout_judge("services", span, LAYOUT_MODE_FILE, &entry, &findings), LAYOUT_REFUSE);
    assert_int_equal(layout_judge("services", span, LAYOUT_MODE_DIR, &entry, &findings), LAYOUT_REFUSE);
    assert_int_equal(findings.errors, 2);
    assert_true(strlen(findings.items[0].file) < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name__is_lower_case_letters_digits_and_dashes),
        cmocka_unit_test(name__has_at_most_63_characters),
        cmocka_unit_test(area__is_told_by_the_name_at_the_top),
        cmocka_unit_test(layout__ignores_what_is_outside),
        cmocka_unit_test(layout__ignores_dot_files_and_readmes_everywhere),
        cmocka_unit_test(layout__enters_its_folders_and_takes_its_files),
        cmocka_unit_test(layout__names_entries_by_their_file),
        cmocka_unit_test(layout__takes_any_regular_file),
        cmocka_unit_test(layout__refuses_links_and_submodules_wherever_they_stand),
        cmocka_unit_test(layout__refuses_other_entries_by_name),
        cmocka_unit_test(layout__refuses_folders_where_files_belong),
        cmocka_unit_test(layout__says_what_a_yml_file_should_be_called),
        cmocka_unit_test(layout__refuses_bad_names_and_suggests_good_ones),
        cmocka_unit_test(layout__holds_names_of_files_to_63_characters),
        cmocka_unit_test(layout__shows_odd_bytes_as_escapes),
        cmocka_unit_test(layout__lets_folders_under_services_nest_three_deep),
        cmocka_unit_test(layout__survives_a_name_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
