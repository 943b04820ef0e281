/*
 * edit: a file's text changed value by value, and every step proved: what comes out is read again, and but for the
 * one path nothing of it differs, or nothing comes out.
 */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

#include "model/finding.h"
#include "model/splice.h"

/* How a value that somebody typed is read. */
enum edit_form {
    EDIT_YAML, /* {…}, […], "…" and '…' as YAML; anything else is one plain scalar: 0.6, true, null, some words */
    EDIT_TEXT, /* a string, as it is */
    EDIT_JSON, /* strict JSON */
};

/*
 * `doc` is a zeroed struct. CODE_USAGE for what is no value; nothing at all is none (null and "" say which is
 * meant). *typed is the text of a plain number, else empty; `note` (static, NULL: nothing) tells a person that YAML
 * 1.1 would have read it otherwise.
 */
int edit_value(struct span text, enum edit_form form, struct doc *doc, struct span *typed, const char **note,
               struct error *err) MUST_CHECK;

/*
 * The text after all the changes, one after the other. `file` is for errors. The first thing that is wrong with
 * the text itself is an error with its place and code; CODE_EDIT_REFUSED as splice_apply, and for what would not
 * be exact. *is_changed false: all of it is so already, and `out` is the text.
 */
int edit_text(struct span text, const char *file, const struct splice_change *changes, size_t len, struct buf *out,
              bool *is_changed, struct error *err) MUST_CHECK;

/* Reads a service's file as a document: what is wrong first is the error. */
int edit_read(struct span text, const char *file, struct doc *doc, struct error *err) MUST_CHECK;

#endif
