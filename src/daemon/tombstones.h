/*
 * tombstones: the signed last words of removed services, kept until the broker is known to have nothing of them any
 * more, so that every assertion brings them again.
 */
#ifndef DAEMON_TOMBSTONES_H
#define DAEMON_TOMBSTONES_H

#include "model/catalog.h"

/* A zeroed struct is empty. */
struct tombstones {
    struct service **services; /* one reference each, each name once */
    size_t len, cap;
};

void tombstones_fini(struct tombstones *tombstones);

/* Takes a reference; replaces one of that name. */
int tombstones_add(struct tombstones *tombstones, const struct service *service, struct error *err) MUST_CHECK;

/* The name is in use again, or its topic is empty. */
void tombstones_drop(struct tombstones *tombstones, const char *name);

#endif
