/*
 * plan: see plan.h. Configurations are compared as they will be in force, so what comes from elsewhere than the
 * service's own file shows too.
 */
#include "cli/plan.h"

#include <string.h>

#include "model/diff.h"
#include "model/json.h"
#include "util/utf8.h"

static char mark_of(const struct candidate_service *service, const struct catalog *before)
{
    if (service->path == NULL)
        return '-';
    return before == NULL || catalog_find(before, service->name) == NULL ? '+' : '~';
}

/* One value in canonical JSON, cut where it gets long. Canonical JSON holds no control characters. */
static void put_value(const struct doc_node *node, struct buf *out)
{
    struct buf text AUTO_BUF = {0};
    json_write(node, &text);
    size_t len = 0;
    while (len < text.len && len < PLAN_VALUE_MAX) {
        size_t step = utf8_sequence(text.data + len, text.len - len);
        len += step == 0 ? 1 : step;
    }
    buf_append(out, text.data, len);
    if (len < text.len)
        buf_puts(out, "…");
}

static size_t way_width(const struct diff_change *change)
{
    struct buf way AUTO_BUF = {0};
    diff_put_way(change->way, &way);
    return way.len;
}

static void put_change(const struct diff_change *change, size_t width, struct buf *out)
{
    size_t start = out->len;
    buf_puts(out, "    ");
    diff_put_way(change->way, out);
    for (size_t len = out->len - start - 4; len < width; len++)
        buf_putc(out, ' ');
    buf_puts(out, "  ");
    if (change->before == NULL) {
        buf_puts(out, "+ ");
        put_value(change->after, out);
    } else if (change->after == NULL) {
        buf_puts(out, "- ");
        put_value(change->before, out);
    } else {
        put_value(change->before, out);
        buf_puts(out, " → ");
        put_value(change->after, out);
    }
    buf_putc(out, '\n');
}

static int read_config(struct span config, struct doc *doc, struct error *err)
{
    static const struct json_options options = {.file = "config", .limits = {64, 100000, 256 * 1024}, .allow_nul = true};
    return json_read(config, &options, doc, err);
}

static int put_changes(struct span before, struct span after, struct buf *out, struct error *err)
{
    enum { WIDTH_MAX = 40 };
    struct doc old AUTO_DOC = {0}, new AUTO_DOC = {0};
    struct diff diff AUTO_DIFF = {0};
    size_t width = 0;
    if (read_config(before, &old, err) != 0 || read_config(after, &new, err) != 0 ||
        diff_docs(old.root, new.root, &diff, err) != 0)
        return -1;
    for (size_t i = 0; i < diff.len; i++) {
        size_t len = way_width(&diff.changes[i]);
        width = len > width && len <= WIDTH_MAX ? len : width;
    }
    for (size_t i = 0; i < diff.len; i++)
        put_change(&diff.changes[i], width, out);
    return 0;
}

int plan_put(const struct candidate *candidate, const struct catalog *before, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < candidate->len; i++) {
        const struct candidate_service *service = &candidate->services[i];
        char mark = mark_of(service, before);
        buf_printf(out, "%c %s\n", mark, service->name);
        if (mark == '~' &&
            put_changes(catalog_find(before, service->name)->config, service->config, out, err) != 0)
            return -1;
    }
    if (candidate->len == 0)
        buf_puts(out, "no service changes\n");
    return buf_check(out, err);
}

void plan_put_names(const struct candidate *candidate, const struct catalog *before, struct buf *out)
{
    for (size_t i = 0; i < candidate->len && i < PLAN_NAMED_MAX; i++) {
        char mark = mark_of(&candidate->services[i], before);
        buf_puts(out, i == 0 ? "" : ", ");
        if (mark != '~')
            buf_putc(out, mark);
        buf_puts(out, candidate->services[i].name);
    }
    if (candidate->len > PLAN_NAMED_MAX)
        buf_printf(out, " and %zu more", candidate->len - PLAN_NAMED_MAX);
}
