/*
 * keyword_ref: $ref and $dynamicRef.
 */
#include "schema/keywords.h"
#include "schema/run.h"

bool check_ref(struct run *run, const struct keyword *keyword, const struct place *place)
{
    return run_apply(run, keyword->u.schema, place);
}

bool compile_ref(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    struct span anchor;
    if (at->kind != DOC_STRING)
        return false;
    out->u.schema = resolve_reference(c, at, &anchor);
    if (out->u.schema == NULL)
        return false;
    list_push(c, &c->same, out->u.schema);
    out->check = check_ref;
    return !c->failed;
}

/* The schema that an anchor of that name stands for in a resource, NULL if none. */
static struct schema *find_dynamic(const struct resource *resource, struct span name)
{
    for (const struct dynamic_anchor *dynamic = resource->dynamics; dynamic != NULL; dynamic = dynamic->next)
        if (span_equal(dynamic->name, name))
            return dynamic->schema;
    return NULL;
}

/* The outermost of the resources that were entered which has the anchor. */
bool check_dynamic_ref(struct run *run, const struct keyword *keyword, const struct place *place)
{
    const struct schema *schema = keyword->u.dynamic.initial;
    for (const struct scope *scope = run->scope; scope != NULL && keyword->u.dynamic.name.data != NULL;
         scope = scope->outer) {
        const struct schema *outer = find_dynamic(scope->resource, keyword->u.dynamic.name);
        if (outer != NULL)
            schema = outer;
        if (!run_charge(run, 1))
            return false;
    }
    return run_apply(run, schema, place);
}

/* Looks through what was entered only if the reference leads to a $dynamicAnchor in the first place. */
bool compile_dynamic_ref(struct compiling *c, const struct doc_node *at, struct keyword *out)
{
    struct span anchor;
    if (at->kind != DOC_STRING)
        return false;
    struct schema *initial = resolve_reference(c, at, &anchor);
    if (initial == NULL)
        return false;
    out->u.dynamic.initial = initial;
    out->u.dynamic.name = (struct span){0};
    if (anchor.data != NULL && find_dynamic(initial->resource, anchor) == initial)
        out->u.dynamic.name = anchor;
    list_push(c, &c->same, initial);
    out->check = check_dynamic_ref;
    return !c->failed;
}
