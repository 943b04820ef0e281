/*
 * repo_open: opens a repository without looking at anything but the repository.
 *
 * The host's and the user's git configuration are never read (search paths are empty), so neither HOME nor
 * safe.directory counts; who owns the repository is checked here instead, since its owner decides the
 * configuration. Formats that libgit2 1.5 cannot read are refused by name, with the remedy.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"

/* One look at a tip asks for the same commits and trees a few times; what is older is not asked for again. */
enum { CACHE_MAX = 1024 * 1024 };

/* What the kernel says of an owner that has no name in our user namespace (proc(5), overflowuid). */
enum { UID_OVERFLOW = 65534 };

/* --- the library --------------------------------------------------------------------------------------- */

/*
 * libgit2 reads all of the host's certificates when it is initialised, for TLS that nothing here ever speaks: 15 ms
 * and a MiB of every start and every verb. It calls mbedTLS through the PLT, so this one is taken, and libgit2 goes
 * on without certificates.
 */
__attribute__((visibility("default"))) int mbedtls_x509_crt_parse_file(void *chain, const char *path);

int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
    enum { FILE_IO_ERROR = -0x2900 };
    (void)chain;
    (void)path;
    return FILE_IO_ERROR;
}

static int set_library_options(void)
{
    /* Extensions that change nothing for somebody who reads objects and refs. */
    static const char *extensions[] = {"preciousobjects", "partialclone"};
    static const git_config_level_t levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
                                                GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(levels) && rc == 0; i++)
        rc = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    if (rc == 0)
        rc = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0); /* check_owner does it, and can say why */
    if (rc == 0)
        rc = git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_MAX);
    if (rc == 0)
        rc = git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (rc == 0)
        rc = git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, ARRAY_LEN(extensions));
    return rc;
}

int repo_start_library(struct error *err)
{
    int users = git_libgit2_init();
    int rc = users < 0 ? users : users == 1 ? set_library_options() : 0;
    if (rc >= 0)
        return 0;
    repo_fail(err, CODE_REPO_UNREADABLE, rc, "libgit2 does not start");
    if (users > 0)
        git_libgit2_shutdown();
    return -1;
}

/* --- what is refused ----------------------------------------------------------------------------------- */

static int refuse_format(const char *path, const char *words, struct error *err)
{
    static const struct {
        const char *name, *remedy;
    } extensions[] = {
        {"objectformat",
         "SHA-256 objects: begin anew with git init --object-format=sha1 and commit the files there"},
        {"refstorage", "git refs migrate --ref-format=files"},
        {"worktreeconfig", "move what git config --worktree --list shows to the common config, then "
                           "git config --unset extensions.worktreeConfig"},
        {"relativeworktrees",
         "git worktree repair --no-relative-paths, then git config --unset extensions.relativeWorktrees"},
    };
    static const char prefix[] = "unsupported extension name extensions.";
    if (strncmp(words, prefix, sizeof prefix - 1) != 0)
        return error_set(err, CODE_REPO_FORMAT, 0,
                         "'%s' has a format libgit2 cannot read: %s; serve a fresh git clone of it", path, words);
    const char *name = words + sizeof prefix - 1;
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (strcmp(name, extensions[i].name) == 0)
            return error_set(err, CODE_REPO_FORMAT, 0,
                             "'%s' uses extensions.%s, which libgit2 cannot read: %s", path, name,
                             extensions[i].remedy);
    return error_set(err, CODE_REPO_FORMAT, 0,
                     "'%s' uses extensions.%s, which libgit2 cannot read; serve a fresh git clone of it", path, name);
}

/* What must be readable for libgit2 to see a repository at all; it says "not found" or "locked" where it is
   not. */
static bool find_denied(const char *path, char *out, size_t size)
{
    static const char *const parts[] = {
        "",           "/.git",         "/.git/HEAD",         "/.git/config",
        "/.git/refs", "/.git/objects", "/.git/objects/pack", "/HEAD",
        "/config",    "/refs",         "/objects",           "/objects/pack",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        int len = snprintf(out, size, "%s%s", path, parts[i]);
        if (len > 0 && (size_t)len < size && repo_is_denied(out))
            return true;
    }
    return false;
}

