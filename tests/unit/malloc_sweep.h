/*
 * malloc_sweep: lets each allocation of an operation fail in its turn: once, and then from there on.
 *
 * Programs named test_memory_* are linked with --wrap (Makefile), so the allocations of our own code come
 * here and those of libraries do not: what fails is ours, and so is every leak, with a sanitizer or without.
 * A sweep that asks for it (`with_libraries`) takes in the libraries too, through the allocator's own names;
 * a sanitizer has those itself, so there the libraries go on having memory.
 *
 * Defines calls of the C library, so it is for one file of a program only.
 */
#ifndef TESTS_UNIT_MALLOC_SWEEP_H
#define TESTS_UNIT_MALLOC_SWEEP_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "util/err.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define SWEEP_HAS_ALLOCATOR 0
#else
#define SWEEP_HAS_ALLOCATOR 1
#endif

static struct {
    bool is_on; /* between sweep_begin and sweep_end */
    bool with_libraries;
    bool is_sticky;
    long fail_at;        /* the allocation that fails, from 1; 0: none */
    long asked, refused; /* allocations of this attempt */
    long live;           /* blocks of ours that are not freed */
} sweeping;

/* The operation under test stands between these two; what an attempt prepares and looks at stands outside. */
static inline void sweep_begin(void)
{
    sweeping.is_on = true;
}

static inline void sweep_end(void)
{
    sweeping.is_on = false;
}

static bool sweep_refuses(void)
{
    if (!sweeping.is_on)
        return false;
    long now = ++sweeping.asked;
    bool refuses =
        sweeping.fail_at > 0 && (now == sweeping.fail_at || (sweeping.is_sticky && now > sweeping.fail_at));
    sweeping.refused += refuses;
    if (refuses)
        errno = ENOMEM;
    return refuses;
}

/* --- our own
 * ----------------------------------------------------------------------------------------------------- */

static void *sweep_counted(void *block)
{
    sweeping.live += block != NULL;
    return block;
}

/* What a call of the C library allocates is not asked for a second time. */
#define SWEEP_CALL(type, none, call)                                                                         \
    do {                                                                                                     \
        if (sweep_refuses())                                                                                 \
            return none;                                                                                     \
        bool was_on_ = sweeping.is_on;                                                                       \
        sweeping.is_on = false;                                                                              \
        type got_ = (call);                                                                                  \
        sweeping.is_on = was_on_;                                                                            \
        return got_;                                                                                         \
    } while (0)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
char *__real_realpath(const char *path, char *out);
char *__real_getcwd(char *out, size_t size);
DIR *__real_fdopendir(int fd);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    SWEEP_CALL(void *, NULL, sweep_counted(__real_malloc(size)));
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    SWEEP_CALL(void *, NULL, sweep_counted(__real_calloc(count, size)));
}

void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    SWEEP_CALL(void *, NULL,
               block == NULL ? sweep_counted(__real_malloc(size)) : __real_realloc(block, size));
}

void *__wrap_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    SWEEP_CALL(void *, NULL,
               block == NULL ? sweep_counted(__real_calloc(count, size))
                             : __real_reallocarray(block, count, size));
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    SWEEP_CALL(char *, NULL, sweep_counted(__real_strdup(text)));
}

char *__wrap_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len)
{
    SWEEP_CALL(char *, NULL, sweep_counted(__real_strndup(text, len)));
}

char *__wrap_realpath(const char *path, char *out);
char *__wrap_realpath(const char *path, char *out)
{
    SWEEP_CALL(char *, NULL,
               out == NULL ? sweep_counted(__real_realpath(path, out)) : __real_realpath(path, out));
}

char *__wrap_getcwd(char *out, size_t size);
char *__wrap_getcwd(char *out, size_t size)
{
    SWEEP_CALL(char *, NULL,
               out == NULL ? sweep_counted(__real_getcwd(out, size)) : __real_getcwd(out, size));
}

DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    SWEEP_CALL(DIR *, NULL, __real_fdopendir(fd));
}

__attribute__((format(printf, 2, 0))) static int sweep_vasprintf(char **out, const char *format, va_list args)
{
    SWEEP_CALL(int, -1, vasprintf(out, format, args));
}

