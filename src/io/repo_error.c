/*
 * repo_error: what libgit2 answers, told as what it means.
 *
 * Its codes alone mislead: a permission that is missing is "locked" (GIT_ELOCKED), an object in a folder we
 * must not enter is "not found", and so is one when descriptors have run out. Whoever rejects a commit must
 * know the difference, so the file system is asked again before an object is called missing or damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/fs.h"
#include "util/utf8.h"

void repo_last_words(char out[static REPO_WORDS_MAX])
{
    const git_error *last = git_error_last();
    const char *words = last == NULL || last->message == NULL ? "" : last->message;
    utf8_printable(span_of(words), out, REPO_WORDS_MAX);
}

int repo_last_class(void)
{
    const git_error *last = git_error_last();
    return last == NULL ? GIT_ERROR_NONE : last->klass;
}

int repo_fail(struct error *err, const char *code, int rc, const char *format, ...)
{
    char clause[sizeof err->message], words[REPO_WORDS_MAX];
    va_list args;
    if (repo_last_class() == GIT_ERROR_NOMEMORY)
        return error_memory(err);
    va_start(args, format);
    int len = vsnprintf(clause, sizeof clause, format, args);
    va_end(args);
    if (len < 0)
        clause[0] = '\0';
    repo_last_words(words);
    return error_set(err, rc == GIT_ELOCKED ? CODE_REPO_ACCESS : code, 0, "%s: %s", clause, words);
}

bool repo_is_denied(const char *path)
{
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

int repo_check_identity(const struct repo *repo, struct error *err)
{
    struct stat st;
    const char *dir = git_repository_commondir(repo->handle.git);
    if (stat(dir, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return error_set(err, CODE_REPO_MISSING, 0, "the repository '%s' is gone", dir);
        return error_set(err, errno == EACCES ? CODE_REPO_ACCESS : CODE_REPO_UNREADABLE, errno,
                         "cannot look at '%s'", dir);
    }
    if (!fs_is_same_file(&st, &repo->handle.common))
        return error_set(err, CODE_REPO_UNREADABLE, 0, "'%s' is another repository than a moment ago", dir);
    return 0;
}

/* Packs that cannot be opened are passed over in silence by libgit2. */
static int check_pack(void *context, const char *name, struct error *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    if (len > 0 && (size_t)len < sizeof path && repo_is_denied(path))
        return error_set(err, CODE_REPO_ACCESS, EACCES, "cannot read '%s'", path);
    return 0;
}

static int check_packs(char *path, struct error *err)
{
    AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT)
        return 0;
    if (dir < 0)
        return error_set(err, errno == EACCES ? CODE_REPO_ACCESS : CODE_REPO_UNREADABLE, errno,
                         "cannot list '%s'", path);
    int rc = fs_each_name(dir, check_pack, path, err);
    if (rc != 0 && error_is(err, ERR_SYSTEM))
        err->code = CODE_REPO_UNREADABLE;
    return rc;
}

/* 0 if nothing but the object's absence explains why it is not found. */
static int explain_missing(const struct repo *repo, const char *hex, struct error *err)
{
    char path[PATH_MAX];
    const char *common = git_repository_commondir(repo->handle.git);
    if (repo_check_identity(repo, err) != 0)
        return -1;
    int len = snprintf(path, sizeof path, "%sobjects/%.2s/%s", common, hex, hex + 2);
    if (len > 0 && (size_t)len < sizeof path && repo_is_denied(path))
        return error_set(err, CODE_REPO_ACCESS, EACCES, "cannot read '%s'", path);
    len = snprintf(path, sizeof path, "%sobjects/pack", common);
    if (len > 0 && (size_t)len < sizeof path)
        return check_packs(path, err);
    return 0;
}

/* Looks for remote.*.promisor name by name: each key that a regular expression does not match costs libgit2
   1.5 a leak of 20 KB. */
static bool is_partial_clone(const struct repo *repo)
{
    AUTO_GIT(git_config) config = NULL;
    git_config_iterator *entries = NULL;
    git_config_entry *entry;
    bool is_partial = false;
    if (git_repository_config_snapshot(&config, repo->handle.git) != 0 ||
        git_config_iterator_new(&entries, config) != 0)
        return false;
    while (!is_partial && git_config_next(&entry, entries) == 0)
        is_partial = span_ends(span_of(entry->name), SPAN(".promisor"));
    git_config_iterator_free(entries);
    return is_partial;
}

int repo_fail_object(const struct repo *repo, const struct oid *oid, int rc, struct error *err)
{
    char hex[OID_HEX_LEN + 1];
    oid_format(oid, hex);
    if (rc != GIT_ENOTFOUND) {
        /* What the operating system refused (descriptors, input/output) passes; what zlib and the hash refuse
           does not. */
        const char *code = repo_last_class() == GIT_ERROR_OS ? CODE_REPO_UNREADABLE : CODE_REPO_OBJECT;
        return repo_fail(err, code, rc, "cannot read object %s", hex);
    }
    if (explain_missing(repo, hex, err) != 0)
        return -1;
    const char *remedy =
        is_partial_clone(repo) ? "; this is a partial clone: clone it anew without --filter" : "";
    return error_set(err, CODE_REPO_OBJECT, 0, "object %s is missing%s", hex, remedy);
}
