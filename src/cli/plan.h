/*
 * plan: what a candidate would change, by service and key, old → new, as text for people.
 *
 *   ~ stt-worker
 *       /vad_threshold  0.5 → 0.6
 *       /beam           + 5
 *   + lamp
 *   - router
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "config/candidate.h"

enum { PLAN_VALUE_MAX = 72, PLAN_NAMED_MAX = 8 };

/* Appends the lines; "no service changes" where there are none. `before` NULL: everything is new. */
int plan_put(const struct candidate *candidate, const struct catalog *before, struct buf *out,
             struct error *err) MUST_CHECK;

/* Appends the names, "stt-worker, -router, +lamp and 4 more"; nothing where no service changes. */
void plan_put_names(const struct candidate *candidate, const struct catalog *before, struct buf *out);

#endif
