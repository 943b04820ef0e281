/*
 * spawn: see spawn.h.
 */
#include "cli/spawn.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int spawn_wait(const char *const argv[], int *exit_code, struct error *err)
{
    pid_t pid;
    int status;
    /* posix_spawnp promises not to write there; its prototype is older than const. */
    int cause = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    if (cause != 0)
        return error_set(err, ERR_SYSTEM, cause, "cannot run %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, ERR_SYSTEM, errno, "cannot wait for %s", argv[0]);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}
