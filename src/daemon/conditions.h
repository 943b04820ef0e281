/*
 * conditions: what is wrong right now, and what it makes of the daemon (docs/OPERATIONS.md §States).
 *
 * Each condition is a hold or a degradation of model/states.def that is either on or off, with a message and
 * since when. HOLD means: not advancing, still serving; DEGRADED: advancing, something is off. The state is
 * derived, never set: the first hold that is on, else the first degradation, else ok.
 */
#ifndef DAEMON_CONDITIONS_H
#define DAEMON_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/states.h"
#include "util/err.h"

/* The holds and degradations of model/states.def: the first that is on names the state. */
enum condition {
#define HOLD(id, ...) CONDITION_##id,
#define DEGRADED(id, ...) CONDITION_##id,
#define PLAIN(id, ...)
#include "model/states.def"
    CONDITION_COUNT,
};

struct condition_entry {
    bool is_on;
    int64_t since_ms; /* wall */
    char message[512];
};

struct conditions {
    struct condition_entry entries[CONDITION_COUNT];
    bool is_initializing; /* until the first look at the branch */
    bool is_empty;        /* the branch has no commit yet and nothing is in force */
    int64_t ok_since_ms;
    bool has_changed;     /* since conditions_take_change */
};

enum { CONDITION_STATE_MAX = 64 };

void conditions_init(struct conditions *conditions);

/* Turns a condition on (or keeps it on with a new message; since stays). Returns true if it was off. */
bool conditions_on(struct conditions *conditions, enum condition condition, const char *message);
/* Turns it off. Returns true if it was on. */
bool conditions_off(struct conditions *conditions, enum condition condition);
void conditions_set_empty(struct conditions *conditions, bool is_empty);
void conditions_set_ready(struct conditions *conditions);

static inline bool conditions_is_on(const struct conditions *conditions, enum condition condition)
{
    return conditions->entries[condition].is_on;
}

/* The stable code, as in epochctl help. */
const char *condition_code(enum condition condition);
static inline bool condition_is_hold(enum condition condition)
{
    return state_table[condition].kind == STATE_HOLD;
}

/* The condition for an error's code, CONDITION_COUNT if it has none: state codes map to themselves, other repo.*
   codes to CONDITION_REPO_UNREADABLE. */
enum condition condition_of_code(const char *code);

struct daemon_state {
    char text[CONDITION_STATE_MAX]; /* ok, empty, initializing, hold:<reason>, degraded:<reason> */
    const char *reason;             /* code, NULL when ok */
    const char *message;            /* NULL when ok */
    int64_t since_ms;
    bool is_ok;                     /* ok or empty */
    bool is_hold;
};
void conditions_state(const struct conditions *conditions, struct daemon_state *out);

/* True if the state may have changed since the last call. */
bool conditions_take_change(struct conditions *conditions);

#endif
