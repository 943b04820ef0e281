/*
 * repo_list: the trees of a commit, or the index, as a listing.
 *
 * Trees are taken apart by hand, so that only those whose id differs from the listing before are read, and
 * none is kept by libgit2. What no git command writes is refused as damage and never interpreted: a name
 * twice, a slash in a name, no name at all, one longer than any file system takes. What such names mean in
 * the layout is judged elsewhere.
 *
 * Nothing in a listing is free of charge: a folder that is empty, or too deep to be read, counts as a file
 * does, and so the limit bounds time and memory for any tree, however it repeats itself.
 */
#include <limits.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"
#include "model/layout.h"
#include "util/utf8.h"

enum { TREE_MAX = 16 * 1024 * 1024, FOLDERS_MAX = LAYOUT_FOLDER_DEPTH + 1 };

static bool is_ours(struct span top_name)
{
    return layout_area_of(top_name) != LAYOUT_OUTSIDE;
}

static int too_many(struct error *err)
{
    return error_set(err, CODE_LIMIT_SERVICES, 0,
                     "there are more than %d files under services/, schemas/ and the like",
                     LISTING_FILES_MAX);
}

static int refuse_name(const struct oid *tree, struct span name, const char *why, struct error *err)
{
    char hex[OID_HEX_LEN + 1], printable[80];
    oid_format(tree, hex);
    utf8_printable(name, printable, sizeof printable);
    return error_set(err, CODE_REPO_OBJECT, 0, "tree %s %s: '%s'", hex, why, printable);
}

/* Sorts a folder whose entries are all there, and charges for those too deep to be read. */
static int finish_folder(struct listing *folder, struct error *err)
{
    listing_finish(folder);
    for (size_t i = 0; i < folder->len; i++) {
        const struct listing_entry *entry = &folder->entries[i];
        if (entry->mode == LAYOUT_MODE_DIR && entry->folder == NULL)
            folder->files++;
        if (i > 0 && strcmp(entry->name, folder->entries[i - 1].name) == 0)
            return refuse_name(&folder->oid, span_of(entry->name), "holds one name twice", err);
    }
    return 0;
}

/* --- trees --------------------------------------------------------------------------------------------- */

/* git itself has written and reads 100664; what it does not know stays as it is, for the layout to refuse. */
static uint32_t canonical_mode(uint32_t mode)
{
    if (S_ISREG(mode))
        return (mode & 0100) != 0 ? LAYOUT_MODE_EXEC : LAYOUT_MODE_FILE;
    if (S_ISDIR(mode))
        return LAYOUT_MODE_DIR;
    if (S_ISLNK(mode))
        return LAYOUT_MODE_LINK;
    return mode;
}

bool repo_take_entry(struct span *tree, struct repo_tree_entry *out)
{
    size_t at = 0;
    uint32_t mode = 0;
    for (; at < tree->len && at < 7 && tree->data[at] >= '0' && tree->data[at] <= '7'; at++)
        mode = mode << 3 | (uint32_t)(tree->data[at] - '0');
    if (at == 0 || at == tree->len || tree->data[at] != ' ')
        return false;
    struct span rest = {tree->data + at + 1, tree->len - at - 1};
    const char *end = memchr(rest.data, '\0', rest.len);
    if (end == NULL || rest.len - (size_t)(end - rest.data) - 1 < OID_LEN)
        return false;
    out->mode = canonical_mode(mode);
    out->name = (struct span){rest.data, (size_t)(end - rest.data)};
    memcpy(out->oid.bytes, end + 1, OID_LEN);
    *tree = (struct span){end + 1 + OID_LEN, rest.len - out->name.len - 1 - OID_LEN};
    return true;
}

static bool is_possible(struct span name)
{
    return name.len > 0 && name.len <= NAME_MAX && memchr(name.data, '/', name.len) == NULL;
}

struct lister {
    struct repo *repo;
    size_t files; /* seen so far */
};

static int list_folder(struct lister *lister, const struct oid *tree, const struct listing *old,
                       unsigned depth, struct listing **out, struct error *err);

/* The folder of an entry: shared with the old listing if it is the same one, read if not, NULL where it is
   too deep. */
static int list_below(struct lister *lister, const struct repo_tree_entry *entry, const struct listing *old,
                      unsigned depth, struct listing **out, struct error *err)
{
    const struct listing *before = NULL;
    *out = NULL;
    if (depth >= FOLDERS_MAX)
        return 0;
    if (old != NULL) {
        char name[NAME_MAX + 1];
        memcpy(name, entry->name.data, entry->name.len);
        name[entry->name.len] = '\0';
        const struct listing_entry *found = listing_find(old, name);
        if (found != NULL && found->folder != NULL) {
            before = found->folder;
            if (oid_equal(&found->oid, &entry->oid)) {
                *out = listing_ref(found->folder);
                lister->files += found->folder->files;
                return 0;
            }
        }
    }
    return list_folder(lister, &entry->oid, before, depth + 1, out, err);
}

static int add_entry(struct lister *lister, struct listing *folder, const struct repo_tree_entry *entry,
                     const struct listing *old, unsigned depth, struct error *err)
{
    struct listing *below = NULL;
    if (entry->mode == LAYOUT_MODE_DIR && list_below(lister, entry, old, depth, &below, err) != 0)
        return -1;
    if (below == NULL)
        lister->files++;
    if (lister->files > LISTING_FILES_MAX) {
        listing_unref(below);
        return too_many(err);
    }
    return listing_add(folder, entry->name, entry->mode, &entry->oid, below, err);
}

static int malformed(const struct oid *tree, struct error *err)
{
    char hex[OID_HEX_LEN + 1];
    oid_format(tree, hex);
    return error_set(err, CODE_REPO_OBJECT, 0, "tree %s is malformed", hex);
}

