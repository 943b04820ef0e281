/*
 * mqtt_socket: what the library does not tell or do about its socket, asked of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "io/mqtt_priv.h"
#include "util/clock.h"

void mqtt_socket_acknowledge(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

const char *mqtt_socket_connect_error(int fd)
{
    int sys = 0;
    socklen_t size = sizeof sys;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &size) == 0 && sys != 0 ? strerrordesc_np(sys) : NULL;
}

const char *mqtt_socket_hangup(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return NULL;
    if (got < 0 && errno != ENOTCONN)
        return strerrordesc_np(errno);
    /* The library may have taken the error of the socket and kept it to itself; it has no peer then. */
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    bool has_peer = getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
    return has_peer ? "the broker hung up" : "the connection was refused or reset";
}

int mqtt_socket_copy(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* False when the deadline is over. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    int64_t left;
    while ((left = deadline_ms - clock_boot_ms()) > 0) {
        int ready = poll(&wanted, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return false;
}

bool mqtt_socket_wait_writable(int fd, int64_t deadline_ms)
{
    return wait_for(fd, POLLOUT, deadline_ms);
}

void mqtt_socket_finish(int fd, int64_t deadline_ms)
{
    char ignored[4096];
    ssize_t got = 1;
    shutdown(fd, SHUT_WR);
    while (got != 0 && wait_for(fd, POLLIN, deadline_ms)) {
        got = recv(fd, ignored, sizeof ignored, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    close(fd);
}
