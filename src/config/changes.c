/*
 * changes: see changes.h.
 */
#include "config/changes.h"

#include <stdlib.h>

#include "model/codes.h"
#include "util/array.h"
#include "util/buf.h"

void changes_fini(struct changes *changes)
{
    for (size_t i = 0; i < changes->len; i++)
        free(changes->items[i].path);
    free(changes->items);
    free(changes->patches);
    *changes = (struct changes){0};
}

/* The path of an entry; NULL when memory is out. */
static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name) < 0)
        return NULL;
    return path;
}

/* One more, zeroed, of that name; NULL when memory is out. */
static struct change *append(struct changes *changes, const char *name)
{
    struct change *items = array_grow(changes->items, changes->len, &changes->cap, sizeof *items);
    if (items == NULL)
        return NULL;
    changes->items = items;
    struct change *change = &changes->items[changes->len++];
    *change = (struct change){0};
    snprintf(change->name, sizeof change->name, "%s", name);
    return change;
}

int changes_add_gone(struct changes *changes, const char *name, struct error *err)
{
    struct change *change = append(changes, name);
    if (change == NULL)
        return error_memory(err);
    change->why = CHANGE_FILE;
    return 0;
}

int changes_add_present(struct changes *changes, const char *name, const char *folder, const struct listing_entry *entry,
                        unsigned why, struct error *err)
{
    struct change *change = append(changes, name);
    if (change == NULL)
        return error_memory(err);
    change->path = join(folder, entry->name);
    if (change->path == NULL)
        return error_memory(err);
    change->entry = entry;
    change->why = why;
    return 0;
}

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order != 0)
        return order;
    if (x->path == NULL || y->path == NULL)
        return (x->path == NULL) - (y->path == NULL);
    return strcmp(x->path, y->path);
}

static int compare_patches(const void *a, const void *b)
{
    const struct change_patch *x = a, *y = b;
    int order = strcmp(x->service, y->service);
    return order != 0 ? order : strcmp(x->profile, y->profile);
}

void changes_sort(struct changes *changes)
{
    changes->sorted = changes->len;
    if (changes->len > 1)
        qsort(changes->items, changes->len, sizeof changes->items[0], compare_changes);
    if (changes->patches_len > 1)
        qsort(changes->patches, changes->patches_len, sizeof changes->patches[0], compare_patches);
}

static int compare_name(const void *key, const void *item)
{
    const struct change *change = item;
    return strcmp(key, change->name);
}

/* Of one name the first: what is there stands before what is gone. */
struct change *changes_find(const struct changes *changes, const char *name)
{
    if (changes->sorted == 0)
        return NULL;
    struct change *found = bsearch(name, changes->items, changes->sorted, sizeof changes->items[0], compare_name);
    while (found != NULL && found > changes->items && strcmp(found[-1].name, name) == 0)
        found--;
    return found;
}

struct patch_key {
    const char *service, *profile;
};

static int compare_patch(const void *item, const void *other)
{
    const struct patch_key *key = item;
    const struct change_patch *patch = other;
    int order = strcmp(key->service, patch->service);
    return order != 0 || key->profile == NULL ? order : strcmp(key->profile, patch->profile);
}

bool changes_have_patch(const struct changes *changes, const char *service, const char *profile)
{
    const struct patch_key key = {service, profile};
    return changes->patches_len > 0 &&
           bsearch(&key, changes->patches, changes->patches_len, sizeof changes->patches[0], compare_patch) != NULL;
}

/* --- the layout of what differs ----------------------------------------------------------------------- */

struct loader {
    struct changes *changes;
    struct findings *findings;
    bool is_warned[LAYOUT_AUTHORS + 1]; /* by area */
};

static int warn_not_yet(struct loader *loader, enum layout_area area, const char *folder, const char *name,
                        struct error *err)
{
    if (loader->is_warned[area])
        return 0;
    char *path AUTO_FREE = join(folder, name);
    if (path == NULL)
        return error_memory(err);
    size_t top = strcspn(path, "/");
    findings_add(loader->findings, FINDING_WARNING, CODE_LAYOUT_NOT_YET, path, (struct doc_pos){0},
                 "this version of epochd does not apply %.*s%s yet; it has no effect", (int)top, path,
                 path[top] == '/' ? "/" : "");
    loader->is_warned[area] = true;
    return 0;
}

static int add_patch(struct changes *changes, const struct layout_entry *what, bool is_gone, struct error *err)
{
    struct change_patch *patches = array_grow(changes->patches, changes->patches_len, &changes->patches_cap, sizeof *patches);
    if (patches == NULL)
        return error_memory(err);
    changes->patches = patches;
    struct change_patch *patch = &changes->patches[changes->patches_len++];
    *patch = (struct change_patch){.is_gone = is_gone};
    memcpy(patch->service, what->name, sizeof patch->service);
    memcpy(patch->profile, what->profile, sizeof patch->profile);
    return 0;
}

