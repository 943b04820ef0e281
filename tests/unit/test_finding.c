/*
 * finding: adding, counting, sorting, and how findings look to people and programs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/finding.h"
#include "model/json.h"

static void assert_formats(const struct finding *finding, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    finding_format(finding, &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, expected);
}

static void assert_json(const struct findings *findings, size_t max, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    findings_write_json(findings, max, &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, expected);
}

static void finding__begins_as_an_empty_list(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    struct error err;
    findings_sort(&list);
    assert_int_equal(findings_check(&list, &err), 0);
    assert_json(&list, SIZE_MAX, "[]");
}

static void finding__says_place_message_and_code(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "services/a.yaml", (struct doc_pos){3, 14}, "the tag '%s'", "!x");
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "b.yaml", (struct doc_pos){1, 2}, "no is a string");
    findings_add(&list, FINDING_ERROR, CODE_LIMIT_FILE, "c.yaml", (struct doc_pos){0, 0}, "too large");
    assert_int_equal(list.len, 3);
    assert_formats(&list.items[0], "services/a.yaml:3:14: the tag '!x' [yaml.tag]");
    assert_formats(&list.items[1], "b.yaml:1:2: warning: no is a string [yaml.ambiguous]");
    assert_formats(&list.items[2], "c.yaml: too large [limit.file]");
}

static void finding__counts_errors_and_warnings(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){1, 1}, "x");
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "a", (struct doc_pos){2, 1}, "x");
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "a", (struct doc_pos){3, 1}, "x");
    assert_int_equal(list.errors, 1);
    assert_int_equal(list.warnings, 2);
}

static void finding__keeps_a_thousand_and_counts_the_rest(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    struct error err;
    for (uint32_t i = 1; i <= FINDINGS_MAX + 1; i++)
        findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){i, 1}, "number %u", i);
    assert_int_equal(list.len, FINDINGS_MAX);
    assert_int_equal(list.errors, FINDINGS_MAX + 1);
    assert_int_equal(list.items[FINDINGS_MAX - 1].pos.line, FINDINGS_MAX);
    assert_int_equal(findings_check(&list, &err), 0);
}

static void finding__keeps_errors_before_warnings(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    struct error err;
    for (uint32_t i = 1; i <= FINDINGS_MAX; i++)
        findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "a", (struct doc_pos){i, 1}, "x");
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "z", (struct doc_pos){1, 1}, "x");
    findings_sort(&list);
    assert_int_equal(list.len, FINDINGS_MAX);
    assert_int_equal(list.warnings, FINDINGS_MAX);
    assert_string_equal(list.items[FINDINGS_MAX - 1].file, "z");
    assert_json(&list, 1, "[{\"code\":\"yaml.tag\",\"column\":1,\"file\":\"z\",\"line\":1,\"message\":\"x\",\"severity\":\"error\"}]");
    assert_int_equal(findings_check(&list, &err), 0);
}

static void finding__makes_files_and_messages_printable(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    findings_add(&list, FINDING_ERROR, CODE_LAYOUT_NAME, "servi\xE7" "es/\u00e9\n.yaml", (struct doc_pos){0, 0},
                 "key '%s'", "\x1b[2J\xFF\u20ac");
    assert_string_equal(list.items[0].file, "servi\\xe7es/\u00e9\\x0a.yaml");
    assert_string_equal(list.items[0].message, "key '\\x1b[2J\\xff\u20ac'");
}

static void finding__cuts_a_message_that_is_too_long(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    char text[3 * FINDING_MESSAGE_MAX];
    memset(text, 'x', sizeof text);
    text[FINDING_MESSAGE_MAX] = '\0';
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){1, 1}, "%s", text);
    assert_string_equal(list.items[0].message, text);
    text[FINDING_MESSAGE_MAX] = 'x';
    /* Characters of three bytes, so that the cut falls into one: none may come out in half. */
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\u20ac", 3);
    for (size_t shift = 0; shift < 3; shift++) {
        text[sizeof text - 3] = '\0';
        findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){1, 1}, "%.*s%s", (int)shift, "yy",
                     text);
        const char *message = list.items[list.len - 1].message;
        size_t len = strlen(message);
        assert_in_range(len, FINDING_MESSAGE_MAX - 5, FINDING_MESSAGE_MAX);
        assert_string_equal(message + len - 6, "\u20ac\u2026");
        assert_null(strstr(message, "\\x"));
    }
}

