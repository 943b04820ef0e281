/*
 * remote: see remote.h.
 */
#include "cli/remote.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/shell.h"
#include "model/codes.h"

enum { SSH_FAILED = 255 };

/* ssh joins what it is given with blanks and hands it to the other shell, so it gets one line, quoted here. */
static int compose(const char *const *words, struct buf *out, struct error *err)
{
    buf_puts(out, "epochctl");
    for (; *words != NULL; words++) {
        buf_putc(out, ' ');
        shell_put_word(out, *words);
    }
    buf_putc(out, '\0');
    return buf_check(out, err);
}

/* The other side has a terminal where we have one: columns, colour, an editor, and Ctrl-C ends it. */
static int spawn_ssh(const char *host, char *line, pid_t *pid)
{
    static char ssh[] = "ssh", terminal[] = "-t", none[] = "-T", forward[] = "-x", end[] = "--";
    bool has_terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    AUTO_FREE char *target = strdup(host);
    if (target == NULL)
        return ENOMEM;
    char *argv[] = {ssh, forward, has_terminal ? terminal : none, end, target, line, NULL};
    return posix_spawnp(pid, ssh, NULL, NULL, argv, environ);
}

int remote_run(const char *host, const char *const *words)
{
    struct buf line AUTO_BUF = {0};
    struct error err;
    int status, failed;
    pid_t pid;
    if (host[0] == '\0' || host[0] == '-') {
        error_set(&err, CODE_USAGE, 0, "-H takes [user@]host");
        cli_fail(&err);
        return CLI_USAGE;
    }
    if (compose(words, &line, &err) != 0)
        return cli_fail(&err);
    if ((failed = spawn_ssh(host, line.data, &pid)) != 0) {
        error_set(&err, ERR_SYSTEM, failed, "cannot run ssh");
        return cli_fail(&err);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == SSH_FAILED)
        return CLI_FAILED;
    return WEXITSTATUS(status);
}
