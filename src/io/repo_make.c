/*
 * repo_make: makes a repository, sets its own config, and writes its first commit.
 *
 * Written durably (GIT_OPT_ENABLE_FSYNC_GITDIR). No hook runs, no template of the host is copied, no filter
 * touches a file, and nothing that is there already is ever overwritten: what stands in the way is named and
 * nothing is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"

/* --- the repository ------------------------------------------------------------------------------------ */

static int check_branch_name(const char *branch, char name[static REPO_REF_MAX], struct error *err)
{
    if (repo_ref_name(branch, name))
        return 0;
    return error_set(err, CODE_USAGE, 0, "no branch can be called '%.64s'", branch);
}

/* An existing repository that cannot be used is told by repo_open; here it only must not be made over. */
static int create(const struct repo_new *options, bool *existed, struct error *err)
{
    AUTO_GIT(git_repository) git = NULL;
    git_repository_init_options init = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};
    char name[REPO_REF_MAX];
    if (check_branch_name(options->branch, name, err) != 0)
        return -1;
    int rc = git_repository_open_ext(NULL, options->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (rc == 0) {
        *existed = true;
        return 0;
    }
    init.flags = GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_REINIT;
    if (options->is_bare)
        init.flags |= GIT_REPOSITORY_INIT_BARE;
    init.initial_head = options->branch;
    rc = git_repository_init_ext(&git, options->path, &init);
    if (rc != 0)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot make a repository at '%s'", options->path);
    *existed = false;
    return 0;
}

int repo_create(const struct repo_new *options, bool *existed, struct error *err)
{
    if (repo_start_library(err) != 0)
        return -1;
    int rc = create(options, existed, err);
    git_libgit2_shutdown();
    return rc;
}

/* --- its config ---------------------------------------------------------------------------------------- */

static int open_config(struct repo *repo, git_config **out, struct error *err)
{
    AUTO_GIT(git_config) all = NULL;
    int rc = git_repository_config(&all, repo->handle.git);
    if (rc == 0)
        rc = git_config_open_level(out, all, GIT_CONFIG_LEVEL_LOCAL);
    return rc == 0 ? 0 : repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot open the repository's config");
}

int repo_config_set(struct repo *repo, const char *key, const char *value, struct error *err)
{
    AUTO_GIT(git_config) config = NULL;
    if (open_config(repo, &config, err) != 0)
        return -1;
    int rc = git_config_set_string(config, key, value);
    if (rc == 0)
        return 0;
    return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot set %s in the repository's config", key);
}

int repo_config_get(struct repo *repo, const char *key, bool *found, char *out, size_t size,
                    struct error *err)
{
    AUTO_GIT(git_config) config = NULL;
    git_buf value = {0};
    if (open_config(repo, &config, err) != 0)
        return -1;
    int rc = git_config_get_string_buf(&value, config, key);
    if (rc != 0 && rc != GIT_ENOTFOUND)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot get %s from the repository's config", key);
    *found = rc == 0;
    if (*found)
        snprintf(out, size, "%s", value.ptr);
    git_buf_dispose(&value);
    return 0;
}

/* --- the first commit ---------------------------------------------------------------------------------- */

static int fail_write(int rc, struct error *err)
{
    return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot write the first commit");
}

/* No empty part, no dots, and nothing that git keeps for itself: an index without a repository checks no
   paths. */
static int check_path(const char *path, struct error *err)
{
    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");
        bool is_dots = len <= 2 && strspn(part, ".") >= len;
        if (is_dots || (len == 4 && strncasecmp(part, ".git", len) == 0))
            return error_set(err, CODE_USAGE, 0, "'%.64s' cannot be a path in a repository", path);
        part += len;
        if (*part == '\0')
            return 0;
    }
}

/* Nothing may stand at the path, nor anything but folders on the way to it: a link could lead out of the work
   tree. */
