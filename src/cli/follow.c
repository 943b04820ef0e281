/*
 * follow: see follow.h. What is followed is one folder, for as long as the verb runs.
 */
#include "cli/follow.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

int follow_open(const char *run)
{
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch >= 0 && inotify_add_watch(watch, run, IN_MOVED_TO | IN_DELETE) < 0) {
        close(watch);
        return -1;
    }
    return watch;
}

void follow_wait(int watch, int64_t left_ms)
{
    char events[4096];
    struct pollfd fd = {.fd = watch, .events = POLLIN};
    int most = left_ms >= 0 && left_ms < FOLLOW_LOOK_MS ? (int)left_ms : FOLLOW_LOOK_MS;
    if (poll(&fd, 1, most) <= 0) /* a negative descriptor is passed over */
        return;
    while (read(watch, events, sizeof events) > 0)
        continue;
}
