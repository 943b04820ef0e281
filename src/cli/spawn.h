/*
 * spawn: runs another program and waits for it. Only epochctl does: the daemon starts no process.
 */
#ifndef CLI_SPAWN_H
#define CLI_SPAWN_H

#include <signal.h>

#include "util/err.h"

/*
 * While another program has the terminal, Ctrl-C and Ctrl-\ are that program's: we wait for what it makes of them, and put in
 * order what is to be put in order (system(3) does the same). What was in force before is in `keys`, to be taken back; in a child
 * that is forked in between, before it becomes the program.
 */
struct spawn_keys {
    struct sigaction interrupt, quit;
};
void spawn_leave_keys(struct spawn_keys *keys);
void spawn_take_keys(const struct spawn_keys *keys);

/*
 * Runs argv[0] (looked for on $PATH) with our standard streams, environment and the terminal's keys. *exit_code: what it ended
 * with, 128 + the signal where one ended it. -1 only where it could not be started.
 */
int spawn_wait(const char *const argv[], int *exit_code, struct error *err) MUST_CHECK;

#endif
