/*
 * repo_commit: a commit on top of another, and the branch moved to it.
 *
 * Objects first, durable, the branch last and only if it is where it was: until then nobody sees anything. What is only
 * to be judged is kept in memory instead (repo_keep_in_memory), so that asking leaves nothing behind.
 */
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>

#include "io/repo_priv.h"
#include "model/codes.h"

enum { PRIORITY_OVER_FILES = 1000 };

static int fail(int rc, const char *what, struct error *err)
{
    return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot %s", what);
}

int repo_keep_in_memory(struct repo *repo, struct error *err)
{
    git_odb_backend *memory = NULL;
    int rc = git_mempack_new(&memory);
    if (rc != 0)
        return fail(rc, "keep objects in memory", err);
    rc = git_odb_add_backend(repo->handle.odb, memory, PRIORITY_OVER_FILES);
    if (rc == 0)
        return 0;
    memory->free(memory);
    return fail(rc, "keep objects in memory", err);
}

/* --- the tree ------------------------------------------------------------------------------------------- */

/* What is removed has to be there: libgit2 would take it for an error, and so do we. */
static int fill_update(struct repo *repo, const struct repo_change *change, git_tree_update *out, struct error *err)
{
    *out = (git_tree_update){.path = change->path, .filemode = GIT_FILEMODE_BLOB};
    if (change->mode == GIT_FILEMODE_BLOB_EXECUTABLE)
        out->filemode = GIT_FILEMODE_BLOB_EXECUTABLE;
    if (change->is_removed) {
        out->action = GIT_TREE_UPDATE_REMOVE;
        return 0;
    }
    out->action = GIT_TREE_UPDATE_UPSERT;
    int rc = git_blob_create_from_buffer(&out->id, repo->handle.git, change->text.len == 0 ? "" : change->text.data,
                                         change->text.len);
    return rc == 0 ? 0 : fail(rc, "write a file's content", err);
}

static int write_tree(struct repo *repo, git_tree *base, const struct repo_change *changes, size_t len, git_oid *out,
                      struct error *err)
{
    AUTO_FREE git_tree_update *updates = calloc(len + 1, sizeof *updates);
    if (updates == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++)
        if (fill_update(repo, &changes[i], &updates[i], err) != 0)
            return -1;
    int rc = git_tree_create_updated(out, repo->handle.git, base, len, updates);
    return rc == 0 ? 0 : fail(rc, "write the tree", err);
}

static int find_parent(struct repo *repo, const struct oid *parent, git_commit **commit, git_tree **tree,
                       struct error *err)
{
    git_oid id = repo_git_oid(parent);
    int rc = git_commit_lookup(commit, repo->handle.git, &id);
    if (rc == 0)
        rc = git_commit_tree(tree, *commit);
    return rc == 0 ? 0 : repo_fail_object(repo, parent, rc, err);
}

/* --- the commit ----------------------------------------------------------------------------------------- */

static int write_commit(struct repo *repo, git_commit *parent, const git_oid *tree_id, const struct repo_draft *draft,
                        git_oid *out, struct error *err)
{
    AUTO_GIT(git_signature) author = NULL;
    AUTO_GIT(git_object) tree = NULL;
    const git_commit *parents[1] = {parent};
    int rc = git_signature_now(&author, draft->name, draft->mail);
    if (rc != 0)
        return repo_fail(err, CODE_IDENTITY, rc, "git takes no such name or address");
    rc = git_object_lookup(&tree, repo->handle.git, tree_id, GIT_OBJECT_TREE);
    if (rc == 0)
        rc = git_commit_create(out, repo->handle.git, NULL, author, author, NULL, draft->message, (git_tree *)tree, 1,
                               parents);
    return rc == 0 ? 0 : fail(rc, "write the commit", err);
}

int repo_write_commit(struct repo *repo, const struct repo_draft *draft, struct oid *out, struct error *err)
{
    AUTO_GIT(git_commit) parent = NULL;
    AUTO_GIT(git_tree) tree = NULL;
    git_oid tree_id, commit;
    if (find_parent(repo, &draft->parent, &parent, &tree, err) != 0 ||
        write_tree(repo, tree, draft->changes, draft->len, &tree_id, err) != 0 ||
        write_commit(repo, parent, &tree_id, draft, &commit, err) != 0)
        return -1;
    *out = repo_oid(&commit);
    return 0;
}

/* --- the branch ----------------------------------------------------------------------------------------- */

static int refuse_stale(struct repo *repo, const char *branch, const struct oid *from, struct error *err)
{
    struct oid now;
    bool is_missing;
    char expected[OID_HEX_LEN + 1], found[OID_HEX_LEN + 1];
    if (repo_branch_tip(repo, branch, &is_missing, &now, err) != 0)
        return -1;
    oid_format(from, expected);
    if (is_missing)
        return error_set(err, CODE_REPO_STALE, 0, "branch %s was at %s and is gone", branch, expected);
    oid_format(&now, found);
    return error_set(err, CODE_REPO_STALE, 0, "branch %s was at %s and is at %s now", branch, expected, found);
}

int repo_move_branch(struct repo *repo, const char *branch, const struct oid *from, const struct oid *to,
                     const char *why, struct error *err)
{
    AUTO_GIT(git_reference) moved = NULL;
    char name[REPO_REF_MAX];
    git_oid from_id = repo_git_oid(from), to_id = repo_git_oid(to);
    if (!repo_ref_name(branch, name))
        return error_set(err, CODE_USAGE, 0, "no branch can be called '%.64s'", branch);
    /* Never without force: libgit2 refuses an existing branch then, whatever it was expected to be at. */
    int rc = git_reference_create_matching(&moved, repo->handle.git, name, &to_id, 1, &from_id, why);
    if (rc == GIT_EMODIFIED || rc == GIT_ENOTFOUND)
        return refuse_stale(repo, branch, from, err);
    return rc == 0 ? 0 : fail(rc, "move the branch", err);
}
