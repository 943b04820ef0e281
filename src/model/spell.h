/*
 * spell: values written as YAML that readers of 1.2 and of 1.1 understand alike: a string that either would take for
 * something else is quoted, a number has the one form both know.
 */
#ifndef MODEL_SPELL_H
#define MODEL_SPELL_H

#include "model/doc.h"
#include "util/buf.h"

enum spell_style { SPELL_PLAIN, SPELL_SINGLE, SPELL_DOUBLE };

/*
 * Appends the value on one line. `style` is how a string is written if it can be: what would be misread plain is put
 * in double quotes, what single quotes cannot hold too. Objects and arrays are written {a: 1} and [1, 2].
 */
void spell_value(const struct doc_node *node, enum spell_style style, bool is_in_flow, struct buf *out);

/* Appends the name of a member, without the colon. */
void spell_name(struct span name, enum spell_style style, bool is_in_flow, struct buf *out);

/* True if a string of several lines can stand as lines below a `|`, readable and unchanged. */
bool spell_has_lines(struct span text);

/* The header (`|` or `|-`), and the lines, each after `line_break` and `indent` spaces. */
void spell_lines_header(struct span text, struct buf *out);
void spell_lines(struct span text, size_t indent, struct span line_break, struct buf *out);

/*
 * Appends a whole file: an object as lines, in the order in which it was written (by positions), long texts as `|`
 * blocks, what is empty as {} and [].
 */
int spell_document(const struct doc_node *root, struct buf *out, struct error *err) MUST_CHECK;

#endif
