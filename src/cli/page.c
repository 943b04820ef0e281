/*
 * page: see page.h. Everything in the document may be missing.
 */
#include "cli/page.h"

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/unit.h"
#include "cli/when.h"
#include "model/codes.h"
#include "util/clock.h"

enum { RECENT_SHOWN = 5, SHORT_ID = 12 };

struct page {
    const struct term *term;
    const struct doc_node *status;
    const struct page_more *more;
    struct buf *out;
};

static struct span shortened(struct span id)
{
    return (struct span){id.data, id.len < SHORT_ID ? id.len : SHORT_ID};
}

static void put(const struct page *page, enum term_style style, struct span text)
{
    term_put(page->term, style, text, page->out);
}

static void put_label(const struct page *page, const char *label)
{
    char text[16];
    snprintf(text, sizeof text, "%-10s", label);
    buf_puts(page->out, "  ");
    term_puts(page->term, TERM_FAINT, text, page->out);
    buf_putc(page->out, ' ');
}

/* --- the verdict ---------------------------------------------------------------------------------------- */

static enum term_style style_of_state(struct span state)
{
    if (span_is(state, "ok") || span_is(state, "empty"))
        return TERM_GOOD;
    return span_starts(state, SPAN("hold:")) ? TERM_BAD : TERM_WARN;
}

static void put_verdict(const struct page *page, const struct told *told)
{
    struct span state = told_text(page->status, "state"), since = told_text(page->status, "since"), message;
    int64_t then;
    buf_puts(page->out, "epochd is ");
    put(page, style_of_state(state), state);
    buf_printf(page->out, ", pid %lld\n", (long long)told->pid);
    put_label(page, "since");
    put(page, TERM_PLAIN, since);
    if (clock_parse(since, &then)) {
        buf_puts(page->out, " (");
        when_put_age(then, page->more->now_ms, page->out);
        buf_putc(page->out, ')');
    }
    buf_putc(page->out, '\n');
    if (doc_get_string(page->status, "message", &message)) {
        put_label(page, "because");
        put(page, TERM_STRONG, message);
        buf_putc(page->out, '\n');
    }
}

/* --- what is served ------------------------------------------------------------------------------------- */

static void put_number(const struct page *page, const char *label, const char *name, int64_t committed,
                       const char *behind)
{
    int64_t epoch;
    if (!doc_get_int(page->status, name, &epoch))
        return;
    put_label(page, label);
    buf_printf(page->out, "%" PRId64 "%s\n", epoch, epoch == committed ? "" : behind);
}

static bool has_no_broker(const struct page *page)
{
    return span_is(told_text(told_part(page->status, "broker"), "url"), "off");
}

static void put_epochs(const struct page *page)
{
    int64_t committed, published;
    put_label(page, "epoch");
    if (!doc_get_int(page->status, "committed", &committed)) {
        buf_puts(page->out, "none yet: the branch has no commit that was accepted\n");
        return;
    }
    buf_printf(page->out, "%" PRId64 "  ", committed);
    put(page, TERM_PLAIN, shortened(told_text(page->status, "config_epoch")));
    if (page->more->subject != NULL) {
        buf_puts(page->out, "  ");
        term_puts(page->term, TERM_STRONG, page->more->subject, page->out);
    }
    buf_putc(page->out, '\n');
    put_number(page, "published", "published", committed, "  (behind: see broker)");
    if (!doc_get_int(page->status, "published", &published) && !has_no_broker(page)) {
        put_label(page, "published");
        buf_puts(page->out, "none yet\n");
    }
    put_number(page, "snapshot", "snapshot", committed, "  (behind)");
}

