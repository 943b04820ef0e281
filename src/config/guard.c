/*
 * guard: see guard.h.
 */
#include "config/guard.h"

#include <string.h>

static int has_trailer(struct repo *repo, const struct oid *commit, bool *out, struct error *err)
{
    char value[64];
    bool found;
    if (repo_read_trailer(repo, commit, "Epoch-Allow", &found, value, sizeof value, err) != 0)
        return -1;
    *out = found && strcmp(value, "mass-removal") == 0;
    return 0;
}

int guard_allows_mass_removal(struct repo *repo, const struct oid *tip, const struct oid *hide, bool *allowed, struct error *err)
{
    struct oid *AUTO_FREE commits = NULL;
    size_t len = 0;
    bool truncated, is_known, is_ancestor;
    if (has_trailer(repo, tip, allowed, err) != 0)
        return -1;
    if (*allowed || hide == NULL || oid_equal(hide, tip))
        return 0;
    if (repo_is_ancestor(repo, hide, tip, &is_ancestor, &is_known, err) != 0)
        return -1;
    if (!is_known)
        return 0; /* gone from the repository: there is no range to ask */
    if (repo_range(repo, tip, hide, GUARD_RANGE_MAX, &commits, &len, &truncated, err) != 0)
        return -1;
    for (size_t i = 0; i < len && !*allowed; i++)
        if (has_trailer(repo, &commits[i], allowed, err) != 0)
            return -1;
    return 0;
}
