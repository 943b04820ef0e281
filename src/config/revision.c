/*
 * revision: see revision.h.
 */
#include "config/revision.h"

void revision_fini(struct revision *revision)
{
    catalog_unref(revision->catalog);
    listing_unref(revision->listing);
    environment_unref(revision->environment);
    *revision = (struct revision){0};
}

static void services_fini(struct catalog_change *changes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    free(changes);
}

static int make_catalog(const struct candidate *candidate, struct catalog **out, struct error *err)
{
    struct catalog *empty AUTO_CATALOG = catalog_new();
    struct catalog_change *changes = calloc(candidate->len + 1, sizeof *changes);
    size_t len = 0;
    int rc = empty == NULL || changes == NULL ? error_memory(err) : 0;
    for (; rc == 0 && len < candidate->len; len++) {
        const struct candidate_service *service = &candidate->services[len];
        struct service *made = service_new(service->name, service->path, 1, service->config, service->config);
        if (made == NULL)
            rc = error_memory(err);
        else
            changes[len] = (struct catalog_change){made->name, made};
    }
    if (rc == 0)
        rc = catalog_with(empty, changes, len, out, err);
    if (changes != NULL)
        services_fini(changes, len);
    return rc;
}

int revision_load(struct repo *repo, const struct oid *commit, struct revision *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    if (source_from_commit(repo, commit, NULL, &source, err) != 0 ||
        candidate_judge(&source, &nothing, &candidate, &findings, err) != 0)
        return -1;
    if (findings.errors > 0)
        return 0;
    if (make_catalog(&candidate, &out->catalog, err) != 0)
        return -1;
    out->commit = *commit;
    out->listing = TAKE(candidate.listing);
    out->environment = TAKE(candidate.environment);
    return 0;
}

enum { LOOK_BACK = 16 };

static int load_schemas(struct repo *repo, const struct oid *commit, struct revision *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct findings AUTO_FINDINGS findings = {0};
    AUTO_ENVIRONMENT struct environment *environment = NULL;
    if (source_from_commit(repo, commit, NULL, &source, err) != 0 ||
        environment_load(&source, NULL, &environment, &findings, err) != 0)
        return -1;
    if (findings.errors == 0) {
        out->commit = *commit;
        out->listing = listing_ref(source.listing);
        out->environment = TAKE(environment);
    }
    return findings_check(&findings, err);
}

int revision_schemas(struct repo *repo, const struct oid *tip, struct revision *out, struct error *err)
{
    struct oid commit = *tip;
    struct error cut;
    for (int i = 0; i < LOOK_BACK && out->environment == NULL && !oid_is_zero(&commit); i++) {
        struct repo_commit read;
        if (repo_read_commit(repo, &commit, &read, &cut) != 0)
            return 0; /* a shallow clone ends here */
        if (load_schemas(repo, &commit, out, err) != 0)
            return -1;
        commit = read.first_parent;
    }
    return 0;
}

int revision_before(struct repo *repo, const struct oid *tip, struct revision *out, struct error *err)
{
    struct oid commit = *tip;
    struct error cut;
    for (int i = 0; i < LOOK_BACK && out->catalog == NULL && !oid_is_zero(&commit); i++) {
        struct repo_commit read;
        if (repo_read_commit(repo, &commit, &read, &cut) != 0)
            return 0; /* a shallow clone ends here */
        if (revision_load(repo, &commit, out, err) != 0)
            return -1;
        commit = read.first_parent;
    }
    return 0;
}

struct candidate_base revision_base(const struct revision *revision, bool mass_removal_allowed)
{
    return (struct candidate_base){
        .before = revision->listing,
        .in_force = revision->catalog,
        .environment = revision->environment,
        .reads_all = true,
        .mass_removal_allowed = mass_removal_allowed,
    };
}
