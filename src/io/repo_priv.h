/*
 * repo_priv: what the repo_*.c files share. Only they include it, and only they name libgit2.
 */
#ifndef IO_REPO_PRIV_H
#define IO_REPO_PRIV_H

#include <git2.h>

#include "io/repo.h"
#include "util/fs.h"

struct repo_handle {
    git_repository *git;
    git_odb *odb;
    git_repository *history; /* the objects alone: no grafts, no `shallow` */
    struct stat place;      /* what the path named; it may be a link that is turned to another repository */
    struct stat common;     /* the common dir */
    struct timespec packed; /* when the folder of packs changed last, seen before it was read */
};

struct repo {
    struct repo_handle handle; /* replaced as a whole by repo_refresh */
    char *path;
    uid_t *trusted;
    size_t trusted_len;
    bool from_environment;
    struct oid known_tip; /* the last branch tip seen to be a commit, so that polling reads no object */
    struct {
        struct oid tip, end;
        struct oid *commits; /* from tip, without end; NULL: none is known */
        size_t len;
    } line;               /* the last one that repo_walk.c followed */
};

/* --- repo_error.c: libgit2's answers as our errors ----------------------------------------------------- */

/* What libgit2 said last, fit for a message. "" if it said nothing. */
enum { REPO_WORDS_MAX = 320 };
void repo_last_words(char out[static REPO_WORDS_MAX]);

/* Which part of libgit2 said it; GIT_ERROR_NONE if none did. */
int repo_last_class(void);

/* error_set with ": " and libgit2's last words behind. An answer that means permission or memory gets that
   code instead. */
int repo_fail(struct error *err, const char *code, int rc, const char *format, ...) PRINTF_LIKE(4, 5);

/* True if the file or folder is there (or may be) and our effective user must not read it. */
bool repo_is_denied(const char *path);

/* Why an object cannot be read: REPO_OBJECT is the answer only where nothing else explains it. Returns -1. */
int repo_fail_object(const struct repo *repo, const struct oid *oid, int rc, struct error *err);

/* 0 if the common dir is the one that was opened. CODE_REPO_MISSING if it is gone, CODE_REPO_UNREADABLE if it
   is another. */
int repo_check_identity(const struct repo *repo, struct error *err) MUST_CHECK;

/* --- repo_open.c --------------------------------------------------------------------------------------- */

/* Counted: git_libgit2_shutdown for each that succeeded. repo_open does it itself. */
int repo_start_library(struct error *err) MUST_CHECK;

/* --- repo_read.c --------------------------------------------------------------------------------------- */

enum { REPO_REF_MAX = 1024 };

/* The full name of a branch; false if git takes no such name, or would take it for another one. */
bool repo_ref_name(const char *branch, char out[static REPO_REF_MAX]);

/* --- repo_object.c ------------------------------------------------------------------------------------- */

static inline git_oid repo_git_oid(const struct oid *oid)
{
    git_oid out;
    memcpy(out.id, oid->bytes, OID_LEN);
    return out;
}

static inline struct oid repo_oid(const git_oid *oid)
{
    struct oid out;
    memcpy(out.bytes, oid->id, OID_LEN);
    return out;
}

/* Type and size of an object, and whether it is there at all (an outcome: 0 with *exists false). */
int repo_stat_object(struct repo *repo, const struct oid *oid, bool *exists, git_object_t *type, size_t *size,
                     struct error *err) MUST_CHECK;

/* An object of this type and at most `max` bytes, in memory; its hash has been checked. Freed with
   git_odb_object_free. */
int repo_get_object(struct repo *repo, const struct oid *oid, git_object_t type, size_t max,
                    git_odb_object **out, struct error *err) MUST_CHECK;

/* The parts of a commit, by hand: libgit2's parser refuses commits that git itself takes. Spans are of the
   object. */
struct repo_commit_parts {
    struct oid tree;
    size_t parents;
    struct oid first_parent; /* zero if there is none */
    int64_t time_ms;
    struct span author, message;
};
int repo_get_commit(struct repo *repo, const struct oid *commit, git_odb_object **object,
                    struct repo_commit_parts *out, struct error *err) MUST_CHECK;

/* One line of a tree; the name is of the object. */
struct repo_tree_entry {
    struct span name;
    uint32_t mode;
    struct oid oid;
};
/* Takes "<octal mode> SP <name> NUL <20 bytes>" off the front. False if that is not what is there. */
bool repo_take_entry(struct span *tree, struct repo_tree_entry *out);

#define REPO_CLEANUP(type, free_function)                                                                    \
    static inline void type##_cleanup(type **p)                                                              \
    {                                                                                                        \
        free_function(*p);                                                                                   \
    }
REPO_CLEANUP(git_odb_object, git_odb_object_free)
REPO_CLEANUP(git_object, git_object_free)
REPO_CLEANUP(git_index, git_index_free)
REPO_CLEANUP(git_revwalk, git_revwalk_free)
REPO_CLEANUP(git_commit, git_commit_free)
REPO_CLEANUP(git_config, git_config_free)
REPO_CLEANUP(git_reference, git_reference_free)
REPO_CLEANUP(git_branch_iterator, git_branch_iterator_free)
REPO_CLEANUP(git_signature, git_signature_free)
REPO_CLEANUP(git_repository, git_repository_free)
REPO_CLEANUP(git_tree, git_tree_free)
#undef REPO_CLEANUP
#define AUTO_GIT(type) CLEANUP(type##_cleanup) type *

/* --- repo_loose.c -------------------------------------------------------------------------------------- */

/* From here on the loose objects of a repository's folder of objects and its alternates are read by us: each file
   once, and none that does not end. */
int repo_read_loose(git_odb *odb, const char *objects, struct error *err) MUST_CHECK;

#endif