static int refuse_open(const char *path, int rc, struct error *err)
{
    char denied[PATH_MAX], words[REPO_WORDS_MAX];
    struct stat st;
    int klass = repo_last_class();
    repo_last_words(words);
    if (klass == GIT_ERROR_NOMEMORY)
        return error_memory(err);
    if (find_denied(path, denied, sizeof denied))
        return error_set(err, CODE_REPO_ACCESS, EACCES, "cannot read '%s'", denied);
    if (rc == GIT_ELOCKED)
        return error_set(err, CODE_REPO_ACCESS, 0, "cannot open '%s': %s", path, words);
    if (rc == GIT_ENOTFOUND && stat(path, &st) != 0)
        return error_set(err, errno == ENOENT || errno == ENOTDIR ? CODE_REPO_MISSING : CODE_REPO_UNREADABLE,
                         errno, "there is no git repository at '%s' (epochctl init makes one; or set repository.path)",
                         path);
    if (rc == GIT_ENOTFOUND)
        return error_set(err, CODE_REPO_MISSING, 0,
                         "'%s' is no git repository (epochctl init makes one; or set repository.path to its top): %s",
                         path, words);
    if (strcmp(words, "unknown object format 'sha256'") == 0) /* libgit2 1.9 */
        return refuse_format(path, "unsupported extension name extensions.objectformat", err);
    if (klass == GIT_ERROR_REPOSITORY && strncmp(words, "unsupported", strlen("unsupported")) == 0)
        return refuse_format(path, words, err);
    return error_set(err, CODE_REPO_UNREADABLE, 0, "cannot open '%s': %s", path, words);
}

static bool is_trusted(const struct repo *repo, uid_t uid)
{
    if (uid == geteuid())
        return true;
    for (size_t i = 0; i < repo->trusted_len; i++)
        if (uid == repo->trusted[i])
            return true;
    return false;
}

/* A path without the slash at its end, so that lstat sees a link itself; one that does not exist belongs to
   nobody. */
static int check_owner(const struct repo *repo, const char *path, struct error *err)
{
    char bare[PATH_MAX];
    struct stat st;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= sizeof bare)
        return error_set(err, CODE_REPO_UNREADABLE, ENAMETOOLONG, "cannot look at '%.64s…'", path);
    memcpy(bare, path, len);
    bare[len] = '\0';
    if (lstat(bare, &st) != 0) {
        if (errno == ENOENT)
            return 0;
        return error_set(err, errno == EACCES ? CODE_REPO_ACCESS : CODE_REPO_UNREADABLE, errno,
                         "cannot look at '%s'", bare);
    }
    if (is_trusted(repo, st.st_uid))
        return 0;
    if (st.st_uid == UID_OVERFLOW && geteuid() != UID_OVERFLOW)
        return error_set(err, CODE_REPO_OWNER, 0,
                         "'%s' belongs to a user that is hidden here (PrivateUsers=yes of the unit): run as its owner, "
                         "or install the drop-in trusted-owner.conf and name the owner in repository.trusted_uids",
                         bare);
    return error_set(
        err, CODE_REPO_OWNER, 0,
        "'%s' belongs to uid %u, and this is uid %u: run as that user, or add %u to repository.trusted_uids",
        bare, (unsigned)st.st_uid, (unsigned)geteuid(), (unsigned)st.st_uid);
}

static int check_owners(const struct repo *repo, git_repository *git, struct error *err)
{
    char link[PATH_MAX];
    const char *work = git_repository_workdir(git);
    if (check_owner(repo, git_repository_path(git), err) != 0 ||
        check_owner(repo, git_repository_commondir(git), err) != 0)
        return -1;
    if (work == NULL)
        return 0;
    /* Whoever owns the .git of a work tree, a file or a link perhaps, chooses the repository behind it. */
    int len = snprintf(link, sizeof link, "%s.git", work);
    if (len < 0 || (size_t)len >= sizeof link)
        return error_set(err, CODE_REPO_UNREADABLE, ENAMETOOLONG, "cannot look at '%.64s…'", work);
    return check_owner(repo, work, err) != 0 || check_owner(repo, link, err) != 0 ? -1 : 0;
}