/* depth 0 is the top, where only our areas are looked at. */
static int list_folder(struct lister *lister, const struct oid *tree, const struct listing *old,
                       unsigned depth, struct listing **out, struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    struct repo_tree_entry entry;
    if (repo_get_object(lister->repo, tree, GIT_OBJECT_TREE, TREE_MAX, &object, err) != 0)
        return -1;
    AUTO_LISTING struct listing *folder = listing_new(tree);
    if (folder == NULL)
        return error_memory(err);
    struct span text = {git_odb_object_data(object), git_odb_object_size(object)};
    while (text.len > 0) {
        if (!repo_take_entry(&text, &entry))
            return malformed(tree, err);
        if (depth == 0 && !is_ours(entry.name))
            continue;
        if (!is_possible(entry.name))
            return refuse_name(tree, entry.name, "holds a name that no file can have", err);
        if (add_entry(lister, folder, &entry, old, depth, err) != 0)
            return -1;
    }
    if (finish_folder(folder, err) != 0)
        return -1;
    if (folder->len == 0 && depth > 0) {
        folder->files = 1;
        if (++lister->files > LISTING_FILES_MAX)
            return too_many(err);
    }
    *out = TAKE(folder);
    return 0;
}

int repo_list(struct repo *repo, const struct oid *tree, struct listing *old, struct listing **out,
              struct error *err)
{
    struct lister lister = {.repo = repo};
    if (old != NULL && oid_equal(&old->oid, tree)) {
        *out = listing_ref(old);
        return 0;
    }
    return list_folder(&lister, tree, old, 0, out, err);
}

/* --- the index ----------------------------------------------------------------------------------------- */

/* Entries are sorted by their whole path, so a folder's are neighbours. */
struct index_reader {
    git_index *index;
    size_t at, len, files;
};

static const git_index_entry *peek(const struct index_reader *reader)
{
    return reader->at < reader->len ? git_index_get_byindex(reader->index, reader->at) : NULL;
}

static int check_merged(const git_index_entry *entry, struct error *err)
{
    if (git_index_entry_stage(entry) == 0)
        return 0;
    return error_set(err, CODE_REPO_UNREADABLE, 0,
                     "%s is not merged: git add it when it is, or git merge --abort", entry->path);
}

static bool is_below(const git_index_entry *entry, const char *prefix, size_t len)
{
    return strncmp(entry->path, prefix, len) == 0;
}

static int read_index_folder(struct index_reader *reader, const char *prefix, size_t len, unsigned depth,
                             struct listing **out, struct error *err);

/* The entry at hand, or the whole folder it begins. */
static int take_index_entry(struct index_reader *reader, struct listing *folder, size_t len, unsigned depth,
                            struct error *err)
{
    static const struct oid none;
    const git_index_entry *entry = peek(reader);
    const char *name = entry->path + len, *slash = strchr(name, '/');
    if (check_merged(entry, err) != 0)
        return -1;
    if (slash == NULL) {
        struct oid oid = repo_oid(&entry->id);
        reader->at++;
        /* `git add -N` only promises a file. */
        if ((entry->flags_extended & GIT_INDEX_ENTRY_INTENT_TO_ADD) != 0)
            return 0;
        if (++reader->files > LISTING_FILES_MAX)
            return too_many(err);
        return listing_add(folder, span_of(name), canonical_mode(entry->mode), &oid, NULL, err);
    }
    struct listing *below = NULL;
    struct span name_of_folder = {name, (size_t)(slash - name)};
    size_t below_len = len + name_of_folder.len + 1;
    if (depth < FOLDERS_MAX) {
        if (read_index_folder(reader, entry->path, below_len, depth + 1, &below, err) != 0)
            return -1;
        if (below->len == 0) {
            listing_unref(below);
            return 0;
        }
    } else {
        const git_index_entry *next = entry;
        for (; next != NULL && is_below(next, entry->path, below_len); next = peek(reader))
            reader->at++;
    }
    return listing_add(folder, name_of_folder, LAYOUT_MODE_DIR, &none, below, err);
}

/* Everything under the first `len` bytes of prefix, which end in a slash (or are none: the top). */
static int read_index_folder(struct index_reader *reader, const char *prefix, size_t len, unsigned depth,
                             struct listing **out, struct error *err)
{
    static const struct oid none;
    AUTO_LISTING struct listing *folder = listing_new(&none);
    if (folder == NULL)
        return error_memory(err);
    for (const git_index_entry *entry = peek(reader); entry != NULL && is_below(entry, prefix, len);
         entry = peek(reader)) {
        struct span top = {entry->path, strcspn(entry->path, "/")};
        if (depth == 0 && !is_ours(top))
            reader->at++;
        else if (take_index_entry(reader, folder, len, depth, err) != 0)
            return -1;
    }
    if (finish_folder(folder, err) != 0)
        return -1;
    *out = TAKE(folder);
    return 0;
}

int repo_list_index(struct repo *repo, struct listing **out, struct error *err)
{
    AUTO_GIT(git_index) index = NULL;
    const char *file = repo->from_environment ? getenv("GIT_INDEX_FILE") : NULL;
    int rc = file != NULL && *file != '\0' ? git_index_open(&index, file)
                                           : git_repository_index(&index, repo->handle.git);
    if (rc == 0)
        rc = git_index_read(index, true);
    if (rc != 0)
        return repo_fail(
            err, CODE_REPO_UNREADABLE, rc,
            "cannot read the index (git update-index --no-split-index and git sparse-checkout reapply "
            "--no-sparse-index make it one that can be read)");
    struct index_reader reader = {.index = index, .len = git_index_entrycount(index)};
    return read_index_folder(&reader, "", 0, 0, out, err);
}
