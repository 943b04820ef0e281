/*
 * touch: see touch.h.
 */
#include "config/touch.h"

#include <stdlib.h>

#include "model/nearest.h"
#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"

struct comparison {
    const struct touch *touch;
    struct changes *changes;
    bool is_wide; /* the environment or the profiles differ: any service may be touched */
    bool *schema_differs, *base_differs; /* by place in touch->is; NULL: none does */
    struct profiles were, are;
};

static void comparison_fini(struct comparison *c)
{
    free(c->schema_differs);
    free(c->base_differs);
}

/* --- what of the environment differs for one service ------------------------------------------------------------------ */

static bool differs(const bool *by_place, const struct shared *shared, const struct shared_file *file)
{
    return by_place != NULL && by_place[file - shared->files];
}

static unsigned compare_bases(const struct comparison *c, const struct service_rules *was, const struct service_rules *is)
{
    unsigned why = was->bases_len == is->bases_len ? 0 : CHANGE_RULES;
    for (size_t i = 0; i < is->bases_len; i++) {
        if (i < was->bases_len && strcmp(was->bases[i]->name, is->bases[i]->name) != 0)
            why |= CHANGE_RULES;
        if (differs(c->base_differs, c->touch->is->bases, is->bases[i]))
            why |= CHANGE_BASE;
    }
    return why;
}

static unsigned compare_schemas(const struct comparison *c, const struct service_rules *was, const struct service_rules *is)
{
    if (was->schema == NULL && is->schema == NULL)
        return 0;
    if (was->schema == NULL || is->schema == NULL)
        return CHANGE_SCHEMA;
    if (strcmp(was->schema->name, is->schema->name) != 0)
        return CHANGE_RULES;
    return differs(c->schema_differs, c->touch->is->schemas, is->schema) ? CHANGE_SCHEMA : 0;
}

static const struct listing_entry *find_active_patch(const struct profiles *profiles, const struct rules *rules,
                                                     const char *service)
{
    char path[PROFILES_PATH_MAX];
    const struct listing_entry *active =
        rules->profile.name == NULL ? NULL : profiles_find(profiles, rules->profile.name);
    return active == NULL ? NULL : profiles_find_patch(active, service, path);
}

static bool is_other_profile(const struct rules *was, const struct rules *is)
{
    if (was->profile.name == NULL || is->profile.name == NULL)
        return was->profile.name != is->profile.name;
    return strcmp(was->profile.name, is->profile.name) != 0;
}

/* Another patch is laid over it, or it is now also used as it is, without one, and may never have been judged so. */
static unsigned compare_profiles(const struct comparison *c, const char *service)
{
    const struct rules *was = c->touch->was->rules, *is = c->touch->is->rules;
    if (is_other_profile(was, is) && (find_active_patch(&c->were, was, service) != NULL ||
                                      find_active_patch(&c->are, is, service) != NULL))
        return CHANGE_PROFILE;
    bool was_plain = profiles_leave_plain(&c->were, was->profile.name, service);
    return !was_plain && profiles_leave_plain(&c->are, is->profile.name, service) ? CHANGE_PROFILE : 0;
}

static unsigned compare_environment(const struct comparison *c, const char *service)
{
    struct service_rules was, is;
    environment_find(c->touch->was, service, &was, NULL);
    environment_find(c->touch->is, service, &is, NULL);
    unsigned why = compare_bases(c, &was, &is) | compare_schemas(c, &was, &is) | compare_profiles(c, service);
    return is.is_broken ? why | CHANGE_RULES : why; /* looked at, so that it is told */
}

/* A services_visit. */
static int on_service(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                      struct error *err)
{
    const struct comparison *c = context;
    unsigned why = changes_have_patch(c->changes, name, NULL) ? CHANGE_PATCH : 0;
    if (c->is_wide)
        why |= compare_environment(c, name);
    if (why == 0)
        return 0;
    struct change *change = changes_find(c->changes, name);
    if (change == NULL || change->entry == NULL)
        return changes_add_present(c->changes, name, folder, entry, why, err);
    change->why |= why;
    return 0;
}

