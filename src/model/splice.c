/*
 * splice: see splice.h. Finding the place, and replacing a value that is there; whole lines are in splice_lines.c.
 */
#include <stdarg.h>

#include "model/codes.h"
#include "model/splice_priv.h"
#include "util/num.h"

/* --- bytes ---------------------------------------------------------------------------------------------- */

void splice_begin(struct splice *s, size_t start, size_t end)
{
    s->patches[s->len++] = (struct splice_patch){start, end, s->words.len};
}

static void put_patched(const struct splice *s, struct buf *out)
{
    struct span text = s->source->text;
    size_t at = 0;
    for (size_t i = 0; i < s->len; i++) {
        const struct splice_patch *patch = &s->patches[i];
        size_t end = i + 1 < s->len ? s->patches[i + 1].words : s->words.len;
        buf_append(out, text.data + at, patch->start - at);
        if (end > patch->words) /* where everything is taken away there are no words at all */
            buf_append(out, s->words.data + patch->words, end - patch->words);
        at = patch->end;
    }
    buf_append(out, text.data + at, text.len - at);
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

size_t splice_line_start(struct span text, size_t at)
{
    while (at > 0 && !is_break(text.data[at - 1]))
        at--;
    return at;
}

size_t splice_line_end(struct span text, size_t at)
{
    while (at < text.len && !is_break(text.data[at]))
        at++;
    return at;
}

size_t splice_next_line(struct span text, size_t at)
{
    at = splice_line_end(text, at);
    if (at + 1 < text.len && text.data[at] == '\r' && text.data[at + 1] == '\n')
        return at + 2;
    return at < text.len ? at + 1 : at;
}

struct span splice_line_break(struct span text)
{
    size_t end = splice_line_end(text, 0);
    if (end == text.len)
        return SPAN("\n");
    return (struct span){text.data + end, splice_next_line(text, 0) - end};
}

size_t splice_column(struct span text, size_t at)
{
    return at - splice_line_start(text, at);
}

size_t splice_behind_colon(struct span text, const struct place *member)
{
    size_t at = member->key_end;
    while (at < text.len && text.data[at] == ' ')
        at++;
    return at < text.len && text.data[at] == ':' ? at + 1 : 0;
}

/* --- comments ------------------------------------------------------------------------------------------- */

bool splice_gap_has_comment(struct span text, size_t start, size_t end)
{
    for (size_t at = start; at < end; at++)
        if (text.data[at] == '#')
            return true;
    return false;
}

/* *at goes along with what has been looked at. */
static bool find_comment(struct span text, const struct place *place, size_t *at)
{
    for (const struct place *child = place->first; child != NULL; child = child->next) {
        if (place->kind == PLACE_MAPPING && child->key_end > *at) {
            if (splice_gap_has_comment(text, *at, child->key_start))
                return true;
            *at = child->key_end;
        }
        if (child->body > *at && splice_gap_has_comment(text, *at, child->body))
            return true;
        if (child->first != NULL) {
            *at = child->body;
            if (find_comment(text, child, at) || (*at < child->end && splice_gap_has_comment(text, *at, child->end)))
                return true;
        } else if (child->style == PLACE_LITERAL || child->style == PLACE_FOLDED) {
            if (splice_gap_has_comment(text, child->body, splice_line_end(text, child->body)))
                return true;
        } else if (child->style == PLACE_FLOW && splice_gap_has_comment(text, child->body, child->end)) {
            return true; /* an empty one */
        }
        *at = child->end;
    }
    return false;
}

bool splice_has_comment(struct span text, const struct place *place, size_t start, size_t end)
{
    size_t at = start;
    if (place->kind != PLACE_MAPPING && place->kind != PLACE_SEQUENCE)
        return false;
    return find_comment(text, place, &at) || (at < end && splice_gap_has_comment(text, at, end));
}

/* --- refusing ------------------------------------------------------------------------------------------- */

static uint32_t line_of(struct span text, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; (i = splice_next_line(text, i)) <= at && i < text.len;)
        line++;
    return line;
}

int splice_refuse(const struct splice *s, const struct place *place, struct error *err, const char *format, ...)
{
    struct span text = s->source->text;
    struct buf path AUTO_BUF = {0};
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    pointer_put(&s->change->path, s->change->path.len, &path);
    return error_at(err, CODE_EDIT_REFUSED, s->source->file, line_of(text, place->start),
                    (uint32_t)splice_column(text, place->start) + 1, "%.*s: %s", (int)(path.len < 200 ? path.len : 200),
                    path.data, reason);
}

