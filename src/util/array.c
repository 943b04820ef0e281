/*
 * array: see array.h.
 */
#include "util/array.h"

#include <stdint.h>

enum { FIRST = 8 };

void *array_grow(void *items, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return items;
    if (*cap > SIZE_MAX / 2 / size)
        return NULL;
    size_t more = *cap == 0 ? FIRST : *cap * 2;
    void *grown = reallocarray(items, more, size);
    if (grown != NULL)
        *cap = more;
    return grown;
}
