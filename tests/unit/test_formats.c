/*
 * formats: findings as other programs read them, byte by byte: what is special to each of them stays text.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/formats.h"
#include "model/codes.h"

static const struct doc_pos whole_file = {0, 0};

static void assert_text(const struct buf *out, const char *expected)
{
    struct buf text AUTO_BUF = {0};
    assert_false(out->failed);
    buf_append_span(&text, buf_span(out));
    buf_putc(&text, '\0');
    assert_string_equal(text.data, expected);
}

static bool holds(const struct buf *out, const char *part)
{
    return memmem(out->data, out->len, part, strlen(part)) != NULL;
}

static void formats__nothing_is_an_empty_report(void **state)
{
    (void)state;
    const struct findings none = {0};
    struct buf text AUTO_BUF = {0}, github AUTO_BUF = {0}, gitlab AUTO_BUF = {0}, sarif AUTO_BUF = {0};
    formats_put_text(&none, &text);
    formats_put_github(&none, &github);
    formats_put_gitlab(&none, &gitlab);
    formats_put_sarif(&none, &sarif);
    assert_text(&text, "");
    assert_text(&github, "");
    assert_text(&gitlab, "[]\n");
    assert_true(holds(&sarif, "\"results\":[],") && holds(&sarif, "\"rules\":[],"));
}

static void formats__text_tells_all_errors_and_fifty_warnings(void **state)
{
    (void)state;
    struct findings findings AUTO_FINDINGS = {0};
    struct buf out AUTO_BUF = {0};
    for (int i = 0; i < FORMATS_WARNINGS_MAX + 2; i++)
        findings_add(&findings, FINDING_WARNING, CODE_RULES_SERVICE, "epoch.yaml", (struct doc_pos){1, 1}, "w%d", i);
    findings_add(&findings, FINDING_ERROR, CODE_YAML_NUL, "z.yaml", (struct doc_pos){2, 3}, "a NUL");
    formats_put_text(&findings, &out);
    assert_int_equal(strncmp(out.data, "z.yaml:2:3: a NUL [yaml.nul]\nepoch.yaml:1:1: warning: w0 [", 51), 0);
    assert_true(holds(&out, "and 2 more warnings\n"));
    assert_false(holds(&out, "w50"));
}

static void formats__github_escapes_what_its_commands_are_made_of(void **state)
{
    (void)state;
    struct findings findings AUTO_FINDINGS = {0};
    struct buf out AUTO_BUF = {0};
    findings_add(&findings, FINDING_ERROR, CODE_YAML_NUL, "services/a:b,c%.yaml", (struct doc_pos){2, 3}, "100%%: a, b::c");
    findings_add(&findings, FINDING_WARNING, CODE_LAYOUT_NAME, "services/X.yaml", whole_file, "no name\nat all");
    formats_put_github(&findings, &out);
    assert_text(&out, "::error file=services/a%3Ab%2Cc%25.yaml,line=2,col=3,title=yaml.nul::100%25: a, b::c\n"
                      "::warning file=services/X.yaml,title=layout.name::no name\\x0aat all\n");
}

static void formats__gitlab_numbers_lines_from_one(void **state)
{
    (void)state;
    struct findings findings AUTO_FINDINGS = {0};
    struct buf out AUTO_BUF = {0};
    findings_add(&findings, FINDING_ERROR, CODE_LAYOUT_NAME, "services/\"X\".yaml", whole_file, "no \\ name");
    formats_put_gitlab(&findings, &out);
    assert_true(holds(&out, "\"description\":\"no \\\\ name\""));
    assert_true(holds(&out, "\"location\":{\"lines\":{\"begin\":1},\"path\":\"services/\\\"X\\\".yaml\"},\"severity\":\"major\"}]\n"));
}

/* The one fingerprint of a report of one finding at that line. */
static void fingerprint(uint32_t line, const char *message, char out[static 65])
{
    static const char name[] = "\"fingerprint\":\"";
    struct findings findings AUTO_FINDINGS = {0};
    struct buf report AUTO_BUF = {0};
    findings_add(&findings, FINDING_ERROR, CODE_YAML_NUL, "a.yaml", (struct doc_pos){line, 1}, "%s", message);
    formats_put_gitlab(&findings, &report);
    const char *at = memmem(report.data, report.len, name, sizeof name - 1);
    assert_non_null(at);
    memcpy(out, at + sizeof name - 1, 64);
    out[64] = '\0';
}

static void formats__gitlab_knows_a_finding_again_that_moved(void **state)
{
    (void)state;
    char here[65], moved[65], other[65];
    fingerprint(3, "a NUL", here);
    fingerprint(40, "a NUL", moved);
    fingerprint(3, "another NUL", other);
    assert_string_equal(here, moved);
    assert_string_not_equal(here, other);
}

static void formats__gitlab_tells_equal_findings_of_a_file_apart(void **state)
{
    (void)state;
    static const char name[] = "\"fingerprint\":\"";
    struct findings findings AUTO_FINDINGS = {0};
    struct buf out AUTO_BUF = {0};
    for (uint32_t line = 1; line <= 2; line++)
        findings_add(&findings, FINDING_ERROR, CODE_YAML_NUL, "a.yaml", (struct doc_pos){line, 1}, "a NUL");
    formats_put_gitlab(&findings, &out);
    const char *first = memmem(out.data, out.len, name, sizeof name - 1);
    assert_non_null(first);
    const char *second = memmem(first + 1, out.len - (size_t)(first + 1 - out.data), name, sizeof name - 1);
    assert_non_null(second);
    assert_memory_not_equal(first + sizeof name - 1, second + sizeof name - 1, 64);
}

static void formats__sarif_names_a_rule_once_and_encodes_paths(void **state)
{
    (void)state;
    struct findings findings AUTO_FINDINGS = {0};
    struct buf out AUTO_BUF = {0};
    findings_add(&findings, FINDING_ERROR, CODE_YAML_NUL, "services/with space.yaml", (struct doc_pos){7, 9}, "a \"NUL\"");
    findings_add(&findings, FINDING_WARNING, CODE_YAML_NUL, "services/ü.yaml", whole_file, "and another");
    formats_put_sarif(&findings, &out);
    assert_true(holds(&out, "{\"level\":\"error\",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":"
                            "\"services/with%20space.yaml\"},\"region\":{\"startColumn\":9,\"startLine\":7}}}],"
                            "\"message\":{\"text\":\"a \\\"NUL\\\"\"},\"ruleId\":\"yaml.nul\"}"));
    assert_true(holds(&out, "{\"uri\":\"services/%C3%BC.yaml\"}}}],"));
    const char *rule = memmem(out.data, out.len, "{\"id\":\"yaml.nul\",\"help\":", 24);
    assert_non_null(rule);
    assert_null(memmem(rule + 1, out.len - (size_t)(rule + 1 - out.data), "{\"id\":", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats__nothing_is_an_empty_report),
        cmocka_unit_test(formats__text_tells_all_errors_and_fifty_warnings),
        cmocka_unit_test(formats__github_escapes_what_its_commands_are_made_of),
        cmocka_unit_test(formats__gitlab_numbers_lines_from_one),
        cmocka_unit_test(formats__gitlab_knows_a_finding_again_that_moved),
        cmocka_unit_test(formats__gitlab_tells_equal_findings_of_a_file_apart),
        cmocka_unit_test(formats__sarif_names_a_rule_once_and_encodes_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
