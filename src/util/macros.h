/*
 * macros: the few language extensions the house uses (gcc and clang).
 *
 * Ownership is written with cleanup attributes: a variable marked with one is released when it goes out of
 * scope, and TAKE() hands it on. There is no goto in this code base.
 */
#ifndef UTIL_MACROS_H
#define UTIL_MACROS_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Moves a pointer out of a variable that would release it: `*out = TAKE(x);`. */
#define TAKE(p)                                                                                              \
    __extension__({                                                                                          \
        __typeof__(p) taken_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        taken_;                                                                                              \
    })

/* The same for a file descriptor. */
static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

/* Keeps errno, so that a function may still return it. */
static inline void cleanup_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)

#endif
