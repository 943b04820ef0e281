/*
 * update: see update.h.
 */
#include "client/update.h"

#include "model/pointer.h"

void update_fini(struct epoch_update *update)
{
    diff_fini(&update->diff);
    arena_fini(&update->arena);
    free(update->changes);
    for (size_t i = 0; i < update->restarts_len; i++)
        free(update->restarts[i]);
    *update = (struct epoch_update){0};
}

static const struct epoch_value *value_of(const struct doc_node *node)
{
    return (const struct epoch_value *)(const void *)node;
}

static int write_change(struct epoch_update *update, const struct diff_change *change, struct error *err)
{
    struct buf way AUTO_BUF = {0};
    diff_put_way(change->way, &way);
    if (buf_check(&way, err) != 0)
        return -1;
    const char *pointer = way.len == 0 ? "" : arena_copy(&update->arena, way.data, way.len);
    if (pointer == NULL)
        return error_memory(err);
    update->changes[update->len++] = (struct epoch_change){pointer, value_of(change->before), value_of(change->after)};
    return 0;
}

int update_init(struct epoch_update *update, const struct epoch_config *config, const struct epoch_config *before,
                struct error *err)
{
    *update = (struct epoch_update){.config = config, .before = before};
    if (config->is_removed)
        return 0; /* its values are the last ones: none differs */
    bool was_there = before != NULL && !before->is_removed;
    if (diff_docs(was_there ? before->overlay.root : NULL, config->overlay.root, &update->diff, err) != 0)
        return -1;
    update->changes = calloc(update->diff.len + 1, sizeof *update->changes);
    if (update->changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < update->diff.len; i++)
        if (write_change(update, &update->diff.changes[i], err) != 0)
            return -1;
    return 0;
}

const struct epoch_config *epoch_update_config(const struct epoch_update *update)
{
    return update->config;
}

const struct epoch_config *epoch_update_before(const struct epoch_update *update)
{
    return update->before;
}

size_t epoch_update_change_count(const struct epoch_update *update)
{
    return update->len;
}

const struct epoch_change *epoch_update_change(const struct epoch_update *update, size_t at)
{
    return at < update->len ? &update->changes[at] : NULL;
}

bool epoch_update_touches(const struct epoch_update *update, const char *pointer)
{
    size_t asked = strlen(pointer);
    for (size_t i = 0; i < update->len; i++) {
        const char *changed = update->changes[i].pointer;
        size_t len = strlen(changed), common = len < asked ? len : asked;
        const char *longer = len < asked ? pointer : changed;
        if (strncmp(changed, pointer, common) == 0 && (longer[common] == '\0' || longer[common] == '/'))
            return true;
    }
    return false;
}

/* --- the application's answer ------------------------------------------------------------------------------------- */

int epoch_update_refuse(struct epoch_update *update, const char *reason)
{
    snprintf(update->reason, sizeof update->reason, "%s", reason == NULL ? "" : reason);
    return -1;
}

int epoch_update_needs_restart(struct epoch_update *update, const char *pointer)
{
    struct pointer parsed;
    struct error err;
    if (pointer == NULL || (pointer[0] != '\0' && pointer[0] != '/') || strlen(pointer) > ACK_POINTER_MAX ||
        pointer_parse(span_of(pointer), &update->arena, &parsed, &err) != 0)
        return -1;
    for (size_t i = 0; i < update->restarts_len; i++)
        if (strcmp(update->restarts[i], pointer) == 0)
            return 0;
    char *copy = update->restarts_len == ACK_POINTERS_MAX ? NULL : strdup(pointer);
    if (copy == NULL)
        return -1;
    update->restarts[update->restarts_len++] = copy;
    return 0;
}
