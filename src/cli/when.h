/*
 * when: points in time as people type them: 2026-11-21, 2026-11-21 10:30, 2026-11-21T10:30:00Z (all UTC), or how long
 * ago: 90s, 15min, 2h, 3d, 1w.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* False for anything else. */
bool when_parse(const char *text, int64_t now_ms, int64_t *unix_ms);

/* "3 s", "5 min", "2 h", "4 days": what has passed. */
void when_put_age(int64_t then_ms, int64_t now_ms, struct buf *out);

/* A span of time as typed: 90s, 15min, 2h, or a plain number of seconds. */
bool when_parse_span(const char *text, int64_t *ms);

#endif
