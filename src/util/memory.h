/*
 * memory: how much of it a daemon keeps that it no longer uses.
 *
 * A first start, or an epoch of every service, needs several times what stays. glibc keeps what was freed for
 * the next time, which may never come; so large blocks are taken from the system directly, and the rest is
 * given back in a quiet moment.
 */
#ifndef UTIL_MEMORY_H
#define UTIL_MEMORY_H

#include <stddef.h>

/* Once, before any thread is started. */
void memory_setup(void);

/* Gives back what is free, if that is much. Takes milliseconds when it is: never on the way of an epoch. */
void memory_give_back(void);

/* Of a block that will be filled from end to end: large pages, where the system gives them. A file of 12 MB into
   fresh memory costs 3,000 page faults without, which is as much as reading it. Nothing for a small block. */
void memory_expect_all(void *at, size_t len);

/*
 * Unmaps the code and constants of the program and its libraries; each page that is still needed comes back from the
 * page cache at its next use. Most of what a start touches (relocation, the set-up of libraries) is not used again.
 */
void memory_drop_code(void);

#endif
