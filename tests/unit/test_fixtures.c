/*
 * fixtures: each folder tests/fixtures/bad-… is refused with the code and at the place its name promises,
 * each good-… is read. A fixture that is not in the table fails, so that none is forgotten. Run from the
 * project's top.
 */
#include <dirent.h>

#include "judging.h"

#define FIXTURES "tests/fixtures"
#define SERVICE "services/stt-worker.yaml"

static const struct bad {
    const char *name, *code, *file;
    struct doc_pos pos;
} bads[] = {
    {"bad-alias-recursive", CODE_YAML_ALIAS, SERVICE, {2, 9}},
    {"bad-alias-undefined", CODE_YAML_ALIAS, SERVICE, {1, 13}},
    {"bad-anchor-name", CODE_YAML_SYNTAX, SERVICE, {1, 8}},
    {"bad-base-not-a-mapping", CODE_YAML_MAPPING, "bases/common.yaml", {1, 1}},
    {"bad-base-unknown", CODE_RULES_BASE, "epoch.yaml", {1, 15}},
    {"bad-bom", CODE_YAML_BOM, SERVICE, {1, 1}},
    {"bad-bomb-of-bytes", CODE_LIMIT_CONFIG, SERVICE, {5, 25}},
    {"bad-bomb-of-values", CODE_LIMIT_NODES, SERVICE, {5, 45}},
    {"bad-colon", CODE_YAML_SYNTAX, SERVICE, {1, 10}},
    {"bad-control", CODE_YAML_UTF8, SERVICE, {1, 7}},
    {"bad-default", CODE_SCHEMA_TYPE, "schemas/stt-worker.yaml", {2, 34}},
    {"bad-depth", CODE_LIMIT_DEPTH, SERVICE, {1, 67}},
    {"bad-duplicate-key", CODE_YAML_DUPLICATE_KEY, SERVICE, {3, 1}},
    {"bad-duplicate-service", CODE_LAYOUT_DUPLICATE, "services/brain/stt-worker.yaml", {0, 0}},
    {"bad-empty-document", CODE_YAML_EMPTY, SERVICE, {2, 1}},
    {"bad-empty-file", CODE_YAML_EMPTY, SERVICE, {1, 1}},
    {"bad-ending-yml", CODE_LAYOUT_ENTRY, "services/stt-worker.yml", {0, 0}},
    {"bad-entry", CODE_LAYOUT_ENTRY, "services/notes.txt", {0, 0}},
    {"bad-epoch-key", CODE_SCHEMA_ADDITIONAL_PROPERTIES, "epoch.yaml", {1, 1}},
    {"bad-epoch-policy", CODE_SCHEMA_ENUM, "epoch.yaml", {2, 13}},
    {"bad-folder-depth", CODE_LAYOUT_DEPTH, "services/house/floor/room/shelf", {0, 0}},
    {"bad-folder-name", CODE_LAYOUT_NAME, "services/Audio", {0, 0}},
    {"bad-infinity", CODE_YAML_NUMBER, SERVICE, {1, 7}},
    {"bad-integer", CODE_YAML_NUMBER, SERVICE, {1, 9}},
    {"bad-key-boolean", CODE_YAML_KEY, SERVICE, {2, 3}},
    {"bad-key-empty", CODE_YAML_KEY, SERVICE, {1, 2}},
    {"bad-key-integer", CODE_YAML_KEY, SERVICE, {2, 3}},
    {"bad-key-list", CODE_YAML_KEY, SERVICE, {1, 3}},
    {"bad-key-null", CODE_YAML_KEY, SERVICE, {1, 1}},
    {"bad-line-separator", CODE_YAML_UTF8, SERVICE, {1, 12}},
    {"bad-link", CODE_LAYOUT_TYPE, "services/tts-worker.yaml", {0, 0}},
    {"bad-merge-key", CODE_YAML_MERGE_KEY, SERVICE, {4, 3}},
    {"bad-name", CODE_LAYOUT_NAME, "services/STT_Worker.yaml", {0, 0}},
    {"bad-nan", CODE_YAML_NUMBER, SERVICE, {1, 7}},
    {"bad-no-document", CODE_YAML_EMPTY, SERVICE, {1, 1}},
    {"bad-not-a-mapping", CODE_YAML_MAPPING, SERVICE, {1, 1}},
    {"bad-nul", CODE_YAML_NUL, SERVICE, {2, 8}},
    {"bad-nul-escaped", CODE_YAML_NUL, SERVICE, {1, 7}},
    {"bad-overflow", CODE_YAML_NUMBER, SERVICE, {1, 7}},
    {"bad-patch-not-a-mapping", CODE_YAML_MAPPING, "profiles/quiet/stt-worker.yaml", {1, 1}},
    {"bad-patch-of-nobody", CODE_PROFILE_SERVICE, "profiles/quiet/sst-worker.yaml", {0, 0}},
    {"bad-pattern", CODE_SCHEMA_PROPERTY_NAMES, "epoch.yaml", {2, 3}},
    {"bad-pattern-ambiguous", CODE_RULES_AMBIGUOUS, "epoch.yaml", {2, 3}},
    {"bad-profile-unknown", CODE_RULES_PROFILE, "epoch.yaml", {1, 10}},
    {"bad-question-mark", CODE_YAML_SYNTAX, SERVICE, {1, 3}},
    {"bad-schema-json", CODE_JSON_SYNTAX, "schemas/stt-worker.json", {1, 19}},
    {"bad-schema-ref", CODE_SCHEMA_REF, "schemas/stt-worker.yaml", {2, 16}},
    {"bad-schema-required", CODE_RULES_SCHEMA_REQUIRED, "epoch.yaml", {1, 17}},
    {"bad-schema-twice", CODE_LAYOUT_DUPLICATE, "schemas/stt-worker.yaml", {0, 0}},
    {"bad-schema-type", CODE_SCHEMA_INVALID, "schemas/stt-worker.yaml", {3, 16}},
    {"bad-schema-unknown", CODE_RULES_SCHEMA, "epoch.yaml", {2, 12}},
    {"bad-services-file", CODE_LAYOUT_TYPE, "services", {0, 0}},
    {"bad-tab", CODE_YAML_SYNTAX, SERVICE, {2, 1}},
    {"bad-tag-misfit", CODE_YAML_TAG, SERVICE, {1, 7}},
    {"bad-tag-unknown", CODE_YAML_TAG, SERVICE, {1, 11}},
    {"bad-two-documents", CODE_YAML_DOCUMENTS, SERVICE, {2, 1}},
    {"bad-unclosed-list", CODE_YAML_SYNTAX, SERVICE, {3, 5}},
    {"bad-unclosed-quote", CODE_YAML_SYNTAX, SERVICE, {3, 1}},
    {"bad-utf16", CODE_YAML_BOM, SERVICE, {1, 1}},
    {"bad-utf8", CODE_YAML_UTF8, SERVICE, {1, 6}},
    {"bad-value", CODE_SCHEMA_MAXIMUM, SERVICE, {2, 7}},
    {"bad-value-in-base", CODE_SCHEMA_MAXIMUM, "bases/audio.yaml", {1, 7}},
    {"bad-value-in-profile", CODE_SCHEMA_MAXIMUM, "profiles/loud/stt-worker.yaml", {1, 7}},
    {"bad-value-missing", CODE_SCHEMA_REQUIRED, "profiles/loud/stt-worker.yaml", {1, 1}},
};

