/*
 * splice_flow: members that come to, and go from, a mapping written in {…}. A new one comes last: on a line of its own where
 * the one before has one, else behind it. Commas and comments that are there stay; a comma that is missing is added.
 */
#include "model/splice_priv.h"

/* Behind a member; one without a value ends with its colon, or with its key. */
static size_t end_of(struct span text, const struct place *member)
{
    size_t colon = member->body == member->end ? splice_behind_colon(text, member) : 0;
    size_t end = member->end > member->key_end ? member->end : member->key_end;
    return colon > end ? colon : end;
}

/* What stands between the last member and the bracket. */
struct rest {
    size_t comma; /* 0: none */
    bool has_break;
};

static struct rest look_behind(struct span text, size_t at, size_t end)
{
    struct rest rest = {0};
    while (at < end) {
        if (text.data[at] == '#') {
            at = splice_line_end(text, at);
            continue;
        }
        if (text.data[at] == ',')
            rest.comma = at;
        rest.has_break = rest.has_break || splice_line_end(text, at) == at;
        at++;
    }
    return rest;
}

/* What stands before a member on its line, where that is spaces, with a comma perhaps; else false. */
static bool find_indent(struct span text, const struct place *mapping, const struct place *member, struct span *out)
{
    size_t start = splice_line_start(text, member->key_start);
    *out = (struct span){text.data + start, member->key_start - start};
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] != ' ' && out->data[i] != ',')
            return false;
    return start > mapping->body;
}

static enum spell_style style_of_name(struct span text, const struct place *member)
{
    char first = text.data[member->key_start];
    return first == '"' ? SPELL_DOUBLE : first == '\'' ? SPELL_SINGLE : SPELL_PLAIN;
}

/* The name, and its value in as many brackets as names are missing below it. */
static void put_member(struct splice *s, const struct place *like, size_t depth)
{
    enum spell_style style = style_of_name(s->source->text, like);
    spell_name(s->change->path.names[depth], style, true, &s->words);
    buf_puts(&s->words, ": ");
    splice_put_in_brackets(s, depth + 1, style);
}

static void add_line(struct splice *s, const struct place *last, size_t depth, struct span indent, struct rest rest)
{
    struct span text = s->source->text;
    size_t at = end_of(text, last), where = rest.has_break ? splice_line_end(text, at) : at;
    bool leads = memchr(indent.data, ',', indent.len) != NULL, has_comma = rest.comma != 0 && where > at;
    if (!leads && !has_comma) {
        splice_begin(s, at, at);
        buf_putc(&s->words, ',');
    }
    splice_begin(s, where, where);
    buf_append_span(&s->words, splice_line_break(text));
    buf_append_span(&s->words, indent);
    put_member(s, last, depth);
    if (!leads && has_comma)
        buf_putc(&s->words, ',');
}

int splice_add_member(struct splice *s, const struct place *mapping, size_t depth, struct error *err)
{
    struct span text = s->source->text, indent;
    const struct place *last = mapping->last;
    if (text.data[mapping->body] != '{')
        return splice_refuse(s, mapping, err, "its mapping is an item of a list, without brackets of its own; set the whole list");
    size_t at = end_of(text, last);
    struct rest rest = look_behind(text, at, mapping->end - 1);
    bool has_line = find_indent(text, mapping, last, &indent);
    bool leads = has_line && memchr(indent.data, ',', indent.len) != NULL;
    if (has_line && (rest.comma == 0 || (!leads && rest.comma < splice_line_end(text, at)))) {
        add_line(s, last, depth, indent, rest);
        return 0;
    }
    splice_begin(s, at, at);
    buf_puts(&s->words, ", ");
    put_member(s, last, depth);
    return 0;
}

/* --- removing ------------------------------------------------------------------------------------------- */

static const struct place *before(const struct place *member)
{
    const struct place *other = member->parent->first;
    if (other == member)
        return NULL;
    while (other->next != member)
        other = other->next;
    return other;
}

static bool has_comment(struct span text, const struct place *member, size_t start, size_t end)
{
    return splice_gap_has_comment(text, start, member->key_start) || splice_gap_has_comment(text, member->key_end, member->body) ||
           splice_has_comment(text, member, member->body, member->end) || splice_gap_has_comment(text, end_of(text, member), end);
}

int splice_remove_member(struct splice *s, const struct place *member, struct error *err)
{
    struct span text = s->source->text;
    const struct place *mapping = member->parent, *previous = before(member);
    if (text.data[mapping->body] != '{')
        return splice_refuse(s, member, err, "its mapping is an item of a list, without brackets of its own; set the whole list");
    size_t start = previous == NULL ? member->key_start : end_of(text, previous), end = end_of(text, member);
    if (mapping->first == mapping->last) {
        start = mapping->body + 1;
        end = mapping->end - 1;
    } else if (member->next != NULL) {
        start = member->key_start;
        end = member->next->key_start;
    }
    if (has_comment(text, member, start, end))
        return splice_refuse(s, member, err, "there are comments beside it");
    splice_begin(s, start, end);
    return 0;
}
