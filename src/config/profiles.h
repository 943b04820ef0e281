/*
 * profiles: the folders under profiles/ of a revision. Their patches are found by name in the listing and read when a
 * service is judged; nothing of them is kept.
 */
#ifndef CONFIG_PROFILES_H
#define CONFIG_PROFILES_H

#include "model/finding.h"
#include "model/layout.h"
#include "model/listing.h"

enum { PROFILES_MAX = 32, PROFILES_PATH_MAX = sizeof "profiles//.yaml" + 2 * LAYOUT_NAME_MAX };

/* By name; borrowed from the listing. */
struct profiles {
    const struct listing_entry *folders[PROFILES_MAX];
    size_t len;
};

/* Those with a good name. *is_too_many (may be NULL): there are more than PROFILES_MAX, and the others are left out. */
void profiles_list(const struct listing *listing, struct profiles *out, bool *is_too_many);

/* The folder of a profile; NULL if there is none. */
const struct listing_entry *profiles_find(const struct profiles *profiles, const char *profile);

/* The patch that a profile has for a service, and its path; NULL if there is none. */
const struct listing_entry *profiles_find_patch(const struct listing_entry *profile, const char *service,
                                                char path[static PROFILES_PATH_MAX]);

/*
 * Whether a service is used without any patch: no profile is active (`active` NULL), or one of them has none for it. Then it
 * must be right as it is; if every profile has one, and some profile is active, it need not be.
 */
bool profiles_leave_plain(const struct profiles *profiles, const char *active, const char *service);

#endif
