/*
 * count: see count.h.
 */
#include "schema/count.h"

bool count_of(const struct doc_node *at, uint64_t *out)
{
    if (at->kind == DOC_INT && at->u.integer >= 0) {
        *out = (uint64_t)at->u.integer;
        return true;
    }
    *out = UINT64_MAX;
    return at->kind == DOC_DOUBLE && at->u.number > 9e15;
}

bool compile_count(const struct doc_node *at, keyword_check *check, unsigned kinds, struct keyword *out)
{
    out->check = check;
    out->kinds = (uint8_t)kinds;
    return count_of(at, &out->u.count);
}
