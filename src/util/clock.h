/*
 * clock: the two clocks the product uses, and the one way a time is written.
 *
 * Wall time goes into messages and logs; durations and ages are CLOCK_BOOTTIME, which counts suspend.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

#include "util/span.h"

/* Unix time in milliseconds. */
int64_t clock_wall_ms(void);

/* Milliseconds since boot, suspend included. Never goes back. */
int64_t clock_boot_ms(void);

/* Microseconds of CLOCK_MONOTONIC, for measuring how long something took. */
int64_t clock_mono_us(void);

enum { CLOCK_TEXT_LEN = 24 }; /* 2026-11-21T03:23:22.123Z */

/* RFC 3339 in UTC with exactly three decimals and Z; `unix_ms` between the years 1970 and 9999. */
void clock_format(int64_t unix_ms, char out[static CLOCK_TEXT_LEN + 1]);

/* The reverse of clock_format for exactly that form; false for anything else. */
bool clock_parse(struct span text, int64_t *unix_ms);

#endif
