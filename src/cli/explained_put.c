/*
 * explained_put: what is known of the values of a service, printed.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/explained.h"
#include "cli/meaning.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/utf8.h"

enum { VALUE_SHOWN = 60, ID_SHOWN = 12 };

/* --- pieces --------------------------------------------------------------------------------------------- */

static const char *source_of(const struct explained_key *key)
{
    return key->value == NULL ? "-" : effective_layer_name(effective_layer_of(key->value));
}

static void put_value(const struct explained_key *key, const struct doc_node *value, struct buf *out)
{
    if (value == NULL)
        buf_puts(out, "-");
    else
        term_put_value(value, key->is_secret, VALUE_SHOWN * 4, out);
}

/* "quiet: profiles/quiet/tts.yaml" is told by the path alone. */
static void put_place(const struct doc_node *value, struct buf *out)
{
    buf_printf(out, "%s:%u", value->file, value->pos.line);
}

/* "3dfb58843b84  2026-11-21  Ada <ada@example.org>  stt-worker: less" */
static void put_blame(const struct explained_key *key, const struct term *term, struct buf *out)
{
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    switch (key->blame) {
    case EXPLAINED_NOT_KNOWN:
        buf_puts(out, "-");
        return;
    case EXPLAINED_UNCOMMITTED:
        buf_puts(out, "not committed");
        return;
    case EXPLAINED_OLDER:
        buf_puts(out, "at or before ");
        break;
    case EXPLAINED_COMMIT:
        break;
    }
    oid_format(&key->commit, hex);
    clock_format(key->time_ms, time);
    buf_printf(out, "%.*s  %.10s", ID_SHOWN, hex, time);
    for (int i = 0; i < 2 && key->author != NULL && key->subject != NULL; i++) {
        buf_puts(out, "  ");
        term_puts(term, TERM_PLAIN, i == 0 ? key->author : key->subject, out);
    }
}

/* --- a line a key --------------------------------------------------------------------------------------- */

static void add_row(const struct explained_key *key, struct table *table)
{
    struct buf value AUTO_BUF = {0}, place AUTO_BUF = {0}, from AUTO_BUF = {0};
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    put_value(key, key->value, &value);
    put_place(key->value, &place);
    buf_puts(&from, source_of(key));
    if (key->is_set)
        buf_printf(&from, ", %s is set here", key->variable);
    if (key->held_at != NULL)
        buf_printf(&from, ", overridden at %s", key->held_at);
    table_add(table, TERM_STRONG, span_of(key->pointer));
    table_add(table, TERM_PLAIN, buf_span(&value));
    table_add(table, key->is_set ? TERM_WARN : TERM_PLAIN, buf_span(&from));
    table_add(table, TERM_PLAIN, buf_span(&place));
    oid_format(&key->commit, hex);
    clock_format(key->time_ms, time);
    if (key->blame == EXPLAINED_COMMIT || key->blame == EXPLAINED_OLDER) {
        table_printf(table, TERM_FAINT, "%s%.*s", key->blame == EXPLAINED_OLDER ? "<=" : "", ID_SHOWN, hex);
        table_printf(table, TERM_FAINT, "%.10s", time);
        table_add(table, TERM_FAINT, span_of(key->author == NULL ? "-" : key->author));
    } else {
        table_add(table, TERM_WARN, span_of(key->blame == EXPLAINED_UNCOMMITTED ? "not committed" : "-"));
        table_add(table, TERM_FAINT, SPAN("-"));
        table_add(table, TERM_FAINT, SPAN("-"));
    }
}

void explained_put_table(const struct explained *explained, const struct term *term, struct buf *out)
{
    static const char *const heading[] = {"KEY", "VALUE~", "FROM", "WHERE~", "COMMIT", "DATE", "AUTHOR", NULL};
    struct table table AUTO_TABLE;
    table_init(&table, term, heading);
    for (size_t i = 0; i < explained->len; i++)
        add_row(&explained->keys[i], &table);
    table_put(&table, out);
}

/* --- all of one ----------------------------------------------------------------------------------------- */

