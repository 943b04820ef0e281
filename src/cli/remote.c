/*
 * remote: see remote.h.
 */
#include "cli/remote.h"

#include "cli/shell.h"
#include "cli/spawn.h"
#include "model/codes.h"

enum {
    NOT_FOUND = 127,      /* of the other shell */
    SSH_FAILED_MIN = 126, /* 126 where it may not be run, 255 where ssh cannot connect, more than 128 where a signal ended it */
};

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

int remote_run(const char *host, const char *const *words)
{
    struct buf line AUTO_BUF = {0};
    struct error err;
    int code;
    /* The other side has a terminal where we have one: columns, colour, an editor, and Ctrl-C ends it. */
    bool has_terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    if (host[0] == '\0' || host[0] == '-') {
        error_set(&err, CODE_USAGE, 0, "-H takes [user@]host");
        cli_fail(&err);
        return CLI_USAGE;
    }
    if (compose(words, &line, &err) != 0)
        return cli_fail(&err);
    const char *const argv[] = {"ssh", "-x", has_terminal ? "-t" : "-T", "--", host, line.data, NULL};
    if (spawn_wait(argv, &code, &err) != 0)
        return cli_fail(&err);
    if (code == NOT_FOUND) {
        error_set(&err, ERR_SYSTEM, 0, "on %s the shell finds no epochctl: install it there, or put it on that user's PATH", host);
        return cli_fail(&err);
    }
    return code >= SSH_FAILED_MIN ? CLI_FAILED : code;
}
