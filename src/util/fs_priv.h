/*
 * fs_priv: what the three halves of fs share. Only fs*.c include it.
 */
#ifndef UTIL_FS_PRIV_H
#define UTIL_FS_PRIV_H

#include "util/fs.h"

/*
 * Opens a regular file that passes `trust`, and tells its state. The open never waits (FIFO) and never
 * follows a link. A file that does not exist is an outcome where `is_missing` is given: *out is then -1.
 */
int fs_open_checked(int dir, const char *name, int flags, enum fs_trust trust, int *out, struct stat *st,
                    bool *is_missing, struct error *err) MUST_CHECK;

/* Takes the exclusive lock of the whole file without waiting. 0, EAGAIN if somebody has it, or an errno. */
int fs_lock_now(int fd) MUST_CHECK;

#endif
