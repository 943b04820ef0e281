/*
 * keyword_list: prefixItems and items (items and additionalItems in draft-07), contains, minItems, maxItems,
 * uniqueItems.
 */
#include <stdlib.h>

#include "schema/count.h"
#include "schema/keywords.h"
#include "schema/order.h"
#include "schema/say.h"

static bool is_schema(const struct doc_node *node)
{
    return node != NULL && (node->kind == DOC_OBJECT || node->kind == DOC_BOOL);
}

static uint64_t number_of_items(const struct place *place)
{
    return place->node->u.array.len;
}

/* --- prefixItems, items, additionalItems ---------------------------------------------------------------- */

bool check_items(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct items *items = keyword->u.items;
    size_t len = place->node->u.array.len;
    bool is_right = true;
    for (size_t i = 0; i < len; i++) {
        struct schema *schema = i < items->first_len ? items->first[i] : items->rest;
        struct place item = place_of_item(place, i);
        if (schema == NULL && i >= items->first_len)
            break;
        run_mark(run, i);
        if (schema == NULL)
            continue;
        if (schema->is_false && i >= items->first_len)
            return say(run, keyword, &item, "only %zu item%s allowed here", items->first_len,
                       items->first_len == 1 ? " is" : "s are");
        if (run_apply_below(run, schema, &item))
            continue;
        is_right = false;
        if (run->problems == NULL || run_is_stopped(run))
            return false;
    }
    return is_right;
}

static bool compile_first(struct compiling *c, const struct doc_node *list, struct items *items)
{
    items->first_len = list->u.array.len;
    items->first = compile_alloc(c, items->first_len * sizeof(struct schema *));
    if (items->first == NULL)
        return false;
    for (size_t i = 0; i < items->first_len; i++)
        items->first[i] = compile_below(c, list->u.array.items[i]);
    return true;
}

/* Called for each of the keywords; the first of them does it. */
bool compile_items(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    bool is_07 = c->schema->resource->dialect->draft == SCHEMA_DRAFT_07;
    const struct doc_node *source = c->schema->source;
    const struct doc_node *all = doc_get(source, "items");
    const struct doc_node *first = is_07 ? all : doc_get(source, "prefixItems");
    const struct doc_node *rest = is_07 ? doc_get(source, "additionalItems") : all;
    if (first != NULL && first->kind != DOC_ARRAY)
        first = NULL;
    if (is_07 && first == NULL)
        rest = all; /* additionalItems means nothing without a list */
    if (!is_schema(rest))
        rest = NULL;
    if (at != (first != NULL ? first : rest))
        return false;
    struct items *items = compile_alloc(c, sizeof *items);
    if (items == NULL || (first != NULL && !compile_first(c, first, items)))
        return false;
    if (rest != NULL)
        items->rest = compile_below(c, rest);
    out->u.items = items;
    out->check = check_items;
    out->kinds = KIND(DOC_ARRAY);
    return true;
}

/* --- contains ------------------------------------------------------------------------------------------- */

static bool check_contains(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct contains *contains = keyword->u.contains;
    uint64_t found = 0;
    for (size_t i = 0; i < place->node->u.array.len && !run_is_stopped(run); i++) {
        struct place item = place_of_item(place, i);
        struct evaluated *evaluated = run->evaluated;
        run->evaluated = NULL;
        bool is_one = run_test(run, contains->schema, &item);
        run->evaluated = evaluated;
        if (!is_one)
            continue;
        found++;
        if (contains->notes)
            run_mark(run, i);
    }
    if (run_is_stopped(run))
        return false;
    struct keyword told = *keyword;
    if (found < contains->min) {
        told.code = contains->says_min ? CODE_SCHEMA_MIN_CONTAINS : CODE_SCHEMA_CONTAINS;
        return contains->says_min
                   ? say(run, &told, place, "only %llu of the items fit what `contains` asks for, needs %llu",
                         (unsigned long long)found, (unsigned long long)contains->min)
                   : say(run, &told, place, "no item fits what `contains` asks for");
    }
    told.code = CODE_SCHEMA_MAX_CONTAINS;
    return found <= contains->max ||
           say(run, &told, place, "%llu items fit what `contains` asks for, at most %llu are allowed",
               (unsigned long long)found, (unsigned long long)contains->max);
}

