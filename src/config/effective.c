/*
 * effective: see effective.h.
 */
#include "config/effective.h"

#include "config/judge.h"
#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"
#include "model/merge.h"

/* --- laying over ------------------------------------------------------------------------------------------------------ */

static int fill_in(const struct service_rules *rules, const struct doc_node *patch, struct arena *arena,
                   const struct doc_node **node, struct error *err)
{
    if (rules->schema == NULL)
        return 0;
    return schema_defaults(rules->schema->schema, *node, patch, arena, node, err);
}

/*
 * Defaults are filled in twice where there is a patch: it is laid over the service as that is without it, and the objects
 * that it makes have defaults of their own. What it took away is not filled in again.
 */
static int lay_patch(const struct service_rules *rules, const struct doc_node *patch, struct arena *arena,
                     const struct doc_node **node, struct error *err)
{
    if (patch == NULL)
        return 0;
    if (merge_patch(arena, *node, patch, node, err) < 0 || merge_check(*node, &doc_limits_config, err) < 0)
        return -1;
    return fill_in(rules, patch, arena, node, err);
}

static int lay_bases(const struct service_rules *rules, const struct doc_node *file, struct arena *arena,
                     const struct doc_node **out, struct error *err)
{
    const struct doc_node *node = NULL;
    for (size_t i = 0; i <= rules->bases_len; i++) {
        const struct doc_node *upper = i < rules->bases_len ? rules->bases[i]->doc.root : file;
        if (node == NULL)
            node = upper;
        else if (merge_layers(arena, node, upper, &node, err) < 0)
            return -1;
        if (merge_check(node, &doc_limits_config, err) < 0)
            return -1;
    }
    *out = node;
    return 0;
}

int effective_make(const struct service_rules *rules, const struct doc_node *file, const struct doc_node *patch,
                   struct arena *arena, const struct doc_node **out, struct error *err)
{
    const struct doc_node *node;
    if (lay_bases(rules, file, arena, &node, err) < 0 || fill_in(rules, NULL, arena, &node, err) < 0 ||
        lay_patch(rules, patch, arena, &node, err) < 0 || merge_check(node, &doc_limits_config, err) < 0)
        return -1;
    *out = node;
    return 0;
}

/* --- looking ---------------------------------------------------------------------------------------------------------- */

enum effective_layer effective_layer_of(const struct doc_node *node)
{
    switch (layout_area_of((struct span){node->file, strcspn(node->file, "/")})) {
    case LAYOUT_SCHEMAS:
        return EFFECTIVE_DEFAULT;
    case LAYOUT_BASES:
        return EFFECTIVE_BASE;
    case LAYOUT_PROFILES:
        return EFFECTIVE_PROFILE;
    case LAYOUT_SERVICES:
    case LAYOUT_OUTSIDE:
    case LAYOUT_SETTINGS:
    case LAYOUT_RECIPIENTS:
    case LAYOUT_AUTHORS:
        break;
    }
    return EFFECTIVE_FILE;
}

const char *effective_layer_name(enum effective_layer layer)
{
    static const char *const names[] = {"default", "base", "file", "profile"};
    return names[layer];
}

void effective_fini(struct effective *effective)
{
    environment_unref(effective->environment);
    free(effective->path);
    doc_fini(&effective->file);
    doc_fini(&effective->patch);
    arena_fini(&effective->arena);
    *effective = (struct effective){0};
}

static int read_patch(struct judge *judge, const char *service, struct effective *effective, struct error *err)
{
    char path[PROFILES_PATH_MAX];
    if (effective->profile[0] == '\0')
        return 0;
    const struct listing_entry *folder = profiles_find(&judge->profiles, effective->profile);
    if (folder == NULL)
        return error_set(err, CODE_NO_PROFILE, 0, "there is no profile '%s'", effective->profile);
    const struct listing_entry *entry = profiles_find_patch(folder, service, path);
    return entry == NULL ? 0 : judge_read(judge, path, entry, &effective->patch, err);
}

static int load(struct judge *judge, const char *service, struct effective *effective, struct error *err)
{
    const struct listing_entry *entry = NULL;
    size_t errors = judge->findings->errors;
    if (services_find(judge->source->listing, service, &entry, &effective->path, err) < 0)
        return -1;
    if (entry == NULL)
        return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s'", service);
    environment_find(effective->environment, service, &effective->rules, judge->findings);
    if (judge_read(judge, effective->path, entry, &effective->file, err) < 0 ||
        read_patch(judge, service, effective, err) < 0)
        return -1;
    if (effective->rules.is_broken || judge->findings->errors > errors)
        return 0;
    return effective_make(&effective->rules, effective->file.root, effective->patch.root, &effective->arena,
                          &effective->root, err);
}

int effective_load(const struct source *source, struct environment *old, const char *service, const char *profile,
                   struct effective *out, struct findings *findings, struct error *err)
{
    struct effective effective AUTO_EFFECTIVE = {0};
    if (environment_load(source, old, &effective.environment, findings, err) < 0)
        return -1;
    const struct rules_name *active = &effective.environment->rules->profile;
    const char *wanted = profile != NULL ? profile : active->name == NULL ? "" : active->name;
    snprintf(effective.profile, sizeof effective.profile, "%s", wanted);
    struct judge judge CLEANUP(judge_fini) = {
        .source = source, .environment = effective.environment, .findings = findings};
    profiles_list(source->listing, &judge.profiles, NULL);
    if (load(&judge, service, &effective, err) < 0 || findings_check(findings, err) < 0)
        return -1;
    *out = effective;
    effective = (struct effective){0};
    return 0;
}