static int check_free(int work, const char *path, struct error *err)
{
    struct stat st;
    char part[PATH_MAX];
    for (const char *end = strchrnul(path, '/');; end = strchrnul(end + 1, '/')) {
        size_t len = (size_t)(end - path);
        if (len >= sizeof part)
            return error_set(err, CODE_USAGE, ENAMETOOLONG, "'%.64s…'", path);
        memcpy(part, path, len);
        part[len] = '\0';
        if (fstatat(work, part, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                return 0;
            return error_set(err, CODE_REPO_UNREADABLE, errno, "cannot look at '%s' in the work tree", part);
        }
        if (*end == '\0' || !S_ISDIR(st.st_mode))
            return error_set(err, CODE_USAGE, 0,
                             "'%s' is there already, and is not overwritten: commit it, or move it away",
                             part);
    }
}

static int check_work_tree(struct repo *repo, const char *name, const struct repo_file *files, size_t len,
                           struct error *err)
{
    AUTO_GIT(git_reference) head = NULL;
    int rc = git_reference_lookup(&head, repo->handle.git, "HEAD");
    if (rc != 0)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot read HEAD");
    const char *target = git_reference_symbolic_target(head);
    if (target == NULL || strcmp(target, name) != 0)
        return error_set(err, CODE_USAGE, 0, "the work tree is not on %s: git symbolic-ref HEAD %s", name,
                         name);
    AUTO_CLOSE int work = open(repo_work_dir(repo), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work < 0)
        return error_set(err, CODE_REPO_UNREADABLE, errno, "cannot open the work tree '%s'",
                         repo_work_dir(repo));
    for (size_t i = 0; i < len; i++)
        if (check_free(work, files[i].path, err) != 0)
            return -1;
    return 0;
}

/* Blobs and trees, by way of an index in memory. */
static int write_tree(struct repo *repo, const struct repo_file *files, size_t len, git_oid *out,
                      struct error *err)
{
    AUTO_GIT(git_index) index = NULL;
    int rc = git_index_new(&index);
    for (size_t i = 0; i < len && rc == 0; i++) {
        git_index_entry entry = {.mode = GIT_FILEMODE_BLOB, .path = files[i].path};
        rc = git_blob_create_from_buffer(&entry.id, repo->handle.git, files[i].text.data, files[i].text.len);
        if (rc == 0)
            rc = git_index_add(index, &entry);
    }
    if (rc == 0)
        rc = git_index_write_tree_to(out, index, repo->handle.git);
    return rc == 0 ? 0 : fail_write(rc, err);
}

static int write_commit(struct repo *repo, const git_oid *tree_id, const char *message, git_oid *out,
                        struct error *err)
{
    AUTO_GIT(git_signature) author = NULL;
    AUTO_GIT(git_object) tree = NULL;
    int rc = git_signature_default(&author, repo->handle.git);
    if (rc == GIT_ENOTFOUND)
        rc = git_signature_now(&author, "epochctl", "epochctl@localhost");
    if (rc == 0)
        rc = git_object_lookup(&tree, repo->handle.git, tree_id, GIT_OBJECT_TREE);
    if (rc == 0)
        rc = git_commit_create(out, repo->handle.git, NULL, author, author, NULL, message,
                               (const git_tree *)tree, 0, NULL);
    return rc == 0 ? 0 : fail_write(rc, err);
}

static int check_out(struct repo *repo, const git_oid *tree_id, struct error *err)
{
    AUTO_GIT(git_object) tree = NULL;
    const git_checkout_options options = {
        .version = GIT_CHECKOUT_OPTIONS_VERSION,
        .checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_DONT_OVERWRITE_IGNORED,
        .disable_filters = 1,
    };
    int rc = git_object_lookup(&tree, repo->handle.git, tree_id, GIT_OBJECT_TREE);
    if (rc == 0)
        rc = git_checkout_tree(repo->handle.git, tree, &options);
    if (rc == 0)
        return 0;
    return repo_fail(err, rc == GIT_ECONFLICT ? CODE_USAGE : CODE_REPO_UNREADABLE, rc,
                     "cannot write the work tree");
}

/* The branch comes last: until then a failure leaves files and objects, but no half-made history. */
int repo_first_commit(struct repo *repo, const char *branch, const struct repo_file *files, size_t len,
                      const char *message, struct oid *out, struct error *err)
{
    AUTO_GIT(git_reference) made = NULL;
    char name[REPO_REF_MAX];
    git_oid tree, commit;
    struct oid tip;
    bool is_missing;
    if (check_branch_name(branch, name, err) != 0 ||
        repo_branch_tip(repo, branch, &is_missing, &tip, err) != 0)
        return -1;
    if (!is_missing)
        return error_set(err, CODE_USAGE, 0, "branch %s has commits already", branch);
    for (size_t i = 0; i < len; i++)
        if (check_path(files[i].path, err) != 0)
            return -1;
    if (!repo_is_bare(repo) && check_work_tree(repo, name, files, len, err) != 0)
        return -1;
    if (write_tree(repo, files, len, &tree, err) != 0 ||
        write_commit(repo, &tree, message, &commit, err) != 0)
        return -1;
    if (!repo_is_bare(repo) && check_out(repo, &tree, err) != 0)
        return -1;
    int rc = git_reference_create(&made, repo->handle.git, name, &commit, 0, "commit (initial)");
    if (rc != 0)
        return repo_fail(err, rc == GIT_EEXISTS ? CODE_USAGE : CODE_REPO_UNREADABLE, rc,
                         "cannot make branch %s", branch);
    *out = repo_oid(&commit);
    return 0;
}
