/*
 * dialect: which keywords a schema understands: a draft, and the vocabularies that its metaschema names.
 */
#ifndef SCHEMA_DIALECT_H
#define SCHEMA_DIALECT_H

#include <stdint.h>

#include "model/doc.h"
#include "schema/schema.h"

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_FORMAT = 16,        /* annotation: ours asserts unless told otherwise */
    VOCABULARY_FORMAT_ASSERT = 32, /* assertion: asserts always */
    VOCABULARY_OTHER = 64,         /* meta-data, content: nothing to check */
    VOCABULARY_ALL = 31,
};

struct dialect {
    enum schema_draft draft;
    unsigned vocabularies; /* bits */
    const char *metaschema; /* its URI, without fragment */
};

extern const struct dialect dialect_2020_12, dialect_07;

/* One of the two by what $schema says, NULL if it is neither. An empty fragment does not matter. */
const struct dialect *dialect_find(struct span uri);

/* The bit of a vocabulary's URI; 0 if it is not known. */
unsigned dialect_vocabulary(struct span uri);

#endif
