/*
 * term: what is printed for people. On a terminal in columns as wide as it is, and in colour; elsewhere one row a
 * line, its cells parted by tabs, without a heading. Whatever came from outside (subjects, names, messages) goes
 * through term_put or a cell: nothing in it that a terminal obeys gets through.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include "model/doc.h"
#include "util/buf.h"

enum term_style { TERM_PLAIN, TERM_STRONG, TERM_FAINT, TERM_GOOD, TERM_WARN, TERM_BAD };

struct term {
    unsigned width; /* columns; 0: standard output is no terminal */
    bool has_color;
};

/* Looks at standard output. `color` is auto, always or never, NULL: auto, which is: on a terminal that is not dumb,
   unless $NO_COLOR is set. */
void term_look(const char *color, struct term *out);

/* Appends `text`, safe to show. */
void term_put(const struct term *term, enum term_style style, struct span text, struct buf *out);
void term_puts(const struct term *term, enum term_style style, const char *text, struct buf *out);

enum { TERM_VALUE_MAX = 256 };

/* Appends a value as JSON, cut to fewer than `size` bytes (at most TERM_VALUE_MAX); of a secret one that it is. */
void term_put_value(const struct doc_node *value, bool is_secret, size_t size, struct buf *out);

/* Columns that a text takes once it is safe to show; wide characters count as one. */
size_t term_columns(struct span text);

/* --- tables --------------------------------------------------------------------------------------------- */

enum { TABLE_COLUMNS_MAX = 8 };

struct table {
    const struct term *term;
    bool gives_way[TABLE_COLUMNS_MAX];
    size_t columns, len, cap; /* len: cells */
    struct table_cell *cells; /* of the heading first */
    struct buf text;
    bool failed;
};

/* `heading`: names, TABLE_COLUMNS_MAX at most, NULL-ended; "WHERE~" is that of a column that may be cut where the terminal is narrow,
   as the last one always may. */
void table_init(struct table *table, const struct term *term, const char *const *heading);
void table_fini(struct table *table);
#define AUTO_TABLE CLEANUP(table_fini)

/* The next cell; a row has as many as the heading. The text is copied. */
void table_add(struct table *table, enum term_style style, struct span text);
void table_printf(struct table *table, enum term_style style, const char *format, ...) PRINTF_LIKE(3, 4);

/* Appends it. What does not fit the terminal is cut: the last column first, then the widest of those that
   may be. A table without rows is nothing. */
void table_put(const struct table *table, struct buf *out);

#endif
