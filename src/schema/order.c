/*
 * order: what differs most cheaply decides: kind, weight, then the content.
 */
#include "schema/order.h"

static int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int order_of_arrays(const struct doc_node *a, const struct doc_node *b)
{
    int order = order_of(a->u.array.len, b->u.array.len);
    for (size_t i = 0; order == 0 && i < a->u.array.len; i++)
        order = value_order(a->u.array.items[i], b->u.array.items[i]);
    return order;
}

static int order_of_objects(const struct doc_node *a, const struct doc_node *b)
{
    int order = order_of(a->u.object.len, b->u.object.len);
    for (size_t i = 0; order == 0 && i < a->u.object.len; i++) {
        const struct doc_member *x = &a->u.object.members[i], *y = &b->u.object.members[i];
        order = doc_name_compare(x->name, y->name);
        if (order == 0)
            order = value_order(x->value, y->value);
    }
    return order;
}

int value_order(const struct doc_node *a, const struct doc_node *b)
{
    if (a == b)
        return 0;
    int order = order_of(a->kind, b->kind);
    if (order == 0)
        order = order_of(a->size, b->size);
    if (order == 0)
        order = order_of(a->nodes, b->nodes);
    if (order != 0)
        return order;
    switch (a->kind) {
    case DOC_NULL:
        return 0;
    case DOC_BOOL:
        return a->u.boolean - b->u.boolean;
    case DOC_INT:
        return (a->u.integer > b->u.integer) - (a->u.integer < b->u.integer);
    case DOC_DOUBLE:
        return (a->u.number > b->u.number) - (a->u.number < b->u.number);
    case DOC_STRING:
        return doc_name_compare(a->u.string, b->u.string);
    case DOC_ARRAY:
        return order_of_arrays(a, b);
    case DOC_OBJECT:
        return order_of_objects(a, b);
    }
    return 0;
}

int value_order_of_pointers(const void *a, const void *b)
{
    return value_order(*(const struct doc_node *const *)a, *(const struct doc_node *const *)b);
}