static void put_surroundings(const struct page *page)
{
    const struct doc_node *broker = told_part(page->status, "broker");
    struct span state = told_text(broker, "state"), reason;
    int64_t services = 0;
    doc_get_int(page->status, "service_count", &services);
    put_label(page, "serving");
    buf_printf(page->out, "%" PRId64 " service%s\n", services, plural((uint64_t)services));
    put_label(page, "broker");
    if (has_no_broker(page)) {
        buf_puts(page->out, "none: mqtt.url is off");
    } else {
        put(page, TERM_PLAIN, told_text(broker, "url"));
        buf_puts(page->out, "  ");
        put(page, span_is(state, "connected") ? TERM_GOOD : TERM_WARN, state);
    }
    if (doc_get_string(broker, "reason", &reason)) {
        buf_puts(page->out, ": ");
        put(page, TERM_PLAIN, reason);
    }
    buf_putc(page->out, '\n');
    put_label(page, "watching");
    put(page, TERM_PLAIN, told_text(page->status, "repository"));
    buf_puts(page->out, ", branch ");
    put(page, TERM_PLAIN, told_text(page->status, "branch"));
    buf_putc(page->out, '\n');
}

/* --- what was judged last ------------------------------------------------------------------------------- */

static void put_findings(const struct page *page, const struct doc_node *findings)
{
    for (size_t i = 0; findings->kind == DOC_ARRAY && i < findings->u.array.len; i++) {
        const struct doc_node *finding = findings->u.array.items[i];
        bool is_warning = span_is(told_text(finding, "severity"), "warning");
        int64_t line = 0, column = 0;
        doc_get_int(finding, "line", &line);
        doc_get_int(finding, "column", &column);
        buf_printf(page->out, "%13s", "");
        put(page, TERM_STRONG, told_text(finding, "file"));
        if (line > 0)
            buf_printf(page->out, ":%" PRId64 ":%" PRId64, line, column);
        buf_puts(page->out, is_warning ? ": warning: " : ": ");
        put(page, TERM_PLAIN, told_text(finding, "message"));
        buf_puts(page->out, " [");
        put(page, TERM_PLAIN, told_text(finding, "code"));
        buf_puts(page->out, "]\n");
    }
}

/* The newest verdict on that commit. */
static const struct doc_node *verdict_on(const struct page *page, struct span commit)
{
    const struct doc_node *recent = told_part(page->status, "recent");
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++)
        if (span_equal(told_text(recent->u.array.items[i], "commit"), commit))
            return recent->u.array.items[i];
    return NULL;
}

/* The state says how the daemon is; a tip that is not served must not hide behind it. */
static void put_tip(const struct page *page)
{
    const struct doc_node *tip = told_part(page->status, "tip"), *entry;
    struct span commit = told_text(tip, "commit"), verdict = told_text(tip, "verdict"), code;
    bool is_rejected = span_is(verdict, "rejected");
    if (!is_rejected && !span_is(verdict, "waiting"))
        return;
    put_label(page, "tip");
    put(page, TERM_PLAIN, shortened(commit));
    buf_puts(page->out, "  ");
    put(page, is_rejected ? TERM_BAD : TERM_WARN, verdict);
    if (doc_get_string(tip, "code", &code)) {
        buf_puts(page->out, " [");
        put(page, TERM_PLAIN, code);
        buf_putc(page->out, ']');
    }
    buf_puts(page->out, is_rejected ? "; what is in force stays in force\n" : "\n");
    if (is_rejected && (entry = verdict_on(page, commit)) != NULL)
        put_findings(page, told_part(entry, "findings"));
}

static void put_recent(const struct page *page)
{
    static const char *const heading[] = {"COMMIT", "EPOCH", "VERDICT", NULL};
    const struct doc_node *recent = told_part(page->status, "recent");
    struct table table AUTO_TABLE;
    table_init(&table, page->term, heading);
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len && i < RECENT_SHOWN; i++) {
        const struct doc_node *entry = recent->u.array.items[i];
        struct span verdict = told_text(entry, "verdict"), code = {0};
        int64_t epoch = 0;
        bool has_epoch = doc_get_int(entry, "epoch", &epoch), has_code = doc_get_string(entry, "code", &code);
        table_add(&table, TERM_PLAIN, shortened(told_text(entry, "commit")));
        if (has_epoch)
            table_printf(&table, TERM_PLAIN, "%" PRId64, epoch);
        else
            table_add(&table, TERM_PLAIN, SPAN("-"));
        table_printf(&table, span_is(verdict, "rejected") ? TERM_BAD : TERM_PLAIN, "%.*s%s%.*s%s", (int)verdict.len,
                     verdict.data, has_code ? " [" : "", (int)code.len, code.data == NULL ? "" : code.data,
                     has_code ? "]" : "");
    }
    if (recent->kind != DOC_ARRAY || recent->u.array.len == 0)
        return;
    buf_putc(page->out, '\n');
    table_put(&table, page->out);
}

