/*
 * yaml_reading: texts that must be read as some JSON, or refused with a code at a place, for the tests of
 * yaml.
 */
#ifndef TESTS_UNIT_YAML_READING_H
#define TESTS_UNIT_YAML_READING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"

#define FILE_NAME "services/x.yaml"

/* A reading under way; a zeroed struct with its options. */
struct reading {
    struct yaml_options options;
    struct doc doc;
    struct findings findings;
};

#define AUTO_READING CLEANUP(reading_fini)

static inline void reading_fini(struct reading *r)
{
    doc_fini(&r->doc);
    findings_fini(&r->findings);
}

/* Reads a text of any kind (`any_root`) or of a service, within the limits of a service. */
static inline void read_text(struct reading *r, struct span text, bool any_root)
{
    struct error err;
    r->options = (struct yaml_options){.file = FILE_NAME, .limits = doc_limits_config, .any_root = any_root};
    assert_int_equal(yaml_read(text, &r->options, &r->doc, &r->findings, &err), 0);
    assert_int_equal(r->doc.root == NULL, r->findings.errors > 0);
    assert_true(r->doc.root != NULL || r->doc.arena.total == 0);
}

static inline void assert_json(const struct doc_node *node, const char *wanted)
{
    AUTO_BUF struct buf out = {0};
    json_write(node, &out);
    assert_int_equal(out.len, node->size);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, wanted);
}

static inline void assert_found(const struct finding *finding, enum finding_severity severity,
                                const char *code, uint32_t line, uint32_t column, const char *words)
{
    if (finding->severity != severity || strcmp(finding->code, code) != 0 || finding->pos.line != line ||
        finding->pos.column != column || strstr(finding->message, words) == NULL)
        fail_msg("%u:%u: \"%s\" [%s] is not %u:%u: \"…%s…\" [%s]", finding->pos.line, finding->pos.column,
                 finding->message, finding->code, line, column, words, code);
    assert_string_equal(finding->file, FILE_NAME);
}

/* The text, of any kind, is read as this canonical JSON, without a finding. */
static inline void assert_reads(const char *text, const char *wanted)
{
    AUTO_READING struct reading r = {0};
    read_text(&r, span_of(text), true);
    if (r.findings.len > 0)
        fail_msg("'%s': %s", text, r.findings.items[0].message);
    assert_json(r.doc.root, wanted);
}

/* The text is refused with exactly one finding. */
static inline void assert_refuses_span(struct span text, const char *code, uint32_t line, uint32_t column,
                                       const char *words)
{
    AUTO_READING struct reading r = {0};
    read_text(&r, text, false);
    assert_int_equal(r.findings.len, 1);
    assert_found(&r.findings.items[0], FINDING_ERROR, code, line, column, words);
}

static inline void assert_refuses(const char *text, const char *code, uint32_t line, uint32_t column,
                                  const char *words)
{
    assert_refuses_span(span_of(text), code, line, column, words);
}

/* The text is read as this JSON, with exactly one warning. */
static inline void assert_warns(const char *text, const char *wanted, const char *code, uint32_t line,
                                uint32_t column, const char *words)
{
    AUTO_READING struct reading r = {0};
    read_text(&r, span_of(text), true);
    assert_int_equal(r.findings.len, 1);
    assert_found(&r.findings.items[0], FINDING_WARNING, code, line, column, words);
    assert_json(r.doc.root, wanted);
}

#endif
