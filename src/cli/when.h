/*
 * when: points in time as people type them, in UTC:
 *
 *   2026-11-21, 2026-11-21 10:30, 2026-11-21T10:30:00Z
 *   today, yesterday: their midnight, as journalctl has it; yesterday 10:30
 *   10:30             of today
 *   90s, 15min, 2h, 3d, 1w, 2 days ago, 2.days.ago
 *
 * A small set, and nothing beside it is guessed at: git takes "last teusday" for now, and says nothing.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* For whoever typed something else. */
#define WHEN_TAKES "2026-11-21, \"2026-11-21 10:30\", 10:30, today, yesterday, or how long ago: 15min, 2h, \"3 days ago\"; all in UTC"

/* False for anything else. */
bool when_parse(const char *text, int64_t now_ms, int64_t *unix_ms);

/* "3 s", "5 min", "2 h", "4 days": what has passed. */
void when_put_age(int64_t then_ms, int64_t now_ms, struct buf *out);

/* A span of time as typed: 90s, 15min, "2 hours", or a plain number of seconds; a hundred years at most. */
bool when_parse_span(const char *text, int64_t *ms);

#endif