/* --- what to type --------------------------------------------------------------------------------------- */

static void put_remedy_of(const struct page *page, struct span reason, struct span commit)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)reason.len, reason.data);
    const struct code *code = code_find(name);
    if (code == NULL)
        return;
    buf_printf(page->out, "\n  %s\n  ", code->meaning);
    term_puts(page->term, TERM_STRONG, "What to do:", page->out);
    buf_putc(page->out, ' ');
    unit_put(page->more->state, code->remedy, page->out);
    buf_putc(page->out, '\n');
    if (commit.len > 0) {
        buf_puts(page->out, "  Or take it back: git revert ");
        put(page, TERM_PLAIN, shortened(commit));
        buf_putc(page->out, '\n');
    }
    buf_printf(page->out, "  More: epochctl help %s\n", code->name);
}

/* Of the daemon's state first; where that is well, of a tip that was refused. */
static void put_remedy(const struct page *page)
{
    const struct doc_node *tip = told_part(page->status, "tip");
    struct span reason;
    if (doc_get_string(page->status, "reason", &reason))
        put_remedy_of(page, reason, (struct span){0});
    else if (span_is(told_text(tip, "verdict"), "rejected") && doc_get_string(tip, "code", &reason))
        put_remedy_of(page, reason, told_text(tip, "commit"));
}

static void put_consumers_line(const struct page *page)
{
    struct fleet_sum sum = fleet_sum(page->more->fleet, NULL, 0);
    const struct doc_node *told = told_part(page->status, "consumers");
    struct span reason;
    bool is_deaf = doc_get_string(told, "reason", &reason);
    if (sum.total + sum.gone + sum.stray == 0 && (!is_deaf || has_no_broker(page)))
        return;
    put_label(page, "consumers");
    buf_printf(page->out, "%" PRIu64 "/%" PRIu64 " applied epoch %" PRIu64, sum.applied, sum.total, page->more->fleet->epoch);
    const struct {
        uint64_t count;
        const char *name;
        enum term_style style;
    } others[] = {{sum.refused, "refused", TERM_BAD}, {sum.missing, "missing", TERM_BAD}, {sum.behind, "behind", TERM_WARN},
                  {sum.ahead, "ahead", TERM_WARN},    {sum.stray, "stray", TERM_WARN},    {sum.gone, "gone", TERM_FAINT}};
    char text[48];
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (others[i].count == 0)
            continue;
        snprintf(text, sizeof text, "%" PRIu64 " %s", others[i].count, others[i].name);
        buf_puts(page->out, ", ");
        term_puts(page->term, others[i].style, text, page->out);
    }
    if (is_deaf) {
        buf_puts(page->out, "; not heard now: ");
        put(page, TERM_WARN, reason);
    }
    buf_putc(page->out, '\n');
}

void page_put(const struct term *term, const struct told *told, const struct page_more *more, struct buf *out)
{
    const struct page page = {term, told->doc.root, more, out};
    put_verdict(&page, told);
    put_epochs(&page);
    put_surroundings(&page);
    put_consumers_line(&page);
    put_tip(&page);
    if (more->requests[0] != '\0') {
        put_label(&page, "requests");
        term_puts(term, TERM_PLAIN, more->requests, out);
        buf_puts(out, "  (not taken up yet)\n");
    }
    if (told->is_unproven) {
        put_label(&page, "proven");
        buf_printf(out, "no: the daemon's lock is %s\n",
                   span_is(told_text(told->doc.root, "state"), "hold:state-lost") ? "gone with its folder" : "not for you to test");
    }
    fleet_put_table(more->fleet, term, more->now_ms, FLEET_ROWS, out);
    put_recent(&page);
    put_remedy(&page);
}