/* --- opening ------------------------------------------------------------------------------------------- */

/* A folder of a hook's environment: packs by libgit2, loose objects by us. */
static int add_objects(git_odb *odb, const char *objects, struct error *err)
{
    int rc = git_odb_add_disk_alternate(odb, objects);
    if (rc != 0)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot use the hook's object folders");
    return repo_read_loose(odb, objects, err);
}

/*
 * In a hook the pushed objects are in quarantine: GIT_OBJECT_DIRECTORY names it,
 * GIT_ALTERNATE_OBJECT_DIRECTORIES the rest. libgit2 could read the whole environment itself, but fails as
 * soon as GIT_WORK_TREE is set.
 */
static int add_environment(git_odb *odb, struct error *err)
{
    const char *own = getenv("GIT_OBJECT_DIRECTORY"), *others = getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
    int rc = own == NULL || *own == '\0' ? 0 : add_objects(odb, own, err);
    AUTO_FREE char *list = strdup(others == NULL ? "" : others);
    if (list == NULL)
        return error_memory(err);
    char *rest = list;
    for (const char *dir = strsep(&rest, ":"); dir != NULL && rc == 0; dir = strsep(&rest, ":"))
        if (*dir != '\0')
            rc = add_objects(odb, dir, err);
    return rc;
}

static void close_handle(struct repo_handle *handle)
{
    git_repository_free(handle->history);
    git_odb_free(handle->odb);
    git_repository_free(handle->git);
    *handle = (struct repo_handle){0};
}

static const char *path_to_open(const struct repo *repo)
{
    const char *dir = repo->from_environment ? getenv("GIT_DIR") : NULL;
    return dir == NULL || *dir == '\0' ? repo->path : dir;
}

static bool stat_in(git_repository *git, const char *name, struct stat *st)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s%s", git_repository_commondir(git), name);
    return len > 0 && (size_t)len < sizeof path && stat(path, st) == 0;
}

