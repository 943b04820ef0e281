/*
 * repo: the configuration repository, read through libgit2; only the repo_*.c files name it.
 *
 * Nothing here runs hooks, filters or a shell, looks at the host's git configuration, or at the work tree.
 * Objects come from the object database by id, and their hash is checked. One thread. A handle leaks a
 * descriptor per pack that `git gc` removes, so the daemon calls repo_refresh after each epoch (libgit2
 * #2758).
 *
 * Any call may also fail with CODE_REPO_ACCESS (permission, with the path), CODE_REPO_MISSING (the repository
 * is gone), CODE_REPO_UNREADABLE (another repository is in its place; descriptors or the disk fail) and
 * ERR_MEMORY.
 */
#ifndef IO_REPO_H
#define IO_REPO_H

#include <sys/types.h>

#include "model/listing.h"
#include "model/oid.h"
#include "util/buf.h"

struct repo;

struct repo_policy {
    const uid_t *trusted_uids; /* owners accepted beside our effective uid */
    size_t trusted_len;
    /* A hook: GIT_DIR, GIT_OBJECT_DIRECTORY (quarantine) and GIT_INDEX_FILE count, and the owner does not:
       git has chosen the repository and runs what its owner wants already. */
    bool from_environment;
};

/*
 * Opens the repository at `path`: a work tree's top, a linked work tree, a .git folder or a bare repository;
 * never searched upward. The git dir, the common dir, the work tree and its .git must belong to an accepted uid,
 * but in a hook. CODE_REPO_OWNER (names the uid and path), CODE_REPO_FORMAT (the extension and the remedy).
 */
int repo_open(struct repo **out, const char *path, const struct repo_policy *policy,
              struct error *err) MUST_CHECK;
void repo_close(struct repo *repo); /* NULL is fine */
static inline void repo_cleanup(struct repo **repo)
{
    repo_close(*repo);
}
#define AUTO_REPO CLEANUP(repo_cleanup)

/*
 * Closes and opens the same path again, unless it is the same repository still and no pack came or went: then
 * it costs a few microseconds. On failure the old handle stays usable. What was borrowed from the handle is
 * gone.
 */
int repo_refresh(struct repo *repo, struct error *err) MUST_CHECK;

/* Closes it and opens it anew: what libgit2 keeps of packs that were read whole (the bases of their deltas, up to 16
   MiB, and mapped windows) is given back. For a quiet moment. On failure there is nothing left to do with it but
   repo_close. */
int repo_renew(struct repo *repo, struct error *err) MUST_CHECK;

bool repo_is_bare(const struct repo *repo);
bool repo_is_rebasing(const struct repo *repo); /* the work tree is in the middle of one */
/* What the work tree is in the middle of while git commits no single files: "merge", "cherry-pick" or "rebase"; or
   NULL. */
const char *repo_unfinished(const struct repo *repo);
/* Where refs live, with a '/' at the end; borrowed. */
const char *repo_common_dir(const struct repo *repo);
/* The work tree's top with a '/' at the end, NULL for a bare one; borrowed. */
const char *repo_work_dir(const struct repo *repo);
/* Device and inode of the common dir: another one at the same path is another repository. */
void repo_identity(const struct repo *repo, dev_t *device, ino_t *inode);
/* True if the path leads elsewhere than when it was opened: a link that was swapped, a folder that was replaced or is
   gone. */
bool repo_has_moved(const struct repo *repo);
/* *exists: the commit is in the object database. */
int repo_has_commit(struct repo *repo, const struct oid *commit, bool *exists, struct error *err) MUST_CHECK;

/*
 * The commit refs/heads/<branch> points to. No such branch is an outcome (*is_missing, tip untouched).
 * Damaged, no possible name, or no commit: CODE_REF_UNREADABLE. That the commit is missing is told by who
 * reads it.
 */
int repo_branch_tip(struct repo *repo, const char *branch, bool *is_missing, struct oid *tip,
                    struct error *err) MUST_CHECK;

/* Calls `visit` with the name of each local branch that can be read, until one answers false. */
int repo_each_branch(struct repo *repo, bool (*visit)(void *context, const char *name), void *context,
                     struct error *err) MUST_CHECK;

/* The branch HEAD names, born or not; "" when HEAD is detached, or names no branch, or one longer than
   `size`-1. */
