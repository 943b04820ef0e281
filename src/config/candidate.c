/*
 * candidate: see candidate.h. One function a stage, in the order of the road:
 *
 *   load_changes ▶ check_counts ▶ parse_services (each: read, effective_config) ▶ check_guards
 *
 * Findings do not stop a stage, so that one look tells all of them; only what would cost without bound does.
 * Bases, schema defaults and profiles have their place in effective_config, schemas behind it.
 */
#include "config/candidate.h"

#include <stdlib.h>

#include "config/changes.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"

#define SERVICES_FOLDER "services"

struct judge {
    const struct source *source;
    const struct candidate_base *base;
    struct candidate *out;
    struct findings *findings;
    struct changes changes;
    size_t before;           /* services in force */
    uint64_t bytes;          /* of all configurations: first of those that stay, then of the new ones too */
    struct buf text, config; /* of the file at hand */
};

void candidate_fini(struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->len; i++)
        free(candidate->services[i].path);
    free(candidate->services);
    listing_unref(candidate->listing);
    *candidate = (struct candidate){0};
}

static void judge_fini(struct judge *judge)
{
    changes_fini(&judge->changes);
    buf_fini(&judge->text);
    buf_fini(&judge->config);
}

/* A finding about the revision as a whole. */
#define refuse(judge, code, ...)                                                                             \
    findings_add((judge)->findings, FINDING_ERROR, code, SERVICES_FOLDER, (struct doc_pos){0}, __VA_ARGS__)

static const struct service *find_in_force(const struct judge *judge, const char *name)
{
    return judge->base->in_force == NULL ? NULL : catalog_find(judge->base->in_force, name);
}

/* --- load: which files differ ------------------------------------------------------------------------- */

static int compare_name(const void *key, const void *item)
{
    const struct change *change = item;
    return strcmp(key, change->name);
}

/* Without a listing to compare with, what is gone is what only the catalog knows. */
static int add_missing(struct judge *judge, struct error *err)
{
    const struct service **AUTO_FREE services = NULL;
    struct changes *changes = &judge->changes;
    size_t len = changes->len;
    if (catalog_sorted(judge->base->in_force, &services, err) < 0)
        return -1;
    for (size_t i = 0; i < judge->before; i++) {
        const char *name = services[i]->name;
        if (len > 0 && bsearch(name, changes->items, len, sizeof changes->items[0], compare_name) != NULL)
            continue;
        if (changes_add_gone(changes, name, err) < 0)
            return -1;
    }
    changes_sort(changes);
    return 0;
}

static int load_changes(struct judge *judge, struct error *err)
{
    const struct listing *before = judge->base->in_force == NULL ? NULL : judge->base->before;
    if (changes_load(before, judge->source->listing, &judge->changes, judge->findings, err) < 0)
        return -1;
    return before == NULL && judge->base->in_force != NULL ? add_missing(judge, err) : 0;
}

/* The changes of one service are neighbours, the file that is there first. */
static bool is_first_of_name(const struct changes *changes, size_t i)
{
    return i == 0 || strcmp(changes->items[i - 1].name, changes->items[i].name) != 0;
}

/* --- limits known before anything is read ------------------------------------------------------------- */

/* Counts what will be there, and what the configurations that stay weigh. False: there are too many. */
static bool check_counts(struct judge *judge)
{
    struct candidate *out = judge->out;
    out->total = judge->before;
    judge->bytes = judge->base->in_force == NULL ? 0 : catalog_config_bytes(judge->base->in_force);
    for (size_t i = 0; i < judge->changes.len; i++) {
        const struct change *change = &judge->changes.items[i];
        if (!is_first_of_name(&judge->changes, i))
            continue;
        const struct service *was = find_in_force(judge, change->name);
        if (was != NULL)
            judge->bytes -= was->config.len;
        if (was == NULL && change->path != NULL)
            out->total++;
        if (was != NULL && change->path == NULL)
            out->total--;
    }
    if (out->total <= SERVICES_MAX)
        return true;
    refuse(judge, CODE_LIMIT_SERVICES, "there are %zu services, and %d is the limit", out->total,
           SERVICES_MAX);
    return false;
}

/* --- parse: what they say ----------------------------------------------------------------------------- */

/* What the service gets: today its file alone. */
static const struct doc_node *effective_config(const struct doc *file)
{
    return file->root;
}

/* Reads the file into judge->text; an object that is missing or too large is a finding. */
static int read_file(struct judge *judge, const struct change *change, bool *is_read, struct error *err)
{
    buf_reset(&judge->text);
    *is_read = judge->source->read(judge->source, change->path, change->entry, &judge->text, err) == 0;
    if (*is_read)
        return 0;
    if (strcmp(err->code, CODE_REPO_OBJECT) != 0 && strcmp(err->code, CODE_LIMIT_FILE) != 0)
        return error_wrap(err, "reading %s", change->path);
    findings_add(judge->findings, FINDING_ERROR, err->code, change->path, (struct doc_pos){0}, "%s",
                 err->message);
    return 0;
}

