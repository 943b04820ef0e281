/*
 * toml: a TOML 1.0 file as a document.
 *
 * Everything but what JSON has no value for is read: dates and times, infinities and NaN are refused at their place, and
 * so are integers beyond ±(2^53-1). No C library in Debian reads TOML; this one is for importing a file once.
 */
#ifndef MODEL_TOML_H
#define MODEL_TOML_H

#include "model/doc.h"

enum { TOML_VALUES_MAX = 20000 };

/* `doc` is a zeroed struct. CODE_IMPORT with the place, and the codes of doc_builder. */
int toml_read(struct span text, const char *file, struct doc *doc, struct error *err) MUST_CHECK;

#endif
