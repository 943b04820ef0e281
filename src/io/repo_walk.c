/*
 * repo_walk: counting commits, listing them, and telling which is an ancestor of which.
 *
 * Almost every new tip is one commit, or a line of them, on top of the last: that is followed by hand and
 * exact by nature. Where a line meets a merge, its root, or commits older than what is looked for, libgit2's
 * walker takes over from the start. Like git's own it believes that parents are hardly younger than their
 * children, and where clocks were wrong it may take hidden commits for new ones; counts are proved against
 * that.
 *
 * A shallow clone has no countable history, so this is looked at first. Replace refs and grafts are local
 * opinions about history that nobody else can check: not followed. libgit2 1.5 knows none of the three; 1.9
 * follows `shallow` and grafts, so it is given a repository that has objects and nothing else.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/array.h"

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

int repo_check_whole(const struct repo *repo, struct error *err)
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
    const char *code = repo_last_class() == GIT_ERROR_OS ? CODE_REPO_UNREADABLE : CODE_REPO_OBJECT;
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

/* --- ids ----------------------------------------------------------------------------------------------- */

struct oids {
    struct oid *data;
    size_t len, cap;
};

static void oids_fini(struct oids *oids)
{
    free(oids->data);
}
#define AUTO_OIDS CLEANUP(oids_fini)

static int oids_add(struct oids *oids, const struct oid *oid, struct error *err)
{
    struct oid *data = array_grow(oids->data, oids->len, &oids->cap, sizeof *data);
    if (data == NULL)
        return error_memory(err);
    oids->data = data;
    oids->data[oids->len++] = *oid;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct oid));
}

/* --- a line of commits --------------------------------------------------------------------------------- */

static int read_links(struct repo *repo, const struct oid *commit, struct repo_commit_parts *out,
                      struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    return repo_get_commit(repo, commit, &object, out, err);
}

/* One tip is asked about several times over: is it ahead, how far, by which commits. Commits do not change. */
static bool recall_line(const struct repo *repo, const struct oid *tip, const struct oid *end)
{
    return repo->line.commits != NULL && oid_equal(&repo->line.tip, tip) && oid_equal(&repo->line.end, end);
}

static void remember_line(struct repo *repo, const struct oid *tip, const struct oid *end, struct oids *line)
{
    enum { LINE_KEPT = 4096 };
    if (line->len == 0 || line->len > LINE_KEPT)
        return;
    free(repo->line.commits);
    repo->line.tip = *tip;
    repo->line.end = *end;
    repo->line.len = line->len;
    repo->line.commits = TAKE(line->data);
}

static int copy_line(const struct repo *repo, struct oids *line, struct error *err)
{
    for (size_t i = 0; i < repo->line.len; i++)
        if (oids_add(line, &repo->line.commits[i], err) != 0)
            return -1;
    return 0;
}

/*
 * Follows single parents from tip. *reached: `end` was met, and the commits before it, tip first, are in
 * `line`. Committer times only tell when to give up: a commit older than `end` will hardly lead to it.
 */
static int walk_line(struct repo *repo, const struct oid *tip, const struct oid *end, struct oids *line,
                       bool *reached, struct error *err)
{
    struct repo_commit_parts goal, at;
    struct oid commit = *tip;
    *reached = false;
    if (read_links(repo, end, &goal, err) != 0)
        return -1;
    while (!oid_equal(&commit, end)) {
        if (read_links(repo, &commit, &at, err) != 0)
            return err->code == CODE_REPO_OBJECT ? fail_missing(repo, err) : -1;
        if (at.parents != 1 || at.time_ms < goal.time_ms)
            return 0;
        if (oids_add(line, &commit, err) != 0)
            return -1;
        commit = at.first_parent;
    }
    *reached = true;
    return 0;
}

