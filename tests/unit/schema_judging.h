/*
 * schema_judging: a schema and values as YAML text, compiled and judged, for the tests of the engine.
 */
#ifndef TESTS_UNIT_SCHEMA_JUDGING_H
#define TESTS_UNIT_SCHEMA_JUDGING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/yaml.h"
#include "model/codes.h"
#include "schema/schema.h"

struct judging {
    struct schema_set *set;
    const struct schema *schema; /* NULL: it had findings */
    struct doc value;
    struct findings findings;
    struct error err;
};

static inline void judging_fini(struct judging *j)
{
    schema_set_unref(j->set);
    doc_fini(&j->value);
    findings_fini(&j->findings);
}

#define AUTO_JUDGING CLEANUP(judging_fini)

/* A document of any kind that must be well formed. */
static inline void read_yaml(const char *name, const char *text, struct doc *doc, struct findings *findings)
{
    static const struct doc_limits limits = {64, 1000000, UINT32_MAX};
    const struct yaml_options options = {.file = name, .limits = limits, .any_root = true};
    struct error err;
    assert_int_equal(yaml_read(span_of(text), &options, doc, findings, &err), 0);
    if (doc->root == NULL)
        fail_msg("%s: %s", name, findings->items[0].message);
}

static inline void judging_add(struct judging *j, const char *name, const char *text)
{
    struct doc doc = {0};
    if (j->set == NULL)
        assert_int_equal(schema_set_new(&j->set, &j->err), 0);
    read_yaml(name, text, &doc, &j->findings);
    assert_int_equal(schema_set_add(j->set, name, &doc, &j->err), 0);
}

/* Compiles what was added and finds one of them. */
static inline void judging_find(struct judging *j, const char *name)
{
    assert_int_equal(schema_set_compile(j->set, &j->findings, &j->err), 0);
    j->schema = schema_set_find(j->set, name);
}

static inline void judging_compile(struct judging *j, const char *text)
{
    judging_add(j, "schemas/schema.yaml", text);
    judging_find(j, "schemas/schema.yaml");
}

static inline void judging_validate(struct judging *j, const char *text)
{
    assert_non_null(j->schema);
    doc_fini(&j->value);
    read_yaml("value.yaml", text, &j->value, &j->findings);
    assert_int_equal(schema_validate(j->schema, j->value.root, NULL, &j->findings, &j->err), 0);
    enum schema_verdict verdict = schema_judge(j->schema, j->value.root, NULL);
    assert_int_equal(verdict == SCHEMA_VALID, j->findings.errors == 0);
}

/* The findings as people see them, a line each. */
static inline void judging_print(struct judging *j, struct buf *out)
{
    findings_sort(&j->findings);
    for (size_t i = 0; i < j->findings.len; i++) {
        finding_format(&j->findings.items[i], out);
        buf_putc(out, '\n');
    }
}

/* The verdict on a value alone. */
static inline enum schema_verdict judge(const struct judging *j, const char *text)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_FINDINGS struct findings findings = {0};
    assert_non_null(j->schema);
    read_yaml("value.yaml", text, &doc, &findings);
    return schema_judge(j->schema, doc.root, NULL);
}

#endif
