/*
 * table: rows in columns; see term.h.
 */
#include <stdarg.h>
#include <string.h>

#include "cli/term.h"
#include "util/array.h"
#include "util/utf8.h"

enum { GAP = 2, LEAST = 8 };

struct table_cell {
    size_t at, len; /* in the table's text */
    size_t columns;
    enum term_style style;
};

void table_init(struct table *table, const struct term *term, const char *const *heading)
{
    *table = (struct table){.term = term};
    while (table->columns < TABLE_COLUMNS_MAX && heading[table->columns] != NULL)
        table->columns++;
    for (size_t i = 0; i < table->columns; i++) {
        struct span name = span_of(heading[i]);
        table->gives_way[i] = name.len > 0 && name.data[name.len - 1] == '~';
        name.len -= table->gives_way[i];
        table_add(table, TERM_FAINT, name);
    }
}

void table_fini(struct table *table)
{
    buf_fini(&table->text);
    free(table->cells);
    table->cells = NULL;
}

void table_add(struct table *table, enum term_style style, struct span text)
{
    struct table_cell *grown = array_grow(table->cells, table->len, &table->cap, sizeof *grown);
    if (grown == NULL) {
        table->failed = true;
        return;
    }
    table->cells = grown;
    table->cells[table->len++] = (struct table_cell){table->text.len, text.len, term_columns(text), style};
    buf_append_span(&table->text, text);
}

void table_printf(struct table *table, enum term_style style, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_add(table, style, span_of(text));
}

static struct span text_of(const struct table *table, const struct table_cell *cell)
{
    return (struct span){table->text.data + cell->at, cell->len};
}

/* As much of the text as fits, an ellipsis for the rest. Returns the columns that it took. */
static size_t put_cut(const struct table *table, const struct table_cell *cell, size_t columns, struct buf *out)
{
    struct span text = text_of(table, cell);
    size_t len = 0, used = 0;
    while (len < text.len) {
        size_t sequence = utf8_sequence(text.data + len, text.len - len);
        sequence = sequence == 0 ? 1 : sequence;
        size_t more = term_columns((struct span){text.data + len, sequence});
        if (used + more + 1 > columns)
            break;
        used += more;
        len += sequence;
    }
    term_put(table->term, cell->style, (struct span){text.data, len}, out);
    buf_puts(out, "…");
    return used + 1;
}

static void measure(const struct table *table, size_t widths[static TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->len; i++) {
        size_t *width = &widths[i % table->columns];
        if (table->cells[i].columns > *width)
            *width = table->cells[i].columns;
    }
}

/* On a narrow terminal the last column, which is for what people wrote, gives way first; then the widest of those that may, one
   after the other, so that they end up alike. A time or a commit is whole, or of no use. */
static void fit(const struct table *table, size_t widths[static TABLE_COLUMNS_MAX])
{
    size_t last = table->columns - 1, all = GAP * last, *widest;
    size_t lowest[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->columns; i++) {
        lowest[i] = (i == last || table->gives_way[i]) && widths[i] > LEAST ? LEAST : widths[i];
        all += widths[i];
    }
    for (; all > table->term->width && widths[last] > lowest[last]; all--)
        widths[last]--;
    for (; all > table->term->width; all--, --*widest) {
        widest = NULL;
        for (size_t i = 0; i < last; i++)
            if (widths[i] > lowest[i] && (widest == NULL || widths[i] > *widest))
                widest = &widths[i];
        if (widest == NULL)
            return; /* narrower than anything fits */
    }
}

static void put_row(const struct table *table, const struct table_cell *row, const size_t *widths, struct buf *out)
{
    for (size_t i = 0; i < table->columns; i++) {
        size_t columns = row[i].columns;
        if (columns > widths[i])
            columns = put_cut(table, &row[i], widths[i], out);
        else
            term_put(table->term, row[i].style, text_of(table, &row[i]), out);
        if (i + 1 < table->columns)
            buf_printf(out, "%*s", (int)(widths[i] - columns + GAP), "");
    }
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_putc(out, '\n');
}

static void put_plain_row(const struct table *table, const struct table_cell *row, struct buf *out)
{
    for (size_t i = 0; i < table->columns; i++) {
        if (i > 0)
            buf_putc(out, '\t');
        term_put(table->term, row[i].style, text_of(table, &row[i]), out);
    }
    buf_putc(out, '\n');
}

void table_put(const struct table *table, struct buf *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    bool is_wide = table->term->width > 0;
    if (table->failed || table->text.failed)
        out->failed = true;
    if (out->failed || table->columns == 0)
        return;
    measure(table, widths);
    if (is_wide)
        fit(table, widths);
    size_t first = is_wide && table->len > table->columns ? 0 : table->columns;
    for (size_t i = first; i + table->columns <= table->len; i += table->columns) {
        if (is_wide)
            put_row(table, &table->cells[i], widths, out);
        else
            put_plain_row(table, &table->cells[i], out);
    }
}
