/*
 * yaml: YAML 1.2 (core schema) into a doc, by libyaml's event API; yaml.c is the only file that names it.
 *
 * Limits are checked while parsing (libyaml 0.2.5 has none and is quadratic in nesting). Refused with
 * file:line:column: everything that the YAML part of epoch-repository(7) lists; codes
 * CODE_YAML_*, CODE_LIMIT_*. Positions: 1-based line, 1-based column in characters.
 */
#ifndef IO_YAML_H
#define IO_YAML_H

#include "model/doc.h"
#include "model/finding.h"

enum { YAML_FILE_MAX = 1024 * 1024 };

struct yaml_options {
    const char *file; /* for findings and doc positions */
    struct doc_limits limits;
    bool any_root; /* accept a root that is not a mapping (schema validate, test suites) */
};

/*
 * Reads one document. What is wrong with the text becomes findings (at least one error, `*doc` stays empty);
 * plain scalars that YAML 1.1 reads otherwise become warnings and the document is good. Returns -1 only for
 * want of memory. A parse error ends the reading: what lies behind it is not judged.
 */
int yaml_read(struct span text, const struct yaml_options *options, struct doc *doc,
              struct findings *findings, struct error *err) MUST_CHECK;

#endif