PRINTF_LIKE(2, 3) int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = sweep_vasprintf(out, format, args);
    va_end(args);
    sweeping.live += len >= 0;
    return len;
}

/* The same in a fortified build. */
PRINTF_LIKE(3, 4) int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
    va_list args;
    (void)flag;
    va_start(args, format);
    int len = sweep_vasprintf(out, format, args);
    va_end(args);
    sweeping.live += len >= 0;
    return len;
}

void __wrap_free(void *block);
void __wrap_free(void *block)
{
    sweeping.live -= block != NULL;
    __real_free(block);
}

/* --- the libraries'
 * ---------------------------------------------------------------------------------------------- */

#if SWEEP_HAS_ALLOCATOR

#define SWEEP_EXPORTED __attribute__((visibility("default"))) /* for the C library and the others */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

SWEEP_EXPORTED void *malloc(size_t size)
{
    return sweeping.with_libraries && sweep_refuses() ? NULL : __libc_malloc(size);
}

SWEEP_EXPORTED void *calloc(size_t count, size_t size)
{
    return sweeping.with_libraries && sweep_refuses() ? NULL : __libc_calloc(count, size);
}

SWEEP_EXPORTED void *realloc(void *block, size_t size)
{
    return sweeping.with_libraries && sweep_refuses() ? NULL : __libc_realloc(block, size);
}

#endif

/* Every point writes its files anew, and no power is cut here. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* --- the sweep
 * --------------------------------------------------------------------------------------------------- */

struct sweep {
    /* One whole operation, from nothing to nothing: frees what it made, whatever came of it. */
    int (*attempt)(void *context, struct error *err);
    void *context;
    bool with_libraries;
    bool keeps_memory;   /* what it makes outlives it: whoever sweeps looks for leaks in the end */
    bool may_do_without; /* it may succeed although an allocation failed */
    bool
        may_blame_the_system; /* a call of the C library was refused memory: ERR_SYSTEM with ENOMEM will do */
    long at_most;             /* points of each kind to try; 0: all */
};

static inline bool sweep_accepts(const struct sweep *sweep, const struct error *err)
{
    return strcmp(err->code, ERR_MEMORY) == 0 || (sweep->may_blame_the_system && err->sys == ENOMEM);
}

/* Tries until an attempt asked for less than what was to fail. Gives the number of points. */
static inline long sweep_kind(const struct sweep *sweep, bool is_sticky)
{
    struct error err;
    long at = 1;
    for (;; at++) {
        long before = sweeping.live;
        err = (struct error){.code = ""};
        sweeping.asked = sweeping.refused = 0;
        sweeping.with_libraries = sweep->with_libraries;
        sweeping.is_sticky = is_sticky;
        sweeping.fail_at = at;
        int rc = sweep->attempt(sweep->context, &err);
        long refused = sweeping.refused;
        sweep_end();
        sweeping.with_libraries = false;
        sweeping.fail_at = 0;
        if (sweeping.live != before && !sweep->keeps_memory)
            fail_msg("allocation %ld%s: %ld blocks are left behind", at, is_sticky ? " and on" : "",
                     sweeping.live - before);
        if (rc == 0 && refused > 0 && !sweep->may_do_without)
            fail_msg("allocation %ld failed, and nobody noticed", at);
        if (rc != 0 && (refused == 0 || !sweep_accepts(sweep, &err)))
            fail_msg("allocation %ld%s: %s [%s]", at, is_sticky ? " and on" : "", err.message, err.code);
        if (refused == 0 || at == sweep->at_most)
            break;
        if (sweep->attempt(sweep->context, &err) != 0) /* with memory it goes through again */
            fail_msg("after allocation %ld failed: %s [%s]", at, err.message, err.code);
        sweep_end();
        if (!sweep->keeps_memory)
            assert_int_equal(sweeping.live, before);
    }
    return at - 1;
}

static inline void sweep_run(const struct sweep *sweep, const char *name)
{
    long points = sweep_kind(sweep, false) + sweep_kind(sweep, true);
    assert_true(points > 0);
    print_message("points %s %ld\n", name, points);
}

/* The usual sweep of an operation without a context. */
#define SWEEP(attempt_) sweep_run(&(struct sweep){.attempt = (attempt_)}, #attempt_)

#endif
