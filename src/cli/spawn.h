/*
 * spawn: runs another program and waits for it. Only epochctl does: the daemon starts no process.
 */
#ifndef CLI_SPAWN_H
#define CLI_SPAWN_H

#include <stdbool.h>

#include "util/err.h"

/*
 * Runs argv[0] (looked for on $PATH) with our standard streams and environment. *exit_code: what it ended with, 128 + the
 * signal where one ended it. -1 only where it could not be started.
 */
int spawn_wait(const char *const argv[], int *exit_code, struct error *err) MUST_CHECK;

#endif
