/*
 * diff: see diff.h. Two sorted lists of members are walked side by side, so each node is looked at once.
 */
#include "model/diff.h"

#include "model/pointer.h"
#include "util/array.h"
#include "util/num.h"

/* A step while it is being walked: on the stack, until a change below it wants it for good. */
struct walk {
    struct walk *up;
    struct diff_step step;
    const struct diff_step *kept; /* the same in the arena */
};

void diff_fini(struct diff *diff)
{
    arena_fini(&diff->arena);
    free(diff->changes);
    *diff = (struct diff){0};
}

/* NULL for the root too, so *ok tells. */
static const struct diff_step *keep(struct diff *diff, struct walk *walk, bool *ok)
{
    if (walk == NULL || walk->kept != NULL)
        return walk == NULL ? NULL : walk->kept;
    const struct diff_step *up = keep(diff, walk->up, ok);
    struct diff_step *step = arena_alloc(&diff->arena, sizeof *step);
    if (step == NULL || !*ok) {
        *ok = false;
        return NULL;
    }
    *step = walk->step;
    step->up = up;
    walk->kept = step;
    return step;
}

static int add(struct diff *diff, struct walk *walk, const struct doc_node *before, const struct doc_node *after,
               struct error *err)
{
    bool ok = true;
    const struct diff_step *way = keep(diff, walk, &ok);
    if (!ok)
        return error_memory(err);
    struct diff_change *grown = array_grow(diff->changes, diff->len, &diff->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    diff->changes = grown;
    diff->changes[diff->len++] = (struct diff_change){way, before, after};
    return 0;
}

static int compare(struct diff *diff, struct walk *walk, const struct doc_node *before,
                   const struct doc_node *after, struct error *err);

static int compare_objects(struct diff *diff, struct walk *walk, const struct doc_node *before,
                           const struct doc_node *after, struct error *err)
{
    const struct doc_member *xs = before->u.object.members, *ys = after->u.object.members;
    size_t x = 0, y = 0, x_len = before->u.object.len, y_len = after->u.object.len;
    while (x < x_len || y < y_len) {
        int order = x == x_len ? 1 : y == y_len ? -1 : doc_name_compare(xs[x].name, ys[y].name);
        struct walk next = {walk, {.name = order <= 0 ? xs[x].name : ys[y].name}, NULL};
        if (compare(diff, &next, order <= 0 ? xs[x].value : NULL, order >= 0 ? ys[y].value : NULL, err) != 0)
            return -1;
        x += order <= 0;
        y += order >= 0;
    }
    return 0;
}

static int compare_arrays(struct diff *diff, struct walk *walk, const struct doc_node *before,
                          const struct doc_node *after, struct error *err)
{
    for (size_t i = 0; i < before->u.array.len; i++) {
        struct walk next = {walk, {.index = i}, NULL};
        if (compare(diff, &next, before->u.array.items[i], after->u.array.items[i], err) != 0)
            return -1;
    }
    return 0;
}

static int compare(struct diff *diff, struct walk *walk, const struct doc_node *before,
                   const struct doc_node *after, struct error *err)
{
    if (before == after)
        return 0;
    if (before == NULL || after == NULL || before->kind != after->kind)
        return add(diff, walk, before, after, err);
    if (before->kind == DOC_OBJECT)
        return compare_objects(diff, walk, before, after, err);
    if (before->kind == DOC_ARRAY && before->u.array.len == after->u.array.len)
        return compare_arrays(diff, walk, before, after, err);
    return doc_equal(before, after) ? 0 : add(diff, walk, before, after, err);
}

int diff_docs(const struct doc_node *before, const struct doc_node *after, struct diff *out, struct error *err)
{
    return compare(out, NULL, before, after, err);
}

void diff_put_way(const struct diff_step *way, struct buf *out)
{
    char index[NUM_TEXT_MAX];
    if (way == NULL)
        return;
    diff_put_way(way->up, out); /* at most DOC_DEPTH_MAX deep, as the documents are */
    if (way->name.data != NULL)
        pointer_put_name(way->name, out);
    else
        pointer_put_name((struct span){index, num_format_int((int64_t)way->index, index)}, out);
}
