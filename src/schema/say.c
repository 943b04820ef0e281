/*
 * say: see say.h. Paths and names come from strangers; findings_add makes them printable.
 */
#include "schema/say.h"

#include <stdarg.h>
#include <string.h>

#include "model/codes.h"
#include "model/json.h"
#include "model/nearest.h"
#include "schema/notes.h"
#include "util/array.h"
#include "util/utf8.h"

enum { PATH_MAX_SHOWN = 160, OF_A_PROBLEM = 60 /* steps */, SUGGESTIONS_MAX = 100, NAMES_TRIED = 500 };

/* --- the list ------------------------------------------------------------------------------------------- */

void problems_fini(struct problems *problems)
{
    free(problems->items);
    arena_fini(&problems->arena);
    *problems = (struct problems){0};
}

void problems_keep(struct problems *problems, size_t from, size_t first, size_t len)
{
    if (len > 0)
        memmove(problems->items + from, problems->items + first, len * sizeof *problems->items);
    problems->len = from + len;
}

static bool make_room(struct problems *problems)
{
    struct problem *items = array_grow(problems->items, problems->len, &problems->cap, sizeof *items);
    if (items == NULL)
        return false;
    problems->items = items;
    return true;
}

struct problem *say_last(struct run *run)
{
    struct problems *problems = run->problems;
    return problems == NULL || problems->len == 0 ? NULL : &problems->items[problems->len - 1];
}

/* --- words ---------------------------------------------------------------------------------------------- */

const char *said(struct run *run, struct buf *text)
{
    buf_putc(text, '\0');
    if (text->failed && run->problems != NULL)
        run->problems->failed = true;
    return text->failed ? "" : text->data;
}

/* At most SHOWN_MAX bytes of it, whole characters. */
static void put_cut(struct buf *out, struct span text)
{
    if (text.len <= SHOWN_MAX) {
        buf_append_span(out, text);
        return;
    }
    size_t len = 0, step;
    while ((step = utf8_sequence(text.data + len, text.len - len)) != 0 && len + step <= SHOWN_MAX)
        len += step;
    buf_append(out, text.data, len);
    buf_puts(out, "…");
}

void put_name(struct buf *out, struct span name)
{
    buf_putc(out, '"');
    put_cut(out, name);
    buf_putc(out, '"');
}

static const char *word_of(enum doc_kind kind)
{
    return kind == DOC_OBJECT ? "a mapping" : kind == DOC_ARRAY ? "a list" : doc_kind_name(kind);
}

void put_short(struct buf *out, const struct doc_node *node)
{
    struct buf text AUTO_BUF = {0};
    if (node->kind == DOC_STRING) {
        put_name(out, node->u.string);
        return;
    }
    if (node->size > 2 * SHOWN_MAX) {
        buf_puts(out, word_of(node->kind));
        return;
    }
    json_write(node, &text);
    out->failed = out->failed || text.failed;
    put_cut(out, buf_span(&text));
}

/* --- where ---------------------------------------------------------------------------------------------- */

static bool is_plain(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (strchr(" .[]\"'", name.data[i]) != NULL) /* a NUL too */
            return false;
    return name.len > 0 && name.len <= SHOWN_MAX;
}

/* "audio.models[2].name"; nothing for the whole document. */
static void put_path(struct buf *out, const struct place *place)
{
    if (place->parent == NULL)
        return;
    put_path(out, place->parent);
    if (out->len > PATH_MAX_SHOWN)
        return;
    if (place->member == NULL) {
        buf_printf(out, "[%zu]", place->index);
        return;
    }
    if (out->len > 0)
        buf_putc(out, '.');
    if (is_plain(place->member->name))
        buf_append_span(out, place->member->name);
    else
        put_name(out, place->member->name);
}

/* The way as a pointer; false: longer than pointers are. Numbers are written to `digits`. */
static bool pointer_of(const struct place *place, struct pointer *out, char digits[static POINTER_NAMES_MAX][24])
{
    if (place->parent == NULL)
        return true;
    if (!pointer_of(place->parent, out, digits) || out->len == POINTER_NAMES_MAX)
        return false;
    struct span name = {digits[out->len], 0};
    if (place->member != NULL)
        name = place->member->name;
    else
        name.len = (size_t)snprintf(digits[out->len], 24, "%zu", place->index);
    out->names[out->len++] = name;
    return true;
}

bool say_is_secret(const struct run *run, const struct place *place)
{
    struct pointer pointer = {.len = 0};
    char digits[POINTER_NAMES_MAX][24];
    return !pointer_of(place, &pointer, digits) || schema_is_secret(run->root, &pointer);
}

const char *say_value(struct run *run, const struct place *place, struct buf *out)
{
    if (place->is_name)
        buf_puts(out, "it");
    else if (place->node->kind == DOC_OBJECT || place->node->kind == DOC_ARRAY)
        buf_printf(out, "this %s", place->node->kind == DOC_OBJECT ? "mapping" : "list");
    else if (run->problems == NULL || say_is_secret(run, place))
        buf_puts(out, "the value (not shown)");
    else if (place->node->kind == DOC_NULL)
        buf_puts(out, "no value (null)");
    else
        put_short(out, place->node);
    return said(run, out);
}

