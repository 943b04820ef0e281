/*
 * memory: see memory.h. Only where the C library is glibc; elsewhere nothing is promised and nothing done.
 */
#include "util/memory.h"

#include <features.h>

#ifdef __GLIBC__
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LARGE = 256 * 1024, /* a block of that size is its own mapping; without this, glibc raises the limit to
                           the largest ever freed */
    MUCH = 2 * 1024 * 1024, /* free, and worth a walk over the heap */
    LARGE_PAGE = 2 * 1024 * 1024,
};

void memory_setup(void)
{
    /* Two threads that allocate little at once: an arena each would be memory for nothing. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, LARGE);
    /* Small blocks that wait unmerged beside the cache of a thread are all merged as soon as a large one is asked for
       or freed, which each epoch does. */
    mallopt(M_MXFAST, 0);
}

void memory_give_back(void)
{
    if (mallinfo2().fordblks > MUCH)
        malloc_trim(0);
}

void memory_expect_all(void *at, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)at + page - 1) & ~(page - 1), to = ((uintptr_t)at + len) & ~(page - 1);
    if (len >= LARGE_PAGE)
        (void)!madvise((void *)from, to - from, MADV_HUGEPAGE); /* a wish */
}

/* Of what cannot be written no page can differ from its file: a dropped one is read again when it is needed. */
static int drop_code(struct dl_phdr_info *object, size_t size, void *context)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)context;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0)
            continue;
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
        (void)!madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void memory_drop_code(void)
{
    dl_iterate_phdr(drop_code, NULL);
}

#else

void memory_setup(void)
{
}

void memory_give_back(void)
{
}

void memory_expect_all(void *at, size_t len)
{
    (void)at;
    (void)len;
}

void memory_drop_code(void)
{
}

#endif
