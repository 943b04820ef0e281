/*
 * tombstones: see tombstones.h. A handful at a time, so a list does.
 */
#include "daemon/tombstones.h"

#include <string.h>

void tombstones_fini(struct tombstones *tombstones)
{
    for (size_t i = 0; i < tombstones->len; i++)
        service_unref(tombstones->services[i]);
    free(tombstones->services);
    *tombstones = (struct tombstones){0};
}

void tombstones_drop(struct tombstones *tombstones, const char *name)
{
    for (size_t i = 0; i < tombstones->len; i++) {
        if (strcmp(tombstones->services[i]->name, name) != 0)
            continue;
        service_unref(tombstones->services[i]);
        tombstones->services[i] = tombstones->services[--tombstones->len];
        return;
    }
}

int tombstones_add(struct tombstones *tombstones, const struct service *service, struct error *err)
{
    tombstones_drop(tombstones, service->name);
    if (tombstones->len == tombstones->cap) {
        size_t cap = tombstones->cap == 0 ? 8 : tombstones->cap * 2;
        struct service **grown = reallocarray(tombstones->services, cap, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        tombstones->services = grown;
        tombstones->cap = cap;
    }
    tombstones->services[tombstones->len++] = service_ref(service);
    return 0;
}
