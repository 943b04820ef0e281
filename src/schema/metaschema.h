/*
 * metaschema: the metaschemas of draft 2020-12, with its vocabularies, and of draft-07, as published by
 * json-schema.org. Built in, so that nothing is fetched.
 */
#ifndef SCHEMA_METASCHEMA_H
#define SCHEMA_METASCHEMA_H

#include "util/span.h"

/* Its text by URI without fragment; NULL if it is none of them. */
const char *metaschema_find(struct span uri);

#endif
