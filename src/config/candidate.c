/*
 * candidate: see candidate.h. One function a stage, in the order of the road:
 *
 *   load_changes (files ▶ environment ▶ what that touches) ▶ check_counts ▶ parse_services ▶ check_guards
 *
 * Findings do not stop a stage, so that one look tells all of them; only what would cost without bound does.
 */
#include "config/candidate.h"

#include <stdlib.h>

#include "config/evolution.h"
#include "config/judge.h"
#include "config/services.h"
#include "config/strangers.h"
#include "config/touch.h"
#include "model/codes.h"
#include "util/array.h"
#include "util/hex.h"

#define SERVICES_FOLDER "services"

struct trial {
    const struct source *source;
    const struct candidate_base *base;
    struct candidate *out;
    struct findings *findings;
    struct changes changes;
    size_t before;       /* services in force */
    uint64_t bytes;      /* of all configurations: first of those that stay, then of the new ones too */
    struct judge judge;
    struct judged judged; /* the service at hand */
};

void candidate_fini(struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->len; i++)
        free(candidate->services[i].path);
    free(candidate->services);
    free(candidate->touched);
    listing_unref(candidate->listing);
    environment_unref(candidate->environment);
    *candidate = (struct candidate){0};
}

static void trial_fini(struct trial *trial)
{
    changes_fini(&trial->changes);
    judge_fini(&trial->judge);
    buf_fini(&trial->judged.config);
}

/* A finding about the revision as a whole. */
#define refuse(trial, code, ...)                                                                             \
    findings_add((trial)->findings, FINDING_ERROR, code, SERVICES_FOLDER, (struct doc_pos){0}, __VA_ARGS__)

static const struct service *find_in_force(const struct trial *trial, const char *name)
{
    return trial->base->in_force == NULL ? NULL : catalog_find(trial->base->in_force, name);
}

/* --- load: which files differ ------------------------------------------------------------------------- */

static int compare_name(const void *key, const void *item)
{
    const struct change *change = item;
    return strcmp(key, change->name);
}

/* Without a listing to compare with, what is gone is what only the catalog knows. */
static int add_missing(struct trial *trial, struct error *err)
{
    const struct service **AUTO_FREE services = NULL;
    struct changes *changes = &trial->changes;
    size_t len = changes->len;
    if (catalog_sorted(trial->base->in_force, &services, err) < 0)
        return -1;
    for (size_t i = 0; i < trial->before; i++) {
        const char *name = services[i]->name;
        if (len > 0 && bsearch(name, changes->items, len, sizeof changes->items[0], compare_name) != NULL)
            continue;
        if (changes_add_gone(changes, name, err) < 0)
            return -1;
    }
    changes_sort(changes);
    return 0;
}

/* A services_visit: what is the same as before, to be read all the same. */
static int add_same(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    struct changes *changes = context;
    return changes_find(changes, name) != NULL ? 0 : changes_add_present(changes, name, folder, entry, 0, err);
}

static int add_rest(struct trial *trial, struct error *err)
{
    if (services_each(trial->source->listing, add_same, &trial->changes, err) < 0)
        return -1;
    changes_sort(&trial->changes);
    return 0;
}

/* Which services may differ, and why. */
static int list_touched(struct trial *trial, struct error *err)
{
    const struct changes *changes = &trial->changes;
    struct candidate *out = trial->out;
    if (changes->len == 0)
        return 0;
    out->touched = calloc(changes->len, sizeof out->touched[0]);
    if (out->touched == NULL)
        return error_memory(err);
    for (size_t i = 0; i < changes->len; i++) {
        const struct change *change = &changes->items[i];
        if (change->entry == NULL)
            continue;
        struct candidate_touch *touch = &out->touched[out->touched_len++];
        memcpy(touch->name, change->name, sizeof touch->name);
        touch->why = change->why;
    }
    return 0;
}

static int compare_schemas(struct trial *trial, struct error *err)
{
    const struct candidate_base *base = trial->base;
    bool is_apart = base->environment == NULL;
    const struct evolution evolution = {
        .was = is_apart ? base->compared_with : base->environment,
        .is = trial->out->environment,
        .in_force = base->in_force,
        .before = is_apart ? base->compared_files : base->before,
        .after = trial->source->listing,
    };
    return evolution.was == NULL ? 0 : evolution_judge(&evolution, trial->findings, err);
}

