/*
 * watch_print: what `watch` says: lines for people, or one JSON object a line.
 */
#ifndef CLI_WATCH_PRINT_H
#define CLI_WATCH_PRINT_H

#include "cli/cli.h"
#include "model/message.h"

struct watch_print {
    const struct term *term;
    bool is_json;
};

/* A service's configuration, verified. `before` is the message shown last; data NULL: this is the first. */
int watch_print_update(const struct watch_print *print, const struct message *update, struct span before,
                       uint64_t epoch);

/* A message that was not believed, with its code. */
int watch_print_refused(const struct watch_print *print, const char *topic, const struct error *err);

/* FRESH, STALE, the connection: "fresh", "stale", "connected", "disconnected"; `detail` may be "". */
int watch_print_state(const struct watch_print *print, const char *state, const char *detail);

#endif
