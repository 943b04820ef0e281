/*
 * schema_suite: runs files of the JSON Schema Test Suite (github.com/json-schema-org/JSON-Schema-Test-Suite).
 * What tests/interop/test_schema_suite.py runs.
 *
 *   schema_suite 7|2020-12 assert|note REMOTES FILE…
 *
 * One line a file, "passed failed FILE", and before it one for each test that went wrong. `assert`: formats
 * assert. Documents under http://localhost:1234/ are the files of REMOTES. Exit code 3 if a file cannot be
 * read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "model/json.h"
#include "schema/schema.h"
#include "util/fs.h"

static const struct doc_limits no_limits = {DOC_DEPTH_MAX, UINT32_MAX, UINT32_MAX};

struct suite {
    enum schema_draft draft;
    bool notes;
    const char *remotes;
};

static int read_json(const char *path, const char *name, struct doc *doc, bool *is_missing, struct error *err)
{
    enum { FILE_MAX = 16 * 1024 * 1024 };
    struct buf text AUTO_BUF = {0};
    struct json_options options = {.file = name, .limits = no_limits, .allow_big_numbers = true, .allow_nul = true};
    if (fs_read(AT_FDCWD, path, FS_ANY_OWNER, FILE_MAX, &text, is_missing, err) != 0)
        return -1;
    return is_missing != NULL && *is_missing ? 0 : json_read(buf_span(&text), &options, doc, err);
}

static int load_remote(void *context, const char *uri, struct doc *doc, bool *found, struct error *err)
{
    static const char start[] = "http://localhost:1234/";
    const struct suite *suite = context;
    char path[4096];
    bool is_missing = true;
    *found = false;
    if (strncmp(uri, start, sizeof start - 1) != 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s", suite->remotes, uri + sizeof start - 1);
    if (read_json(path, uri, doc, &is_missing, err) != 0)
        return -1;
    *found = !is_missing;
    return 0;
}

/* The same value as a document of its own. */
static int copy(const struct doc_node *node, struct doc *doc, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    struct json_options options = {.file = "schema", .limits = no_limits, .allow_big_numbers = true, .allow_nul = true};
    json_write(node, &text);
    return json_read(buf_span(&text), &options, doc, err);
}

static int compile(const struct suite *suite, const struct doc_node *node, struct schema_set **out,
                   struct findings *findings, struct error *err)
{
    struct schema_set *set AUTO_SCHEMA_SET = NULL;
    struct doc doc = {0};
    if (schema_set_new(&set, err) != 0 || copy(node, &doc, err) != 0 || schema_set_add(set, "schema", &doc, err) != 0)
        return -1;
    struct suite context = *suite;
    schema_set_default(set, suite->draft);
    schema_set_loader(set, load_remote, &context);
    if (schema_set_compile(set, findings, err) != 0)
        return -1;
    *out = TAKE(set);
    return 0;
}

static void print_findings(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        struct buf line AUTO_BUF = {0};
        finding_format(&findings->items[i], &line);
        printf("    %.*s\n", (int)line.len, line.data);
    }
}

static const char *text_of(const struct doc_node *node, const char *name)
{
    struct span text = SPAN("?");
    doc_get_string(node, name, &text);
    return text.data;
}

/* Both roads must agree: the verdict and the explanation. */
static bool judge(const struct suite *suite, const struct schema *schema, const struct doc_node *test,
                  const char *group)
{
    struct schema_options options = {.formats_are_notes = suite->notes};
    struct findings findings AUTO_FINDINGS = {0};
    struct error err;
    bool wanted = false;
    const struct doc_node *data = doc_get(test, "data");
    doc_get_bool(test, "valid", &wanted);
    enum schema_verdict verdict = schema_judge(schema, data, &options);
    bool explained = schema_validate(schema, data, &options, &findings, &err) == 0 &&
                     (findings.errors > 0) == (verdict != SCHEMA_VALID);
    bool is_right = verdict == (wanted ? SCHEMA_VALID : SCHEMA_INVALID) && explained;
    if (!is_right) {
        printf("  wrong: %s / %s: %s, verdict %d%s\n", group, text_of(test, "description"),
               wanted ? "valid" : "invalid", (int)verdict, explained ? "" : ", not explained");
        print_findings(&findings);
    }
    return is_right;
}

static int run_group(const struct suite *suite, const struct doc_node *group, size_t *passed, size_t *failed,
                     struct error *err)
{
    struct schema_set *set AUTO_SCHEMA_SET = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    const char *name = text_of(group, "description");
    if (compile(suite, doc_get(group, "schema"), &set, &findings, err) != 0)
        return -1;
    const struct schema *schema = schema_set_find(set, "schema");
    const struct doc_node *tests = doc_get(group, "tests");
    if (schema == NULL) {
        printf("  does not compile: %s\n", name);
        print_findings(&findings);
    }
    for (size_t i = 0; i < tests->u.array.len; i++)
        ++*(schema != NULL && judge(suite, schema, tests->u.array.items[i], name) ? passed : failed);
    return 0;
}

static int run_file(const struct suite *suite, const char *path, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    size_t passed = 0, failed = 0;
    if (read_json(path, path, &doc, NULL, err) != 0)
        return -1;
    for (size_t i = 0; i < doc.root->u.array.len; i++)
        if (run_group(suite, doc.root->u.array.items[i], &passed, &failed, err) != 0)
            return -1;
    printf("%zu %zu %s\n", passed, failed, path);
    return 0;
}

int main(int argc, char **argv)
{
    struct error err;
    if (argc < 5)
        return 2;
    struct suite suite = {
        .draft = strcmp(argv[1], "7") == 0 ? SCHEMA_DRAFT_07 : SCHEMA_DRAFT_2020_12,
        .notes = strcmp(argv[2], "note") == 0,
        .remotes = argv[3],
    };
    for (int i = 4; i < argc; i++) {
        if (run_file(&suite, argv[i], &err) != 0) {
            fprintf(stderr, "%s: %s\n", argv[i], err.message);
            return 3;
        }
    }
    return 0;
}
