/*
 * fuzz_validate: a JSON array of two schemas and a value. Both ways to judge agree; a schema can be inferred from the
 * value; and where nothing between the two is said to break or to be unclear, a value that was valid still is.
 */
#include <stdint.h>

#include "model/json.h"
#include "schema/compare.h"
#include "schema/infer.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_options options = {"fuzz.json", {64, 10000, 64 * 1024}, true, true};
static const struct schema_options few_steps = {.steps = 20000};

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static const struct schema *compile(const struct doc_node *node, struct schema_set **set)
{
    AUTO_BUF struct buf text = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct doc doc = {0};
    struct error err;
    json_write(node, &text);
    check(json_read(buf_span(&text), &options, &doc, &err) == 0 && schema_set_new(set, &err) == 0);
    if (schema_set_add(*set, "s.json", &doc, &err) < 0)
        return NULL;
    check(schema_set_compile(*set, &findings, &err) == 0);
    return findings.errors > 0 ? NULL : schema_set_find(*set, "s.json");
}

static enum schema_verdict judge(const struct schema *schema, const struct doc_node *value)
{
    AUTO_FINDINGS struct findings findings = {0};
    struct error err;
    enum schema_verdict verdict = schema_judge(schema, value, &few_steps);
    check(schema_validate(schema, value, &few_steps, &findings, &err) == 0);
    check(verdict != SCHEMA_VALID || findings.errors == 0);
    check(verdict != SCHEMA_INVALID || findings.errors > 0);
    return verdict;
}

/* Defaults are filled in before anything is judged. */
static enum schema_verdict judge_filled(const struct schema *schema, const struct doc_node *value)
{
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *filled;
    struct error err;
    check(schema_defaults(schema, value, NULL, &arena, &filled, &err) == 0);
    return judge(schema, filled);
}

static void infer(const struct doc_node *value)
{
    AUTO_BUF struct buf out = {0};
    struct error err;
    check(schema_infer(SPAN("x"), &value, 1, &out, &err) == 0 && out.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_SCHEMA_SET struct schema_set *before = NULL, *after = NULL;
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    struct error err;
    if (json_read((struct span){(const char *)data, size}, &options, &doc, &err) < 0 ||
        doc.root->kind != DOC_ARRAY || doc.root->u.array.len != 3)
        return 0;
    const struct doc_node *const *parts = doc.root->u.array.items;
    infer(parts[2]);
    const struct schema *was = compile(parts[0], &before), *is = compile(parts[1], &after);
    if (was == NULL || is == NULL)
        return 0;
    judge(was, parts[2]);
    check(schema_compare(parts[0], parts[1], &steps, &changes, &err) == 0);
    if (schema_changes_effect(&changes) == SCHEMA_COMPATIBLE && judge_filled(was, parts[2]) == SCHEMA_VALID)
        check(judge_filled(is, parts[2]) != SCHEMA_INVALID);
    return 0;
}
