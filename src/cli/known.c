/*
 * known: see known.h.
 */
#include "cli/known.h"

#include <string.h>

#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"
#include "model/nearest.h"

/* --- services, profiles --------------------------------------------------------------------------------- */

struct search {
    const char *file; /* "router.yaml" */
    bool found;
    struct nearest nearest; /* among files */
};

static int visit(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    struct search *search = context;
    (void)name;
    (void)folder;
    (void)err;
    search->found = strcmp(entry->name, search->file) == 0;
    nearest_try(&search->nearest, entry->name);
    return search->found;
}

int known_check_service(const struct listing *listing, const char *service, struct error *err)
{
    char file[LAYOUT_NAME_MAX + 8], hint[NEAREST_HINT_MAX];
    if (!layout_name_is_good(span_of(service)))
        return error_set(err, CODE_NO_SERVICE, 0, "'%.80s' cannot be the name of a service", service);
    snprintf(file, sizeof file, "%s.yaml", service);
    struct search search = {.file = file, .nearest = {.text = span_of(file)}};
    if (services_each(listing, visit, &search, err) != 0)
        return -1;
    if (search.found)
        return 0;
    if (search.nearest.name != NULL)
        return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s'%s", service,
                         nearest_hint_name((struct span){search.nearest.name, strcspn(search.nearest.name, ".")}, hint));
    return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%s'", service);
}

int known_check_profile(const struct listing *listing, const char *profile, struct error *err)
{
    struct profiles profiles;
    struct nearest nearest = {.text = span_of(profile)};
    char hint[NEAREST_HINT_MAX];
    profiles_list(listing, &profiles, NULL);
    if (profiles_find(&profiles, profile) != NULL)
        return 0;
    for (size_t i = 0; i < profiles.len; i++)
        nearest_try(&nearest, profiles.folders[i]->name);
    if (nearest.name != NULL)
        return error_set(err, CODE_NO_PROFILE, 0, "there is no profile '%.80s'%s", profile, nearest_hint(&nearest, hint));
    return error_set(err, CODE_NO_PROFILE, 0, "there is no profile '%.80s'%s", profile,
                     profiles.len == 0 ? ": epochctl profile save makes one" : "");
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static void try_name(void *context, struct span name, const struct schema *property)
{
    (void)property;
    nearest_try(context, name.data);
}

/* Among the names beside it: the last of the way that is not there is what was typed wrong. */
int known_miss_key(const struct effective *effective, const struct pointer *way, struct error *err)
{
    struct buf text AUTO_BUF = {0}, above AUTO_BUF = {0};
    struct schema_place place;
    struct pointer parent = *way;
    size_t depth = 0;
    pointer_find(effective->root, way, &depth);
    parent.len = depth;
    struct nearest nearest = {.text = way->len > depth ? way->names[depth] : SPAN("")};
    const struct doc_node *beside = pointer_find(effective->root, &parent, NULL);
    for (size_t i = 0; beside != NULL && beside->kind == DOC_OBJECT && i < beside->u.object.len; i++)
        nearest_try(&nearest, beside->u.object.members[i].name.data);
    if (effective->rules.schema != NULL && schema_at(effective->rules.schema->schema, &parent, &place))
        schema_each_name(&place, try_name, &nearest);
    pointer_put(way, way->len, &text);
    pointer_put(&parent, parent.len, &above);
    if (buf_check(&text, err) != 0 || buf_check(&above, err) != 0)
        return -1;
    if (nearest.name != NULL)
        return error_set(err, CODE_NO_KEY, 0, "there is no key %.*s; did you mean \"%.*s/%s\"?", (int)text.len, text.data,
                         (int)above.len, above.len == 0 ? "" : above.data, nearest.name);
    return error_set(err, CODE_NO_KEY, 0, "there is no key %.*s", (int)text.len, text.data);
}
