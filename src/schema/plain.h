/*
 * plain: the patterns that most schemas are made of, without an engine: ^, then characters and classes of
 * ASCII with their repeats, then $ or nothing: ^[a-z][a-z0-9-]{0,62}$, ^/, ^v[0-9]+\.[0-9]+$.
 *
 * Only those where no repeat can take what something behind it needs, so that reading once from left to right
 * gives the right answer. Everything else is declined; declining is always right.
 */
#ifndef SCHEMA_PLAIN_H
#define SCHEMA_PLAIN_H

#include <stdint.h>

#include "util/span.h"

enum { PLAIN_ATOMS_MAX = 8 };

struct plain_atom {
    uint64_t set[2]; /* of ASCII characters */
    uint32_t min, max;
};

struct plain {
    struct plain_atom atoms[PLAIN_ATOMS_MAX];
    uint32_t len;
    bool is_whole; /* ends in $ */
};

/* False: declined. `ecma` is a valid pattern of ECMA-262. */
bool plain_read(struct span ecma, struct plain *out);

bool plain_match(const struct plain *plain, struct span text);

#endif
