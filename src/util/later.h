/*
 * later: one call that may block, on a thread of its own; a descriptor tells when it is over.
 *
 * For what has no other form: name resolution. The caller may lose interest, the call cannot be stopped: then
 * what it was to work on is disposed of when it returns.
 */
#ifndef UTIL_LATER_H
#define UTIL_LATER_H

#include <stdbool.h>

#include "util/err.h"

struct later;

/* Calls call(context) on a new thread, where every signal is blocked. On success `context` belongs to the
   call until later_is_done. ERR_SYSTEM without a thread or a descriptor to be had. */
int later_start(struct later **out, void (*call)(void *context), void (*dispose)(void *context), void *context,
                struct error *err) MUST_CHECK;

/* Readable once the call is over; nothing is to be read from it. */
int later_fd(const struct later *later);

/* True: the call is over, and what it wrote into the context can be seen. */
bool later_is_done(struct later *later);

/* Gives the context back: the call is over. Frees `later`. */
void *later_take(struct later *later);

/* Loses interest: dispose(context) comes now, or on the thread when the call is over. NULL is fine. */
void later_drop(struct later *later);

#endif
