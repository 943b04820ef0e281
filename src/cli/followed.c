/*
 * followed: see followed.h.
 */
#include "cli/followed.h"

#include <string.h>

#include "model/codes.h"

void followed_fini(struct followed *followed)
{
    for (size_t i = 0; i < followed->len; i++) {
        buf_fini(&followed->services[i]->shown);
        buf_fini(&followed->services[i]->waiting);
        free(followed->services[i]);
    }
    free(followed->services);
    *followed = (struct followed){0};
}

static size_t place_of(const struct followed *followed, const char *name)
{
    size_t low = 0, high = followed->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(followed->services[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int grow(struct followed *followed, struct error *err)
{
    size_t cap = followed->cap == 0 ? 64 : followed->cap * 2;
    struct followed_service **grown = realloc(followed->services, cap * sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    followed->services = grown;
    followed->cap = cap;
    return 0;
}

int followed_get(struct followed *followed, const char *name, struct followed_service **out, struct error *err)
{
    size_t at = place_of(followed, name);
    if (at < followed->len && strcmp(followed->services[at]->name, name) == 0) {
        *out = followed->services[at];
        return 0;
    }
    if (followed->len == FOLLOWED_MAX)
        return error_set(err, CODE_LIMIT_SERVICES, 0, "more than %d services", FOLLOWED_MAX);
    if (followed->len == followed->cap && grow(followed, err) != 0)
        return -1;
    struct followed_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return error_memory(err);
    snprintf(service->name, sizeof service->name, "%s", name);
    memmove(&followed->services[at + 1], &followed->services[at], (followed->len - at) * sizeof(struct followed_service *));
    followed->services[at] = service;
    followed->len++;
    *out = service;
    return 0;
}
