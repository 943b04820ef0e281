/*
 * yaml_anchors: see yaml_anchors.h. The C library's balanced tree.
 */
#include "io/yaml_anchors.h"

#include <search.h>

#include "model/codes.h"

static int compare(const void *a, const void *b)
{
    const struct yaml_anchor *x = a, *y = b;
    if (x->name.len != y->name.len)
        return x->name.len < y->name.len ? -1 : 1;
    return memcmp(x->name.data, y->name.data, x->name.len);
}

static void keep(void *anchor)
{
    (void)anchor; /* the arena's */
}

void yaml_anchors_fini(struct yaml_anchors *anchors)
{
    tdestroy(anchors->tree, keep);
    anchors->tree = NULL;
}

struct yaml_anchor *yaml_anchors_find(const struct yaml_anchors *anchors, struct span name)
{
    const struct yaml_anchor key = {.name = name};
    struct yaml_anchor *const *found = tfind(&key, &anchors->tree, compare);
    return found == NULL ? NULL : *found;
}

static struct yaml_anchor *add(struct yaml_anchors *anchors, struct span name)
{
    struct yaml_anchor *anchor = arena_alloc(anchors->arena, sizeof *anchor);
    const char *copy = arena_copy(anchors->arena, name.data, name.len);
    if (anchor == NULL || copy == NULL)
        return NULL;
    *anchor = (struct yaml_anchor){.name = {copy, name.len}};
    if (tsearch(anchor, &anchors->tree, compare) == NULL)
        return NULL;
    anchors->len++;
    return anchor;
}

int yaml_anchors_define(struct yaml_anchors *anchors, struct span name, const struct doc_node *node,
                        struct yaml_anchor **out, struct error *err)
{
    struct yaml_anchor *anchor = yaml_anchors_find(anchors, name);
    if (anchor == NULL && anchors->len == YAML_ANCHORS_MAX)
        return error_set(err, CODE_LIMIT_NODES, 0, "more than %d anchors", YAML_ANCHORS_MAX);
    if (anchor == NULL)
        anchor = add(anchors, name);
    if (anchor == NULL)
        return error_memory(err);
    anchor->node = node;
    anchor->definitions++;
    if (out != NULL)
        *out = anchor;
    return 0;
}