static const struct good {
    const char *name, *changes;
    size_t services, warnings;
} goods[] = {
    {"good-aliases",
     "stt-worker={\"alias\":\"name\",\"audio\":{\"channels\":1,\"rate\":16000},\"microphone\":"
     "{\"channels\":1,\"rate\":16000},\"name\":\"label\",\"speaker\":{\"channels\":1,\"rate\":16000}} ",
     1, 0},
    {"good-crlf", "stt-worker={\"name\":\"two\\nlines\\n\",\"rate\":16000} ", 1, 0},
    {"good-empty-mapping", "stt-worker={} ", 1, 0},
    {"good-folders", "lamp={\"on-at\":\"18:30\"} router={\"port\":1883} stt-worker={\"rate\":16000} ", 3, 0},
    {"good-json", "stt-worker={\"8080\":{},\"devices\":[\"microphone\",null,true,0.0015],\"rate\":16000} ", 1,
     0},
    {"good-minimal", "stt-worker={\"rate\":16000} ", 1, 0},
    {"good-layers", "stt-worker={\"gain\":0.1,\"log\":\"debug\",\"model\":\"base.en\",\"rate\":8000} ", 1, 0},
    {"good-not-yet-applied", "router={\"port\":1883} ", 1, 2},
    {"good-numbers",
     "stt-worker={\"big\":1e+21,\"float\":0.5,\"hex\":31,\"largest\":9007199254740991,\"octal\":12,"
     "\"smallest\":-9007199254740991,\"zero\":0} ",
     1, 0},
    {"good-tags",
     "stt-worker={\"flag\":true,\"list\":[],\"map\":{},\"name\":\"12\",\"none\":null,\"rate\":16000} ", 1, 0},
    {"good-unicode", "stt-worker={\"größe\":1,\"note\":\"♫ ♫ 🎵\",\"𝄞\":\"clef\"} ", 1, 0},
    {"good-with-warnings",
     "stt-worker={\"debug\":\"no\",\"limit\":\"1_000\",\"mode\":12,\"since\":\"2026-11-21\",\"start\":\"1:"
     "30\"} ",
     1, 5},
    {"good-without-services", "", 0, 0},
};