/* walk_line, or what it found the last time; `line` may be NULL. */
static int follow_line(struct repo *repo, const struct oid *tip, const struct oid *end, struct oids *line,
                       bool *reached, struct error *err)
{
    AUTO_OIDS struct oids found = {0};
    *reached = recall_line(repo, tip, end);
    if (!*reached) {
        if (walk_line(repo, tip, end, &found, reached, err) != 0)
            return -1;
        if (*reached)
            remember_line(repo, tip, end, &found);
    }
    if (!*reached || line == NULL)
        return 0;
    if (!recall_line(repo, tip, end)) {
        *line = found; /* too long to be kept, or empty */
        found = (struct oids){0};
        return 0;
    }
    return copy_line(repo, line, err);
}

/* --- libgit2's walker ---------------------------------------------------------------------------------- */

/* What is reachable from `tip` or `also`, and not from `hide`; each of the two may be NULL. */
struct walk {
    const struct oid *tip, *also, *hide;
    unsigned sorting;
};

static int start_walk(struct repo *repo, const struct walk *what, git_revwalk **out, struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    git_oid id = repo_git_oid(what->tip);
    int rc = git_revwalk_new(&walk, repo->handle.history);
    if (rc == 0)
        rc = git_revwalk_sorting(walk, what->sorting);
    if (rc == 0)
        rc = git_revwalk_push(walk, &id);
    if (rc == 0 && what->also != NULL) {
        id = repo_git_oid(what->also);
        rc = git_revwalk_push(walk, &id);
    }
    if (rc == 0 && what->hide != NULL) {
        id = repo_git_oid(what->hide);
        rc = git_revwalk_hide(walk, &id);
    }
    if (rc != 0)
        return fail_walk(repo, rc, err);
    *out = TAKE(walk);
    return 0;
}

static int count_walk(struct repo *repo, const struct walk *what, uint64_t *out, struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    uint64_t count = 0;
    git_oid id;
    int rc;
    if (start_walk(repo, what, &walk, err) != 0)
        return -1;
    while ((rc = git_revwalk_next(&id, walk)) == 0)
        count++;
    if (rc != GIT_ITEROVER)
        return fail_walk(repo, rc, err);
    *out = count;
    return 0;
}

/* At most `max`. */
static int collect_walk(struct repo *repo, const struct walk *what, size_t max, struct oids *out,
                        struct error *err)
{
    AUTO_GIT(git_revwalk) walk = NULL;
    git_oid id;
    int rc = 0;
    if (start_walk(repo, what, &walk, err) != 0)
        return -1;
    while (out->len < max && (rc = git_revwalk_next(&id, walk)) == 0) {
        struct oid commit = repo_oid(&id);
        if (oids_add(out, &commit, err) != 0)
            return -1;
    }
    return rc == 0 || rc == GIT_ITEROVER ? 0 : fail_walk(repo, rc, err);
}

/* --- counting ------------------------------------------------------------------------------------------ */

/* None of the commit's parents is among the (sorted) ids. */
static bool is_end(struct repo *repo, const struct oids *sorted, const struct oid *commit)
{
    AUTO_GIT(git_object) object = NULL;
    git_oid id = repo_git_oid(commit);
    if (git_object_lookup(&object, repo->handle.history, &id, GIT_OBJECT_COMMIT) != 0)
        return true;
    const git_commit *parsed = (const git_commit *)object;
    for (unsigned i = 0; i < git_commit_parentcount(parsed); i++) {
        struct oid parent = repo_oid(git_commit_parent_id(parsed, i));
        if (bsearch(&parent, sorted->data, sorted->len, sizeof parent, compare_ids) != NULL)
            return false;
    }
    return true;
}

/*
 * True if none of the walked commits can be reached from `hide`, as it should be. If one could, so could its
 * parents, down to one that ends what was walked; so only those are asked for. With many of them it is
 * cheaper to count everything.
 */
static bool is_exact(struct repo *repo, const struct oid *hide, struct oids *walked)
{
    enum { ENDS_MAX = 16 };
    size_t ends = 0;
    git_oid hidden = repo_git_oid(hide);
    qsort(walked->data, walked->len, sizeof walked->data[0], compare_ids);
    for (size_t i = 0; i < walked->len; i++) {
        git_oid id = repo_git_oid(&walked->data[i]);
        if (!is_end(repo, walked, &walked->data[i]))
            continue;
        if (++ends > ENDS_MAX || oid_equal(&walked->data[i], hide) ||
            git_graph_descendant_of(repo->handle.history, &hidden, &id) != 0)
            return false;
    }
    return true;
}

