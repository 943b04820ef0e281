/*
 * alternatives: the nearest alternative, by what is wrong with each, in this order:
 *
 *   1. the value has the type that is wanted, or would have it without quotes
 *   2. what tells alternatives apart is right: a const or enum of the value itself, or of a member
 *   3. fewer keys are unknown or missing
 *   4. fewer mistakes in all
 *   5. it is written first
 *
 * Where all fail in the first step, or all of the rest by their choices, or each misses one key, the alternatives are
 * told as one.
 */
#include "schema/alternatives.h"

#include <string.h>

#include "model/codes.h"
#include "model/nearest.h"
#include "schema/say.h"

enum { LISTED_MAX = 12, KEYS_TRIED = 50 /* each of them with each name that is listed */ };

/* Lower is nearer. */
struct distance {
    unsigned type, choice, keys, all;
};

struct branch {
    size_t index, first, len; /* of its problems */
    struct distance distance;
};

static bool is_about_keys(const struct problem *problem)
{
    return problem->code == CODE_SCHEMA_REQUIRED || problem->code == CODE_SCHEMA_ADDITIONAL_PROPERTIES ||
           problem->code == CODE_SCHEMA_UNEVALUATED_PROPERTIES;
}

static unsigned depth_of(const struct place *place)
{
    unsigned depth = 0;
    for (; place->parent != NULL; place = place->parent)
        depth++;
    return depth;
}

static struct distance distance_of(const struct problems *problems, const struct branch *branch,
                                   const struct place *place)
{
    struct distance out = {.all = (unsigned)branch->len};
    unsigned depth = depth_of(place);
    for (size_t i = branch->first; i < branch->first + branch->len; i++) {
        const struct problem *problem = &problems->items[i];
        bool is_own = problem->node == place->node;
        if (is_own && problem->kinds != 0 && say_is_otherwise_spelled(problem->kinds, place->node)) {
            out.all--; /* "5" for a number: nearer than a text that is no good */
            continue;
        }
        out.type += is_own && (problem->kinds != 0 || problem->code == CODE_SCHEMA_FALSE);
        out.choice += problem->choice != NULL && problem->depth <= depth + 1;
        out.keys += is_own && is_about_keys(problem);
    }
    return out;
}

static bool is_nearer(const struct distance *a, const struct distance *b)
{
    if (a->type != b->type)
        return a->type < b->type;
    if (a->choice != b->choice)
        return a->choice < b->choice;
    if (a->keys != b->keys)
        return a->keys < b->keys;
    return a->all < b->all;
}

/* The kinds that all alternatives together want, 0 if one of them has another complaint. */
static unsigned kinds_of_all(const struct problems *problems, const struct place *place, size_t first)
{
    unsigned kinds = 0;
    for (size_t i = first; i < problems->len; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->node != place->node || problem->kinds == 0)
            return 0;
        kinds |= problem->kinds;
    }
    return kinds;
}

/* Whether every alternative is one choice or wants another type: of what there is to choose, at least two. */
static bool are_choices(const struct problems *problems, const struct place *place, size_t first)
{
    size_t choices = 0;
    for (size_t i = first; i < problems->len; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->node != place->node || (problem->choice == NULL && problem->kinds == 0))
            return false;
        if (problem->choice != NULL)
            choices += problem->code == CODE_SCHEMA_ENUM ? problem->choice->at->u.array.len : 1;
    }
    return choices >= 2;
}

/* They are listed as one enum would be. */
static bool say_choices(struct run *run, const struct keyword *keyword, const struct place *place, size_t first)
{
    struct problems *problems = run->problems;
    struct buf text AUTO_BUF = {0}, value AUTO_BUF = {0};
    struct nearest nearest = {.text = place->node->kind == DOC_STRING ? place->node->u.string : SPAN("")};
    size_t listed = 0;
    for (size_t i = first; i < problems->len; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->choice == NULL)
            continue;
        const struct doc_node *at = problem->choice->at;
        bool is_list = problem->code == CODE_SCHEMA_ENUM;
        for (size_t j = 0; j < (is_list ? at->u.array.len : 1); j++, listed++) {
            const struct doc_node *choice = is_list ? at->u.array.items[j] : at;
            if (listed < LISTED_MAX) {
                buf_puts(&text, listed == 0 ? "" : ", ");
                put_short(&text, choice);
            }
            if (choice->kind == DOC_STRING && say_may_suggest(run, listed))
                nearest_try(&nearest, choice->u.string.data);
        }
    }
    if (listed > LISTED_MAX)
        buf_printf(&text, " and %zu more", listed - LISTED_MAX);
    if (nearest.name != NULL && !say_is_secret(run, place)) {
        buf_puts(&text, "; did you mean ");
        put_name(&text, span_of(nearest.name));
        buf_putc(&text, '?');
    }
    problems_keep(problems, first, first, 0);
    return say(run, keyword, place, "%s is not one of %s", say_value(run, place, &value), said(run, &text));
}

static bool find_title(const struct keyword *keyword, size_t index, struct span *out)
{
    const struct doc_node *source = keyword->u.list.schemas[index]->source;
    return source->kind == DOC_OBJECT && doc_get_string(source, "title", out) && out->len <= SHOWN_MAX;
}

