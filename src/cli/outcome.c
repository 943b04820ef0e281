/*
 * outcome: see outcome.h.
 */
#include "cli/outcome.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/json_text.h"

void outcome_fini(struct outcome *outcome)
{
    buf_fini(&outcome->path);
    buf_fini(&outcome->message);
    buf_fini(&outcome->plan);
    buf_fini(&outcome->services);
    buf_fini(&outcome->findings);
}

/* --- noting --------------------------------------------------------------------------------------------- */

static void set_message(struct outcome *outcome, struct span text)
{
    buf_reset(&outcome->message);
    buf_append_span(&outcome->message, text);
}

static void set_code(struct outcome *outcome, const char *code)
{
    snprintf(outcome->code, sizeof outcome->code, "%s", code);
}

void outcome_note_error(struct outcome *outcome, const struct error *err)
{
    outcome->verdict = "refused";
    set_code(outcome, err->code);
    set_message(outcome, span_of(err->message));
}

void outcome_note_findings(struct outcome *outcome, const struct findings *findings)
{
    buf_reset(&outcome->findings);
    findings_write_json(findings, FINDINGS_MAX, &outcome->findings);
    if (findings->errors == 0)
        return;
    outcome->verdict = "refused";
    for (size_t i = 0; i < findings->len; i++) {
        if (findings->items[i].severity != FINDING_ERROR)
            continue;
        set_code(outcome, findings->items[i].code);
        break;
    }
    set_message(outcome, SPAN("epochd would refuse this; nothing was written"));
}

void outcome_note_plan(struct outcome *outcome, const struct plan *plan)
{
    if (!outcome->is_json)
        return;
    buf_reset(&outcome->plan);
    buf_reset(&outcome->services);
    plan_put_json(plan, &outcome->plan);
    buf_putc(&outcome->services, '[');
    for (size_t i = 0; i < plan->len; i++) {
        buf_puts(&outcome->services, i == 0 ? "" : ",");
        json_put_text(&outcome->services, plan->services[i].name);
    }
    buf_putc(&outcome->services, ']');
}

void outcome_note_commit(struct outcome *outcome, const struct oid *commit)
{
    outcome->verdict = "pending";
    oid_format(commit, outcome->commit);
}

void outcome_note_answer(struct outcome *outcome, enum answer answer, const struct answer_told *told)
{
    outcome->verdict = answer_name(answer);
    outcome->epoch = told->epoch;
    set_code(outcome, told->code);
    set_message(outcome, buf_span(&told->line));
}

void outcome_note_request(struct outcome *outcome, const struct request_answer *answer)
{
    outcome->verdict = answer->is_done ? "done" : "refused";
    outcome->epoch = answer->epoch;
    set_code(outcome, answer->code);
    set_message(outcome, span_of(answer->message));
}

void outcome_say(struct outcome *outcome, const char *verdict, const char *sentence)
{
    set_message(outcome, span_of(sentence));
    outcome->verdict = verdict;
    if (!outcome->is_json)
        puts(sentence);
}

void outcome_kept(struct outcome *outcome, const char *path)
{
    buf_reset(&outcome->path);
    json_put_text(&outcome->path, path);
}

void outcome_made(struct outcome *outcome, const char *path)
{
    outcome_kept(outcome, path);
    if (!outcome->is_json)
        printf("wrote %s\n", path);
}

/* --- the object ----------------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_put_text(out, text == NULL || text[0] == '\0' ? NULL : text);
    buf_putc(out, ',');
}

/* Without the line feed that ends it where it stands alone. */
static void put_json(struct buf *out, const char *name, const struct buf *json, const char *otherwise)
{
    size_t len = json->len - (json->len > 0 && json->data[json->len - 1] == '\n');
    buf_printf(out, "\"%s\":", name);
    if (len == 0)
        buf_puts(out, otherwise);
    else
        buf_append(out, json->data, len);
    buf_putc(out, ',');
    out->failed |= json->failed;
}

int outcome_end(struct outcome *outcome, int rc)
{
    struct buf text AUTO_BUF = {0};
    if (!outcome->is_json)
        return rc;
    buf_putc(&text, '{');
    put_text(&text, "code", outcome->code);
    put_text(&text, "commit", outcome->commit);
    buf_puts(&text, "\"epoch\":");
    if (outcome->epoch == 0)
        buf_puts(&text, "null,");
    else
        buf_printf(&text, "%llu,", (unsigned long long)outcome->epoch);
    put_json(&text, "findings", &outcome->findings, "[]");
    buf_puts(&text, "\"message\":");
    json_put_string(&text, buf_span(&outcome->message));
    buf_putc(&text, ',');
    put_json(&text, "path", &outcome->path, "null");
    put_json(&text, "plan", &outcome->plan, "null");
    put_json(&text, "services", &outcome->services, "[]");
    buf_puts(&text, "\"verdict\":");
    json_put_text(&text, outcome->verdict == NULL ? "refused" : outcome->verdict);
    buf_puts(&text, "}\n");
    text.failed |= outcome->message.failed;
    int printed = cli_print(&text);
    return printed == CLI_OK ? rc : printed;
}
