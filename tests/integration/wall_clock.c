/*
 * wall_clock: preloaded, it puts CLOCK_REALTIME off by the seconds that stand in the file $WALL_CLOCK, read at every call, so that a
 * test may step the clock of one running program. Every other clock, and every timer, is left alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    char text[32] = "";
    const char *path = getenv("WALL_CLOCK");
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    if (rc != 0 || clock != CLOCK_REALTIME || path == NULL)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rc;
    if (read(fd, text, sizeof text - 1) > 0)
        now->tv_sec += strtoll(text, NULL, 10);
    close(fd);
    return 0;
}
