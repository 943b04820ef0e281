/*
 * place: see place.h.
 */
#include "model/place.h"

#include "model/pointer.h"

struct place *place_child(const struct place *place, struct span name)
{
    size_t index = 0, wanted;
    if (place->kind == PLACE_SEQUENCE && !pointer_index(name, &wanted))
        return NULL;
    for (struct place *child = place->first; child != NULL; child = child->next, index++)
        if (place->kind == PLACE_SEQUENCE ? index == wanted : span_equal(child->name, name))
            return child;
    return NULL;
}

bool place_is_used(const struct place *root, struct span anchor)
{
    if (root->kind == PLACE_ALIAS)
        return span_equal(root->anchor, anchor);
    for (const struct place *child = root->first; child != NULL; child = child->next)
        if (place_is_used(child, anchor)) /* as deep as the document, at most DOC_DEPTH_MAX */
            return true;
    return false;
}