static int load_environment(struct trial *trial, struct error *err)
{
    struct environment *was = trial->base->environment, **is = &trial->out->environment;
    if (environment_load(trial->source, was, is, trial->findings, err) < 0)
        return -1;
    bool is_asked = was == NULL || trial->base->reads_all || was->rules != (*is)->rules; /* names cost a look at all services */
    if (is_asked && strangers_tell((*is)->rules, trial->source->listing, trial->findings, err) < 0)
        return -1;
    return trial->base->is_past ? 0 : compare_schemas(trial, err);
}

static int load_changes(struct trial *trial, struct error *err)
{
    const struct candidate_base *base = trial->base;
    bool is_known = base->in_force != NULL && base->before != NULL && base->environment != NULL;
    struct listing *before = is_known ? base->before : NULL;
    if (changes_load(before, trial->source->listing, &trial->changes, trial->findings, err) < 0 ||
        (!is_known && base->in_force != NULL && add_missing(trial, err) < 0) || load_environment(trial, err) < 0)
        return -1;
    const struct touch touch = {
        .before = before,
        .after = trial->source->listing,
        .in_force = is_known ? base->in_force : NULL,
        .was = base->environment,
        .is = trial->out->environment,
    };
    if (touch_services(&touch, &trial->changes, trial->findings, err) < 0)
        return -1;
    if (is_known && list_touched(trial, err) < 0)
        return -1;
    return is_known && base->reads_all ? add_rest(trial, err) : 0;
}

/* The changes of one service are neighbours, the file that is there first. */
static bool is_first_of_name(const struct changes *changes, size_t i)
{
    return i == 0 || strcmp(changes->items[i - 1].name, changes->items[i].name) != 0;
}

/* --- limits known before anything is read ------------------------------------------------------------- */

/* Counts what will be there, and what the configurations that stay weigh. False: there are too many. */
static bool check_counts(struct trial *trial)
{
    struct candidate *out = trial->out;
    out->total = trial->before;
    trial->bytes = trial->base->in_force == NULL ? 0 : catalog_config_bytes(trial->base->in_force);
    for (size_t i = 0; i < trial->changes.len; i++) {
        const struct change *change = &trial->changes.items[i];
        if (!is_first_of_name(&trial->changes, i))
            continue;
        const struct service *was = find_in_force(trial, change->name);
        if (was != NULL)
            trial->bytes -= was->config.len;
        if (was == NULL && change->path != NULL)
            out->total++;
        if (was != NULL && change->path == NULL)
            out->total--;
    }
    if (out->total <= SERVICES_MAX)
        return true;
    refuse(trial, CODE_LIMIT_SERVICES, "there are %zu services, and %d is the limit", out->total,
           SERVICES_MAX);
    return false;
}

/* --- parse: what they say ----------------------------------------------------------------------------- */

/* Path and configuration in one block. NULL when memory is out. */
static char *join_block(const char *path, struct span config)
{
    size_t len = strlen(path) + 1;
    char *block = malloc(len + config.len);
    if (block == NULL)
        return NULL;
    memcpy(block, path, len);
    memcpy(block + len, config.data, config.len);
    return block;
}

/* One more service that differs; `path` NULL: it is removed. */
static int add_service(struct candidate *out, const char *name, const char *path, const struct judged *judged,
                       struct error *err)
{
    struct candidate_service *services = array_grow(out->services, out->len, &out->cap, sizeof *services);
    if (services == NULL)
        return error_memory(err);
    out->services = services;
    struct candidate_service service = {0};
    memcpy(service.name, name, strlen(name) + 1);
    if (path != NULL) {
        service.path = join_block(path, buf_span(&judged->config));
        if (service.path == NULL)
            return error_memory(err);
        service.config = (struct span){service.path + strlen(path) + 1, judged->config.len};
        if (judged->schema != NULL)
            hex_encode(judged->schema->digest, HASH_LEN, service.schema);
    }
    out->services[out->len++] = service;
    return 0;
}

