/*
 * watch_print: what `watch` says: lines for people, or one JSON object a line.
 */
#ifndef CLI_WATCH_PRINT_H
#define CLI_WATCH_PRINT_H

#include <epoch/epoch.h>

#include "cli/cli.h"

struct watch_print {
    const struct term *term;
    bool is_json;
};

/* A service's configuration, verified and in force. */
int watch_print_update(const struct watch_print *print, const struct epoch_update *update);

/* Something that was not believed, with its code. */
int watch_print_refused(const struct watch_print *print, const struct epoch_alarm *alarm);

/* FRESH, STALE, the connection: "fresh", "stale", "connected", "disconnected", "absent"; `detail` may be "". */
int watch_print_state(const struct watch_print *print, const char *state, const char *detail);

#endif
