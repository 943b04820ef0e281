/*
 * run: applying one schema to one value, its costs, and what it has spoken about.
 */
#include "schema/run.h"

#include <math.h>
#include <stdlib.h>

#include "model/sealed.h"
#include "schema/keywords.h"
#include "schema/say.h"

/* --- costs ---------------------------------------------------------------------------------------------- */

bool run_stop(struct run *run, enum trouble trouble)
{
    if (run->trouble == TROUBLE_NONE) {
        run->trouble = trouble;
        run->left = run->steps;
    }
    run->steps = 0;
    return false;
}

bool run_match(struct run *run, const struct pattern *pattern, struct span text)
{
    if (!run_charge(run, 1))
        return false;
    switch (pattern_match(pattern, text, &run->work)) {
    case PATTERN_YES:
        return true;
    case PATTERN_NO:
        return false;
    case PATTERN_EXPENSIVE:
        return run_stop(run, TROUBLE_EXPENSIVE);
    case PATTERN_NO_MEMORY:
        return run_stop(run, TROUBLE_MEMORY);
    }
    return false;
}

/* --- what has been evaluated ---------------------------------------------------------------------------- */

static size_t children_of(const struct doc_node *node)
{
    return node->kind == DOC_OBJECT ? node->u.object.len : node->kind == DOC_ARRAY ? node->u.array.len : 0;
}

static bool evaluated_init(struct run *run, struct evaluated *evaluated, const struct doc_node *node)
{
    *evaluated = (struct evaluated){.len = children_of(node)};
    if (evaluated->len <= 64)
        return true;
    size_t words = (evaluated->len + 63) / 64;
    evaluated->many = calloc(words, sizeof *evaluated->many);
    return evaluated->many == NULL ? run_stop(run, TROUBLE_MEMORY) : run_charge(run, words);
}

static void evaluated_merge(struct evaluated *into, const struct evaluated *from)
{
    into->few |= from->few;
    for (size_t i = 0; from->many != NULL && i < (from->len + 63) / 64; i++)
        into->many[i] |= from->many[i];
}

void run_mark_from(struct run *run, size_t from)
{
    if (run->evaluated == NULL)
        return;
    if (run->evaluated->many == NULL && from == 0) {
        run->evaluated->few = UINT64_MAX;
        return;
    }
    for (size_t i = from; i < run->evaluated->len; i++)
        run_mark(run, i);
}

bool run_is_marked(const struct run *run, size_t at)
{
    const struct evaluated *evaluated = run->evaluated;
    uint64_t word = evaluated->many == NULL ? evaluated->few : evaluated->many[at / 64];
    return (word >> (at % 64) & 1) != 0;
}

/* --- applying ------------------------------------------------------------------------------------------- */

static inline bool has_kind(const struct schema *schema, const struct doc_node *node)
{
    if ((schema->kinds & KIND(node->kind)) != 0)
        return true;
    return node->kind == DOC_DOUBLE && (schema->kinds & KIND_INTEGRAL) != 0 && floor(node->u.number) == node->u.number;
}

static bool check_keywords(struct run *run, const struct schema *schema, const struct place *place)
{
    bool is_right = true;
    unsigned kind = KIND(place->node->kind);
    const struct keyword *end = schema->keywords + schema->keywords_len;
    for (const struct keyword *keyword = schema->keywords; keyword < end; keyword++) {
        if ((keyword->kinds & kind) == 0 || keyword->check(run, keyword, place))
            continue;
        is_right = false;
        if (run->problems == NULL || run_is_stopped(run))
            return false;
    }
    return is_right;
}

/* As check_keywords, with what they evaluate. While explaining, what failed counts too: the mistake is its
   own finding, and the names it spoke about are not unknown. */
static bool check_evaluating(struct run *run, const struct schema *schema, const struct place *place)
{
    struct evaluated own, *outer = run->evaluated;
    bool is_right = false;
    if (evaluated_init(run, &own, place->node)) {
        run->evaluated = &own;
        is_right = check_keywords(run, schema, place);
        run->evaluated = outer;
        if (outer != NULL && (is_right || run->problems != NULL))
            evaluated_merge(outer, &own);
    }
    free(own.many);
    return is_right;
}

static inline bool check(struct run *run, const struct schema *schema, const struct place *place)
{
    return run->evaluated != NULL || schema->wants_evaluated ? check_evaluating(run, schema, place)
                                                             : check_keywords(run, schema, place);
}

/* A resource is entered: $dynamicRef looks through those. */
static __attribute__((noinline)) bool enter(struct run *run, const struct schema *schema, const struct place *place)
{
    struct scope scope = {schema->resource, run->scope};
    run->scope = &scope;
    bool is_right = check(run, schema, place);
    run->scope = scope.outer;
    return is_right;
}

/* Most strings show at their first letter that they are not. */
static inline bool is_sealed(struct span text)
{
    return text.len > 0 && text.data[0] == 's' && sealed_is(text);
}

bool run_apply(struct run *run, const struct schema *schema, const struct place *place)
{
    const struct doc_node *node = place->node;
    if (!run_charge(run, 1))
        return false;
    if (schema->is_false)
        return say_false(run, schema, place);
    if (node->kind == DOC_STRING && is_sealed(node->u.string) && !place->is_name)
        return true;
    if (!has_kind(schema, node))
        return say_type(run, schema, place);
    if ((schema->about & KIND(node->kind)) == 0)
        return true;
    if (++run->depth > SCHEMA_DEPTH_MAX)
        return run_stop(run, TROUBLE_EXPENSIVE);
    bool is_inside = run->scope != NULL && run->scope->resource == schema->resource;
    bool is_right = is_inside ? check(run, schema, place) : enter(run, schema, place);
    run->depth--;
    return is_right;
}

bool run_apply_below(struct run *run, const struct schema *schema, const struct place *place)
{
    struct evaluated *evaluated = run->evaluated;
    if (evaluated == NULL)
        return run_apply(run, schema, place);
    run->evaluated = NULL;
    bool is_right = run_apply(run, schema, place);
    run->evaluated = evaluated;
    return is_right;
}

bool run_test(struct run *run, const struct schema *schema, const struct place *place)
{
    struct problems *problems = run->problems;
    run->problems = NULL;
    bool is_right = run_apply(run, schema, place);
    run->problems = problems;
    return is_right;
}
