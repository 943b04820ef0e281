/*
 * fuzz_schema: any JSON as a schema. It is compiled or has findings with a place in it; a compiled one judges itself
 * as a document, tells its annotations, and breaks nothing when it is compared with itself.
 */
#include <stdint.h>

#include "model/json.h"
#include "schema/compare.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static int count_env(void *context, const char *pointer, const char *name, const struct schema *schema)
{
    size_t *count = context;
    check(pointer[0] == '/' && name != NULL && schema != NULL);
    ++*count;
    return 0;
}

static void use(const struct schema *schema)
{
    const struct schema_options options = {.steps = 20000};
    const struct doc_node *source = schema_source(schema), *filled;
    AUTO_FINDINGS struct findings findings = {0};
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    CLEANUP(arena_fini) struct arena arena = {0};
    struct error err;
    size_t count = 0;
    enum schema_verdict verdict = schema_judge(schema, source, &options);
    check(schema_validate(schema, source, &options, &findings, &err) == 0);
    check(verdict != SCHEMA_VALID || findings.errors == 0);
    check(verdict != SCHEMA_INVALID || findings.errors > 0);
    check(schema_defaults(schema, source, NULL, &arena, &filled, &err) == 0);
    check(schema_each_env(schema, count_env, &count) == 0);
    check(schema_compare(source, source, &steps, &changes, &err) == 0 && changes.count[SCHEMA_BREAKING] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_options options = {"fuzz.json", {64, 10000, 64 * 1024}, true, true};
    AUTO_SCHEMA_SET struct schema_set *set = NULL;
    AUTO_FINDINGS struct findings findings = {0};
    struct doc doc = {0};
    struct error err;
    if (json_read((struct span){(const char *)data, size}, &options, &doc, &err) < 0)
        return 0;
    check(schema_set_new(&set, &err) == 0);
    if (schema_set_add(set, "schemas/fuzz.json", &doc, &err) < 0)
        return 0;
    check(schema_set_compile(set, &findings, &err) == 0);
    for (size_t i = 0; i < findings.len; i++)
        check(findings.items[i].pos.line > 0 && findings.items[i].message[0] != '\0');
    const struct schema *schema = schema_set_find(set, "schemas/fuzz.json");
    check((schema == NULL) == (findings.errors > 0));
    if (schema != NULL)
        use(schema);
    return 0;
}