static bool have_same_profiles(const struct profiles *a, const struct profiles *b)
{
    bool is_same = a->len == b->len;
    for (size_t i = 0; is_same && i < a->len; i++)
        is_same = strcmp(a->folders[i]->name, b->folders[i]->name) == 0;
    return is_same;
}

static int compare(struct comparison *c, struct error *err)
{
    const struct touch *touch = c->touch;
    if (touch->before != NULL) {
        profiles_list(touch->before, &c->were, NULL);
        profiles_list(touch->after, &c->are, NULL);
        c->is_wide = touch->was != touch->is || !have_same_profiles(&c->were, &c->are);
    }
    if (c->is_wide && (shared_compare(touch->was->schemas, touch->is->schemas, &c->schema_differs, err) < 0 ||
                       shared_compare(touch->was->bases, touch->is->bases, &c->base_differs, err) < 0))
        return -1;
    if (!c->is_wide && c->changes->patches_len == 0)
        return 0;
    return services_each(touch->after, on_service, c, err);
}

/* --- patches of nobody ------------------------------------------------------------------------------------------------ */

/* Whether the service is there after the changes. */
static bool exists(const struct touch *touch, const struct changes *changes, const char *service)
{
    const struct change *change = changes_find(changes, service);
    if (change != NULL)
        return change->entry != NULL;
    return touch->in_force != NULL && catalog_find(touch->in_force, service) != NULL;
}

/* The nearest service; names come and go with each call, so it is copied as soon as it is found. */
struct guess {
    struct nearest nearest;
    char best[LAYOUT_NAME_MAX + 1];
};

/* A services_visit. */
static int on_name(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    struct guess *guess = context;
    size_t before = guess->nearest.distance;
    bool had_one = guess->nearest.name != NULL;
    (void)folder;
    (void)entry;
    (void)err;
    nearest_try(&guess->nearest, name);
    if (guess->nearest.name != NULL && (!had_one || guess->nearest.distance != before))
        memcpy(guess->best, name, strlen(name) + 1);
    return 0;
}

static int refuse_patch(const struct touch *touch, const char *service, const char *profile, struct findings *findings,
                        struct error *err)
{
    char path[PROFILES_PATH_MAX];
    char hint[NEAREST_HINT_MAX];
    struct guess guess = {.nearest.text = span_of(service)};
    if (findings->errors < NEAREST_TOLD_MAX && services_each(touch->after, on_name, &guess, err) < 0)
        return -1;
    snprintf(path, sizeof path, "profiles/%s/%s.yaml", profile, service);
    findings_add(findings, FINDING_ERROR, CODE_PROFILE_SERVICE, path, (struct doc_pos){0},
                 "there is no service '%s' to lay this over%s", service, nearest_hint_name(span_of(guess.best), hint));
    return 0;
}

/* Those that came or changed, and those that were there before their service went. */
static int check_patches(const struct touch *touch, const struct changes *changes, struct findings *findings,
                         struct error *err)
{
    struct profiles profiles;
    char path[PROFILES_PATH_MAX];
    for (size_t i = 0; i < changes->patches_len; i++) {
        const struct change_patch *patch = &changes->patches[i];
        if (!patch->is_gone && !exists(touch, changes, patch->service) &&
            refuse_patch(touch, patch->service, patch->profile, findings, err) < 0)
            return -1;
    }
    profiles_list(touch->after, &profiles, NULL);
    for (size_t i = 0; i < changes->len && profiles.len > 0; i++) {
        const char *service = changes->items[i].name;
        if (exists(touch, changes, service))
            continue;
        for (size_t p = 0; p < profiles.len; p++) {
            const char *profile = profiles.folders[p]->name;
            if (profiles_find_patch(profiles.folders[p], service, path) != NULL &&
                !changes_have_patch(changes, service, profile) && refuse_patch(touch, service, profile, findings, err) < 0)
                return -1;
        }
    }
    return 0;
}

int touch_services(const struct touch *touch, struct changes *changes, struct findings *findings, struct error *err)
{
    struct comparison c CLEANUP(comparison_fini) = {.touch = touch, .changes = changes};
    if (check_patches(touch, changes, findings, err) < 0 || compare(&c, err) < 0)
        return -1;
    changes_sort(changes);
    return 0;
}
