/*
 * notify: the service manager's protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET. No libsystemd.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* Sends e.g. "READY=1\nSTATUS=…". Does nothing without a service manager; never blocks, never fails loudly. */
void notify_send(const char *state);

/* How often the manager wants WATCHDOG=1, in ms (half of WATCHDOG_USEC, if it is meant for us); 0: never. */
int64_t notify_watchdog_ms(void);

#endif
