/*
 * uri: references resolved against a base (RFC 3986 §5.2), as text. Nothing is looked up or normalised beyond
 * dot segments, the letters of the scheme and of the host.
 */
#ifndef SCHEMA_URI_H
#define SCHEMA_URI_H

#include "util/buf.h"
#include "util/span.h"

/* The text without its fragment, and what stands behind the '#' (data NULL: there is none). */
struct span uri_without_fragment(struct span uri, struct span *fragment);

/* Whether it begins with a scheme. */
bool uri_is_absolute(struct span uri);

/* Appends `reference` resolved against the absolute `base`; a fragment of the reference is kept, one of the
   base not. */
void uri_resolve(struct span base, struct span reference, struct buf *out);

/* Appends the text with %XX decoded; false if one is malformed. */
bool uri_decode(struct span text, struct buf *out);

#endif
