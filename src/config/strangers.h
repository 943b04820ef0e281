/*
 * strangers: names in epoch.yaml that no service has. A warning, since a service may be to come; and mostly a
 * word that was spelled wrong, whose line then does nothing.
 */
#ifndef CONFIG_STRANGERS_H
#define CONFIG_STRANGERS_H

#include "config/rules.h"
#include "model/listing.h"

/* Of `schemas`, `bases` and `consumers`; patterns are not asked. Looks at all names of the listing. */
int strangers_tell(const struct rules *rules, const struct listing *listing, struct findings *findings,
                   struct error *err) MUST_CHECK;

#endif