int repo_head_branch(struct repo *repo, char *out, size_t size, struct error *err) MUST_CHECK;

/* A revision as git writes it (branch, tag, HEAD~2, abbreviated id) to a commit. CODE_REPO_REV. */
int repo_resolve(struct repo *repo, const char *revision, struct oid *commit, struct error *err) MUST_CHECK;

struct repo_commit {
    struct oid tree;
    size_t parents;
    struct oid first_parent; /* zero if there is none */
    int64_t time_ms;         /* of the committer; 0 for what is no time after 1970 */
    char author[256];        /* "Name <mail>", as utf8_repair makes it: whoever shows it escapes it */
    char subject[256];       /* first line of the message, likewise */
};
/* CODE_REPO_OBJECT with the id: missing, damaged, no commit, larger than 4 MiB. */
int repo_read_commit(struct repo *repo, const struct oid *commit, struct repo_commit *out,
                     struct error *err) MUST_CHECK;

enum { REPO_TAGS_MAX = 64 /* more of one commit are not listed */ };

struct repo_tags {
    char *names[REPO_TAGS_MAX]; /* without refs/tags/, sorted */
    size_t len;
};
void repo_tags_fini(struct repo_tags *tags);
#define AUTO_REPO_TAGS CLEANUP(repo_tags_fini)

/* The tags that name this commit, annotated ones too. `out` is to be freed also on failure. CODE_REPO_UNREADABLE. */
int repo_list_tags(struct repo *repo, const struct oid *commit, struct repo_tags *out, struct error *err) MUST_CHECK;

/*
 * The value of the last trailer `name:` in the commit's message (git-interpret-trailers: the last paragraph),
 * case-insensitive, trimmed. *found tells; a value longer than `size`-1 is not found. Codes as
 * repo_read_commit.
 */
int repo_read_trailer(struct repo *repo, const struct oid *commit, const char *name, bool *found, char *out,
                      size_t size, struct error *err) MUST_CHECK;

/* CODE_REPO_SHALLOW for a shallow clone, which can be read but has no countable history. */
int repo_check_whole(const struct repo *repo, struct error *err) MUST_CHECK;

/*
 * Number of commits reachable from tip and not from hide (NULL: all). Exact whatever the committers' clocks
 * said, also where git rev-list is not. CODE_REPO_SHALLOW when history is cut, CODE_REPO_OBJECT when a commit
 * of it is missing.
 */
int repo_count(struct repo *repo, const struct oid *tip, const struct oid *hide, uint64_t *out,
               struct error *err) MUST_CHECK;

/*
 * The commits of hide..tip without tip itself, children before parents, malloc'ed; at most `max` (then
 * *truncated). hide NULL: all. As exact as git rev-list. Codes as repo_count.
 */
int repo_range(struct repo *repo, const struct oid *tip, const struct oid *hide, size_t max, struct oid **out,
               size_t *len, bool *truncated, struct error *err) MUST_CHECK;

/*
 * *out: `ancestor` is reachable from `commit` (equal counts). *ancestor_exists (may be NULL): the commit is
 * there at all. Codes as repo_count.
 */
int repo_is_ancestor(struct repo *repo, const struct oid *ancestor, const struct oid *commit, bool *out,
                     bool *ancestor_exists, struct error *err) MUST_CHECK;

/*
 * Lists the tree under the paths that matter (layout_area_of); folders whose tree id is that of the same
 * folder in `old` (may be NULL) are shared, not read. Folders are read at most LAYOUT_FOLDER_DEPTH + 1 deep.
 * More than LISTING_FILES_MAX files (an empty folder and one too deep count as one), or a tree above 16 MiB:
 * CODE_LIMIT_SERVICES. Damaged objects, a name twice in a folder, names no file can have: CODE_REPO_OBJECT
 * with the id.
 */
int repo_list(struct repo *repo, const struct oid *tree, struct listing *old, struct listing **out,
              struct error *err) MUST_CHECK;

/* Appends a blob. Its size is looked at first: larger than max is CODE_LIMIT_FILE. CODE_REPO_OBJECT with the
   id. */
int repo_read_blob(struct repo *repo, const struct oid *blob, size_t max, struct buf *out,
                   struct error *err) MUST_CHECK;

