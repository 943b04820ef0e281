/*
 * format: the formats that `format` asserts, by name. Unknown ones assert nothing.
 */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

#include "util/span.h"

/* Whether a string (UTF-8) is of the format. No memory, no state. */
typedef bool format_check(struct span text);

struct format {
    const char *name;
    format_check *check;
    const char *example; /* for messages: "2026-11-21T10:00:00Z" */
};

/* NULL if it is not one of ours. */
const struct format *format_find(struct span name);

#endif
