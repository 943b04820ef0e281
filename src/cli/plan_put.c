/*
 * plan_put: a plan printed: for people, for programs, for a merge request.
 */
#include "cli/plan.h"
#include "cli/term.h"
#include "model/json.h"
#include "model/json_text.h"
#include "util/utf8.h"

enum { VALUE_MAX = 72, NAMES_MAX = 8 }; /* bytes of a value, services named, in a line for people */

static const char *action_name(enum plan_action action)
{
    switch (action) {
    case PLAN_CREATED:
        return "created";
    case PLAN_UPDATED:
        return "updated";
    case PLAN_DELETED:
        return "deleted";
    }
    return NULL;
}

/* --- for people ----------------------------------------------------------------------------------------- */

static void put_key(const struct diff_change *change, struct buf *out)
{
    struct buf way AUTO_BUF = {0};
    char text[512];
    diff_put_way(change->way, &way);
    utf8_printable(buf_span(&way), text, sizeof text);
    buf_puts(out, text[0] == '\0' ? "(all of it)" : text);
    out->failed |= way.failed;
}

/* Of a service that was there before, what it gets and loses is said; of a new one everything is. */
static void put_change(const struct diff_change *change, const struct plan_note *note, bool is_update, struct buf *out)
{
    put_key(change, out);
    buf_puts(out, ": ");
    if (change->before != NULL)
        term_put_value(change->before, note->is_secret, VALUE_MAX, out);
    if (change->after == NULL)
        buf_puts(out, " removed");
    else if (change->before != NULL)
        buf_puts(out, " → ");
    if (change->after != NULL)
        term_put_value(change->after, note->is_secret, VALUE_MAX, out);
    if (change->before == NULL && is_update)
        buf_puts(out, " added");
    if (note->needs_restart && is_update)
        buf_puts(out, " (restart)");
}

void plan_put_counts(const struct plan *plan, struct buf *out)
{
    const char *comma = ": ";
    if (plan->len == 0) {
        buf_puts(out, "no service changes");
        return;
    }
    buf_printf(out, "%zu service%s of %zu change%s", plan->len, plan->len == 1 ? "" : "s", plan_count_all(plan), plan->len == 1 ? "s" : "");
    for (enum plan_action action = PLAN_CREATED; action <= PLAN_DELETED; action++) {
        if (plan->actions[action] == 0)
            continue;
        buf_printf(out, "%s%zu %s", comma, plan->actions[action], action_name(action));
        comma = ", ";
    }
    if (plan->restarts > 0)
        buf_printf(out, "; %zu need%s a restart", plan->restarts, plan->restarts == 1 ? "s" : "");
}

void plan_put_causes(const struct plan *plan, const char *lead, struct buf *out)
{
    plan_causes_put_text(&plan->causes, lead, out);
}

void plan_put_names(const struct plan *plan, struct buf *out)
{
    static const char *const signs[] = {[PLAN_CREATED] = "+", [PLAN_UPDATED] = "", [PLAN_DELETED] = "-"};
    for (size_t i = 0; i < plan->len && i < NAMES_MAX; i++)
        buf_printf(out, "%s%s%s", i == 0 ? "" : ", ", signs[plan->services[i].action], plan->services[i].name);
    if (plan->len > NAMES_MAX)
        buf_printf(out, " and %zu more", plan->len - NAMES_MAX);
}

void plan_put_text(const struct plan *plan, const char *lead, size_t max_keys, struct buf *out)
{
    static const char signs[] = {[PLAN_CREATED] = '+', [PLAN_UPDATED] = '~', [PLAN_DELETED] = '-'};
    size_t told = 0, more = 0;
    if (plan->len == 0)
        return;
    for (size_t i = 0; i < plan->len; i++) {
        const struct plan_service *service = &plan->services[i];
        /* Beyond the last line of keys the names of services go on being told for as long again. */
        if (told + i < 2 * max_keys)
            buf_printf(out, "%s%c %s\n", lead, signs[service->action], service->name);
        for (size_t j = 0; j < service->diff.len; j++) {
            if (told == max_keys) {
                more += service->diff.len - j;
                break;
            }
            told++;
            buf_printf(out, "%s    ", lead);
            put_change(&service->diff.changes[j], &service->notes[j], service->action == PLAN_UPDATED, out);
            buf_putc(out, '\n');
        }
    }
    if (more > 0)
        buf_printf(out, "%s    and %zu more key%s\n", lead, more, more == 1 ? "" : "s");
}