static void put_line(const char *name, struct span text, const struct term *term, struct buf *out)
{
    if (text.len == 0)
        return;
    buf_printf(out, "  %-10s ", name);
    term_put(term, TERM_PLAIN, text, out);
    buf_putc(out, '\n');
}

/* What each layer says, the one that counts first; the others are below it. */
static void put_layers(const struct explained *explained, const struct explained_key *key, const struct term *term,
                       struct buf *out)
{
    struct explained_layer layers[EXPLAINED_LAYERS_MAX];
    size_t len = explained_layers(explained, key, layers);
    for (size_t i = len; i > 0; i--) {
        struct buf line AUTO_BUF = {0};
        const struct doc_node *value = layers[i - 1].value;
        if (key->value != NULL && value->file == key->value->file && value->pos.line == key->value->pos.line)
            continue;
        put_value(key, value, &line);
        buf_printf(&line, "  %s ", layers[i - 1].name);
        put_place(value, &line);
        put_line("beneath", buf_span(&line), term, out);
        out->failed |= line.failed;
    }
}

static void put_environment(const struct explained_key *key, const struct term *term, struct buf *out)
{
    struct buf line AUTO_BUF = {0};
    const char *value = key->is_set ? getenv(key->variable) : NULL;
    if (key->variable == NULL)
        return;
    buf_puts(&line, key->variable);
    if (value == NULL)
        buf_puts(&line, " overrides it where it is set; it is not set here");
    else if (key->is_secret)
        buf_puts(&line, " is set here and overrides it");
    else
        buf_printf(&line, " is set here and overrides it: %s", value);
    put_line("variable", buf_span(&line), term, out);
    out->failed |= line.failed;
}

static void put_meaning(const struct explained_key *key, const struct term *term, struct buf *out)
{
    struct buf type AUTO_BUF = {0}, examples AUTO_BUF = {0};
    const struct doc_node *samples = schema_note(&key->place, "examples");
    meaning_put_type(&key->place, key->is_secret, &type);
    for (size_t i = 0; !key->is_secret && samples != NULL && samples->kind == DOC_ARRAY && i < samples->u.array.len; i++) {
        buf_puts(&examples, i == 0 ? "" : ", ");
        json_write(samples->u.array.items[i], &examples);
    }
    put_line("title", meaning_text(&key->place, "title"), term, out);
    put_line("about", meaning_text(&key->place, "description"), term, out);
    put_line("type", buf_span(&type), term, out);
    put_line("examples", buf_span(&examples), term, out);
    put_line("level", meaning_text(&key->place, "x-complexity"), term, out);
    if (schema_says(&key->place, "x-restart"))
        put_line("restart", SPAN("a change takes effect when the service is started again"), term, out);
    if (schema_says(&key->place, "deprecated"))
        put_line("deprecated", SPAN("it should not be used any more"), term, out);
    out->failed |= type.failed || examples.failed;
}

void explained_put_key(const struct explained *explained, const struct explained_key *key, const struct term *term,
                       struct buf *out)
{
    struct buf from AUTO_BUF = {0}, blame AUTO_BUF = {0};
    term_puts(term, TERM_STRONG, key->pointer, out);
    buf_puts(out, ": ");
    put_value(key, key->value, out);
    buf_putc(out, '\n');
    if (key->value == NULL) {
        buf_puts(&from, "nothing sets it");
    } else {
        buf_printf(&from, "%s  ", source_of(key));
        put_place(key->value, &from);
    }
    put_line("from", buf_span(&from), term, out);
    if (key->value != NULL) {
        put_blame(key, term, &blame);
        buf_puts(out, "  set by     ");
        buf_append_span(out, buf_span(&blame));
        buf_putc(out, '\n');
    }
    put_layers(explained, key, term, out);
    put_environment(key, term, out);
    if (key->held_at != NULL)
        put_line("overridden", span_of(key->held_at), term, out);
    if (key->place.len > 0)
        put_meaning(key, term, out);
    out->failed |= from.failed || blame.failed;
}

/* --- for programs --------------------------------------------------------------------------------------- */

static void put_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_put_text(out, text);
    buf_putc(out, ',');
}

