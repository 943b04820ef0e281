/*
 * oid: a git object id (SHA-1) as a value.
 */
#ifndef MODEL_OID_H
#define MODEL_OID_H

#include <stdint.h>
#include <string.h>

#include "util/hex.h"

enum { OID_LEN = 20, OID_HEX_LEN = 40 };

struct oid {
    uint8_t bytes[OID_LEN];
};

static inline bool oid_equal(const struct oid *a, const struct oid *b)
{
    return memcmp(a->bytes, b->bytes, OID_LEN) == 0;
}

static inline bool oid_is_zero(const struct oid *oid)
{
    static const struct oid zero;
    return oid_equal(oid, &zero);
}

static inline void oid_format(const struct oid *oid, char out[static OID_HEX_LEN + 1])
{
    hex_encode(oid->bytes, OID_LEN, out);
}

/* Exactly 40 lower-case digits. */
static inline bool oid_parse(struct span text, struct oid *out)
{
    return hex_decode(text, out->bytes, OID_LEN);
}

#endif