static int count_beyond(struct repo *repo, const struct oid *tip, const struct oid *hide, uint64_t *out,
                        struct error *err)
{
    AUTO_OIDS struct oids line = {0}, walked = {0};
    uint64_t both, hidden;
    bool reached;
    if (follow_line(repo, tip, hide, &line, &reached, err) != 0)
        return -1;
    if (reached) {
        *out = line.len;
        return 0;
    }
    if (collect_walk(repo, &(struct walk){.tip = tip, .hide = hide}, SIZE_MAX, &walked, err) != 0)
        return -1;
    if (walked.len == 0 || is_exact(repo, hide, &walked)) {
        *out = walked.len;
        return 0;
    }
    if (count_walk(repo, &(struct walk){.tip = tip, .also = hide}, &both, err) != 0 ||
        count_walk(repo, &(struct walk){.tip = hide}, &hidden, err) != 0)
        return -1;
    *out = both - hidden;
    return 0;
}

int repo_count(struct repo *repo, const struct oid *tip, const struct oid *hide, uint64_t *out,
               struct error *err)
{
    if (repo_check_whole(repo, err) != 0)
        return -1;
    if (hide != NULL)
        return count_beyond(repo, tip, hide, out, err);
    return count_walk(repo, &(struct walk){.tip = tip}, out, err);
}

/* --- ranges and ancestry ------------------------------------------------------------------------------- */

int repo_range(struct repo *repo, const struct oid *tip, const struct oid *hide, size_t max, struct oid **out,
               size_t *len, bool *truncated, struct error *err)
{
    AUTO_OIDS struct oids found = {0};
    struct walk what = {.tip = tip, .hide = hide, .sorting = GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME};
    bool reached = false;
    size_t most = max < SIZE_MAX - 2 ? max + 2 : SIZE_MAX; /* the tip, and one that tells there are more */
    if (repo_check_whole(repo, err) != 0)
        return -1;
    if (hide != NULL && follow_line(repo, tip, hide, &found, &reached, err) != 0)
        return -1;
    if (!reached) {
        found.len = 0;
        if (collect_walk(repo, &what, most, &found, err) != 0)
            return -1;
    }
    /* All others are behind the tip, so it comes first; if it does not it is hidden, and so are they. */
    if (found.len > 0 && oid_equal(&found.data[0], tip))
        memmove(found.data, found.data + 1, --found.len * sizeof found.data[0]);
    else
        found.len = 0;
    *truncated = found.len > max;
    *len = *truncated ? max : found.len;
    *out = TAKE(found.data);
    return 0;
}

int repo_has_commit(struct repo *repo, const struct oid *commit, bool *exists, struct error *err)
{
    git_object_t type;
    size_t size;
    bool is_there;
    if (repo_stat_object(repo, commit, &is_there, &type, &size, err) != 0)
        return -1;
    *exists = is_there && type == GIT_OBJECT_COMMIT;
    return 0;
}

int repo_is_ancestor(struct repo *repo, const struct oid *ancestor, const struct oid *commit, bool *out,
                     bool *ancestor_exists, struct error *err)
{
    bool exists, reached = false;
    if (repo_has_commit(repo, ancestor, &exists, err) != 0)
        return -1;
    if (exists && !oid_equal(ancestor, commit)) {
        git_oid below = repo_git_oid(ancestor), above = repo_git_oid(commit);
        if (follow_line(repo, commit, ancestor, NULL, &reached, err) != 0)
            return -1;
        int rc = reached ? 1 : git_graph_descendant_of(repo->handle.history, &above, &below);
        if (rc < 0)
            return fail_walk(repo, rc, err);
        reached = rc == 1;
    }
    *out = reached || (exists && oid_equal(ancestor, commit));
    if (ancestor_exists != NULL)
        *ancestor_exists = exists;
    return 0;
}
