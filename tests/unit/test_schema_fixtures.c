/*
 * schema fixtures: each folder of tests/fixtures/schema holds a schema.yaml, mostly a value.yaml, and
 * `expected`: the findings, a line each, as people see them. bad-… values are refused, good-… ones are not,
 * schema-… are schemas that are wrong themselves. Run from the project's top; SCHEMA_FIXTURES_WRITE=1 writes
 * `expected` anew, to be looked at.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "schema_judging.h"
#include "util/fs.h"

#define FIXTURES "tests/fixtures/schema"

/* False where there is no such file. */
static bool read_text(const char *fixture, const char *name, struct buf *out)
{
    char path[512];
    bool is_missing = false;
    struct error err;
    snprintf(path, sizeof path, FIXTURES "/%s/%s", fixture, name);
    assert_int_equal(fs_read(AT_FDCWD, path, FS_ANY_OWNER, 1 << 20, out, &is_missing, &err), 0);
    buf_putc(out, '\0');
    return !is_missing;
}

static void write_expected(const char *fixture, const struct buf *text)
{
    char path[512];
    snprintf(path, sizeof path, FIXTURES "/%s/expected", fixture);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

static void run_fixture(const char *fixture)
{
    AUTO_BUF struct buf schema = {0}, value = {0}, expected = {0}, found = {0};
    AUTO_JUDGING struct judging j = {0};
    assert_true(read_text(fixture, "schema.yaml", &schema));
    bool has_value = read_text(fixture, "value.yaml", &value);
    judging_compile(&j, schema.data);
    if (has_value && j.schema != NULL)
        judging_validate(&j, value.data);
    judging_print(&j, &found);
    if (getenv("SCHEMA_FIXTURES_WRITE") != NULL)
        write_expected(fixture, &found);
    read_text(fixture, "expected", &expected);
    buf_putc(&found, '\0');
    if (strcmp(found.data, expected.data) != 0)
        fail_msg("%s:\n%s\ninstead of\n%s", fixture, found.data, expected.data);
    assert_int_equal(j.findings.errors == 0, strncmp(fixture, "good-", 5) == 0);
    assert_int_equal(j.schema == NULL, strncmp(fixture, "schema-", 7) == 0);
}

static void schema_fixtures__say_what_they_promise(void **state)
{
    (void)state;
    struct dirent **entries;
    int len = scandir(FIXTURES, &entries, NULL, alphasort);
    size_t run = 0;
    assert_true(len > 0);
    for (int i = 0; i < len; i++) {
        if (entries[i]->d_name[0] != '.') {
            run_fixture(entries[i]->d_name);
            run++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(run > 50);
}

/* Every code that a value or a schema can earn is earned by a fixture. */
static void schema_fixtures__leave_no_code_out(void **state)
{
    (void)state;
    /* Two documents, two versions of one, a schema with its service: those have tests of their own. */
    static const char *const elsewhere[] = {CODE_SCHEMA_VOCABULARY, CODE_SCHEMA_BREAKING, CODE_SCHEMA_UNCLEAR,
                                            CODE_SCHEMA_ANNOTATION,
                                            CODE_SCHEMA_VARIABLE};
    struct dirent **entries;
    AUTO_BUF struct buf all = {0};
    int len = scandir(FIXTURES, &entries, NULL, alphasort);
    for (int i = 0; i < len; i++) {
        AUTO_BUF struct buf expected = {0};
        if (entries[i]->d_name[0] != '.' && read_text(entries[i]->d_name, "expected", &expected))
            buf_puts(&all, expected.data);
        free(entries[i]);
    }
    free(entries);
    buf_putc(&all, '\0');
    for (size_t i = 0; i < code_table_len; i++) {
        char mark[64];
        snprintf(mark, sizeof mark, "[%s]", code_table[i].name);
        bool is_elsewhere = false;
        for (size_t j = 0; j < ARRAY_LEN(elsewhere); j++)
            is_elsewhere = is_elsewhere || strcmp(code_table[i].name, elsewhere[j]) == 0;
        if (strncmp(code_table[i].name, "schema.", 7) == 0 && !is_elsewhere && strstr(all.data, mark) == NULL)
            fail_msg("no fixture earns %s", mark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_fixtures__say_what_they_promise),
        cmocka_unit_test(schema_fixtures__leave_no_code_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
