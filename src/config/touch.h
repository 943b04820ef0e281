/*
 * touch: which services have to be judged again though their own file is the same, because what they are judged by
 * differs: a base, a schema, a patch, the active profile, a line of epoch.yaml. Exactly those: nothing else is read.
 */
#ifndef CONFIG_TOUCH_H
#define CONFIG_TOUCH_H

#include "config/changes.h"
#include "config/environment.h"
#include "model/catalog.h"

struct touch {
    const struct listing *before, *after; /* `before` NULL: not known, and nothing is touched by what differs from it */
    const struct catalog *in_force;       /* the services of `before`; NULL together with it */
    const struct environment *was, *is;   /* `was` goes with `before` */
};

/*
 * Adds the touched services to the changes, which are sorted before and after. Patches of services that are not there
 * become findings. Costs nothing where nothing but service files differs, else one look at each name.
 */
int touch_services(const struct touch *touch, struct changes *changes, struct findings *findings,
                   struct error *err) MUST_CHECK;

#endif
