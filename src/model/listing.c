/*
 * listing: see listing.h. A folder is a sorted array; lookups are binary searches, two folders are compared
 * by walking both at once. Recursion is as deep as the reader went (LAYOUT_FOLDER_DEPTH and a little).
 */
#include "model/listing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/layout.h"
#include "util/array.h"
#include "util/buf.h"

struct listing *listing_new(const struct oid *oid)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return NULL;
    listing->references = 1;
    listing->oid = *oid;
    return listing;
}

struct listing *listing_ref(struct listing *listing)
{
    if (listing != NULL)
        listing->references++;
    return listing;
}

void listing_unref(struct listing *listing)
{
    if (listing == NULL || --listing->references > 0)
        return;
    for (size_t i = 0; i < listing->len; i++) {
        free(listing->entries[i].name);
        listing_unref(listing->entries[i].folder);
    }
    free(listing->entries);
    free(listing);
}

static int make_room(struct listing *listing)
{
    struct listing_entry *entries = array_grow(listing->entries, listing->len, &listing->cap, sizeof *entries);
    if (entries == NULL)
        return -1;
    listing->entries = entries;
    return 0;
}

int listing_add(struct listing *listing, struct span name, uint32_t mode, const struct oid *oid,
                struct listing *folder, struct error *err)
{
    char *copy = make_room(listing) < 0 ? NULL : strndup(name.data, name.len);
    if (copy == NULL) {
        listing_unref(folder);
        return error_memory(err);
    }
    listing->entries[listing->len++] =
        (struct listing_entry){.name = copy, .mode = mode, .oid = *oid, .folder = folder};
    if (mode != LAYOUT_MODE_DIR)
        listing->files++;
    else if (folder != NULL)
        listing->files += folder->files;
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct listing_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* git's order is ours but for a folder and a file of nearly the same name. */
static bool is_sorted(const struct listing *listing)
{
    for (size_t i = 1; i < listing->len; i++)
        if (compare_entries(&listing->entries[i - 1], &listing->entries[i]) > 0)
            return false;
    return true;
}

void listing_finish(struct listing *listing)
{
    if (!is_sorted(listing))
        qsort(listing->entries, listing->len, sizeof listing->entries[0], compare_entries);
}

/* The place of the first entry whose name is not before `name`. */
static size_t lower_bound(const struct listing *listing, struct span name)
{
    size_t low = 0, high = listing->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *there = listing->entries[middle].name;
        int order = strncmp(there, name.data, name.len);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A name sorts before every longer one that begins with it: the bound is the name itself if that is there. */
static const struct listing_entry *find(const struct listing *listing, struct span name)
{
    size_t at = lower_bound(listing, name);
    if (at == listing->len || !span_is(name, listing->entries[at].name))
        return NULL;
    return &listing->entries[at];
}

const struct listing_entry *listing_find(const struct listing *listing, const char *name)
{
    return find(listing, span_of(name));
}

const struct listing_entry *listing_find_path(const struct listing *listing, const char *path)
{
    for (;;) {
        const char *slash = strchrnul(path, '/');
        const struct listing_entry *entry = find(listing, (struct span){path, (size_t)(slash - path)});
        if (entry == NULL || *slash == '\0')
            return entry;
        if (entry->folder == NULL)
            return NULL;
        listing = entry->folder;
        path = slash + 1;
    }
}

/* --- comparing ---------------------------------------------------------------------------------------- */

struct walk {
    listing_visit visit;
    void *context;
    struct buf folder; /* path of the folder at hand, terminated */
};

/* Of a work tree nothing is known but the name: its ids are zero and equal none. */
static bool is_same_id(const struct oid *a, const struct oid *b)
{
    return oid_equal(a, b) && !oid_is_zero(a);
}

static bool is_same_entry(const struct listing_entry *a, const struct listing_entry *b)
{
    if (a->mode != b->mode)
        return false;
    return is_same_id(&a->oid, &b->oid) || (a->folder != NULL && a->folder == b->folder);
}

static bool is_folder(const struct listing_entry *entry)
{
    return entry->mode == LAYOUT_MODE_DIR;
}

static int compare_folders(struct walk *walk, const struct listing *before, const struct listing *after,
                           struct error *err);

/* Appends "/name" (at the top: "name") and keeps the path terminated without counting the NUL. */
static int enter(struct buf *folder, const char *name, struct error *err)
{
    if (folder->len > 0)
        buf_putc(folder, '/');
    buf_append(folder, name, strlen(name) + 1);
    if (buf_check(folder, err) < 0)
        return -1;
    folder->len--;
    return 0;
}

static int visit(struct walk *walk, const struct listing_entry *before, const struct listing_entry *after,
                 struct error *err)
{
    int wanted = walk->visit(walk->context, walk->folder.data, before, after, err);
    const struct listing_entry *either = after != NULL ? after : before;
    if (wanted <= 0 || !is_folder(either))
        return wanted < 0 ? -1 : 0;
    size_t here = walk->folder.len;
    if (enter(&walk->folder, either->name, err) < 0)
        return -1;
    if (compare_folders(walk, before == NULL ? NULL : before->folder, after == NULL ? NULL : after->folder,
                        err) < 0)
        return -1;
    buf_truncate(&walk->folder, here);
    walk->folder.data[here] = '\0';
    return 0;
}

/* One name: on one side or on both. What was a folder and is a file went away and came anew. */
static int compare_entry(struct walk *walk, const struct listing_entry *before,
                         const struct listing_entry *after, struct error *err)
{
    if (before == NULL || after == NULL)
        return visit(walk, before, after, err);
    if (is_same_entry(before, after))
        return 0;
    if (is_folder(before) == is_folder(after))
        return visit(walk, before, after, err);
    return visit(walk, before, NULL, err) < 0 ? -1 : visit(walk, NULL, after, err);
}

static int compare_folders(struct walk *walk, const struct listing *before, const struct listing *after,
                           struct error *err)
{
    static const struct listing nothing;
    const struct listing *old = before == NULL ? &nothing : before, *new = after == NULL ? &nothing : after;
    size_t i = 0, j = 0;
    while (i < old->len || j < new->len) {
        const struct listing_entry *was = i < old->len ? &old->entries[i] : NULL;
        const struct listing_entry *is = j < new->len ? &new->entries[j] : NULL;
        int order = was == NULL ? 1 : is == NULL ? -1 : strcmp(was->name, is->name);
        if (order <= 0)
            i++;
        if (order >= 0)
            j++;
        if (compare_entry(walk, order <= 0 ? was : NULL, order >= 0 ? is : NULL, err) < 0)
            return -1;
    }
    return 0;
}

int listing_compare(const struct listing *before, const struct listing *after, listing_visit visitor,
                    void *context, struct error *err)
{
    struct walk walk = {.visit = visitor, .context = context};
    if (before == after || (before != NULL && is_same_id(&before->oid, &after->oid)))
        return 0;
    buf_putc(&walk.folder, '\0');
    int result = buf_check(&walk.folder, err);
    walk.folder.len = 0;
    if (result == 0)
        result = compare_folders(&walk, before, after, err);
    buf_fini(&walk.folder);
    return result;
}
