/*
 * guard: what a commit message may allow that is refused otherwise.
 */
#ifndef CONFIG_GUARD_H
#define CONFIG_GUARD_H

#include "io/repo.h"

enum { GUARD_RANGE_MAX = 1000 }; /* commits of a push that are asked */

/*
 * *allowed: the tip, or one of the newest GUARD_RANGE_MAX commits of hide..tip, has the trailer `Epoch-Allow: mass-removal`. Any of them counts:
 * what is compared is the whole range, and the removal may have come by a merge. `hide` NULL: the tip alone.
 */
int guard_allows_mass_removal(struct repo *repo, const struct oid *tip, const struct oid *hide, bool *allowed,
                              struct error *err) MUST_CHECK;

#endif