/* --- for programs --------------------------------------------------------------------------------------- */

static void put_side_json(const char *name, const struct doc_node *value, const struct plan_note *note, struct buf *out)
{
    if (value == NULL)
        return;
    buf_printf(out, "\"%s\":", name);
    if (note->is_secret)
        buf_puts(out, "null");
    else
        json_write(value, out);
    buf_putc(out, ',');
}

static void put_change_json(const struct diff_change *change, const struct plan_note *note, struct buf *out)
{
    struct buf way AUTO_BUF = {0};
    diff_put_way(change->way, &way);
    buf_putc(out, '{');
    put_side_json("after", change->after, note, out);
    put_side_json("before", change->before, note, out);
    buf_puts(out, "\"key\":");
    json_put_string(out, buf_span(&way));
    buf_printf(out, "%s%s}", note->needs_restart ? ",\"restart\":true" : "", note->is_secret ? ",\"secret\":true" : "");
    out->failed |= way.failed;
}

void plan_put_json(const struct plan *plan, struct buf *out)
{
    buf_putc(out, '{');
    plan_causes_put_causes_json(&plan->causes, out);
    buf_printf(out, ",\"created\":%zu,\"deleted\":%zu,", plan->actions[PLAN_CREATED], plan->actions[PLAN_DELETED]);
    plan_causes_put_profile_json(&plan->causes, out);
    buf_printf(out, ",\"restarts\":%zu,\"services\":[", plan->restarts);
    for (size_t i = 0; i < plan->len; i++) {
        const struct plan_service *service = &plan->services[i];
        buf_printf(out, "%s{\"action\":\"%s\",\"changes\":[", i == 0 ? "" : ",", action_name(service->action));
        for (size_t j = 0; j < service->diff.len; j++) {
            buf_puts(out, j == 0 ? "" : ",");
            put_change_json(&service->diff.changes[j], &service->notes[j], out);
        }
        buf_puts(out, "],\"service\":");
        json_put_text(out, service->name);
        buf_putc(out, '}');
    }
    buf_printf(out, "],\"total\":%zu,\"updated\":%zu}\n", plan->total, plan->actions[PLAN_UPDATED]);
}

/* --- for a merge request -------------------------------------------------------------------------------- */

/* In a table's cell, as code: a bar would end the cell, a backtick the code. */
static void put_cell(const struct doc_node *value, const struct plan_note *note, struct buf *out)
{
    struct buf text AUTO_BUF = {0};
    if (value == NULL)
        return;
    term_put_value(value, note->is_secret, VALUE_MAX, &text);
    buf_putc(out, '`');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '|')
            buf_putc(out, '\\');
        buf_putc(out, text.data[i] == '`' ? '\'' : text.data[i]);
    }
    buf_putc(out, '`');
    out->failed |= text.failed;
}

static void put_row(const struct diff_change *change, const struct plan_note *note, bool is_update, struct buf *out)
{
    struct buf key AUTO_BUF = {0};
    put_key(change, &key);
    buf_puts(out, "| `");
    for (size_t k = 0; k < key.len; k++)
        buf_printf(out, "%s%c", key.data[k] == '|' ? "\\" : "", key.data[k] == '`' ? '\'' : key.data[k]);
    buf_puts(out, "` | ");
    put_cell(change->before, note, out);
    buf_puts(out, " | ");
    put_cell(change->after, note, out);
    buf_puts(out, note->needs_restart && is_update ? " (restart) |\n" : " |\n");
    out->failed |= key.failed;
}

void plan_put_markdown(const struct plan *plan, struct buf *out)
{
    buf_puts(out, "**");
    plan_put_counts(plan, out);
    buf_puts(out, "**\n");
    if (plan->causes.is_switched || plan->causes.len > 0)
        buf_putc(out, '\n');
    plan_put_causes(plan, "- ", out);
    for (size_t i = 0; i < plan->len; i++) {
        const struct plan_service *service = &plan->services[i];
        buf_printf(out, "\n`%s` %s\n", service->name, action_name(service->action));
        if (service->diff.len > 0)
            buf_puts(out, "\n| key | before | after |\n|---|---|---|\n");
        for (size_t j = 0; j < service->diff.len; j++)
            put_row(&service->diff.changes[j], &service->notes[j], service->action == PLAN_UPDATED, out);
    }
}