/* True while all configurations together are within the limit. */
static bool check_total(struct trial *trial, size_t added)
{
    trial->bytes += added;
    if (trial->bytes <= CONFIG_TOTAL_MAX)
        return true;
    refuse(trial, CODE_LIMIT_TOTAL, "the canonical JSON of all services is larger than %d MiB",
           CONFIG_TOTAL_MAX >> 20);
    return false;
}

/* A service whose file is there. *go_on false: nothing further can be afforded. */
static int parse_service(struct trial *trial, const struct change *change, bool *go_on, struct error *err)
{
    const struct service *was = find_in_force(trial, change->name);
    if (judge_service(&trial->judge, change->name, change->path, change->entry, &trial->judged, err) < 0)
        return -1;
    struct span config = buf_span(&trial->judged.config);
    *go_on = check_total(trial, config.len) && judge_may_go_on(&trial->judge);
    if (!*go_on || config.len == 0 || (was != NULL && span_equal(was->config, config)))
        return 0;
    return add_service(trial->out, change->name, change->path, &trial->judged, err);
}

static int remove_service(struct trial *trial, const struct change *change, struct error *err)
{
    if (find_in_force(trial, change->name) == NULL)
        return 0;
    trial->out->removed++;
    return add_service(trial->out, change->name, NULL, NULL, err);
}

static int parse_services(struct trial *trial, struct error *err)
{
    bool go_on = true;
    trial->judge = (struct judge){
        .source = trial->source,
        .environment = trial->out->environment,
        .findings = trial->findings,
    };
    profiles_list(trial->source->listing, &trial->judge.profiles, NULL);
    for (size_t i = 0; go_on && i < trial->changes.len; i++) {
        const struct change *change = &trial->changes.items[i];
        /* Of two files of one name, which is a finding already, both are read for theirs. */
        if (change->entry == NULL && !is_first_of_name(&trial->changes, i))
            continue;
        int result = change->entry != NULL ? parse_service(trial, change, &go_on, err)
                                           : remove_service(trial, change, err);
        if (result < 0)
            return -1;
    }
    return judge_finish(&trial->judge, err);
}

/* --- guards: what is valid and hardly meant ----------------------------------------------------------- */

static void check_guards(struct trial *trial)
{
    const struct candidate *out = trial->out;
    bool is_much = out->removed >= MASS_REMOVAL_MIN && out->removed * MASS_REMOVAL_PART > trial->before;
    bool is_all = out->removed > 0 && out->total == 0;
    if (trial->base->mass_removal_allowed || (!is_much && !is_all))
        return;
    findings_add(trial->findings, trial->base->has_no_message ? FINDING_WARNING : FINDING_ERROR, CODE_GUARD_MASS_REMOVAL,
                 SERVICES_FOLDER, (struct doc_pos){0},
                 "the commit removes %zu of %zu services; if it is meant, add the trailer `Epoch-Allow: mass-removal` "
                 "to its message",
                 out->removed, trial->before);
}

static int judge_all(struct trial *trial, struct error *err)
{
    if (trial->source->is_too_large) {
        refuse(trial, CODE_LIMIT_SERVICES,
               "there are more than %d files under services/, schemas/ and the like", LISTING_FILES_MAX);
        return findings_check(trial->findings, err);
    }
    if (load_changes(trial, err) < 0)
        return -1;
    if (check_counts(trial)) {
        if (parse_services(trial, err) < 0)
            return -1;
        check_guards(trial);
    }
    return findings_check(trial->findings, err);
}

int candidate_judge(const struct source *source, const struct candidate_base *base, struct candidate *out,
                    struct findings *findings, struct error *err)
{
    size_t errors = findings->errors;
    struct candidate draft AUTO_CANDIDATE = {0};
    struct trial trial CLEANUP(trial_fini) = {
        .source = source,
        .base = base,
        .out = &draft,
        .findings = findings,
        .before = base->in_force == NULL ? 0 : catalog_count(base->in_force),
    };
    if (judge_all(&trial, err) < 0)
        return -1;
    findings_sort(findings);
    if (findings->errors > errors)
        return 0;
    draft.listing = listing_ref(source->listing);
    *out = draft;
    draft = (struct candidate){0};
    return 0;
}