/* Nothing on the way may be shared: a change there would be one in other places too. */
static int check_shared(const struct splice *s, const struct place *place, struct error *err)
{
    for (const struct place *p = place; p != NULL; p = p->parent) {
        if (p->kind == PLACE_ALIAS)
            return splice_refuse(s, p, err, "the value is an alias, *%.*s, and stands elsewhere", (int)p->anchor.len,
                                 p->anchor.data);
        if (p->anchor.len > 0 && place_is_used(s->source->places, p->anchor))
            return splice_refuse(s, p, err, "the value has the anchor &%.*s, and other places of the file use it",
                                 (int)p->anchor.len, p->anchor.data);
    }
    return 0;
}

/* --- replacing ------------------------------------------------------------------------------------------ */

static bool is_in_flow(const struct place *place)
{
    return place->parent != NULL && place->parent->style == PLACE_FLOW;
}

static enum spell_style style_like(const struct place *place)
{
    return place->style == PLACE_SINGLE ? SPELL_SINGLE : place->style == PLACE_DOUBLE ? SPELL_DOUBLE : SPELL_PLAIN;
}

/* A number as it was typed, if every reader takes it for that: digits and a point, without an exponent. */
static bool put_typed(const struct splice_change *change, struct buf *out)
{
    double number;
    struct span typed = change->typed;
    bool is_number = change->value->kind == DOC_INT || change->value->kind == DOC_DOUBLE;
    if (!is_number || !num_parse_double(typed, &number) || memchr(typed.data, 'e', typed.len) != NULL ||
        memchr(typed.data, 'E', typed.len) != NULL)
        return false;
    buf_append_span(out, typed);
    return true;
}

void splice_put_value(const struct splice_change *change, enum spell_style style, bool in_flow, struct buf *out)
{
    if (!put_typed(change, out))
        spell_value(change->value, style, in_flow, out);
}

/* Behind the `|` or `>` and its indicators. */
static size_t header_end(struct span text, size_t at)
{
    at++;
    while (at < text.len && (text.data[at] == '+' || text.data[at] == '-' ||
                             (text.data[at] >= '0' && text.data[at] <= '9')))
        at++;
    return at;
}

/* A value that begins where its key is: a scalar, or a collection in brackets. */
static int replace_inline(struct splice *s, const struct place *place, struct error *err)
{
    struct span text = s->source->text, value = {0};
    bool was_lines = place->style == PLACE_LITERAL || place->style == PLACE_FOLDED;
    if (splice_has_comment(text, place, place->body, place->end))
        return splice_refuse(s, place, err, "there are comments inside the value");
    if (s->change->value->kind == DOC_STRING && !is_in_flow(place) && spell_has_lines(s->change->value->u.string))
        value = s->change->value->u.string;
    splice_begin(s, place->body, was_lines ? header_end(text, place->body) : place->end);
    if (place->body == place->end && place->body > 0 && text.data[place->body - 1] != ' ')
        buf_putc(&s->words, ' ');
    if (value.len > 0)
        spell_lines_header(value, &s->words);
    else
        splice_put_value(s->change, style_like(place), is_in_flow(place), &s->words);
    if (!was_lines && value.len == 0)
        return 0;
    /* The lines of the old text go, those of the new one come, below what else stands on the line of the header. */
    size_t line_end = splice_line_end(text, was_lines ? place->body : place->end);
    splice_begin(s, line_end, was_lines && place->end > line_end ? place->end : line_end);
    size_t outer = place->parent->kind == PLACE_MAPPING ? splice_column(text, place->key_start) + 2
                                                        : splice_column(text, place->body);
    if (value.len > 0)
        spell_lines(value, outer, splice_line_break(text), &s->words);
    return 0;
}

/* A collection of lines below its key. */
static int replace_block(struct splice *s, const struct place *place, struct error *err)
{
    struct span text = s->source->text;
    size_t colon = place->parent->kind == PLACE_MAPPING ? splice_behind_colon(text, place) : 0;
    size_t first = splice_line_start(text, place->body), last = splice_line_end(text, place->end);
    if (colon == 0 || first <= place->key_end)
        return splice_refuse(s, place, err, "the value begins on the line of what holds it");
    if (place->anchor.len > 0)
        return splice_refuse(s, place, err, "the value has an anchor");
    if (splice_has_comment(text, place, first, last))
        return splice_refuse(s, place, err, "there are comments inside the value");
    splice_begin(s, colon, colon);
    buf_putc(&s->words, ' ');
    splice_put_value(s->change, SPELL_PLAIN, false, &s->words);
    splice_begin(s, first, splice_next_line(text, last));
    return 0;
}

