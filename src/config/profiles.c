/*
 * profiles: see profiles.h.
 */
#include "config/profiles.h"

void profiles_list(const struct listing *listing, struct profiles *out, bool *is_too_many)
{
    const struct listing_entry *top = listing_find(listing, "profiles");
    struct layout_entry what;
    *out = (struct profiles){0};
    if (is_too_many != NULL)
        *is_too_many = false;
    for (size_t i = 0; top != NULL && top->folder != NULL && i < top->folder->len; i++) {
        const struct listing_entry *entry = &top->folder->entries[i];
        if (entry->folder == NULL ||
            layout_judge("profiles", span_of(entry->name), entry->mode, &what, NULL) != LAYOUT_DESCEND)
            continue;
        if (out->len < PROFILES_MAX)
            out->folders[out->len++] = entry;
        else if (is_too_many != NULL)
            *is_too_many = true;
    }
}

const struct listing_entry *profiles_find(const struct profiles *profiles, const char *profile)
{
    for (size_t i = 0; i < profiles->len; i++)
        if (strcmp(profiles->folders[i]->name, profile) == 0)
            return profiles->folders[i];
    return NULL;
}

const struct listing_entry *profiles_find_patch(const struct listing_entry *profile, const char *service,
                                                char path[static PROFILES_PATH_MAX])
{
    struct layout_entry what;
    char folder[sizeof "profiles/" + LAYOUT_NAME_MAX], name[sizeof ".yaml" + LAYOUT_NAME_MAX];
    snprintf(name, sizeof name, "%s.yaml", service);
    const struct listing_entry *entry = listing_find(profile->folder, name);
    if (entry == NULL)
        return NULL;
    snprintf(folder, sizeof folder, "profiles/%s", profile->name);
    if (layout_judge(folder, span_of(name), entry->mode, &what, NULL) != LAYOUT_FILE)
        return NULL;
    snprintf(path, PROFILES_PATH_MAX, "%s/%s", folder, name);
    return entry;
}

bool profiles_leave_plain(const struct profiles *profiles, const char *active, const char *service)
{
    char path[PROFILES_PATH_MAX];
    if (active == NULL)
        return true;
    for (size_t i = 0; i < profiles->len; i++)
        if (profiles_find_patch(profiles->folders[i], service, path) == NULL)
            return true;
    return false;
}
