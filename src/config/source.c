/*
 * source: see source.h. A folder is read with descriptors only, each name without following a link, and no
 * deeper than the layout goes.
 */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "io/yaml.h"
#include "model/codes.h"
#include "model/layout.h"
#include "util/fs.h"

enum {
    FOLDERS_MAX = LAYOUT_FOLDER_DEPTH + 1,
    FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

void source_fini(struct source *source)
{
    listing_unref(source->listing);
    cleanup_close(&source->work_dir);
    *source = (struct source){.work_dir = -1};
}

/* Too many files are a finding about the revision, not a failure to read it. */
static int accept_too_large(struct source *out, struct error *err)
{
    static const struct oid none;
    if (!error_is(err, CODE_LIMIT_SERVICES))
        return -1;
    out->listing = listing_new(&none);
    out->is_too_large = true;
    return out->listing == NULL ? error_memory(err) : 0;
}

/* The same words wherever the file is read from. */
static int refuse_size(struct error *err)
{
    return error_set(err, CODE_LIMIT_FILE, 0, "the file has more than %d bytes", YAML_FILE_MAX);
}

/* --- from git ----------------------------------------------------------------------------------------- */

static int read_blob(const struct source *source, const char *path, const struct listing_entry *entry,
                     struct buf *out, struct error *err)
{
    (void)path;
    if (repo_read_blob(source->repo, &entry->oid, YAML_FILE_MAX, out, err) == 0)
        return 0;
    return error_is(err, CODE_LIMIT_FILE) ? refuse_size(err) : -1;
}

int source_from_commit(struct repo *repo, const struct oid *commit, struct listing *old, struct source *out,
                       struct error *err)
{
    struct repo_commit read;
    struct source source = {.read = read_blob, .repo = repo, .work_dir = -1};
    if (repo_read_commit(repo, commit, &read, err) < 0)
        return -1;
    if (repo_list(repo, &read.tree, old, &source.listing, err) < 0 && accept_too_large(&source, err) < 0)
        return -1;
    *out = source;
    return 0;
}

int source_from_index(struct repo *repo, struct source *out, struct error *err)
{
    struct source source = {.read = read_blob, .repo = repo, .work_dir = -1};
    if (repo_list_index(repo, &source.listing, err) < 0 && accept_too_large(&source, err) < 0)
        return -1;
    *out = source;
    return 0;
}

/* --- from a folder ------------------------------------------------------------------------------------ */

static uint32_t git_mode(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return LAYOUT_MODE_DIR;
    case S_IFREG:
        return (mode & S_IXUSR) != 0 ? LAYOUT_MODE_EXEC : LAYOUT_MODE_FILE;
    case S_IFLNK:
        return LAYOUT_MODE_LINK;
    default:
        return 0; /* git knows no such thing, and the layout refuses it */
    }
}

/* A submodule that is checked out, or a repository that git would add as one. */
static bool is_repository(int dir, const char *name)
{
    char path[NAME_MAX + sizeof "/.git"];
    snprintf(path, sizeof path, "%s/.git", name);
    return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int list_folder(int dir, unsigned depth, size_t *files, struct listing **out, struct error *err);

/* What is in the folder `name`; NULL where it is too deep to matter. */
static int list_below(int dir, const char *name, unsigned depth, size_t *files, struct listing **out,
                      struct error *err)
{
    *out = NULL;
    if (depth >= FOLDERS_MAX)
        return 0;
    AUTO_CLOSE int fd = openat(dir, name, FOLDER_FLAGS);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open the folder '%s'", name);
    return list_folder(fd, depth + 1, files, out, err);
}

/* A folder that is being read. */
struct walk {
    int dir;
    unsigned depth; /* at the top (0) only what is ours is looked at */
    size_t *files;  /* so far, in all folders */
    struct listing *listing;
};

static int add_entry(const struct walk *walk, const char *name, struct error *err)
{
    static const struct oid none;
    struct stat st;
    struct listing *below = NULL;
    if (fstatat(walk->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine '%s'", name);
    bool is_submodule = S_ISDIR(st.st_mode) && is_repository(walk->dir, name);
    if (S_ISDIR(st.st_mode) && !is_submodule && list_below(walk->dir, name, walk->depth, walk->files, &below, err) < 0)
        return -1;
    if (below != NULL && below->len == 0) {
        listing_unref(below); /* git knows no empty folders */
        return 0;
    }
    if (below == NULL && ++*walk->files > LISTING_FILES_MAX)
        return error_set(err, CODE_LIMIT_SERVICES, 0, "there are more than %d files", LISTING_FILES_MAX);
    return listing_add(walk->listing, span_of(name), is_submodule ? LAYOUT_MODE_COMMIT : git_mode(st.st_mode), &none, below, err);
}

static int on_name(void *context, const char *name, struct error *err)
{
    const struct walk *walk = context;
    bool is_wanted = walk->depth > 0 || layout_area_of(span_of(name)) != LAYOUT_OUTSIDE;
    return is_wanted ? add_entry(walk, name, err) : 0;
}

static int list_folder(int dir, unsigned depth, size_t *files, struct listing **out, struct error *err)
{
    static const struct oid none;
    AUTO_LISTING struct listing *listing = listing_new(&none);
    struct walk walk = {dir, depth, files, listing};
    if (listing == NULL)
        return error_memory(err);
    if (fs_each_name(dir, on_name, &walk, err) < 0)
        return -1;
    listing_finish(listing);
    *out = TAKE(listing);
    return 0;
}

/* The folder a path is in, opened name by name so that no link is followed. */
static int open_parent(int top, const char *path, int *out, struct error *err)
{
    AUTO_CLOSE int dir = fcntl(top, F_DUPFD_CLOEXEC, 0);
    const char *at = path;
    for (const char *slash; dir >= 0 && (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        char component[LAYOUT_NAME_MAX + 1];
        snprintf(component, sizeof component, "%.*s", (int)(slash - at), at);
        int next = openat(dir, component, FOLDER_FLAGS);
        cleanup_close(&dir);
        dir = next;
    }
    if (dir < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open the folder of '%s'", path);
    *out = take_fd(&dir);
    return 0;
}

static int read_file(const struct source *source, const char *path, const struct listing_entry *entry,
                     struct buf *out, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    if (open_parent(source->work_dir, path, &dir, err) < 0)
        return -1;
    if (fs_read(dir, entry->name, FS_ANY_OWNER, YAML_FILE_MAX, out, NULL, err) == 0)
        return 0;
    if (error_is(err, ERR_FILE_TOO_LARGE))
        return refuse_size(err);
    return -1;
}

int source_from_folder(const char *path, struct source *out, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    struct source source = {.read = read_file, .work_dir = -1};
    size_t files = 0;
    if (fs_open_dir(path, &dir, err) < 0)
        return -1;
    if (list_folder(dir, 0, &files, &source.listing, err) < 0 && accept_too_large(&source, err) < 0)
        return error_wrap(err, "reading the folder '%s'", path);
    source.work_dir = take_fd(&dir);
    *out = source;
    return 0;
}
