/*
 * failpoint: places where a test build (make FAIL=1) can be told to die, to fail or to wait. In every other build the
 * macros are constants and nothing of this is in the program.
 *
 *   EPOCHD_FAIL=name:what[@n][,…]
 *
 *   kill     SIGKILL, as kill -9 would
 *   err      the place fails as if the system had answered EIO; a place that cannot fail goes on
 *   sleep    a second
 *   =N       the number of that name is N
 *
 * `@n` is the n-th time the place is passed (1), and that time alone. Threads count together.
 */
#ifndef UTIL_FAILPOINT_H
#define UTIL_FAILPOINT_H

#include <stdint.h>

#include "util/err.h"

#ifdef EPOCHD_FAILPOINTS

/* 0, or an errno. */
int failpoint_cause(const char *name) MUST_CHECK;

/* 0, or -1 with *err as of a call that failed. */
int failpoint_error(const char *name, struct error *err) MUST_CHECK;

uint64_t failpoint_number(const char *name, uint64_t normal) MUST_CHECK;

#define FAILPOINT(name, err) failpoint_error(name, err)
#define FAILPOINT_CAUSE(name) failpoint_cause(name)
#define FAILPOINT_PASS(name) ((void)!failpoint_cause(name))
#define FAILPOINT_NUMBER(name, normal) failpoint_number(name, normal)

#else

#define FAILPOINT(name, err) 0
#define FAILPOINT_CAUSE(name) 0
#define FAILPOINT_PASS(name) ((void)0)
#define FAILPOINT_NUMBER(name, normal) (normal)

#endif

#endif