static int fill_handle(const struct repo *repo, struct repo_handle *handle, struct error *err)
{
    const char *path = path_to_open(repo);
    char objects[PATH_MAX];
    struct stat packs;
    int rc = git_repository_open_ext(&handle->git, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (rc != 0)
        return refuse_open(path, rc, err);
    if (!repo->from_environment && check_owners(repo, handle->git, err) != 0)
        return -1;
    if (stat(path, &handle->place) != 0 || !stat_in(handle->git, "", &handle->common))
        return error_set(err, CODE_REPO_UNREADABLE, errno, "cannot look at '%s'", path);
    if (stat_in(handle->git, "objects/pack", &packs))
        handle->packed = packs.st_mtim;
    rc = git_repository_odb(&handle->odb, handle->git);
    if (rc == 0)
        rc = git_repository_wrap_odb(&handle->history, handle->odb);
    if (rc != 0)
        return refuse_open(path, rc, err);
    snprintf(objects, sizeof objects, "%sobjects", git_repository_commondir(handle->git));
    if (repo_read_loose(handle->odb, objects, err) != 0)
        return -1;
    return repo->from_environment ? add_environment(handle->odb, err) : 0;
}

static int open_handle(const struct repo *repo, struct repo_handle *out, struct error *err)
{
    struct repo_handle handle = {0};
    if (fill_handle(repo, &handle, err) != 0) {
        close_handle(&handle);
        return -1;
    }
    *out = handle;
    return 0;
}

static struct repo *new_repo(const char *path, const struct repo_policy *policy)
{
    struct repo *repo = calloc(1, sizeof *repo);
    if (repo == NULL)
        return NULL;
    repo->from_environment = policy->from_environment;
    repo->trusted_len = policy->trusted_len;
    repo->path = strdup(path);
    repo->trusted = calloc(policy->trusted_len + 1, sizeof *repo->trusted);
    if (repo->path == NULL || repo->trusted == NULL) {
        free(repo->path);
        free(repo->trusted);
        free(repo);
        return NULL;
    }
    if (policy->trusted_len > 0)
        memcpy(repo->trusted, policy->trusted_uids, policy->trusted_len * sizeof *repo->trusted);
    return repo;
}

int repo_open(struct repo **out, const char *path, const struct repo_policy *policy, struct error *err)
{
    AUTO_REPO struct repo *repo = NULL;
    if (repo_start_library(err) != 0)
        return -1;
    repo = new_repo(path, policy);
    if (repo == NULL) {
        git_libgit2_shutdown();
        return error_memory(err);
    }
    if (open_handle(repo, &repo->handle, err) != 0)
        return -1;
    *out = TAKE(repo);
    return 0;
}

void repo_close(struct repo *repo)
{
    if (repo == NULL)
        return;
    close_handle(&repo->handle);
    free(repo->path);
    free(repo->trusted);
    free(repo->line.commits);
    free(repo);
    git_libgit2_shutdown();
}

/*
 * What makes a handle stale is packs that have gone. As long as no pack came or went it stays, which is
 * cheaper, and more: with core.repositoryformatversion = 1 libgit2 1.5 leaks 20 KB for every key of the
 * config each time it opens. Packs of alternates are not looked at, so with alternates it is always opened
 * anew.
 */
static bool is_fresh(const struct repo *repo)
{
    const struct repo_handle *handle = &repo->handle;
    struct stat place, common, packs, alternates;
    return !repo->from_environment && stat(repo->path, &place) == 0 &&
           fs_is_same_file(&place, &handle->place) && stat_in(handle->git, "", &common) &&
           fs_is_same_file(&common, &handle->common) && stat_in(handle->git, "objects/pack", &packs) &&
           packs.st_mtim.tv_sec == handle->packed.tv_sec && packs.st_mtim.tv_nsec == handle->packed.tv_nsec &&
           !stat_in(handle->git, "objects/info/alternates", &alternates);
}

int repo_refresh(struct repo *repo, struct error *err)
{
    struct repo_handle fresh;
    if (is_fresh(repo))
        return 0;
    if (open_handle(repo, &fresh, err) != 0)
        return -1;
    close_handle(&repo->handle);
    repo->handle = fresh;
    return 0;
}

int repo_renew(struct repo *repo, struct error *err)
{
    /* First closed: a pack that two handles hold is kept with all that was read of it. */
    close_handle(&repo->handle);
    return open_handle(repo, &repo->handle, err);
}

bool repo_has_moved(const struct repo *repo)
{
    struct stat place, common;
    return stat(repo->path, &place) != 0 || !fs_is_same_file(&place, &repo->handle.place) ||
           !stat_in(repo->handle.git, "", &common) || !fs_is_same_file(&common, &repo->handle.common);
}

bool repo_is_bare(const struct repo *repo)
{
    return git_repository_is_bare(repo->handle.git) == 1;
}

bool repo_is_rebasing(const struct repo *repo)
{
    int state = git_repository_state(repo->handle.git);
    return state == GIT_REPOSITORY_STATE_REBASE || state == GIT_REPOSITORY_STATE_REBASE_INTERACTIVE ||
           state == GIT_REPOSITORY_STATE_REBASE_MERGE;
}

const char *repo_unfinished(const struct repo *repo)
{
    switch (git_repository_state(repo->handle.git)) {
    case GIT_REPOSITORY_STATE_MERGE:
        return "merge";
    case GIT_REPOSITORY_STATE_CHERRYPICK:
    case GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE:
        return "cherry-pick";
    default:
        return repo_is_rebasing(repo) ? "rebase" : NULL;
    }
}

const char *repo_common_dir(const struct repo *repo)
{
    return git_repository_commondir(repo->handle.git);
}

const char *repo_work_dir(const struct repo *repo)
{
    return git_repository_workdir(repo->handle.git);
}

void repo_identity(const struct repo *repo, dev_t *device, ino_t *inode)
{
    *device = repo->handle.common.st_dev;
    *inode = repo->handle.common.st_ino;
}
