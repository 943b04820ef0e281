/*
 * compare_schemas: what is said of two versions of a schema, held against values. Reads a JSON array of
 * [before, after, [value, …]] from standard input and prints one letter for each: c compatible, u unclear, b breaking,
 * - where one of the two does not compile, and X where no change is said to break and yet some value that was valid is
 * not any more. Status 2 for anything else.
 */
#include <stdio.h>

#include "model/json.h"
#include "schema/compare.h"
#include "schema/schema.h"

static const struct json_options options = {"stdin", {200, UINT32_MAX, UINT32_MAX}, true, true};

/* A schema set takes a document of its own. */
static const struct schema *compile(const struct doc_node *node, struct schema_set *set)
{
    AUTO_BUF struct buf text = {0};
    AUTO_FINDINGS struct findings findings = {0};
    struct doc doc = {0};
    struct error err;
    json_write(node, &text);
    if (json_read(buf_span(&text), &options, &doc, &err) < 0 ||
        schema_set_add(set, "s.json", &doc, &err) < 0 || schema_set_compile(set, &findings, &err) < 0 ||
        findings.errors > 0)
        return NULL;
    return schema_set_find(set, "s.json");
}

static bool is_valid(const struct schema *schema, const struct doc_node *value)
{
    return schema_judge(schema, value, NULL) == SCHEMA_VALID;
}

/* Defaults are filled in before anything is judged. */
static bool holds(const struct schema *schema, const struct doc_node *value)
{
    CLEANUP(arena_fini) struct arena arena = {0};
    const struct doc_node *filled;
    struct error err;
    return schema_defaults(schema, value, NULL, &arena, &filled, &err) == 0 && is_valid(schema, filled);
}

static int compare(const struct doc_node *question)
{
    static const char letters[] = {
        [SCHEMA_COMPATIBLE] = 'c', [SCHEMA_ANNOTATION] = 'c', [SCHEMA_UNCLEAR] = 'u', [SCHEMA_BREAKING] = 'b'};
    const struct doc_node *const *parts = question->u.array.items;
    AUTO_SCHEMA_CHANGES struct schema_changes changes = {0};
    uint32_t steps = COMPARE_STEPS_MAX;
    AUTO_SCHEMA_SET struct schema_set *before = NULL, *after = NULL;
    struct error err;
    if (question->kind != DOC_ARRAY || question->u.array.len != 3 || parts[2]->kind != DOC_ARRAY)
        return 0;
    if (schema_set_new(&before, &err) < 0 || schema_set_new(&after, &err) < 0)
        return 0;
    const struct schema *was = compile(parts[0], before), *is = compile(parts[1], after);
    if (was == NULL || is == NULL)
        return '-';
    if (schema_compare(parts[0], parts[1], &steps, &changes, &err) < 0)
        return 0;
    enum schema_effect effect = schema_changes_effect(&changes);
    for (size_t i = 0; effect < SCHEMA_UNCLEAR && i < parts[2]->u.array.len; i++)
        if (holds(was, parts[2]->u.array.items[i]) && !holds(is, parts[2]->u.array.items[i]))
            return 'X';
    return letters[effect];
}

int main(void)
{
    AUTO_BUF struct buf text = {0};
    AUTO_DOC struct doc doc = {0};
    struct error err;
    for (size_t got = 1; got > 0;) {
        char *to = buf_reserve(&text, 65536);
        got = to == NULL ? 0 : fread(to, 1, 65536, stdin);
        text.len += got;
    }
    if (json_read(buf_span(&text), &options, &doc, &err) < 0 || doc.root->kind != DOC_ARRAY) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    for (size_t i = 0; i < doc.root->u.array.len; i++) {
        int letter = compare(doc.root->u.array.items[i]);
        if (letter == 0)
            return 2;
        putchar(letter);
    }
    return 0;
}
