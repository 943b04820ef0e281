/*
 * tombstones: see tombstones.h. A handful at a time, so a list does.
 */
#include "daemon/tombstones.h"

#include "util/array.h"

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
    struct service **grown = array_grow(tombstones->services, tombstones->len, &tombstones->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    tombstones->services = grown;
    tombstones->services[tombstones->len++] = service_ref(service);
    return 0;
}
