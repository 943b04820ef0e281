/*
 * yaml_complaint: what libyaml says of a text it cannot read, in words that tell what to do.
 */
#ifndef IO_YAML_COMPLAINT_H
#define IO_YAML_COMPLAINT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

struct yaml_complaint {
    const char *problem; /* libyaml's words */
    const char *code;
    const char *message; /* ours */
};

/* In our words, or in those of libyaml with CODE_YAML_SYNTAX. `problem` is borrowed. */
struct yaml_complaint yaml_complaint_of(const char *problem);

/* Whether that line (1-based) is where git wrote two versions side by side, for somebody to choose. */
bool yaml_complaint_is_conflict(struct span text, uint32_t line);

/* What to do with a document that is no mapping but this scalar; empty for a sequence. */
const char *yaml_complaint_of_root(struct span text);

#endif
