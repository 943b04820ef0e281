/*
 * finding: the list of what is wrong. Paths and keys come from strangers, so every text is made printable when it
 * comes in: what leaves is one line of UTF-8, for a terminal, a log or JSON.
 */
#include "model/finding.h"

#include <stdarg.h>
#include <stdlib.h>

#include "model/json_text.h"
#include "util/array.h"
#include "util/utf8.h"

void findings_fini(struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        free(findings->items[i].file);
        free(findings->items[i].message);
    }
    free(findings->items);
    *findings = (struct findings){0};
}

static char *printable_file(const char *file)
{
    struct span bytes = span_of(file);
    size_t size = 4 * bytes.len + 4;
    char *text = malloc(size);
    if (text != NULL)
        utf8_printable(bytes, text, size);
    return text;
}

static char *PRINTF_LIKE(1, 0) printable_message(const char *format, va_list args)
{
    char raw[FINDING_MESSAGE_MAX + 4], text[FINDING_MESSAGE_MAX + 1];
    int len = vsnprintf(raw, sizeof raw, format, args);
    if (len < 0)
        return NULL;
    /* A raw text that was cut here is longer than what may stay, so the cut itself never shows. */
    utf8_printable(span_of(raw), text, sizeof text);
    return strdup(text);
}

static int make_room(struct findings *findings)
{
    struct finding *items = array_grow(findings->items, findings->len, &findings->cap, sizeof *items);
    if (items == NULL)
        return -1;
    findings->items = items;
    return 0;
}

/* The warning that was added last gives its place to an error; false: there is none. */
static bool drop_warning(struct findings *findings)
{
    for (size_t i = findings->len; findings->errors <= findings->len && i > 0; i--) {
        if (findings->items[i - 1].severity == FINDING_ERROR)
            continue;
        free(findings->items[i - 1].file);
        free(findings->items[i - 1].message);
        findings->items[i - 1] = findings->items[--findings->len];
        return true;
    }
    return false;
}

void findings_add(struct findings *findings, enum finding_severity severity, const char *code, const char *file,
                  struct doc_pos pos, const char *format, ...)
{
    if (severity == FINDING_ERROR)
        findings->errors++;
    else
        findings->warnings++;
    if (findings->len == FINDINGS_MAX && (severity == FINDING_WARNING || !drop_warning(findings)))
        return;
    va_list args;
    va_start(args, format);
    AUTO_FREE char *message = printable_message(format, args);
    va_end(args);
    AUTO_FREE char *name = printable_file(file);
    if (message == NULL || name == NULL || make_room(findings) < 0) {
        findings->failed = true;
        return;
    }
    findings->items[findings->len++] = (struct finding){
        .code = code,
        .severity = severity,
        .pos = pos,
        .file = TAKE(name),
        .message = TAKE(message),
    };
}

int findings_check(const struct findings *findings, struct error *err)
{
    return findings->failed ? error_memory(err) : 0;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* Code and message last, so that the order never depends on how it was sorted. */
static int compare_findings(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    if (order == 0)
        order = compare_numbers(x->pos.line, y->pos.line);
    if (order == 0)
        order = compare_numbers(x->pos.column, y->pos.column);
    if (order == 0)
        order = (x->severity == FINDING_WARNING) - (y->severity == FINDING_WARNING);
    if (order == 0)
        order = strcmp(x->code, y->code);
    return order != 0 ? order : strcmp(x->message, y->message);
}

static bool is_same_place(const struct finding *a, const struct finding *b)
{
    return a->pos.line == b->pos.line && a->pos.column == b->pos.column && a->pos.line > 0 && strcmp(a->file, b->file) == 0;
}

/* Behind an error at the same place a warning says nothing new: a plain `no` where a boolean is wanted is one mistake. */
static void drop_shadowed(struct findings *findings)
{
    size_t kept = 0;
    for (size_t i = 0; i < findings->len; i++) {
        struct finding finding = findings->items[i];
        const struct finding *last = kept == 0 ? NULL : &findings->items[kept - 1];
        if (finding.severity == FINDING_WARNING && last != NULL && last->severity == FINDING_ERROR &&
            is_same_place(last, &finding)) {
            free(finding.file);
            free(finding.message);
            findings->warnings--;
            continue;
        }
        findings->items[kept++] = finding;
    }
    findings->len = kept;
}

void findings_sort(struct findings *findings)
{
    if (findings->len < 2)
        return;
    qsort(findings->items, findings->len, sizeof *findings->items, compare_findings);
    drop_shadowed(findings);
}

void finding_format(const struct finding *finding, struct buf *out)
{
    buf_puts(out, finding->file);
    if (finding->pos.line > 0)
        buf_printf(out, ":%u:%u", finding->pos.line, finding->pos.column);
    buf_puts(out, finding->severity == FINDING_WARNING ? ": warning: " : ": ");
    buf_puts(out, finding->message);
    buf_puts(out, " [");
    buf_puts(out, finding->code);
    buf_puts(out, "]");
}

void findings_write_json(const struct findings *findings, size_t max, struct buf *out)
{
    size_t errors = 0, told = 0;
    for (size_t i = 0; i < findings->len; i++)
        errors += findings->items[i].severity == FINDING_ERROR;
    size_t warnings = errors < max ? max - errors : 0;
    buf_putc(out, '[');
    for (size_t i = 0; i < findings->len && told < max; i++) {
        const struct finding *finding = &findings->items[i];
        if (finding->severity == FINDING_WARNING && warnings-- == 0) {
            warnings = 0;
            continue;
        }
        buf_puts(out, told++ == 0 ? "{\"code\":" : ",{\"code\":");
        json_put_text(out, finding->code);
        buf_printf(out, ",\"column\":%u,\"file\":", finding->pos.column);
        json_put_text(out, finding->file);
        buf_printf(out, ",\"line\":%u,\"message\":", finding->pos.line);
        json_put_text(out, finding->message);
        buf_puts(out, ",\"severity\":");
        buf_puts(out, finding->severity == FINDING_WARNING ? "\"warning\"}" : "\"error\"}");
    }
    buf_putc(out, ']');
}