/* Makes judge->config: canonical JSON, empty if there are findings. */
static int make_config(struct judge *judge, const struct change *change, struct error *err)
{
    const struct yaml_options options = {.file = change->path, .limits = doc_limits_config};
    struct doc doc AUTO_DOC = {0};
    bool is_read;
    buf_reset(&judge->config);
    if (read_file(judge, change, &is_read, err) < 0)
        return -1;
    if (is_read && yaml_read(buf_span(&judge->text), &options, &doc, judge->findings, err) < 0)
        return -1;
    if (doc.root != NULL)
        json_write(effective_config(&doc), &judge->config);
    return buf_check(&judge->config, err);
}

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
static int add_service(struct candidate *out, const char *name, const char *path, struct span config,
                       struct error *err)
{
    if (out->len == out->cap) {
        size_t cap = out->cap == 0 ? 16 : out->cap * 2;
        struct candidate_service *services = reallocarray(out->services, cap, sizeof *services);
        if (services == NULL)
            return error_memory(err);
        out->services = services;
        out->cap = cap;
    }
    struct candidate_service service = {0};
    memcpy(service.name, name, strlen(name) + 1);
    if (path != NULL) {
        service.path = join_block(path, config);
        if (service.path == NULL)
            return error_memory(err);
        service.config = (struct span){service.path + strlen(path) + 1, config.len};
    }
    out->services[out->len++] = service;
    return 0;
}

/* True while all configurations together are within the limit. */
static bool check_total(struct judge *judge, size_t added)
{
    judge->bytes += added;
    if (judge->bytes <= CONFIG_TOTAL_MAX)
        return true;
    refuse(judge, CODE_LIMIT_TOTAL, "the canonical JSON of all services is larger than %d MiB",
           CONFIG_TOTAL_MAX >> 20);
    return false;
}

/* A service whose file is there. *go_on false: nothing further can be afforded. */
static int parse_service(struct judge *judge, const struct change *change, bool *go_on, struct error *err)
{
    const struct service *was = find_in_force(judge, change->name);
    if (make_config(judge, change, err) < 0)
        return -1;
    struct span config = buf_span(&judge->config);
    *go_on = check_total(judge, config.len);
    if (!*go_on || config.len == 0 || (was != NULL && span_equal(was->config, config)))
        return 0;
    return add_service(judge->out, change->name, change->path, config, err);
}

static int remove_service(struct judge *judge, const struct change *change, struct error *err)
{
    if (find_in_force(judge, change->name) == NULL)
        return 0;
    judge->out->removed++;
    return add_service(judge->out, change->name, NULL, (struct span){0}, err);
}

static int parse_services(struct judge *judge, struct error *err)
{
    bool go_on = true;
    for (size_t i = 0; go_on && i < judge->changes.len; i++) {
        const struct change *change = &judge->changes.items[i];
        /* Of two files of one name, which is a finding already, both are read for theirs. */
        if (change->entry == NULL && !is_first_of_name(&judge->changes, i))
            continue;
        int result = change->entry != NULL ? parse_service(judge, change, &go_on, err)
                                           : remove_service(judge, change, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* --- guards: what is valid and hardly meant ----------------------------------------------------------- */

static void check_guards(struct judge *judge)
{
    const struct candidate *out = judge->out;
    bool is_much = out->removed >= MASS_REMOVAL_MIN && out->removed * MASS_REMOVAL_PART > judge->before;
    bool is_all = out->removed > 0 && out->total == 0;
    if (judge->base->mass_removal_allowed || (!is_much && !is_all))
        return;
    refuse(
        judge, CODE_GUARD_MASS_REMOVAL,
        "the commit removes %zu of %zu services; if it is meant, add the trailer `Epoch-Allow: mass-removal` "
        "to its message",
        out->removed, judge->before);
}

static int judge_all(struct judge *judge, struct error *err)
{
    if (judge->source->is_too_large) {
        refuse(judge, CODE_LIMIT_SERVICES,
               "there are more than %d files under services/, schemas/ and the like", LISTING_FILES_MAX);
        return findings_check(judge->findings, err);
    }
    if (load_changes(judge, err) < 0)
        return -1;
    if (check_counts(judge)) {
        if (parse_services(judge, err) < 0)
            return -1;
        check_guards(judge);
    }
    return findings_check(judge->findings, err);
}

int candidate_judge(const struct source *source, const struct candidate_base *base, struct candidate *out,
                    struct findings *findings, struct error *err)
{
    size_t errors = findings->errors;
    struct candidate draft AUTO_CANDIDATE = {0};
    struct judge judge CLEANUP(judge_fini) = {
        .source = source,
        .base = base,
        .out = &draft,
        .findings = findings,
        .before = base->in_force == NULL ? 0 : catalog_count(base->in_force),
    };
    if (judge_all(&judge, err) < 0)
        return -1;
    findings_sort(findings);
    if (findings->errors > errors)
        return 0;
    draft.listing = listing_ref(source->listing);
    *out = draft;
    draft = (struct candidate){0};
    return 0;
}
