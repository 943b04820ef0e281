/*
 * conditions: see conditions.h.
 */
#include "daemon/conditions.h"

#include <string.h>

#include "model/codes.h"
#include "util/clock.h"
#include "util/utf8.h"

const char *condition_code(enum condition condition)
{
    return condition < CONDITION_COUNT ? state_table[condition].name : NULL;
}

enum condition condition_of_code(const char *code)
{
    for (enum condition c = 0; c < CONDITION_COUNT; c++)
        if (strcmp(condition_code(c), code) == 0)
            return c;
    return strncmp(code, "repo.", 5) == 0 ? CONDITION_REPO_UNREADABLE : CONDITION_COUNT;
}

void conditions_init(struct conditions *conditions)
{
    *conditions = (struct conditions){.is_initializing = true, .has_changed = true, .ok_since_ms = clock_wall_ms()};
}

bool conditions_on(struct conditions *conditions, enum condition condition, const char *message)
{
    struct condition_entry *entry = &conditions->entries[condition];
    char kept[sizeof entry->message];
    bool was_on = entry->is_on;
    size_t len = utf8_printable(span_of(message), kept, sizeof kept);
    if (was_on && strcmp(entry->message, kept) == 0)
        return false;
    if (!was_on)
        entry->since_ms = clock_wall_ms();
    entry->is_on = true;
    memcpy(entry->message, kept, len + 1);
    conditions->has_changed = true;
    return !was_on;
}

bool conditions_off(struct conditions *conditions, enum condition condition)
{
    struct condition_entry *entry = &conditions->entries[condition];
    if (!entry->is_on)
        return false;
    entry->is_on = false;
    conditions->has_changed = true;
    conditions->ok_since_ms = clock_wall_ms();
    return true;
}

void conditions_set_empty(struct conditions *conditions, bool is_empty)
{
    if (conditions->is_empty == is_empty)
        return;
    conditions->is_empty = is_empty;
    conditions->has_changed = true;
    conditions->ok_since_ms = clock_wall_ms();
}

void conditions_set_ready(struct conditions *conditions)
{
    if (!conditions->is_initializing)
        return;
    conditions->is_initializing = false;
    conditions->has_changed = true;
    conditions->ok_since_ms = clock_wall_ms();
}

static void say(struct daemon_state *out, const char *text, int64_t since_ms)
{
    *out = (struct daemon_state){.since_ms = since_ms, .is_ok = true};
    snprintf(out->text, sizeof out->text, "%s", text);
}

void conditions_state(const struct conditions *conditions, struct daemon_state *out)
{
    for (enum condition c = 0; c < CONDITION_COUNT; c++) {
        const struct condition_entry *entry = &conditions->entries[c];
        if (!entry->is_on)
            continue;
        *out = (struct daemon_state){.reason = condition_code(c),
                                     .message = entry->message,
                                     .since_ms = entry->since_ms,
                                     .is_hold = condition_is_hold(c)};
        snprintf(out->text, sizeof out->text, "%s:%s", out->is_hold ? "hold" : "degraded", out->reason);
        return;
    }
    if (conditions->is_initializing) {
        say(out, "initializing", conditions->ok_since_ms);
        out->is_ok = false;
    } else {
        say(out, conditions->is_empty ? "empty" : "ok", conditions->ok_since_ms);
    }
}

bool conditions_take_change(struct conditions *conditions)
{
    bool changed = conditions->has_changed;
    conditions->has_changed = false;
    return changed;
}
