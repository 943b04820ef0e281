/*
 * watch_print: see watch_print.h.
 */
#include "cli/watch_print.h"

#include <inttypes.h>
#include <string.h>

#include "model/json_text.h"
#include "util/clock.h"

enum { VALUE_COLUMNS = 60, SHORT_ID = 12 };

/* Appends the canonical JSON of a value. */
static void put_json_value(const struct epoch_value *value, struct buf *out)
{
    size_t len = epoch_value_json(value, NULL, 0);
    char *room = buf_reserve(out, len + 1);
    if (room != NULL)
        out->len += epoch_value_json(value, room, len + 1);
}

static void begin_json(const char *event, struct buf *out)
{
    char now[CLOCK_TEXT_LEN + 1];
    clock_format(clock_wall_ms(), now);
    buf_printf(out, "{\"event\":\"%s\",\"time\":\"%s\"", event, now);
}

/* --- a change ------------------------------------------------------------------------------------------- */

static void put_value(const struct watch_print *print, const struct epoch_value *value, struct buf *out)
{
    struct buf json AUTO_BUF = {0};
    if (value == NULL) {
        buf_puts(out, "nothing");
        return;
    }
    put_json_value(value, &json);
    bool is_long = json.len > VALUE_COLUMNS;
    term_put(print->term, TERM_PLAIN, (struct span){json.data, is_long ? VALUE_COLUMNS : json.len}, out);
    if (is_long)
        buf_puts(out, "…");
    out->failed |= json.failed;
}

static void put_change_text(const struct watch_print *print, const struct epoch_change *change, struct buf *out)
{
    buf_puts(out, "    ");
    term_puts(print->term, TERM_STRONG, change->pointer[0] == '\0' ? "(all)" : change->pointer, out);
    buf_puts(out, "  ");
    put_value(print, change->before, out);
    buf_puts(out, " → ");
    put_value(print, change->after, out);
    buf_putc(out, '\n');
}

static void put_change_json(const struct epoch_change *change, bool is_first, struct buf *out)
{
    buf_printf(out, "%s{\"key\":", is_first ? "" : ",");
    json_put_text(out, change->pointer);
    if (change->before != NULL) {
        buf_puts(out, ",\"before\":");
        put_json_value(change->before, out);
    }
    if (change->after != NULL) {
        buf_puts(out, ",\"after\":");
        put_json_value(change->after, out);
    }
    buf_putc(out, '}');
}

static void put_text(const struct watch_print *print, const struct epoch_update *update, struct buf *out)
{
    const struct epoch_config *config = epoch_update_config(update);
    bool is_gone = epoch_config_is_removed(config), is_first = epoch_update_before(update) == NULL;
    buf_printf(out, "epoch %" PRIu64 "  ", epoch_config_epoch(config));
    term_puts(print->term, TERM_STRONG, epoch_config_service(config), out);
    buf_printf(out, "  version %" PRIu64 "  %.*s%s\n", epoch_config_version(config), SHORT_ID, epoch_config_commit(config),
               is_gone ? "  removed" : is_first ? "  is in force" : "");
    for (size_t i = 0; !is_first && !is_gone && i < epoch_update_change_count(update); i++)
        put_change_text(print, epoch_update_change(update, i), out);
}

static void put_json(const struct epoch_update *update, struct buf *out)
{
    const struct epoch_config *config = epoch_update_config(update);
    bool is_first = epoch_update_before(update) == NULL;
    begin_json("update", out);
    buf_printf(out, ",\"epoch\":%" PRIu64 ",\"service\":", epoch_config_epoch(config));
    json_put_text(out, epoch_config_service(config));
    buf_printf(out, ",\"version\":%" PRIu64 ",\"generation\":%" PRIu64 ",\"config_epoch\":\"%s\",\"initial\":%s,\"config\":",
               epoch_config_version(config), epoch_config_generation(config), epoch_config_commit(config),
               is_first ? "true" : "false");
    buf_puts(out, epoch_config_is_removed(config) ? "null" : epoch_config_json(config, NULL));
    buf_puts(out, ",\"changes\":[");
    for (size_t i = 0; !is_first && i < epoch_update_change_count(update); i++)
        put_change_json(epoch_update_change(update, i), i == 0, out);
    buf_puts(out, "]}\n");
}

int watch_print_update(const struct watch_print *print, const struct epoch_update *update)
{
    struct buf out AUTO_BUF = {0};
    if (print->is_json)
        put_json(update, &out);
    else
        put_text(print, update, &out);
    return cli_print(&out);
}

/* --- what else there is to say -------------------------------------------------------------------------- */

int watch_print_refused(const struct watch_print *print, const struct epoch_alarm *alarm)
{
    struct buf out AUTO_BUF = {0};
    if (print->is_json) {
        begin_json("refused", &out);
        buf_puts(&out, ",\"topic\":");
        json_put_text(&out, alarm->where);
        buf_puts(&out, ",\"code\":");
        json_put_text(&out, alarm->code);
        buf_puts(&out, ",\"message\":");
        json_put_text(&out, alarm->message);
        buf_puts(&out, "}\n");
        return cli_print(&out);
    }
    term_puts(print->term, TERM_BAD, "REFUSED", &out);
    buf_puts(&out, "  ");
    term_puts(print->term, TERM_PLAIN, alarm->where, &out);
    buf_puts(&out, ": ");
    term_puts(print->term, TERM_PLAIN, alarm->message, &out);
    buf_printf(&out, " [%s]\n", alarm->code);
    return cli_print(&out);
}

int watch_print_state(const struct watch_print *print, const char *state, const char *detail)
{
    struct buf out AUTO_BUF = {0};
    bool is_good = strcmp(state, "fresh") == 0 || strcmp(state, "connected") == 0;
    if (print->is_json) {
        begin_json(state, &out);
        buf_puts(&out, ",\"detail\":");
        json_put_text(&out, detail[0] == '\0' ? NULL : detail);
        buf_puts(&out, "}\n");
        return cli_print(&out);
    }
    term_puts(print->term, is_good ? TERM_GOOD : TERM_WARN, state, &out);
    if (detail[0] != '\0') {
        buf_puts(&out, "  ");
        term_puts(print->term, TERM_PLAIN, detail, &out);
    }
    buf_putc(&out, '\n');
    return cli_print(&out);
}
