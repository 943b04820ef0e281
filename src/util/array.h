/*
 * array: arrays that get longer one item at a time, by doubling.
 *
 *     struct item *items = array_grow(list->items, list->len, &list->cap, sizeof *items);
 *     if (items == NULL)
 *         return error_memory(err);
 *     list->items = items;
 *     list->items[list->len++] = item;
 */
#ifndef UTIL_ARRAY_H
#define UTIL_ARRAY_H

#include "util/macros.h"

/*
 * The array of `len` items of `size` bytes each, moved or not, with room for one more; *cap tells how many it has
 * room for. NULL when memory is out, or more is asked for than there can be: the array is as it was, and the
 * caller's.
 */
void *array_grow(void *items, size_t len, size_t *cap, size_t size) MUST_CHECK;

#endif
