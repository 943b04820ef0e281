/*
 * version: see version.h.
 */
#include "cli/version.h"

#include <inttypes.h>

#include "cli/local.h"
#include "model/codes.h"

/* What is in force. */
struct in_force {
    uint64_t version, offset; /* version 0: not there */
    struct oid commit;        /* zero: nothing is in force */
};

static int read_in_force(const struct cli *cli, const char *service, struct in_force *out, struct error *err)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct local_snapshot snapshot AUTO_LOCAL_SNAPSHOT = {0};
    bool is_missing;
    int rc;
    if (!local_load(cli, &local, &rc))
        return error_set(err, CODE_SETTINGS, 0, "the version of a service is where epochd runs: its settings are not "
                                                "known here");
    if (local_open_state(&local, err) != 0 || local_load_keys(&local, false, err) != 0 ||
        local_read_snapshot(&local, false, &snapshot, &is_missing, err) != 0)
        return error_wrap(err, "looking for the version of %s", service);
    *out = (struct in_force){0};
    if (is_missing)
        return 0;
    const struct service *found = catalog_find(snapshot.verified.catalog, service);
    out->version = found == NULL ? 0 : found->version;
    out->offset = snapshot.snapshot.offset;
    if (!oid_parse(snapshot.snapshot.config_epoch, &out->commit))
        return error_set(err, CODE_LKG_FORM, 0, "the snapshot names no commit");
    return 0;
}

/* The file's blob in a commit; zero where there is none. A commit that is gone has none either: then the file counts as
   changed. */
static int blob_in(struct repo *repo, const struct oid *commit, const char *path, struct oid *out, struct error *err)
{
    struct repo_commit read;
    struct error gone;
    struct listing *listing AUTO_LISTING = NULL;
    *out = (struct oid){0};
    if (path == NULL || repo_read_commit(repo, commit, &read, &gone) != 0)
        return 0;
    if (repo_list(repo, &read.tree, NULL, &listing, err) != 0)
        return -1;
    const struct listing_entry *entry = listing_find_path(listing, path);
    if (entry != NULL)
        *out = entry->oid;
    return 0;
}

/*
 * What is in force says the last-known-good snapshot; where the branch has moved on and changed the service's file, it is
 * the number that the tip has or will have. 0: there is no such service.
 */
static int version_of(struct writing *w, const char *service, const char *path, uint64_t *out, struct error *err)
{
    struct in_force force;
    struct oid then, now;
    uint64_t count;
    owner_leave(&w->owner); /* the state folder is epochd's */
    int rc = read_in_force(w->cli, service, &force, err);
    if (owner_enter(&w->owner, rc == 0 ? err : &(struct error){0}) != 0 || rc != 0)
        return -1;
    if (oid_equal(&force.commit, &w->tip)) {
        *out = force.version;
        return 0;
    }
    if (blob_in(w->repo, &force.commit, path, &then, err) != 0 || blob_in(w->repo, &w->tip, path, &now, err) != 0)
        return -1;
    if (oid_equal(&then, &now)) {
        *out = force.version;
        return 0;
    }
    if (repo_count(w->repo, &w->tip, NULL, &count, err) != 0)
        return -1;
    *out = oid_is_zero(&now) ? 0 : count + force.offset;
    return 0;
}

int version_expect(struct writing *w, const char *service, const char *path, uint64_t expected, struct error *err)
{
    uint64_t current;
    if (version_of(w, service, path, &current, err) != 0)
        return -1;
    if (current == expected)
        return 0;
    return error_set(err, CODE_VERSION_MISMATCH, 0, "Version mismatch: expected %" PRIu64 ", current is %" PRIu64,
                     expected, current);
}
