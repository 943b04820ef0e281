/*
 * fleet_table: the consumers as a table for people.
 *
 *   CONSUMER         STATE    HAS  SINCE   WHAT IT SAYS
 *   tts-worker@pi3   refused  412  3 min   no such voice; unsigned
 *   stt-worker@pi3   applied  412  3 min   FRESH; overridden /vad_threshold; unsigned
 */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fleet.h"
#include "cli/when.h"
#include "util/clock.h"

struct fleet_list {
    struct table table;
    int64_t now_ms;
    size_t left, omitted;
};

static enum term_style style_of(struct span state)
{
    if (span_is(state, "applied"))
        return TERM_GOOD;
    if (span_is(state, "refused"))
        return TERM_BAD;
    return span_is(state, "gone") ? TERM_FAINT : TERM_WARN;
}

static void put_pointers(const struct doc_node *instance, const char *name, const char *label, struct buf *out)
{
    const struct doc_node *pointers = told_part(instance, name);
    for (size_t i = 0; pointers->kind == DOC_ARRAY && i < pointers->u.array.len; i++) {
        struct span pointer = SPAN("-");
        if (pointers->u.array.items[i]->kind == DOC_STRING)
            pointer = pointers->u.array.items[i]->u.string;
        buf_puts(out, i == 0 ? "; " : ", ");
        buf_puts(out, i == 0 ? label : "");
        buf_append_span(out, pointer);
    }
}

static void put_words(const struct doc_node *instance, struct buf *out)
{
    struct span reason, signature = told_text(instance, "signature");
    if (doc_get_string(instance, "reason", &reason))
        buf_append_span(out, reason);
    else
        buf_append_span(out, told_text(instance, "freshness"));
    put_pointers(instance, "restart_pending", "restart for ", out);
    put_pointers(instance, "overridden", "overridden ", out);
    if (span_is(signature, "unknown-key")) {
        buf_puts(out, "; signed by unknown key ");
        buf_append_span(out, told_text(instance, "key_id"));
    } else if (span_is(signature, "unsigned")) {
        buf_puts(out, "; unsigned");
    }
}

static void add_row(struct fleet_list *list, const struct doc_node *service, const struct doc_node *instance)
{
    struct span state = told_text(instance, "state"), name = told_text(service, "service"), who = told_text(instance, "instance");
    struct buf age AUTO_BUF = {0}, words AUTO_BUF = {0};
    int64_t since;
    if (list->left == 0) {
        list->omitted++;
        return;
    }
    list->left--;
    if (clock_parse(told_text(instance, "since"), &since))
        when_put_age(since, list->now_ms, &age);
    put_words(instance, &words);
    table_printf(&list->table, TERM_STRONG, "%.*s@%.*s", (int)name.len, name.data, (int)who.len, who.data);
    table_add(&list->table, style_of(state), state);
    table_printf(&list->table, TERM_PLAIN, "%" PRIu64, fleet_number(instance, "version"));
    table_add(&list->table, TERM_PLAIN, buf_span(&age));
    table_add(&list->table, TERM_PLAIN, buf_span(&words));
}

static void add_missing(struct fleet_list *list, const struct doc_node *service)
{
    struct span name = told_text(service, "service");
    uint64_t missing = fleet_number(service, "missing"), expected = fleet_number(service, "expected");
    if (missing == 0)
        return;
    if (list->left == 0) {
        list->omitted++;
        return;
    }
    list->left--;
    table_add(&list->table, TERM_STRONG, name);
    table_add(&list->table, TERM_BAD, SPAN("missing"));
    table_add(&list->table, TERM_PLAIN, SPAN("-"));
    table_add(&list->table, TERM_PLAIN, SPAN("-"));
    table_printf(&list->table, TERM_PLAIN, "%" PRIu64 " of %" PRIu64 " there", expected - missing, expected);
}

/* Twice over all of them: what needs somebody's eye first. */
static void add_rows(struct fleet_list *list, const struct fleet *fleet, bool is_applied)
{
    size_t len;
    const struct doc_node *services = fleet_services(fleet, &len);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *service = services->u.array.items[i], *instances = told_part(service, "instances");
        if (!is_applied)
            add_missing(list, service);
        for (size_t k = 0; instances->kind == DOC_ARRAY && k < instances->u.array.len; k++)
            if (span_is(told_text(instances->u.array.items[k], "state"), "applied") == is_applied)
                add_row(list, service, instances->u.array.items[k]);
    }
}

void fleet_put_table(const struct fleet *fleet, const struct term *term, int64_t now_ms, size_t rows, struct buf *out)
{
    static const char *const heading[] = {"CONSUMER", "STATE", "HAS", "SINCE", "WHAT IT SAYS", NULL};
    struct fleet_list list = {.now_ms = now_ms, .left = rows, .omitted = fleet_number(fleet->doc.root, "omitted")};
    table_init(&list.table, term, heading);
    add_rows(&list, fleet, false);
    add_rows(&list, fleet, true);
    if (list.left < rows) {
        buf_putc(out, '\n');
        table_put(&list.table, out);
    }
    if (list.omitted > 0)
        buf_printf(out, "  and %zu more: epochctl drift\n", list.omitted);
    table_fini(&list.table);
}