static int add_service(struct loader *loader, const struct layout_entry *what, const char *folder,
                       const struct listing_entry *before, const struct listing_entry *after, struct error *err)
{
    if (after == NULL)
        return changes_add_gone(loader->changes, what->name, err);
    if (changes_add_present(loader->changes, what->name, folder, after, CHANGE_FILE, err) < 0)
        return -1;
    loader->changes->items[loader->changes->len - 1].is_added = before == NULL;
    return 0;
}

/* A listing_visit: 1 goes into a folder, 0 passes on. */
static int visit(void *context, const char *folder, const struct listing_entry *before,
                 const struct listing_entry *after, struct error *err)
{
    struct loader *loader = context;
    const struct listing_entry *entry = after != NULL ? after : before;
    struct layout_entry what;
    /* What is gone was judged when it came. */
    struct findings *findings = after != NULL ? loader->findings : NULL;
    switch (layout_judge(folder, span_of(entry->name), entry->mode, &what, findings)) {
    case LAYOUT_IGNORE:
    case LAYOUT_REFUSE:
        return 0;
    case LAYOUT_DESCEND:
        return 1;
    case LAYOUT_FILE:
        break;
    }
    switch (what.area) {
    case LAYOUT_SERVICES:
        return add_service(loader, &what, folder, before, after, err);
    case LAYOUT_PROFILES:
        return add_patch(loader->changes, &what, after == NULL, err);
    case LAYOUT_RECIPIENTS:
    case LAYOUT_AUTHORS:
        return after == NULL ? 0 : warn_not_yet(loader, what.area, folder, after->name, err);
    case LAYOUT_OUTSIDE:
    case LAYOUT_SETTINGS:
    case LAYOUT_SCHEMAS:
    case LAYOUT_BASES:
        break; /* config/environment.h reads them */
    }
    return 0;
}

/* --- one name, one file ------------------------------------------------------------------------------- */

static void refuse_duplicate(struct findings *findings, const struct change *change, const char *other)
{
    findings_add(findings, FINDING_ERROR, CODE_LAYOUT_DUPLICATE, change->path, (struct doc_pos){0},
                 "the service '%s' stands at %s too; rename one of the two", change->name, other);
}

/* Two files of one name among those that came or changed: neighbours, once sorted. */
static void check_changes(const struct changes *changes, struct findings *findings)
{
    const struct change *first = NULL;
    for (size_t i = 0; i < changes->len; i++) {
        const struct change *change = &changes->items[i];
        if (change->path == NULL)
            continue;
        if (first != NULL && strcmp(first->name, change->name) == 0)
            refuse_duplicate(findings, change, first->path);
        else
            first = change;
    }
}

struct name_check {
    const struct changes *changes;
    struct findings *findings;
};

static const struct change *find_added(const struct changes *changes, const char *name)
{
    const struct change *found = changes_find(changes, name);
    return found != NULL && found->is_added ? found : NULL;
}

/* A listing_visit over the whole revision, for the files that did not change. */
static int check_entry(void *context, const char *folder, const struct listing_entry *before,
                       const struct listing_entry *after, struct error *err)
{
    const struct name_check *check = context;
    struct layout_entry what;
    (void)before;
    enum layout_verdict verdict = layout_judge(folder, span_of(after->name), after->mode, &what, NULL);
    if (verdict == LAYOUT_DESCEND)
        return what.area == LAYOUT_SERVICES;
    if (verdict != LAYOUT_FILE || what.area != LAYOUT_SERVICES)
        return 0;
    const struct change *added = find_added(check->changes, what.name);
    if (added == NULL || added->entry == after)
        return 0;
    char *path AUTO_FREE = join(folder, after->name);
    if (path == NULL)
        return error_memory(err);
    refuse_duplicate(check->findings, added, path);
    return 0;
}

static bool has_added(const struct changes *changes)
{
    for (size_t i = 0; i < changes->len; i++)
        if (changes->items[i].is_added)
            return true;
    return false;
}

int changes_load(const struct listing *before, const struct listing *after, struct changes *out,
                 struct findings *findings, struct error *err)
{
    struct loader loader = {.changes = out, .findings = findings};
    size_t errors = findings->errors;
    if (listing_compare(before, after, visit, &loader, err) < 0)
        return -1;
    changes_sort(out);
    check_changes(out, findings);
    /* Without a listing before all files are changes, and all were compared. */
    if (before == NULL || findings->errors > errors || !has_added(out))
        return 0;
    struct name_check check = {.changes = out, .findings = findings};
    return listing_compare(NULL, after, check_entry, &check, err);
}
