/*
 * watch_print: see watch_print.h.
 */
#include "cli/watch_print.h"

#include <inttypes.h>
#include <string.h>

#include "model/diff.h"
#include "model/json.h"
#include "util/clock.h"

enum { VALUE_COLUMNS = 60, SHORT_ID = 12 };

static const struct doc_limits no_limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}; /* what was signed kept them */

static int read_doc(struct span text, struct doc *out, struct error *err)
{
    const struct json_options options = {.file = "message", .limits = no_limits};
    return text.data == NULL ? 0 : json_read(text, &options, out, err);
}

static void begin_json(const char *event, struct buf *out)
{
    char now[CLOCK_TEXT_LEN + 1];
    clock_format(clock_wall_ms(), now);
    buf_printf(out, "{\"event\":\"%s\",\"time\":\"%s\"", event, now);
}

/* --- a change ------------------------------------------------------------------------------------------- */

static void put_value(const struct watch_print *print, const struct doc_node *value, struct buf *out)
{
    struct buf json AUTO_BUF = {0};
    if (value == NULL) {
        buf_puts(out, "nothing");
        return;
    }
    json_write(value, &json);
    bool is_long = json.len > VALUE_COLUMNS;
    term_put(print->term, TERM_PLAIN, (struct span){json.data, is_long ? VALUE_COLUMNS : json.len}, out);
    if (is_long)
        buf_puts(out, "…");
    out->failed |= json.failed;
}

static void put_change_text(const struct watch_print *print, const struct diff_change *change, struct buf *out)
{
    struct buf way AUTO_BUF = {0};
    diff_put_way(change->way, &way);
    buf_puts(out, "    ");
    term_put(print->term, TERM_STRONG, way.len == 0 ? SPAN("(all)") : buf_span(&way), out);
    buf_puts(out, "  ");
    put_value(print, change->before, out);
    buf_puts(out, " → ");
    put_value(print, change->after, out);
    buf_putc(out, '\n');
    out->failed |= way.failed;
}

static void put_change_json(const struct diff_change *change, bool is_first, struct buf *out)
{
    struct buf way AUTO_BUF = {0};
    diff_put_way(change->way, &way);
    buf_printf(out, "%s{\"key\":", is_first ? "" : ",");
    json_put_string(out, buf_span(&way));
    if (change->before != NULL) {
        buf_puts(out, ",\"before\":");
        json_write(change->before, out);
    }
    if (change->after != NULL) {
        buf_puts(out, ",\"after\":");
        json_write(change->after, out);
    }
    buf_putc(out, '}');
    out->failed |= way.failed;
}

static void put_text(const struct watch_print *print, const struct message *message, const struct diff *diff,
                     bool is_first, uint64_t epoch, struct buf *out)
{
    const struct message_update *update = &message->u.update;
    bool is_gone = update->config.data == NULL;
    buf_printf(out, "epoch %" PRIu64 "  ", epoch);
    term_puts(print->term, TERM_STRONG, update->service, out);
    buf_printf(out, "  version %" PRIu64 "  %.*s%s\n", update->version, SHORT_ID, update->config_epoch,
               is_gone ? "  removed" : is_first ? "  is in force" : "");
    for (size_t i = 0; !is_first && !is_gone && i < diff->len; i++)
        put_change_text(print, &diff->changes[i], out);
}

static void put_json(const struct message *message, const struct diff *diff, bool is_first, uint64_t epoch,
                     struct buf *out)
{
    const struct message_update *update = &message->u.update;
    begin_json("update", out);
    buf_printf(out, ",\"epoch\":%" PRIu64 ",\"service\":", epoch);
    json_put_text(out, update->service);
    buf_printf(out, ",\"version\":%" PRIu64 ",\"generation\":%" PRIu64 ",\"config_epoch\":\"%s\",\"initial\":%s,\"config\":",
               update->version, message->generation, update->config_epoch, is_first ? "true" : "false");
    if (update->config.data == NULL)
        buf_puts(out, "null");
    else
        buf_append_span(out, update->config);
    buf_puts(out, ",\"changes\":[");
    for (size_t i = 0; !is_first && i < diff->len; i++)
        put_change_json(&diff->changes[i], i == 0, out);
    buf_puts(out, "]}\n");
}

int watch_print_update(const struct watch_print *print, const struct message *update, struct span before,
                       uint64_t epoch)
{
    struct doc old AUTO_DOC = {0}, new AUTO_DOC = {0};
    struct diff diff AUTO_DIFF = {0};
    struct buf out AUTO_BUF = {0};
    struct error err;
    if (read_doc(before, &old, &err) != 0 || read_doc(update->u.update.config, &new, &err) != 0)
        return cli_fail(&err);
    /* Of the message shown before its configuration alone. */
    const struct doc_node *was = old.root == NULL ? NULL : doc_get(old.root, "config");
    if (was != NULL && was->kind == DOC_NULL)
        was = NULL;
    if (diff_docs(was, new.root, &diff, &err) != 0)
        return cli_fail(&err);
    if (print->is_json)
        put_json(update, &diff, before.data == NULL, epoch, &out);
    else
        put_text(print, update, &diff, before.data == NULL, epoch, &out);
    return cli_print(&out);
}

/* --- what else there is to say -------------------------------------------------------------------------- */

int watch_print_refused(const struct watch_print *print, const char *topic, const struct error *err)
{
    struct buf out AUTO_BUF = {0};
    if (print->is_json) {
        begin_json("refused", &out);
        buf_puts(&out, ",\"topic\":");
        json_put_text(&out, topic);
        buf_puts(&out, ",\"code\":");
        json_put_text(&out, err->code);
        buf_puts(&out, ",\"message\":");
        json_put_text(&out, err->message);
        buf_puts(&out, "}\n");
        return cli_print(&out);
    }
    term_puts(print->term, TERM_BAD, "REFUSED", &out);
    buf_puts(&out, "  ");
    term_puts(print->term, TERM_PLAIN, topic, &out);
    buf_puts(&out, ": ");
    term_puts(print->term, TERM_PLAIN, err->message, &out);
    buf_printf(&out, " [%s]\n", err->code);
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
