/*
 * json_text: how RFC 8785 spells single values. What json.h writes whole trees with, and what composes bodies whose
 * members are already in canonical order.
 */
#ifndef MODEL_JSON_TEXT_H
#define MODEL_JSON_TEXT_H

#include <stdint.h>

#include "util/buf.h"
#include "util/span.h"

/* Strings are UTF-8. */
void json_put_string(struct buf *out, struct span value); /* with quotes, RFC 8785 §3.2.2.2 */
void json_put_text(struct buf *out, const char *value);   /* the same for a terminated string; NULL writes null */

/* Bytes json_put_string would write. */
size_t json_string_size(struct span value);

enum { JSON_ESCAPE_MAX = 6 };

/*
 * Takes the next piece of a string's spelling, without the quotes, from the front of *rest: a run that stands for
 * itself, borrowed from *rest, or an escape, written to `escape`. Empty at the end.
 */
struct span json_next_piece(struct span *rest, char escape[static JSON_ESCAPE_MAX]);

#endif