/* Whether every alternative misses one key, and nothing else is wrong with it. */
static bool are_missing(const struct problems *problems, const struct keyword *keyword, const struct place *place, size_t first)
{
    for (size_t i = first; i < problems->len; i++)
        if (problems->items[i].code != CODE_SCHEMA_REQUIRED || problems->items[i].node != place->node)
            return false;
    return keyword->u.list.len >= 2 && problems->len - first == keyword->u.list.len;
}

/* "one of "run", "uses" is missing"; the one that was meant is the one that a key comes near to, if there is any. */
static bool say_one_missing(struct run *run, const struct place *place, size_t first)
{
    static const struct keyword required = {.code = CODE_SCHEMA_REQUIRED};
    struct problems *problems = run->problems;
    const struct doc_node *object = place->node;
    struct buf text AUTO_BUF = {0};
    struct span meant = problems->items[first].name;
    size_t listed = 0;
    for (size_t i = first; i < problems->len; i++, listed++) {
        struct span name = problems->items[i].name;
        if (listed < LISTED_MAX)
            buf_puts(&text, listed == 0 ? "" : ", ");
        if (listed < LISTED_MAX)
            put_name(&text, name);
        if (listed < LISTED_MAX && object->u.object.len <= KEYS_TRIED &&
            nearest_member(run, name, object->u.object.members, object->u.object.len).data != NULL)
            meant = name;
    }
    if (listed > LISTED_MAX)
        buf_printf(&text, " and %zu more", listed - LISTED_MAX);
    problems_keep(problems, first, first, 0);
    return say_missing(run, &required, place, meant, "one of %s is missing", said(run, &text));
}

/* What an alternative is called: its title, or its number. */
static void put_alternative(struct buf *out, const struct keyword *keyword, size_t index)
{
    struct span title;
    if (find_title(keyword, index, &title))
        put_name(out, title);
    else
        buf_printf(out, "number %zu", index + 1);
}

/* Adds to one of the messages from `first` on that there are other alternatives: not to a missing key, which
   may turn out to be a misspelled one. Where alternatives stand inside each other, the innermost is told, and those
   that have a title. */
static void mark_chosen(struct run *run, const struct keyword *keyword, size_t first, size_t index)
{
    struct problems *problems = run->problems;
    struct buf text AUTO_BUF = {0};
    struct span title;
    size_t at = first;
    while (at + 1 < problems->len && problems->items[at].code == CODE_SCHEMA_REQUIRED)
        at++;
    if (at >= problems->len || keyword->u.list.len < 2 ||
        (problems->items[at].is_of_alternative && !find_title(keyword, index, &title)))
        return;
    problems->items[at].is_of_alternative = true;
    buf_printf(&text, "%s (of %zu alternatives the nearest is ", problems->items[at].message, keyword->u.list.len);
    put_alternative(&text, keyword, index);
    buf_putc(&text, ')');
    char *copy = text.failed ? NULL : arena_copy(&problems->arena, text.data, text.len);
    if (copy == NULL)
        problems->failed = true;
    else
        problems->items[at].message = copy;
}

/* Explains all alternatives behind `first`; *best is the nearest. */
static void explain_all(struct run *run, const struct keyword *keyword, const struct place *place, struct branch *best)
{
    struct problems *problems = run->problems;
    for (size_t i = 0; i < keyword->u.list.len && !run_is_stopped(run); i++) {
        struct branch branch = {.index = i, .first = problems->len};
        run_apply(run, keyword->u.list.schemas[i], place);
        branch.len = problems->len - branch.first;
        branch.distance = distance_of(problems, &branch, place);
        if (i == 0 || is_nearer(&branch.distance, &best->distance))
            *best = branch;
    }
}

bool alternatives_explain(struct run *run, const struct keyword *keyword, const struct place *place)
{
    struct problems *problems = run->problems;
    struct branch best = {0};
    size_t first = problems->len;
    explain_all(run, keyword, place, &best);
    if (run_is_stopped(run))
        return false;
    unsigned kinds = kinds_of_all(problems, place, first);
    if (kinds != 0) {
        problems_keep(problems, first, first, 0);
        return say_kinds(run, kinds, place);
    }
    if (are_choices(problems, place, first))
        return say_choices(run, keyword, place, first);
    if (are_missing(problems, keyword, place, first))
        return say_one_missing(run, place, first);
    problems_keep(problems, first, best.first, best.len);
    if (best.distance.type == 0)
        mark_chosen(run, keyword, first, best.index);
    return best.len > 0 ? false : say(run, keyword, place, "fits none of %zu alternatives", keyword->u.list.len);
}

bool alternatives_say_both(struct run *run, const struct keyword *keyword, const struct place *place, size_t first,
                       size_t second)
{
    struct buf text AUTO_BUF = {0};
    put_alternative(&text, keyword, first);
    buf_puts(&text, " and ");
    put_alternative(&text, keyword, second);
    return say(run, keyword, place, "fits two of %zu alternatives, %s; it must fit exactly one", keyword->u.list.len,
               said(run, &text));
}
