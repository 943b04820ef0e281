/*
 * version: the number of the epoch in which a service's configuration last changed, for whoever writes only if nobody
 * else did (optimistic locking).
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include "cli/writing.h"

#define VERSION_EXPECT_HELP "only if the service is at that version (*show* tells it)"

/* `path` is the service's file, NULL where there is none. CODE_VERSION_MISMATCH, "Version mismatch: expected 1, current is 2". */
int version_expect(struct writing *w, const char *service, const char *path, uint64_t expected, struct error *err) MUST_CHECK;

#endif
