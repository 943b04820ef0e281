/*
 * keyword_required: required, minProperties, maxProperties, dependentRequired, dependentSchemas,
 * dependencies.
 */
#include <stdlib.h>

#include "schema/count.h"
#include "schema/keywords.h"
#include "schema/say.h"

/* --- required ------------------------------------------------------------------------------------------- */

static int compare_spans(const void *a, const void *b)
{
    return doc_name_compare(*(const struct span *)a, *(const struct span *)b);
}

static bool say_required(struct run *run, const struct keyword *keyword, const struct place *place, struct span name)
{
    struct buf text AUTO_BUF = {0};
    if (run->problems == NULL)
        return false;
    put_name(&text, name);
    return say_missing(run, keyword, place, name, "%s is missing", said(run, &text));
}

/* Both are sorted: one walk. */
static bool check_required(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct span *names = keyword->u.required.names;
    const struct doc_member *members = place->node->u.object.members;
    size_t len = place->node->u.object.len, at = 0;
    bool is_right = true;
    if (run->problems == NULL && len < keyword->u.required.len)
        return false;
    if (!run_charge(run, (len + keyword->u.required.len) / 8))
        return false;
    for (size_t i = 0; i < keyword->u.required.len; i++) {
        int order = 1;
        while (at < len && (order = doc_name_compare(members[at].name, names[i])) < 0)
            at++;
        if (at < len && order == 0) {
            at++;
            continue;
        }
        is_right = say_required(run, keyword, place, names[i]);
        if (run->problems == NULL)
            return false;
    }
    return is_right;
}

bool compile_required(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    if (at->kind != DOC_ARRAY)
        return false;
    struct span *names = compile_alloc(c, at->u.array.len * sizeof *names);
    if (names == NULL)
        return false;
    size_t len = 0, kept = 0;
    for (size_t i = 0; i < at->u.array.len; i++)
        if (at->u.array.items[i]->kind == DOC_STRING)
            names[len++] = at->u.array.items[i]->u.string;
    if (len > 1)
        qsort(names, len, sizeof *names, compare_spans);
    for (size_t i = 0; i < len; i++)
        if (kept == 0 || !span_equal(names[kept - 1], names[i]))
            names[kept++] = names[i];
    out->u.required.names = names;
    out->u.required.len = kept;
    out->check = check_required;
    out->kinds = KIND(DOC_OBJECT);
    return kept > 0;
}

/* --- minProperties, maxProperties ----------------------------------------------------------------------- */

static bool check_min_properties(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return place->node->u.object.len >= keyword->u.count ||
           say(run, keyword, place, "has %zu key%s, needs at least %llu", place->node->u.object.len,
               place->node->u.object.len == 1 ? "" : "s", (unsigned long long)keyword->u.count);
}

static bool check_max_properties(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return place->node->u.object.len <= keyword->u.count ||
           say(run, keyword, place, "has %zu keys, at most %llu are allowed", place->node->u.object.len,
               (unsigned long long)keyword->u.count);
}

bool compile_min_properties(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_min_properties, KIND(DOC_OBJECT), out);
}

bool compile_max_properties(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    (void)c;
    return compile_count(at, check_max_properties, KIND(DOC_OBJECT), out);
}

/* --- dependentRequired, dependentSchemas, dependencies -------------------------------------------------- */

static bool say_dependent(struct run *run, const struct keyword *keyword, const struct place *place, struct span name,
                          struct span because)
{
    struct buf text AUTO_BUF = {0};
    if (run->problems == NULL)
        return false;
    put_name(&text, name);
    buf_puts(&text, " is missing, which ");
    put_name(&text, because);
    buf_puts(&text, " asks for");
    return say_missing(run, keyword, place, name, "%s", said(run, &text));
}

static bool check_names(struct run *run, const struct keyword *keyword, const struct place *place,
                        const struct dependency *dependency)
{
    const struct doc_node *names = dependency->names;
    bool is_right = true;
    if (!run_charge(run, names->u.array.len))
        return false;
    for (size_t i = 0; i < names->u.array.len && (is_right || run->problems != NULL); i++) {
        const struct doc_node *name = names->u.array.items[i];
        if (name->kind == DOC_STRING && doc_get_member(place->node, name->u.string) == NULL)
            is_right = say_dependent(run, keyword, place, name->u.string, dependency->name);
    }
    return is_right;
}

bool check_dependencies(struct run *run, const struct keyword *keyword, const struct place *place)
{
    bool is_right = run_charge(run, keyword->u.dependencies.len / 2);
    for (size_t i = 0; i < keyword->u.dependencies.len && (is_right || run->problems != NULL); i++) {
        const struct dependency *dependency = &keyword->u.dependencies.items[i];
        if (doc_get_member(place->node, dependency->name) == NULL)
            continue;
        if (!(dependency->schema != NULL ? run_apply(run, dependency->schema, place)
                                         : check_names(run, keyword, place, dependency)))
            is_right = false;
    }
    return is_right;
}

bool compile_dependencies(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    if (at->kind != DOC_OBJECT)
        return false;
    struct dependency *items = compile_alloc(c, at->u.object.len * sizeof *items);
    if (items == NULL)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < at->u.object.len; i++) {
        const struct doc_member *member = &at->u.object.members[i];
        struct dependency dependency = {.name = member->name};
        if (member->value->kind == DOC_ARRAY)
            dependency.names = member->value;
        else
            dependency.schema = compile_same(c, member->value);
        if (dependency.names != NULL || dependency.schema != NULL)
            items[len++] = dependency;
    }
    out->u.dependencies.items = items;
    out->u.dependencies.len = len;
    out->check = check_dependencies;
    out->kinds = KIND(DOC_OBJECT);
    return len > 0;
}