/* --- saying --------------------------------------------------------------------------------------------- */

static unsigned depth_of(const struct place *place)
{
    unsigned depth = 0;
    for (; place->parent != NULL; place = place->parent)
        depth++;
    return depth;
}

/* Messages that go on after the path of a value. */
static bool lacks_subject(const char *message)
{
    return strncmp(message, "is ", 3) == 0 || strncmp(message, "has ", 4) == 0 || strncmp(message, "fits ", 5) == 0;
}

static const char *compose(struct problems *problems, const struct place *place, const char *message)
{
    struct buf text AUTO_BUF = {0};
    put_path(&text, place->is_name ? place->parent : place);
    if (text.len > 0)
        buf_puts(&text, ": ");
    if (place->is_name) {
        buf_puts(&text, "the key ");
        put_name(&text, place->node->u.string);
        buf_puts(&text, ": ");
    }
    if (text.len == 0 && lacks_subject(message))
        buf_puts(&text, "the document ");
    buf_puts(&text, message);
    char *copy = text.failed ? NULL : arena_copy(&problems->arena, text.data, text.len);
    problems->failed = problems->failed || copy == NULL;
    return copy;
}

static void PRINTF_LIKE(4, 0)
    add(struct run *run, const struct place *place, struct problem problem, const char *format, va_list args)
{
    char message[FINDING_MESSAGE_MAX];
    struct problems *problems = run->problems;
    if (!run_charge(run, OF_A_PROBLEM))
        return;
    vsnprintf(message, sizeof message, format, args);
    problem.message = compose(problems, place, message);
    problem.words = problem.message == NULL ? NULL : problem.message + strlen(problem.message) - strlen(message);
    problem.file = place->node->file;
    problem.node = place->node;
    problem.depth = depth_of(place);
    if (place->is_name)
        problem.code = CODE_SCHEMA_PROPERTY_NAMES;
    if (problem.message == NULL || !make_room(problems)) {
        problems->failed = true;
        run_stop(run, TROUBLE_MEMORY);
        return;
    }
    problems->items[problems->len++] = problem;
    if (problems->len == PROBLEMS_MAX)
        run_stop(run, TROUBLE_FULL);
}

bool say(struct run *run, const struct keyword *keyword, const struct place *place, const char *format, ...)
{
    va_list args;
    if (run->problems == NULL || run_is_stopped(run))
        return false;
    va_start(args, format);
    add(run, place, (struct problem){.code = keyword->code, .pos = place->node->pos}, format, args);
    va_end(args);
    return false;
}

bool say_key(struct run *run, const struct keyword *keyword, const struct place *place, const struct doc_member *member,
             struct span name, const char *format, ...)
{
    va_list args;
    if (run->problems == NULL || run_is_stopped(run))
        return false;
    va_start(args, format);
    add(run, place, (struct problem){.code = keyword->code, .pos = member->pos, .name = name}, format, args);
    va_end(args);
    struct problem *problem = say_last(run);
    if (problem != NULL && run->trouble != TROUBLE_EXPENSIVE && run->trouble != TROUBLE_MEMORY)
        problem->file = member->value->file;
    return false;
}

bool say_missing(struct run *run, const struct keyword *keyword, const struct place *place, struct span name,
                 const char *format, ...)
{
    va_list args;
    if (run->problems == NULL || run_is_stopped(run))
        return false;
    va_start(args, format);
    add(run, place, (struct problem){.code = keyword->code, .pos = place->node->pos, .name = name}, format, args);
    va_end(args);
    return false;
}

bool say_false(struct run *run, const struct schema *schema, const struct place *place)
{
    static const struct keyword keyword = {.code = CODE_SCHEMA_FALSE};
    (void)schema;
    if (place->is_name)
        return say(run, &keyword, place, "is not allowed");
    if (place->member != NULL)
        return say(run, &keyword, place, "must not be there");
    return say(run, &keyword, place, "nothing is allowed here");
}

bool say_may_suggest(const struct run *run, size_t names)
{
    return run->problems != NULL && run->problems->len < SUGGESTIONS_MAX && names <= NAMES_TRIED;
}

struct span nearest_member(const struct run *run, struct span wrong, const struct doc_member *members, size_t len)
{
    struct nearest nearest = {.text = wrong};
    for (size_t i = 0; i < len && say_may_suggest(run, len); i++)
        nearest_try(&nearest, members[i].name.data);
    return nearest.name == NULL ? (struct span){0} : span_of(nearest.name);
}

bool say_unknown(struct run *run, const struct keyword *keyword, const struct place *place, const struct doc_member *member,
                 struct span nearest)
{
    struct buf text AUTO_BUF = {0};
    put_name(&text, member->name);
    buf_puts(&text, " is not known here");
    if (nearest.data != NULL) {
        buf_puts(&text, "; did you mean ");
        put_name(&text, nearest);
        buf_putc(&text, '?');
    }
    return say_key(run, keyword, place, member, nearest, "%s", said(run, &text));
}
