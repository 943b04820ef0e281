/*
 * streams: see streams.h.
 */
#include "util/streams.h"

#include <fcntl.h>

#include "util/macros.h"

void streams_hold(void)
{
    /* The lowest free number is the one that is given out. What cannot be opened stays as it was: there is nobody to
       tell. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* no O_CLOEXEC: children's too */
}