static void finding__sorts_by_place_errors_first(void **state)
{
    (void)state;
    static const struct {
        enum finding_severity severity;
        const char *code, *file;
        struct doc_pos pos;
        const char *message;
    } ordered[] = {
        {FINDING_WARNING, CODE_LAYOUT_NOT_YET, "a.yaml", {0, 0}, "whole"},
        {FINDING_ERROR, CODE_YAML_TAG, "a.yaml", {2, 9}, "x"},
        {FINDING_WARNING, CODE_YAML_AMBIGUOUS, "a.yaml", {3, 1}, "a"},
        {FINDING_ERROR, CODE_YAML_ALIAS, "a.yaml", {10, 1}, "x"},
        {FINDING_ERROR, CODE_YAML_TAG, "a.yaml", {10, 1}, "x"},
        {FINDING_ERROR, CODE_YAML_TAG, "a.yaml", {10, 1}, "y"},
        {FINDING_ERROR, CODE_YAML_TAG, "a.yaml", {10, 2}, "x"},
        {FINDING_ERROR, CODE_YAML_TAG, "b.yaml", {1, 1}, "x"},
    };
    enum { COUNT = ARRAY_LEN(ordered), STEP = 5 };
    AUTO_FINDINGS struct findings list = {0};
    for (size_t n = 0; n < COUNT; n++) {
        size_t i = n * STEP % COUNT;
        findings_add(&list, ordered[i].severity, ordered[i].code, ordered[i].file, ordered[i].pos, "%s",
                     ordered[i].message);
    }
    findings_sort(&list);
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(list.items[i].file, ordered[i].file);
        assert_int_equal(list.items[i].pos.line, ordered[i].pos.line);
        assert_int_equal(list.items[i].pos.column, ordered[i].pos.column);
        assert_int_equal(list.items[i].severity, ordered[i].severity);
        assert_string_equal(list.items[i].code, ordered[i].code);
        assert_string_equal(list.items[i].message, ordered[i].message);
    }
}

static void finding__drops_a_warning_at_the_place_of_an_error(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "a.yaml", (struct doc_pos){2, 10}, "no is a string");
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "b.yaml", (struct doc_pos){2, 10}, "stays");
    findings_add(&list, FINDING_WARNING, CODE_LAYOUT_NOT_YET, "a.yaml", (struct doc_pos){0, 0}, "stays");
    findings_add(&list, FINDING_ERROR, CODE_SCHEMA_TYPE, "a.yaml", (struct doc_pos){2, 10}, "must be a boolean");
    findings_sort(&list);
    assert_int_equal(list.len, 3);
    assert_int_equal(list.errors, 1);
    assert_int_equal(list.warnings, 2);
    assert_string_equal(list.items[1].code, CODE_SCHEMA_TYPE);
    assert_string_equal(list.items[2].file, "b.yaml");
}

static void finding__writes_canonical_json(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    AUTO_BUF struct buf out = {0};
    AUTO_DOC struct doc doc = {0};
    struct error err;
    const struct json_options options = {.file = "out", .limits = doc_limits_config};
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a\"\xFF", (struct doc_pos){3, 14}, "say \"no\"");
    findings_add(&list, FINDING_WARNING, CODE_YAML_AMBIGUOUS, "b", (struct doc_pos){1, 2}, "hm");
    assert_json(&list, SIZE_MAX,
                "[{\"code\":\"yaml.tag\",\"column\":14,\"file\":\"a\\\"\\\\xff\",\"line\":3,"
                "\"message\":\"say \\\"no\\\"\",\"severity\":\"error\"},"
                "{\"code\":\"yaml.ambiguous\",\"column\":2,\"file\":\"b\",\"line\":1,"
                "\"message\":\"hm\",\"severity\":\"warning\"}]");
    findings_write_json(&list, SIZE_MAX, &out);
    assert_int_equal(json_read(buf_span(&out), &options, &doc, &err), 0);
    assert_true(json_is_canonical(doc.root, buf_span(&out)));
}

static void finding__writes_as_many_as_asked_for(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {0};
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){1, 1}, "x");
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "b", (struct doc_pos){1, 1}, "x");
    assert_json(&list, 0, "[]");
    assert_json(&list, 1,
                "[{\"code\":\"yaml.tag\",\"column\":1,\"file\":\"a\",\"line\":1,\"message\":\"x\","
                "\"severity\":\"error\"}]");
}

static void finding__says_when_memory_ran_out(void **state)
{
    (void)state;
    AUTO_FINDINGS struct findings list = {.failed = true};
    struct error err;
    assert_int_equal(findings_check(&list, &err), -1);
    assert_string_equal(err.code, ERR_MEMORY);
}

static void finding__is_empty_after_its_end(void **state)
{
    (void)state;
    struct findings list = {0};
    findings_add(&list, FINDING_ERROR, CODE_YAML_TAG, "a", (struct doc_pos){1, 1}, "x");
    findings_fini(&list);
    assert_int_equal(list.len, 0);
    assert_int_equal(list.errors, 0);
    findings_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding__begins_as_an_empty_list),
        cmocka_unit_test(finding__says_place_message_and_code),
        cmocka_unit_test(finding__counts_errors_and_warnings),
        cmocka_unit_test(finding__keeps_a_thousand_and_counts_the_rest),
        cmocka_unit_test(finding__keeps_errors_before_warnings),
        cmocka_unit_test(finding__makes_files_and_messages_printable),
        cmocka_unit_test(finding__cuts_a_message_that_is_too_long),
        cmocka_unit_test(finding__sorts_by_place_errors_first),
        cmocka_unit_test(finding__drops_a_warning_at_the_place_of_an_error),
        cmocka_unit_test(finding__writes_canonical_json),
        cmocka_unit_test(finding__writes_as_many_as_asked_for),
        cmocka_unit_test(finding__says_when_memory_ran_out),
        cmocka_unit_test(finding__is_empty_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
