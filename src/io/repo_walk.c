/*
 * repo_walk: counting commits and telling which is an ancestor of which.
 *
 * Almost every new tip is one commit, or a line of them, on top of the last: that is followed by hand and
 * exact by nature. Where a line meets a merge, its root, or commits older than what is looked for, libgit2's
 * walker takes over from the start.
 *
 * A shallow clone has no countable history; libgit2 1.5 does not know `shallow`, so this is looked at first.
 * Replace refs and grafts are local opinions about history that nobody else can check: not followed.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"

/* --- cut history --------------------------------------------------------------------------------------- */

/* A file in the common dir that has something in it. (git_repository_is_shallow looks into a linked work
   tree's own folder.) */
static bool has_file(const struct repo *repo, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s%s", repo_common_dir(repo), name);
    return len > 0 && (size_t)len < sizeof path && stat(path, &st) == 0 && st.st_size > 0;
}

static int refuse_shallow(struct error *err)
{
    return error_set(err, CODE_REPO_SHALLOW, 0, "epoch unknown (shallow clone: git fetch --unshallow)");
}

static int check_whole(const struct repo *repo, struct error *err)
{
    return has_file(repo, "shallow") ? refuse_shallow(err) : 0;
}

/* A commit is missing: on purpose, perhaps. The error that tells which one is in `err` and stays where
   nothing explains it. */
static int fail_missing(const struct repo *repo, struct error *err)
{
    if (has_file(repo, "shallow"))
        return refuse_shallow(err);
    if (has_file(repo, "info/grafts"))
        return error_set(err, CODE_REPO_SHALLOW, 0,
                         "epoch unknown (info/grafts cuts history: fetch the rest, remove it)");
    return -1;
}

/* libgit2 stopped at an object, and its words name it. */
static int fail_walk(const struct repo *repo, int rc, struct error *err)
{
    const char *code = git_error_last()->klass == GIT_ERROR_OS ? CODE_REPO_UNREADABLE : CODE_REPO_OBJECT;
    repo_fail(err, code, rc, "cannot follow the history");
    if (rc != GIT_ENOTFOUND)
        return -1;
    struct error gone;
    if (repo_check_identity(repo, &gone) != 0) {
        *err = gone;
        return -1;
    }
    return fail_missing(repo, err);
}

/* --- a line of commits --------------------------------------------------------------------------------- */

struct oids {
    struct oid *data;
    size_t len, cap, max;
    bool truncated;
};

static int oids_add(struct oids *oids, const struct oid *oid, struct error *err)
{
    if (oids->len == oids->max) {
        oids->truncated = true;
        return 0;
    }
    if (oids->len == oids->cap) {
        size_t cap = oids->cap == 0 ? 16 : oids->cap * 2;
        struct oid *data = reallocarray(oids->data, cap, sizeof *data);
        if (data == NULL)
            return error_memory(err);
        oids->data = data;
        oids->cap = cap;
    }
    oids->data[oids->len++] = *oid;
    return 0;
}

static int read_links(struct repo *repo, const struct oid *commit, struct repo_commit_parts *out,
                      struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    return repo_get_commit(repo, commit, &object, out, err);
}

/*
 * Follows single parents from tip. *reached: `end` was met, and `steps` commits lie behind it, tip included;
 * those before tip are added to `between` (may be NULL). Committer times only tell when to give up: one older
 * than `end` will hardly lead to it.
 */
static int follow_line(struct repo *repo, const struct oid *tip, const struct oid *end, struct oids *between,
                       bool *reached, uint64_t *steps, struct error *err)
{
    struct repo_commit_parts goal, at;
    struct oid commit = *tip;
    *reached = false;
    *steps = 0;
    if (read_links(repo, end, &goal, err) != 0)
        return -1;
    while (!oid_equal(&commit, end)) {
        if (read_links(repo, &commit, &at, err) != 0)
            return err->code == CODE_REPO_OBJECT ? fail_missing(repo, err) : -1;
        if (at.parents != 1 || at.time_ms < goal.time_ms)
            return 0;
        if (between != NULL && *steps > 0 && oids_add(between, &commit, err) != 0)
            return -1;
        ++*steps;
        commit = at.first_parent;
    }
    *reached = true;
    return 0;
}

