/*
 * splice_lines: members that come and go with whole lines, in mappings that are made of lines.
 */
#include "model/splice_priv.h"

enum { INDENT = 2 };

/* --- adding --------------------------------------------------------------------------------------------- */

/* The missing names from `depth` on, each below the one before; the first line at `column`, which is written. */
static void put_lines(struct splice *s, size_t depth, size_t column, struct span line_break)
{
    const struct splice_change *change = s->change;
    for (size_t i = depth; i < change->path.len; i++, column += INDENT) {
        if (i > depth) {
            buf_append_span(&s->words, line_break);
            buf_printf(&s->words, "%*s", (int)column, "");
        }
        spell_name(change->path.names[i], SPELL_PLAIN, false, &s->words);
        buf_putc(&s->words, ':');
    }
    buf_putc(&s->words, ' ');
    if (change->value->kind != DOC_STRING || !spell_has_lines(change->value->u.string)) {
        splice_put_value(change, SPELL_PLAIN, false, &s->words);
        return;
    }
    spell_lines_header(change->value->u.string, &s->words);
    spell_lines(change->value->u.string, column, line_break, &s->words);
}

void splice_put_in_brackets(struct splice *s, size_t depth, enum spell_style style)
{
    const struct splice_change *change = s->change;
    for (size_t i = depth; i < change->path.len; i++) {
        buf_putc(&s->words, '{');
        spell_name(change->path.names[i], style, true, &s->words);
        buf_puts(&s->words, ": ");
    }
    splice_put_value(change, style, true, &s->words);
    for (size_t i = depth; i < change->path.len; i++)
        buf_putc(&s->words, '}');
}

static void add_line(struct splice *s, const struct place *mapping, size_t depth)
{
    struct span text = s->source->text, line_break = splice_line_break(text);
    size_t at = splice_line_end(text, mapping->last->end), column = splice_column(text, mapping->first->key_start);
    splice_begin(s, at, at);
    buf_append_span(&s->words, line_break);
    buf_printf(&s->words, "%*s", (int)column, "");
    put_lines(s, depth, column, line_break);
}

/* A {} at the beginning of its line holds the file: there lines are better than brackets. */
static void fill_empty(struct splice *s, const struct place *mapping, size_t depth)
{
    struct span text = s->source->text;
    splice_begin(s, mapping->body, mapping->end);
    if (mapping->parent == NULL && splice_column(text, mapping->body) == 0)
        put_lines(s, depth, 0, splice_line_break(text));
    else
        splice_put_in_brackets(s, depth, SPELL_PLAIN);
}

int splice_add(struct splice *s, const struct place *place, size_t depth, struct error *err)
{
    struct buf way AUTO_BUF = {0};
    pointer_put(&s->change->path, depth, &way);
    int len = way.len < 200 ? (int)way.len : 200;
    const char *text = way.data == NULL ? "" : way.data;
    if (place->kind == PLACE_SEQUENCE)
        return splice_refuse(s, place, err, "%.*s is a list without that item; set the whole list", len, text);
    if (place->kind != PLACE_MAPPING)
        return splice_refuse(s, place, err, "%.*s is a single value and holds no names; set it to {} first", len, text);
    if (place->style == PLACE_BLOCK)
        add_line(s, place, depth);
    else if (place->first != NULL)
        return splice_add_member(s, place, depth, err);
    else if (splice_has_comment(s->source->text, place, place->body, place->end))
        return splice_refuse(s, place, err, "there are comments inside the {}");
    else
        fill_empty(s, place, depth);
    return 0;
}

/* --- removing ------------------------------------------------------------------------------------------- */

static bool begins_its_line(struct span text, const struct place *member)
{
    for (size_t at = splice_line_start(text, member->key_start); at < member->key_start; at++)
        if (text.data[at] != ' ')
            return false;
    return true;
}

/* The last member: its mapping stays, empty. */
static int empty_mapping(struct splice *s, const struct place *member, struct error *err)
{
    struct span text = s->source->text, line_break = splice_line_break(text);
    const struct place *mapping = member->parent;
    size_t first = splice_line_start(text, member->key_start), next = splice_next_line(text, member->end);
    if (mapping->parent == NULL) {
        splice_begin(s, first, next);
        buf_puts(&s->words, "{}");
        buf_append_span(&s->words, line_break);
        return 0;
    }
    size_t colon = mapping->parent->kind == PLACE_MAPPING ? splice_behind_colon(text, mapping) : 0;
    if (colon == 0 || first <= mapping->key_end || mapping->anchor.len > 0)
        return splice_refuse(s, member, err, "it is the only member of its mapping, which cannot become {} here");
    splice_begin(s, colon, colon);
    buf_puts(&s->words, " {}");
    splice_begin(s, first, next);
    return 0;
}

int splice_remove(struct splice *s, const struct place *place, struct error *err)
{
    struct span text = s->source->text;
    const struct place *parent = place->parent;
    if (parent->kind == PLACE_SEQUENCE)
        return splice_refuse(s, place, err, "it is an item of a list; set the whole list");
    if (parent->style == PLACE_FLOW)
        return splice_remove_member(s, place, err);
    if (!begins_its_line(text, place))
        return splice_refuse(s, place, err, "something else stands before it on its line");
    if (parent->first == parent->last)
        return empty_mapping(s, place, err);
    splice_begin(s, splice_line_start(text, place->key_start), splice_next_line(text, place->end));
    return 0;
}
