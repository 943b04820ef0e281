/*
 * cycle: schemas that refer to themselves about the same value would be checked for ever; long chains of
 * references cost stack. Both are found before anything is judged. A $dynamicRef may still lead in circles at
 * run time: there the depth of judging ends it.
 */
#include "schema/compile.h"

enum { NOT_SEEN, OPEN, DONE };
enum { CYCLES_MAX = 3 }; /* that are told: one often makes many */

/* How many schemas about one value are inside each other from here on; recursion ends at SCHEMA_REFERS_MAX. */
static unsigned visit(struct compiling *c, struct schema *schema, unsigned depth)
{
    struct document *document = schema->resource->document;
    const struct doc_node *at = schema->source;
    if (schema->height_state == DONE)
        return schema->height;
    if (schema->height_state == OPEN) {
        compile_complain(c, document, at->file, at->pos, CODE_SCHEMA_CYCLE,
                         "this schema refers to itself about the same value, so judging would never end");
        return 0;
    }
    unsigned height = 0;
    schema->height_state = OPEN;
    for (uint32_t i = 0; i < schema->about_same && depth < SCHEMA_REFERS_MAX; i++) {
        unsigned below = visit(c, schema->links[i], depth + 1);
        height = below > height ? below : height;
    }
    schema->height_state = DONE;
    schema->height = (uint16_t)(height + 1);
    if (depth >= SCHEMA_REFERS_MAX || schema->height == SCHEMA_REFERS_MAX)
        compile_complain(c, document, at->file, at->pos, CODE_SCHEMA_CYCLE,
                         "more than %d schemas refer to each other about one value", SCHEMA_REFERS_MAX);
    return depth >= SCHEMA_REFERS_MAX ? 0 : schema->height;
}

void cycle_check(struct compiling *c)
{
    size_t before = c->findings->errors;
    for (size_t i = 0; i < c->queue.len && !c->failed && c->findings->errors - before < CYCLES_MAX; i++)
        visit(c, c->queue.items[i], 0);
}