static int replace(struct splice *s, const struct place *place, struct error *err)
{
    if (place->has_tag)
        return splice_refuse(s, place, err, "the value has a tag");
    return place->style == PLACE_BLOCK ? replace_block(s, place, err) : replace_inline(s, place, err);
}

/* --- one change ----------------------------------------------------------------------------------------- */

/* The place of the longest way that is found; *depth names lead to it. */
static const struct place *find_place(const struct splice *s, size_t *depth)
{
    const struct place *place = s->source->places;
    const struct pointer *path = &s->change->path;
    for (*depth = 0; *depth < path->len; ++*depth) {
        const struct place *child = place_child(place, path->names[*depth]);
        if (child == NULL)
            break;
        place = child;
    }
    return place;
}

static int make_patches(struct splice *s, struct error *err)
{
    size_t depth, len = s->change->path.len;
    const struct place *place = find_place(s, &depth);
    if (check_shared(s, place, err) != 0)
        return -1;
    if (depth < len)
        return splice_add(s, place, depth, err);
    return s->change->value == NULL ? splice_remove(s, place, err) : replace(s, place, err);
}

int splice_apply(const struct splice_source *source, const struct splice_change *change, struct buf *out,
                 bool *is_changed, struct error *err)
{
    struct splice s = {.source = source, .change = change};
    const struct doc_node *now = pointer_find(source->doc, &change->path, NULL);
    *is_changed = change->value == NULL ? now != NULL : now == NULL || !doc_equal(now, change->value);
    if (!*is_changed)
        return 0;
    if (change->path.len == 0)
        return error_set(err, CODE_EDIT_REFUSED, 0, "the whole file is not one value");
    int rc = make_patches(&s, err);
    if (rc == 0)
        rc = buf_check(&s.words, err);
    if (rc == 0)
        put_patched(&s, out);
    buf_fini(&s.words);
    return rc != 0 ? rc : buf_check(out, err);
}

/* --- afterwards ----------------------------------------------------------------------------------------- */

static bool is_exact(const struct doc_node *before, const struct doc_node *after, const struct splice_change *change,
                     size_t depth);

/* `before` NULL: the object was made for the way. */
static bool object_is_exact(const struct doc_node *before, const struct doc_node *after,
                            const struct splice_change *change, size_t depth)
{
    struct span name = change->path.names[depth];
    const struct doc_member *old = before == NULL ? NULL : doc_get_member(before, name);
    const struct doc_member *new = doc_get_member(after, name);
    size_t others = before == NULL ? 0 : before->u.object.len - (old != NULL);
    if (after->u.object.len - (new != NULL) != others)
        return false;
    for (size_t i = 0; i < after->u.object.len; i++) {
        const struct doc_member *member = &after->u.object.members[i];
        const struct doc_member *was = before == NULL ? NULL : doc_get_member(before, member->name);
        if (member != new && (was == NULL || !doc_equal(was->value, member->value)))
            return false;
    }
    return is_exact(old == NULL ? NULL : old->value, new == NULL ? NULL : new->value, change, depth + 1);
}

static bool array_is_exact(const struct doc_node *before, const struct doc_node *after,
                           const struct splice_change *change, size_t depth)
{
    size_t index;
    if (after->kind != DOC_ARRAY || before->u.array.len != after->u.array.len ||
        !pointer_index(change->path.names[depth], &index) || index >= before->u.array.len)
        return false;
    for (size_t i = 0; i < before->u.array.len; i++)
        if (i != index && !doc_equal(before->u.array.items[i], after->u.array.items[i]))
            return false;
    return is_exact(before->u.array.items[index], after->u.array.items[index], change, depth + 1);
}

static bool is_exact(const struct doc_node *before, const struct doc_node *after, const struct splice_change *change,
                     size_t depth)
{
    if (depth == change->path.len)
        return change->value == NULL ? after == NULL : after != NULL && doc_equal(after, change->value);
    if (after == NULL)
        return false;
    if (before != NULL && before->kind == DOC_ARRAY)
        return array_is_exact(before, after, change, depth);
    if (after->kind != DOC_OBJECT || (before != NULL && before->kind != DOC_OBJECT))
        return false;
    return object_is_exact(before, after, change, depth);
}

bool splice_is_exact(const struct doc_node *before, const struct doc_node *after, const struct splice_change *change)
{
    return is_exact(before, after, change, 0);
}
