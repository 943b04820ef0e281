/*
 * services: the files under services/ of a listing, one by one.
 */
#ifndef CONFIG_SERVICES_H
#define CONFIG_SERVICES_H

#include "model/layout.h"
#include "model/listing.h"

/* `folder` is the path of the folder that the entry is in. Not 0 ends the walk. */
typedef int services_visit(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                           struct error *err);

/* Calls `visit` for every file with a good name. -1 if that said so (or memory ran out), else 0. */
int services_each(const struct listing *listing, services_visit *visit, void *context, struct error *err) MUST_CHECK;

/* The file of a service and its path (malloc'ed); *out stays NULL if there is none. */
int services_find(const struct listing *listing, const char *name, const struct listing_entry **out, char **path,
                  struct error *err) MUST_CHECK;

#endif
