/*
 * writing_tree: files written in a work tree, and committed by git with its hooks. Whatever git refuses, nothing is left
 * behind: the files get their bytes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/writing_priv.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "util/fs.h"

enum { NAMED_MAX = 5, FEW_PATHS = 64, PATH_TEXT_MAX = 4096 };

static struct git git_in(const struct writing *w, const struct writing_commit *commit)
{
    return (struct git){.dir = w->path, .owner = &w->owner, .name = commit->name, .mail = commit->mail};
}

/* --- is it clean? --------------------------------------------------------------------------------------- */

static bool is_ours(const struct writing_commit *commit, const char *path)
{
    for (size_t i = 0; i < commit->len; i++)
        if (strcmp(commit->changes[i].path, path) == 0)
            return true;
    return false;
}

/* Entries of `git status -z`: "XY path", each ended by a NUL. */
static int refuse_dirty(const struct writing_commit *commit, struct span status, struct error *err)
{
    struct buf names AUTO_BUF = {0};
    size_t count = 0;
    for (size_t at = 0, len; at + 3 < status.len; at += len + 1) {
        len = strnlen(status.data + at, status.len - at);
        if (len <= 3 || !is_ours(commit, status.data + at + 3))
            continue;
        if (count++ < NAMED_MAX)
            buf_printf(&names, "%s%s", count == 1 ? "" : ", ", status.data + at + 3);
    }
    if (count == 0)
        return buf_check(&names, err);
    if (count > NAMED_MAX)
        buf_printf(&names, " and %zu more", count - NAMED_MAX);
    return error_set(err, CODE_REPO_DIRTY, 0, "%.*s: there are edits that are not committed", (int)names.len,
                     names.data == NULL ? "" : names.data);
}

/* A new file in a folder that is new too: there is nothing to ask git about, and it would warn of the folder. */
static bool is_all_new(const struct writing *w, const char *path)
{
    char folder[PATH_TEXT_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || listing_find_path(w->listing, path) != NULL)
        return false;
    int len = snprintf(folder, sizeof folder, "%s/%.*s", w->path, (int)(slash - path), path);
    return len > 0 && (size_t)len < sizeof folder && access(folder, F_OK) != 0 && errno == ENOENT;
}