/* The id that git gives a file of that content. */
int repo_blob_id(struct span content, struct oid *out, struct error *err) MUST_CHECK;

/* --- who wrote a line ----------------------------------------------------------------------------------- */

enum repo_blame_kind {
    REPO_BLAME_COMMIT,
    REPO_BLAME_OLDER,       /* that commit or an older one: history is cut there, or it took too long */
    REPO_BLAME_UNCOMMITTED, /* of a work tree */
};

struct repo_blame_line {
    uint32_t line; /* 1-based, of the text that is asked about */
    enum repo_blame_kind kind;
    struct oid commit; /* zero if uncommitted */
};

struct repo_blame {
    struct oid commit;  /* to begin at */
    const char *path;   /* of the file there; a service is followed where it was moved from */
    struct span text;   /* the file as it is in the work tree; data NULL: as the commit has it */
    unsigned budget_ms; /* 0: no limit of time */
};

enum { REPO_BLAME_COMMITS_MAX = 50000, REPO_BLAME_FILE_MAX = 1024 * 1024 };

/*
 * Which commit each of the lines came with, through merges too, as git blame would say it; fills in kind and commit. A
 * line beyond the end is of the commit that is begun at. CODE_REPO_OBJECT where history is damaged.
 */
int repo_blame(struct repo *repo, const struct repo_blame *question, struct repo_blame_line *lines, size_t len,
               struct error *err) MUST_CHECK;

/*
 * The staged files (the index; GIT_INDEX_FILE with from_environment) as a listing with blob ids. A file of
 * ours that is not merged, or an index that cannot be read (split, sparse): CODE_REPO_UNREADABLE.
 */
int repo_list_index(struct repo *repo, struct listing **out, struct error *err) MUST_CHECK;

/* --- making (epochctl init) ---------------------------------------------------------------------------- */

struct repo_new {
    const char *path;
    const char *branch;
    bool is_bare;
};
/*
 * Makes an empty repository with HEAD on the branch, or leaves the one that is there as it is (*existed).
 * Parents are made. CODE_USAGE for an impossible branch.
 */
int repo_create(const struct repo_new *options, bool *existed, struct error *err) MUST_CHECK;
/* Sets a key of the repository's own config, for example "core.fsync" = "committed". */
int repo_config_set(struct repo *repo, const char *key, const char *value, struct error *err) MUST_CHECK;
/* *found: the key has a value there, copied to out (cut at size-1). */
int repo_config_get(struct repo *repo, const char *key, bool *found, char *out, size_t size,
                    struct error *err) MUST_CHECK;

struct repo_file {
    const char *path;
    struct span text;
};
/*
 * The first commit of an unborn branch, out of these files, author from the repository's config (user.name,
 * user.email) or "epochctl <epochctl@localhost>". In a work tree index and files are written too. CODE_USAGE,
 * with nothing written, if the branch has commits, the work tree is on another branch, or something is at one
 * of the paths.
 */
int repo_first_commit(struct repo *repo, const char *branch, const struct repo_file *files, size_t len,
                      const char *message, struct oid *out, struct error *err) MUST_CHECK;

/* --- committing (the verbs that write) ------------------------------------------------------------------ */

/* From here on what is written through this handle stays in memory, and goes with it. */
int repo_keep_in_memory(struct repo *repo, struct error *err) MUST_CHECK;

struct repo_change {
    const char *path;
    struct span text;
    uint32_t mode;   /* LAYOUT_MODE_EXEC, else a plain file */
    bool is_removed; /* it is there in the parent */
};

struct repo_draft {
    struct oid parent;
    const struct repo_change *changes; /* each path once */
    size_t len;
    const char *name, *mail; /* author and committer */
    const char *message;
};

/* Writes the commit; no branch leads to it yet. CODE_REPO_OBJECT, CODE_REPO_UNREADABLE, CODE_IDENTITY. */
int repo_write_commit(struct repo *repo, const struct repo_draft *draft, struct oid *out, struct error *err) MUST_CHECK;

/* Moves the branch if it still is at `from`; else CODE_REPO_STALE with both ids. For bare repositories: nothing else
   moves with it. */
int repo_move_branch(struct repo *repo, const char *branch, const struct oid *from, const struct oid *to,
                     const char *why, struct error *err) MUST_CHECK;

#endif
