/*
 * services: see services.h.
 */
#include "config/services.h"

#include <string.h>

struct walk {
    services_visit *visit;
    void *context;
    bool is_over;
};

/* A listing_visit: 1 goes into a folder, 0 passes on. */
static int on_entry(void *context, const char *folder, const struct listing_entry *before, const struct listing_entry *after,
                    struct error *err)
{
    struct walk *walk = context;
    struct layout_entry what;
    (void)before;
    if (walk->is_over)
        return 0;
    enum layout_verdict verdict = layout_judge(folder, span_of(after->name), after->mode, &what, NULL);
    if (what.area != LAYOUT_SERVICES)
        return 0;
    if (verdict != LAYOUT_FILE)
        return verdict == LAYOUT_DESCEND;
    int answer = walk->visit(walk->context, what.name, folder, after, err);
    walk->is_over = answer != 0;
    return answer < 0 ? -1 : 0;
}

int services_each(const struct listing *listing, services_visit *visit, void *context, struct error *err)
{
    struct walk walk = {.visit = visit, .context = context};
    return listing_compare(NULL, listing, on_entry, &walk, err);
}

struct search {
    const char *name;
    const struct listing_entry *found;
    char *path;
};

static int on_service(void *context, const char *name, const char *folder, const struct listing_entry *entry,
                      struct error *err)
{
    struct search *search = context;
    if (strcmp(name, search->name) != 0)
        return 0;
    if (asprintf(&search->path, "%s/%s", folder, entry->name) < 0)
        return error_memory(err);
    search->found = entry;
    return 1;
}

int services_find(const struct listing *listing, const char *name, const struct listing_entry **out, char **path,
                  struct error *err)
{
    struct search search = {.name = name};
    if (services_each(listing, on_service, &search, err) < 0)
        return -1;
    if (search.found == NULL)
        return 0;
    *out = search.found;
    *path = search.path;
    return 0;
}
