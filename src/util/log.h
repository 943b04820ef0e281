/*
 * log: structured events to standard error, one line each. Only daemon/ and cli/ call it, at the place that decides.
 *
 * Text:  2026-11-21T03:23:22.123Z info  pipeline epoch_committed epoch=42 config_epoch=4f2c… correlation_id=…
 * JSON:  {"ts":"…","level":"info","unit":"pipeline","event":"epoch_committed","epoch":42,…}
 * auto:  text; under systemd (JOURNAL_STREAM names standard error) text without the time, with a <N> priority prefix.
 *
 * Never a key, a payload, or a value that may be secret. Each line is one write(2) of at most 4096 bytes, so threads
 * do not mix theirs; what is too long is cut and marked. What a terminal obeys (util/utf8.h) is always escaped. Never
 * fails, needs no memory, keeps errno.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdint.h>

#include "util/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *key; /* NULL ends a list */
    const char *text; /* NULL: it is the number */
    int64_t number;
};

/* A missing string is written as the empty one, never as the number. */
static inline const char *log_text(const char *text)
{
    return text != NULL ? text : "";
}

#define LOG_S(name, string) {.key = (name), .text = log_text(string)}
#define LOG_N(name, value) {.key = (name), .number = (int64_t)(value)}

/* Call once, before the first line; lines below `level` are dropped. Until then: info, auto. */
void log_setup(enum log_level level, enum log_format format);

/* Writes one line. `unit` is the module that decides, `event` a stable lower_snake name. */
void log_write(enum log_level level, const char *unit, const char *event, const struct log_field *fields);

/* Writes an error as one line: code, message and place as fields. */
void log_error_object(enum log_level level, const char *unit, const char *event, const struct error *err);

/* log_info("main", "started", LOG_N("pid", pid), LOG_S("version", version)); at least one field ({0} for none). */
#define log_event(level, unit, event, ...)                                                                   \
    log_write((level), (unit), (event), (const struct log_field[]){__VA_ARGS__, {0}})
#define log_debug(unit, event, ...) log_event(LOG_LEVEL_DEBUG, unit, event, __VA_ARGS__)
#define log_info(unit, event, ...) log_event(LOG_LEVEL_INFO, unit, event, __VA_ARGS__)
#define log_warn(unit, event, ...) log_event(LOG_LEVEL_WARN, unit, event, __VA_ARGS__)
#define log_error(unit, event, ...) log_event(LOG_LEVEL_ERROR, unit, event, __VA_ARGS__)

#endif
