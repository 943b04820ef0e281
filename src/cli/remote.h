/*
 * remote: the verb on another host, over ssh: `ssh host -- epochctl …`, as systemctl does it. Nothing of this host is
 * read, and what the other one says and how it ends is passed on.
 */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/cli.h"

/* Runs `epochctl` there with these words, NULL-ended. Returns its exit code; CLI_FAILED where ssh failed, which has
   said why. */
int remote_run(const char *host, const char *const *words);

#endif