/* --- libgit2's walker ---------------------------------------------------------------------------------- */

static int start_walk(struct repo *repo, const struct oid *tip, const struct oid *hide, unsigned sorting,
                      git_revwalk **out, struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    git_oid from = repo_git_oid(tip);
    int rc = git_revwalk_new(&walk, repo->handle.git);
    if (rc == 0)
        rc = git_revwalk_sorting(walk, sorting);
    if (rc == 0)
        rc = git_revwalk_push(walk, &from);
    if (rc == 0 && hide != NULL) {
        git_oid without = repo_git_oid(hide);
        rc = git_revwalk_hide(walk, &without);
    }
    if (rc != 0)
        return fail_walk(repo, rc, err);
    *out = TAKE(walk);
    return 0;
}

int repo_count(struct repo *repo, const struct oid *tip, const struct oid *hide, uint64_t *out,
               struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    uint64_t count = 0;
    bool reached;
    git_oid id;
    int rc;
    if (check_whole(repo, err) != 0)
        return -1;
    if (hide != NULL) {
        if (follow_line(repo, tip, hide, NULL, &reached, &count, err) != 0)
            return -1;
        if (reached) {
            *out = count;
            return 0;
        }
    }
    if (start_walk(repo, tip, hide, GIT_SORT_NONE, &walk, err) != 0)
        return -1;
    for (count = 0; (rc = git_revwalk_next(&id, walk)) == 0; count++)
        ;
    if (rc != GIT_ITEROVER)
        return fail_walk(repo, rc, err);
    *out = count;
    return 0;
}

static int walk_range(struct repo *repo, const struct oid *tip, const struct oid *hide, struct oids *oids,
                      struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    git_oid id;
    int rc = 0;
    if (start_walk(repo, tip, hide, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME, &walk, err) != 0)
        return -1;
    while (!oids->truncated && (rc = git_revwalk_next(&id, walk)) == 0) {
        struct oid commit = repo_oid(&id);
        if (!oid_equal(&commit, tip) && oids_add(oids, &commit, err) != 0)
            return -1;
    }
    return rc == 0 || rc == GIT_ITEROVER ? 0 : fail_walk(repo, rc, err);
}

static int collect_range(struct repo *repo, const struct oid *tip, const struct oid *hide, struct oids *oids,
                         struct error *err)
{
    bool reached = false;
    uint64_t steps;
    if (hide != NULL && follow_line(repo, tip, hide, oids, &reached, &steps, err) != 0)
        return -1;
    if (reached)
        return 0;
    oids->len = 0;
    oids->truncated = false;
    return walk_range(repo, tip, hide, oids, err);
}

int repo_range(struct repo *repo, const struct oid *tip, const struct oid *hide, size_t max, struct oid **out,
               size_t *len, bool *truncated, struct error *err)
{
    struct oids oids = {.max = max};
    if (check_whole(repo, err) != 0)
        return -1;
    if (collect_range(repo, tip, hide, &oids, err) != 0) {
        free(oids.data);
        return -1;
    }
    *out = oids.data;
    *len = oids.len;
    *truncated = oids.truncated;
    return 0;
}

int repo_is_ancestor(struct repo *repo, const struct oid *ancestor, const struct oid *commit, bool *out,
                     bool *ancestor_exists, struct error *err)
{
    git_object_t type;
    size_t size;
    uint64_t steps;
    bool exists, reached = false;
    if (repo_stat_object(repo, ancestor, &exists, &type, &size, err) != 0)
        return -1;
    exists = exists && type == GIT_OBJECT_COMMIT;
    if (exists && !oid_equal(ancestor, commit)) {
        git_oid below = repo_git_oid(ancestor), above = repo_git_oid(commit);
        if (follow_line(repo, commit, ancestor, NULL, &reached, &steps, err) != 0)
            return -1;
        int rc = reached ? 1 : git_graph_descendant_of(repo->handle.git, &above, &below);
        if (rc < 0)
            return fail_walk(repo, rc, err);
        reached = rc == 1;
    }
    *out = reached || (exists && oid_equal(ancestor, commit));
    if (ancestor_exists != NULL)
        *ancestor_exists = exists;
    return 0;
}