bool compile_contains(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    struct contains *contains = compile_alloc(c, sizeof *contains);
    struct schema *schema = compile_below(c, at);
    if (contains == NULL || schema == NULL)
        return false;
    *contains = (struct contains){.schema = schema, .min = 1, .max = UINT64_MAX};
    const struct dialect *dialect = c->schema->resource->dialect;
    if (dialect->draft == SCHEMA_DRAFT_2020_12) {
        bool counts = (dialect->vocabularies & VOCABULARY_VALIDATION) != 0;
        const struct doc_node *min = counts ? doc_get(c->schema->source, "minContains") : NULL;
        const struct doc_node *max = counts ? doc_get(c->schema->source, "maxContains") : NULL;
        contains->notes = true;
        contains->says_min = min != NULL && count_of(min, &contains->min);
        if (max != NULL && !count_of(max, &contains->max))
            contains->max = UINT64_MAX;
    }
    out->u.contains = contains;
    out->check = check_contains;
    out->kinds = KIND(DOC_ARRAY);
    return true;
}

/* --- minItems, maxItems --------------------------------------------------------------------------------- */

static bool check_min_items(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return number_of_items(place) >= keyword->u.count ||
           say(run, keyword, place, "has %llu item%s, needs at least %llu", (unsigned long long)number_of_items(place),
               number_of_items(place) == 1 ? "" : "s", (unsigned long long)keyword->u.count);
}

static bool check_max_items(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return number_of_items(place) <= keyword->u.count ||
           say(run, keyword, place, "has %llu items, at most %llu are allowed",
               (unsigned long long)number_of_items(place), (unsigned long long)keyword->u.count);
}

bool compile_min_items(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_min_items, KIND(DOC_ARRAY), out);
}

bool compile_max_items(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_max_items, KIND(DOC_ARRAY), out);
}

/* --- uniqueItems ---------------------------------------------------------------------------------------- */

enum { PAIRWISE_MAX = 12 };

static bool say_twins(struct run *run, const struct keyword *keyword, const struct place *place,
                      const struct doc_node *twin)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; run->problems != NULL && i < place->node->u.array.len; i++) {
        if (!doc_equal(place->node->u.array.items[i], twin))
            continue;
        if (first != SIZE_MAX) {
            struct place item = place_of_item(place, i);
            return say(run, keyword, &item, "is the same as item %zu; each may be there once", first);
        }
        first = i;
    }
    return false;
}

static const struct doc_node *twin_of_few(const struct doc_node *list)
{
    for (size_t i = 1; i < list->u.array.len; i++)
        for (size_t j = 0; j < i; j++)
            if (doc_equal(list->u.array.items[i], list->u.array.items[j]))
                return list->u.array.items[i];
    return NULL;
}

static const struct doc_node *twin_of_many(struct run *run, const struct doc_node *list)
{
    size_t len = list->u.array.len;
    const struct doc_node **AUTO_FREE sorted = reallocarray(NULL, len, sizeof *sorted);
    if (sorted == NULL) {
        run_stop(run, TROUBLE_MEMORY);
        return NULL;
    }
    memcpy(sorted, list->u.array.items, len * sizeof *sorted);
    qsort(sorted, len, sizeof *sorted, value_order_of_pointers);
    for (size_t i = 1; i < len; i++)
        if (value_order(sorted[i - 1], sorted[i]) == 0)
            return sorted[i];
    return NULL;
}

static bool check_unique_items(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct doc_node *list = place->node;
    /* Each value takes part in some 17 comparisons at most. */
    if (list->u.array.len < 2 || !run_charge(run, (uint64_t)list->nodes * (list->u.array.len > PAIRWISE_MAX ? 4 : 1)))
        return !run_is_stopped(run);
    const struct doc_node *twin = list->u.array.len <= PAIRWISE_MAX ? twin_of_few(list) : twin_of_many(run, list);
    if (run_is_stopped(run))
        return false;
    return twin == NULL || say_twins(run, keyword, place, twin);
}

bool compile_unique_items(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    out->check = check_unique_items;
    out->kinds = KIND(DOC_ARRAY);
    return at->kind == DOC_BOOL && at->u.boolean;
}
