/*
 * yaml_text: the bytes of a YAML file, judged before libyaml sees them.
 *
 * libyaml is a reader of YAML 1.1: it takes UTF-16 for UTF-8's equal, U+0085, U+2028 and U+2029 for line
 * breaks, and its own complaints about bytes come without a line. So the text that reaches it is plain UTF-8
 * with the line breaks of YAML 1.2 and nothing YAML forbids. Each %TAG line is compared with all before it,
 * so there may be few.
 */
#ifndef IO_YAML_TEXT_H
#define IO_YAML_TEXT_H

#include "model/doc.h"

enum { YAML_TAG_DIRECTIVES_MAX = 64 };

struct yaml_text_fault {
    const char *code; /* CODE_YAML_BOM, CODE_YAML_UTF8, CODE_YAML_NUL, CODE_YAML_TAG */
    struct doc_pos pos;
    const char *message; /* static */
};

/* True if there is nothing wrong; else the first fault. */
bool yaml_text_check(struct span text, struct yaml_text_fault *fault);

/* A place in a checked text. libyaml counts characters, a text is bytes; going on from place to place reads
 * it once. */
struct yaml_cursor {
    struct span text;
    size_t index, offset; /* the same place in characters and in bytes */
};

void yaml_cursor_seek(struct yaml_cursor *cursor, size_t index);

/*
 * At the start of a node that has an anchor, or is an alias, of that name (NULL: neither): what stands
 * against it without white space and changes what it is. libyaml reads {?a: 1} as {a: 1} and &a:b as an
 * anchor `a`; in YAML 1.2 `?a` is a string and `a:b` the name. NULL, or a sentence for people. Static.
 */
const char *yaml_cursor_find_glue(const struct yaml_cursor *cursor, const char *name);

#endif
