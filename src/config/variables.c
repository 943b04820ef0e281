/*
 * variables: see variables.h.
 */
#include "config/variables.h"

#include <stdlib.h>
#include <string.h>

#include "model/codes.h"
#include "util/arena.h"
#include "util/array.h"

struct variable {
    const char *name; /* borrowed from the schema */
    const char *key;
    const struct schema *schema;
    size_t order; /* in which it was met */
};

struct variables {
    struct variable *items;
    size_t len, cap;
    struct arena arena; /* of the keys */
};

static void variables_fini(struct variables *variables)
{
    free(variables->items);
    arena_fini(&variables->arena);
}

/* A schema_env_fn; -1: memory is out. */
static int add(void *context, const char *pointer, const char *name, const struct schema *schema)
{
    struct variables *variables = context;
    struct variable *items = array_grow(variables->items, variables->len, &variables->cap, sizeof *items);
    if (items == NULL)
        return -1;
    variables->items = items;
    const char *key = arena_copy(&variables->arena, pointer, strlen(pointer));
    if (key == NULL)
        return -1;
    variables->items[variables->len] = (struct variable){name, key, schema, variables->len};
    variables->len++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct variable *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

int variables_tell(const struct schema *schema, struct findings *findings, struct error *err)
{
    struct variables variables CLEANUP(variables_fini) = {0};
    if (schema_each_env(schema, add, &variables) != 0)
        return error_memory(err);
    if (variables.len < 2)
        return 0;
    qsort(variables.items, variables.len, sizeof variables.items[0], compare);
    const struct variable *first = &variables.items[0];
    for (size_t i = 1; i < variables.len; i++) {
        const struct variable *variable = &variables.items[i];
        if (strcmp(first->name, variable->name) != 0) {
            first = variable;
            continue;
        }
        const struct doc_node *at = doc_get(schema_source(variable->schema), "x-env");
        if (strcmp(first->key, variable->key) != 0) /* else two branches speak about one key */
            findings_add(findings, FINDING_WARNING, CODE_SCHEMA_VARIABLE, at->file, at->pos,
                         "x-env: %s overrides %s already; here it is %s", variable->name, first->key,
                         variable->key);
    }
    return 0;
}