static void put_number(struct buf *out, const char *name, uint32_t number)
{
    buf_printf(out, number == 0 ? "\"%s\":null," : "\"%s\":%u,", name, number);
}

static void put_value_json(const struct explained_key *key, const struct doc_node *value, struct buf *out)
{
    buf_puts(out, "\"value\":");
    if (value == NULL || key->is_secret)
        buf_puts(out, "null");
    else
        json_write(value, out);
    buf_putc(out, '}');
}

static void put_environment_json(const struct explained_key *key, struct buf *out)
{
    buf_puts(out, "\"environment\":");
    if (key->variable == NULL) {
        buf_puts(out, "null,");
        return;
    }
    buf_printf(out, "{\"is_set\":%s,", key->is_set ? "true" : "false");
    put_member(out, "overridden_at", key->held_at);
    put_member(out, "value", key->is_set && !key->is_secret ? getenv(key->variable) : NULL);
    buf_puts(out, "\"variable\":");
    json_put_text(out, key->variable);
    buf_puts(out, "},");
}

static void put_layers_json(const struct explained *explained, const struct explained_key *key, struct buf *out)
{
    struct explained_layer layers[EXPLAINED_LAYERS_MAX];
    size_t len = explained_layers(explained, key, layers);
    buf_puts(out, "\"layers\":[");
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *value = layers[i].value;
        buf_puts(out, i == 0 ? "{" : ",{");
        put_number(out, "column", value->pos.column);
        put_member(out, "file", value->file);
        put_number(out, "line", value->pos.line);
        put_member(out, "source", layers[i].name);
        put_value_json(key, value, out);
    }
    buf_puts(out, "],");
}

static void put_key_json(const struct explained *explained, const struct explained_key *key, struct buf *out)
{
    static const char *const blames[] = {NULL, "commit", "at-or-before", "uncommitted"};
    const struct doc_node *value = key->value;
    bool has_commit = key->blame == EXPLAINED_COMMIT || key->blame == EXPLAINED_OLDER;
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    oid_format(&key->commit, hex);
    clock_format(key->time_ms, time);
    buf_putc(out, '{');
    put_member(out, "author", has_commit ? key->author : NULL);
    put_member(out, "blame", blames[key->blame]);
    put_number(out, "column", value == NULL ? 0 : value->pos.column);
    put_member(out, "commit", has_commit ? hex : NULL);
    put_environment_json(key, out);
    put_member(out, "file", value == NULL ? NULL : value->file);
    put_member(out, "key", key->pointer);
    put_layers_json(explained, key, out);
    put_number(out, "line", value == NULL ? 0 : value->pos.line);
    buf_puts(out, "\"schema\":{");
    if (key->place.len > 0)
        meaning_put_members(&key->place, key->is_secret, out);
    buf_printf(out, "},\"secret\":%s,", key->is_secret ? "true" : "false");
    put_member(out, "source", value == NULL ? NULL : source_of(key));
    put_member(out, "subject", has_commit ? key->subject : NULL);
    put_member(out, "time", has_commit ? time : NULL);
    put_value_json(key, value, out);
}

void explained_put_json(const struct explained *explained, const struct explained_question *question,
                        const struct ground *ground, struct buf *out)
{
    const struct effective *effective = &explained->effective;
    char hex[OID_HEX_LEN + 1];
    oid_format(&ground->commit, hex);
    buf_puts(out, "{\"commit\":");
    json_put_text(out, ground->has_commit && !ground->is_edited ? hex : NULL);
    buf_puts(out, ",\"keys\":[");
    for (size_t i = 0; i < explained->len; i++) {
        buf_puts(out, i == 0 ? "" : ",");
        put_key_json(explained, &explained->keys[i], out);
    }
    buf_puts(out, "],\"path\":");
    json_put_text(out, effective->path);
    buf_puts(out, ",\"profile\":");
    json_put_text(out, effective->profile[0] == '\0' ? NULL : effective->profile);
    buf_puts(out, ",\"schema\":");
    json_put_text(out, effective->rules.schema == NULL ? NULL : effective->rules.schema->path);
    buf_puts(out, ",\"service\":");
    json_put_text(out, question->service);
    buf_puts(out, "}\n");
}
