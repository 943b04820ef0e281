/*
 * splice_priv: what splice.c, splice_lines.c and splice_flow.c share: the work on one change, and the bytes it puts in place of
 * others.
 */
#ifndef MODEL_SPLICE_PRIV_H
#define MODEL_SPLICE_PRIV_H

#include "model/spell.h"
#include "model/splice.h"

enum { SPLICE_PATCHES_MAX = 3 };

struct splice_patch {
    size_t start, end;      /* of the bytes that go */
    size_t words;           /* where what comes begins in splice.words; it ends where the next one's begins */
};

struct splice {
    const struct splice_source *source;
    const struct splice_change *change;
    struct splice_patch patches[SPLICE_PATCHES_MAX]; /* by place, never overlapping */
    size_t len;
    struct buf words;
};

/* From here on what is appended to `words` takes the place of those bytes. */
void splice_begin(struct splice *s, size_t start, size_t end);

/* The value of the change on one line. */
void splice_put_value(const struct splice_change *change, enum spell_style style, bool is_in_flow, struct buf *out);

/* CODE_EDIT_REFUSED at that place, "PATH: …". Returns -1. */
int splice_refuse(const struct splice *s, const struct place *place, struct error *err, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The line that `at` is in: its first byte, the end before its break, and the first byte of the next. */
size_t splice_line_start(struct span text, size_t at);
size_t splice_line_end(struct span text, size_t at);
size_t splice_next_line(struct span text, size_t at);
/* As the first line of the text ends. */
struct span splice_line_break(struct span text);
/* How far into its line, in bytes: what stands before a key is spaces and dashes. */
size_t splice_column(struct span text, size_t at);

/* Behind the colon after a member's key; 0 if none follows it. */
size_t splice_behind_colon(struct span text, const struct place *member);

/* True if a comment stands between start and end, where no scalar does. */
bool splice_gap_has_comment(struct span text, size_t start, size_t end);
/* True if a comment stands between start and end, outside of the scalars of `place`. */
bool splice_has_comment(struct span text, const struct place *place, size_t start, size_t end);

/* --- splice_lines.c: whole lines ------------------------------------------------------------------------- */

/* Adds what is missing below `place`, of which the first `depth` names of the path are found. */
int splice_add(struct splice *s, const struct place *place, size_t depth, struct error *err) MUST_CHECK;
int splice_remove(struct splice *s, const struct place *place, struct error *err) MUST_CHECK;
/* {name: {name: VALUE}} of the names from `depth` on; VALUE alone where there are none. */
void splice_put_in_brackets(struct splice *s, size_t depth, enum spell_style style);

/* --- splice_flow.c: members of {…} ------------------------------------------------------------------------ */

/* `mapping` has some already. */
int splice_add_member(struct splice *s, const struct place *mapping, size_t depth, struct error *err) MUST_CHECK;
int splice_remove_member(struct splice *s, const struct place *member, struct error *err) MUST_CHECK;

#endif