static void judge_fixture(struct judging *j, const char *name)
{
    AUTO_SOURCE struct source source = {.work_dir = -1};
    char path[256];
    snprintf(path, sizeof path, FIXTURES "/%s", name);
    if (source_from_folder(path, &source, &j->err) < 0)
        fail_msg("%s", j->err.message);
    if (judge(j, &source) < 0)
        fail_msg("%s: %s", name, j->err.message);
}

static void fixtures__that_are_bad_are_refused_for_what_they_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        const struct bad *bad = &bads[i];
        AUTO_JUDGING struct judging j = {0};
        judge_fixture(&j, bad->name);
        if (j.findings.errors != 1)
            fail_msg("%s has %zu errors", bad->name, j.findings.errors);
        const struct finding *found = &j.findings.items[0];
        if (strcmp(found->code, bad->code) != 0 || strcmp(found->file, bad->file) != 0 ||
            found->pos.line != bad->pos.line || found->pos.column != bad->pos.column)
            fail_msg("%s: %s:%u:%u: %s [%s]", bad->name, found->file, found->pos.line, found->pos.column,
                     found->message, found->code);
    }
}

static void fixtures__that_are_good_are_read_as_they_are_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        AUTO_JUDGING struct judging j = {0};
        judge_fixture(&j, goods[i].name);
        if (j.findings.errors > 0)
            fail_msg("%s: %s", goods[i].name, j.findings.items[0].message);
        assert_changes(&j, goods[i].changes, goods[i].services);
        assert_int_equal(j.findings.warnings, goods[i].warnings);
    }
}

static bool is_in_a_table(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (strcmp(bads[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(goods); i++)
        if (strcmp(goods[i].name, name) == 0)
            return true;
    return false;
}

static void fixtures__are_all_in_the_tables(void **state)
{
    (void)state;
    DIR *folder = opendir(FIXTURES);
    size_t seen = 0;
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strncmp(entry->d_name, "bad-", 4) != 0 && strncmp(entry->d_name, "good-", 5) != 0)
            continue;
        seen++;
        if (!is_in_a_table(entry->d_name))
            fail_msg("%s is not in a table", entry->d_name);
    }
    closedir(folder);
    assert_int_equal(seen, ARRAY_LEN(bads) + ARRAY_LEN(goods));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures__that_are_bad_are_refused_for_what_they_show),
        cmocka_unit_test(fixtures__that_are_good_are_read_as_they_are_meant),
        cmocka_unit_test(fixtures__are_all_in_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
