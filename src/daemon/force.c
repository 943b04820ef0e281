/*
 * force: see force.h.
 */
#include "daemon/force.h"

int force_init(struct force *force, struct error *err)
{
    *force = (struct force){.catalog = catalog_new()};
    return force->catalog == NULL ? error_memory(err) : 0;
}

void force_fini(struct force *force)
{
    catalog_unref(force->catalog);
    listing_unref(force->listing);
    environment_unref(force->environment);
    buf_fini(&force->head);
    *force = (struct force){0};
}

void force_set_tree(struct force *force, struct listing *listing, struct environment *environment)
{
    listing_unref(force->listing);
    environment_unref(force->environment);
    force->listing = listing_ref(listing);
    force->environment = environment_ref(environment);
}

void force_recall_environment(struct force *force, struct repo *repo)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct findings findings AUTO_FINDINGS = {0};
    AUTO_ENVIRONMENT struct environment *environment = NULL;
    struct error none;
    if (!force->exists || force->environment != NULL)
        return;
    if (source_from_commit(repo, &force->commit, NULL, &source, &none) == 0 &&
        environment_load(&source, NULL, &environment, &findings, &none) == 0 && findings.errors == 0)
        force->environment = TAKE(environment);
}

int force_set_head(struct force *force, struct span head, struct error *err)
{
    struct buf copy AUTO_BUF = {0};
    buf_append_span(&copy, head);
    if (buf_check(&copy, err) != 0)
        return -1;
    buf_fini(&force->head);
    force->head = copy;
    copy = (struct buf){0};
    hash_sha256(force->head.data, force->head.len, force->head_digest);
    return 0;
}
