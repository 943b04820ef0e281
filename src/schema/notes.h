/*
 * notes: which schemas speak about a place, for those inside src/schema/. What others ask is in schema.h.
 */
#ifndef SCHEMA_NOTES_H
#define SCHEMA_NOTES_H

#include "schema/compiled.h"

/* `schema` and what it refers to about the same value: through $ref, then allOf in order; with branches too.
   False: there are more than a place can hold. */
bool notes_collect(const struct schema *schema, bool with_branches, struct schema_place *place);

/* What the `properties` of all of them say about one name, collected as above. */
bool notes_of_property(const struct schema_place *place, struct span name, bool with_branches,
                       struct schema_place *out);

#endif
