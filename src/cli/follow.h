/*
 * follow: waits until the daemon may have something new to tell: its status file was replaced, or a second has passed,
 * for a daemon that was killed replaces nothing.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdint.h>

enum { FOLLOW_LOOK_MS = 1000 };

/* Watches the run folder. -1: it is not there, or there are too many watches; then every look is by time alone. The
   caller closes it. */
int follow_open(const char *run);

/* Returns when the file was replaced, or after FOLLOW_LOOK_MS, or `left_ms` where that is less and not negative. */
void follow_wait(int watch, int64_t left_ms);

#endif
