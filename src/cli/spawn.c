/*
 * spawn: see spawn.h.
 */
#include "cli/spawn.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

void spawn_leave_keys(struct spawn_keys *keys)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignore, &keys->interrupt);
    sigaction(SIGQUIT, &ignore, &keys->quit);
}

void spawn_take_keys(const struct spawn_keys *keys)
{
    sigaction(SIGINT, &keys->interrupt, NULL);
    sigaction(SIGQUIT, &keys->quit, NULL);
}

/* 0 or the errno. What we ignored before stays ignored, as nohup(1) and a shell's background want it. */
static int start(const char *const argv[], const struct spawn_keys *keys, pid_t *out)
{
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    if (keys->interrupt.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGINT);
    if (keys->quit.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGQUIT);
    int cause = posix_spawnattr_init(&attributes);
    if (cause != 0)
        return cause;
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    /* posix_spawnp promises not to write there; its prototype is older than const. */
    cause = posix_spawnp(out, argv[0], NULL, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    return cause;
}

static int start_and_wait(const char *const argv[], const struct spawn_keys *keys, int *exit_code, struct error *err)
{
    pid_t pid;
    int status, cause = start(argv, keys, &pid);
    if (cause != 0)
        return error_set(err, ERR_SYSTEM, cause, "cannot run %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, ERR_SYSTEM, errno, "cannot wait for %s", argv[0]);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

int spawn_wait(const char *const argv[], int *exit_code, struct error *err)
{
    struct spawn_keys keys;
    spawn_leave_keys(&keys);
    int rc = start_and_wait(argv, &keys, exit_code, err);
    spawn_take_keys(&keys);
    return rc;
}
