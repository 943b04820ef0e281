/*
 * memory: see memory.h. Only where the C library is glibc; elsewhere nothing is promised and nothing done.
 */
#include "util/memory.h"

#include <features.h>

#ifdef __GLIBC__
#include <malloc.h>

enum {
    LARGE = 256 * 1024, /* a block of that size is its own mapping; without this, glibc raises the limit to
                           the largest ever freed */
    MUCH = 2 * 1024 * 1024, /* free, and worth a walk over the heap */
};

void memory_setup(void)
{
    /* Two threads that allocate little at once: an arena each would be memory for nothing. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, LARGE);
}

void memory_give_back(void)
{
    if (mallinfo2().fordblks > MUCH)
        malloc_trim(0);
}

#else

void memory_setup(void)
{
}

void memory_give_back(void)
{
}

#endif