int writing_check_clean(const struct writing *w, const struct writing_commit *commit, struct error *err)
{
    struct buf status AUTO_BUF = {0};
    const struct git git = git_in(w, commit);
    struct git_call call = {.args = {"--literal-pathspecs", "--no-optional-locks", "status", "--porcelain=v1", "-z",
                                     "--no-renames", "--untracked-files=all", "--"},
                            .output = &status};
    size_t args = 0, first;
    while (call.args[args] != NULL)
        args++;
    first = args;
    if (commit->len > FEW_PATHS)
        call.args[args++] = ".";
    for (size_t i = 0; i < commit->len && commit->len <= FEW_PATHS; i++)
        if (!is_all_new(w, commit->changes[i].path))
            call.args[args++] = commit->changes[i].path;
    if (args == first)
        return 0;
    if (git_must(&git, &call, err) != 0)
        return -1;
    buf_putc(&status, '\0');
    return refuse_dirty(commit, buf_span(&status), err);
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* A file as it was, to be put back. */
struct kept {
    bool is_there, is_touched;
    mode_t mode;
    struct buf text;
};

/* Opens the folder of the file, made where it is missing; *name is the file's. */
static int open_folder(const struct writing *w, const char *path, bool makes, int *out, const char **name,
                       struct error *err)
{
    char folder[PATH_TEXT_MAX];
    size_t top = strlen(w->path);
    int len = snprintf(folder, sizeof folder, "%s/%s", w->path, path);
    if (len < 0 || (size_t)len >= sizeof folder)
        return error_set(err, CODE_USAGE, 0, "'%.64s…' is too long a path", path);
    for (char *slash = strchr(folder + top + 1, '/'); makes && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return error_set(err, ERR_SYSTEM, errno, "cannot make the folder '%s'", folder);
        *slash = '/';
    }
    *strrchr(folder, '/') = '\0';
    *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    return fs_open_dir(folder, out, err);
}

static int keep(int dir, const char *name, struct kept *out, struct error *err)
{
    struct stat st;
    bool is_missing;
    if (fs_read(dir, name, FS_ANY_OWNER, YAML_FILE_MAX, &out->text, &is_missing, err) != 0)
        return -1;
    out->is_there = !is_missing;
    if (out->is_there && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        out->mode = st.st_mode & 07777;
    return 0;
}

static mode_t new_mode(const struct repo_change *change)
{
    mode_t mask = umask(0);
    umask(mask);
    return (change->mode == LAYOUT_MODE_EXEC ? 0777 : 0666) & ~mask;
}

/* As git does: folders that have become empty go, but for the one at the top. */
static void remove_empty_folders(const struct writing *w, const char *path)
{
    char folder[PATH_TEXT_MAX];
    size_t top = strlen(w->path);
    int len = snprintf(folder, sizeof folder, "%s/%s", w->path, path);
    if (len < 0 || (size_t)len >= sizeof folder)
        return;
    for (char *slash = strrchr(folder, '/'); slash != NULL; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (strchr(folder + top + 1, '/') == NULL || rmdir(folder) != 0)
            return;
    }
}

static int write_one(const struct writing *w, const struct repo_change *change, struct kept *kept, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (open_folder(w, change->path, !change->is_removed, &dir, &name, err) != 0 || keep(dir, name, kept, err) != 0)
        return -1;
    kept->is_touched = true;
    if (!change->is_removed)
        return fs_replace(dir, name, change->text, kept->is_there ? kept->mode : new_mode(change), err);
    if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
        return error_set(err, ERR_SYSTEM, errno, "cannot remove '%s'", change->path);
    remove_empty_folders(w, change->path);
    return 0;
}

static bool put_back_one(const struct writing *w, const struct repo_change *change, const struct kept *kept)
{
    AUTO_CLOSE int dir = -1;
    const char *name;
    struct error err;
    int rc = open_folder(w, change->path, kept->is_there, &dir, &name, &err);
    if (rc == 0 && kept->is_there)
        rc = fs_replace(dir, name, buf_span(&kept->text), kept->mode, &err);
    else if (rc == 0 && unlinkat(dir, name, 0) != 0 && errno != ENOENT)
        rc = error_set(&err, ERR_SYSTEM, errno, "cannot remove '%s'", change->path);
    if (rc != 0) {
        error_wrap(&err, "'%s' could not be put back: git restore it", change->path);
        cli_fail(&err);
        return false;
    }
    if (!kept->is_there)
        remove_empty_folders(w, change->path);
    return true;
}

/* --- git ------------------------------------------------------------------------------------------------ */

/* The paths of the files that the tip does not have (or of all), each ended by a NUL. */
static void list_paths(const struct writing *w, const struct writing_commit *commit, bool only_new, struct buf *out)
{
    for (size_t i = 0; i < commit->len; i++) {
        const char *path = commit->changes[i].path;
        if (!only_new || listing_find_path(w->listing, path) == NULL)
            buf_append(out, path, strlen(path) + 1);
    }
}

static int on_new_files(const struct writing *w, const struct writing_commit *commit, const char *verb,
                        const char *option, struct error *err)
{
    struct buf paths AUTO_BUF = {0};
    const struct git git = git_in(w, commit);
    list_paths(w, commit, true, &paths);
    if (buf_check(&paths, err) != 0)
        return -1;
    const struct git_call call = {
        .args = {"--literal-pathspecs", verb, option, "--pathspec-from-file=-", "--pathspec-file-nul"},
        .input = buf_span(&paths)};
    return paths.len == 0 ? 0 : git_must(&git, &call, err);
}

static int commit_files(const struct writing *w, const struct writing_commit *commit, struct error *err)
{
    struct buf paths AUTO_BUF = {0};
    const struct git git = git_in(w, commit);
    list_paths(w, commit, false, &paths);
    /* git commits known files only; that one will be there is said first. */
    if (buf_check(&paths, err) != 0 || on_new_files(w, commit, "add", "--intent-to-add", err) != 0)
        return -1;
    const struct git_call call = {.args = {"--literal-pathspecs", "commit", "--quiet", "--only", "--message",
                                           commit->message, "--pathspec-from-file=-", "--pathspec-file-nul"},
                                  .input = buf_span(&paths)};
    return git_must(&git, &call, err);
}

/* True when everything is as it was. */
static bool put_back(const struct writing *w, const struct writing_commit *commit, const struct kept *kept)
{
    struct error unseen;
    bool is_whole = true;
    for (size_t i = 0; i < commit->len; i++)
        is_whole &= !kept[i].is_touched || put_back_one(w, &commit->changes[i], &kept[i]);
    /* What was promised to the index is taken back; where that fails, git status shows it. */
    if (on_new_files(w, commit, "reset", "--quiet", &unseen) == 0)
        return is_whole;
    cli_fail(&unseen);
    return false;
}

int writing_commit_tree(const struct writing *w, const struct writing_commit *commit, struct error *err)
{
    struct kept *kept = calloc(commit->len + 1, sizeof *kept);
    int rc = kept == NULL ? error_memory(err) : 0;
    for (size_t i = 0; i < commit->len && rc == 0; i++)
        rc = write_one(w, &commit->changes[i], &kept[i], err);
    if (rc == 0)
        rc = commit_files(w, commit, err);
    if (rc != 0 && kept != NULL && put_back(w, commit, kept))
        error_wrap(err, "nothing was changed");
    for (size_t i = 0; kept != NULL && i < commit->len; i++)
        buf_fini(&kept[i].text);
    free(kept);
    return rc;
}
