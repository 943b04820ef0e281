/*
 * repo_read: refs, revisions, commits, trailers and blobs.
 *
 * Only the branch that is asked for counts, never HEAD: a rebase walks HEAD through commits nobody published.
 */
#include <errno.h>
#include <limits.h>
#include <strings.h>

#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/utf8.h"

/* --- branches and revisions ---------------------------------------------------------------------------- */

bool repo_ref_name(const char *branch, char out[static REPO_REF_MAX])
{
    char normal[REPO_REF_MAX];
    int len = snprintf(out, REPO_REF_MAX, "refs/heads/%s", branch);
    return len > 0 && len < REPO_REF_MAX &&
           git_reference_normalize_name(normal, sizeof normal, out, GIT_REFERENCE_FORMAT_NORMAL) == 0 &&
           strcmp(normal, out) == 0;
}

static bool is_denied_in(const struct repo *repo, const char *name, char path[static PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s%s", repo_common_dir(repo), name);
    return len > 0 && len < PATH_MAX && repo_is_denied(path);
}

/* "Not found" is also what libgit2 says of what it must not look at, and of a repository that has gone. */
static int check_missing(const struct repo *repo, const char *name, struct error *err)
{
    char path[PATH_MAX];
    if (repo_check_identity(repo, err) != 0)
        return -1;
    if (is_denied_in(repo, name, path) || is_denied_in(repo, "packed-refs", path))
        return error_set(err, CODE_REF_UNREADABLE, EACCES, "cannot read '%s'", path);
    return 0;
}

/* A ref that is there and may not be read is the ref's trouble, not the repository's. */
static int fail_ref(const struct repo *repo, const char *name, int rc, struct error *err)
{
    char path[PATH_MAX];
    if (repo_check_identity(repo, err) != 0)
        return -1;
    if (is_denied_in(repo, name, path) || is_denied_in(repo, "packed-refs", path))
        return error_set(err, CODE_REF_UNREADABLE, EACCES, "cannot read '%s'", path);
    return repo_fail(err, CODE_REF_UNREADABLE, rc, "cannot read %s", name);
}

static int check_is_commit(struct repo *repo, const char *name, const struct oid *tip, struct error *err)
{
    char hex[OID_HEX_LEN + 1];
    git_object_t type;
    size_t size;
    bool exists;
    if (oid_equal(tip, &repo->known_tip))
        return 0;
    if (repo_stat_object(repo, tip, &exists, &type, &size, err) != 0)
        return -1;
    oid_format(tip, hex);
    if (exists && type != GIT_OBJECT_COMMIT)
        return error_set(err, CODE_REF_UNREADABLE, 0, "%s points to %s, which is a %s and no commit", name,
                         hex, git_object_type2string(type));
    /* A commit that is missing is told by whoever reads it, as a damaged object with its id. */
    if (exists)
        repo->known_tip = *tip;
    return 0;
}

int repo_branch_tip(struct repo *repo, const char *branch, bool *is_missing, struct oid *tip,
                    struct error *err)
{
    char name[REPO_REF_MAX];
    git_oid id;
    if (!repo_ref_name(branch, name))
        return error_set(err, CODE_REF_UNREADABLE, 0, "no branch can be called '%.64s'", branch);
    int rc = git_reference_name_to_id(&id, repo->handle.git, name);
    if (rc == GIT_ENOTFOUND) {
        if (check_missing(repo, name, err) != 0)
            return -1;
        *is_missing = true;
        return 0;
    }
    if (rc != 0)
        return fail_ref(repo, name, rc, err);
    struct oid found = repo_oid(&id);
    if (check_is_commit(repo, name, &found, err) != 0)
        return -1;
    *is_missing = false;
    *tip = found;
    return 0;
}

int repo_each_branch(struct repo *repo, bool (*visit)(void *context, const char *name), void *context,
                     struct error *err)
{
    AUTO_GIT(git_branch_iterator) branches = NULL;
    int rc = git_branch_iterator_new(&branches, repo->handle.git, GIT_BRANCH_LOCAL);
    for (;;) {
        AUTO_GIT(git_reference) branch = NULL;
        const char *name;
        git_branch_t kind;
        if (rc == 0)
            rc = git_branch_next(&branch, &kind, branches);
        if (rc == GIT_ITEROVER)
            return 0;
        if (rc != 0)
            return repo_fail(err, CODE_REF_UNREADABLE, rc, "cannot list the branches");
        if (git_branch_name(&name, branch) == 0 && !visit(context, name))
            return 0;
    }
}

int repo_head_branch(struct repo *repo, char *out, size_t size, struct error *err)
{
    static const char heads[] = "refs/heads/";
    AUTO_GIT(git_reference) head = NULL;
    int rc = git_reference_lookup(&head, repo->handle.git, "HEAD");
    if (rc != 0)
        return repo_fail(err, CODE_REF_UNREADABLE, rc, "cannot read HEAD");
    const char *target = git_reference_symbolic_target(head);
    if (target == NULL || strncmp(target, heads, sizeof heads - 1) != 0 ||
        strlen(target) - (sizeof heads - 1) >= size)
        out[0] = '\0';
    else
        snprintf(out, size, "%s", target + sizeof heads - 1);
    return 0;
}

int repo_resolve(struct repo *repo, const char *revision, struct oid *commit, struct error *err)
{
    AUTO_GIT(git_object) named = NULL;
    AUTO_GIT(git_object) peeled = NULL;
    int rc = git_revparse_single(&named, repo->handle.git, revision);
    if (rc == 0)
        rc = git_object_peel(&peeled, named, GIT_OBJECT_COMMIT);
    if (rc == GIT_ENOTFOUND && git_repository_head_unborn(repo->handle.git) == 1)
        return error_set(err, CODE_REPO_REV, 0,
                         "there is no commit '%s': HEAD's branch has none yet; git commit makes the first", revision);
    if (rc != 0)
        return repo_fail(err, CODE_REPO_REV, rc, "there is no commit '%s'", revision);
    *commit = repo_oid(git_object_id(peeled));
    return 0;
}

/* --- commits ------------------------------------------------------------------------------------------- */

int repo_read_commit(struct repo *repo, const struct oid *commit, struct repo_commit *out, struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    struct repo_commit_parts parts;
    if (repo_get_commit(repo, commit, &object, &parts, err) != 0)
        return -1;
    *out = (struct repo_commit){.tree = parts.tree,
                                .parents = parts.parents,
                                .first_parent = parts.first_parent,
                                .time_ms = parts.time_ms};
    struct span subject = parts.message;
    while (subject.len > 0 && subject.data[0] == '\n')
        subject = (struct span){subject.data + 1, subject.len - 1};
    const char *end = memchr(subject.data, '\n', subject.len);
    if (end != NULL)
        subject.len = (size_t)(end - subject.data);
    utf8_repair(parts.author, out->author, sizeof out->author);
    utf8_repair(subject, out->subject, sizeof out->subject);
    return 0;
}

/* --- trailers ------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim(struct span text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = (struct span){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/*
 * Behind a trailer without a value libgit2 1.5 takes the whole next line for that value. That line is a
 * trailer of its own: cut off here, so that `Reviewed-by:` cannot hide what follows it. False if there is
 * none.
 */
static bool take_swallowed(struct span *key, struct span *value)
{
    const char *colon =
        value->len > 0 && value->data[0] == '\n' ? memchr(value->data, ':', value->len) : NULL;
    if (colon == NULL)
        return false;
    size_t len = (size_t)(colon - value->data);
    *key = trim((struct span){value->data, len});
    *value = (struct span){colon + 1, value->len - len - 1};
    return true;
}

static bool find_trailer(const git_message_trailer_array *trailers, struct span name, struct span *out)
{
    bool found = false;
    for (size_t i = 0; i < trailers->count; i++) {
        struct span key = trim(span_of(trailers->trailers[i].key)),
                    value = span_of(trailers->trailers[i].value);
        bool more;
        do {
            struct span this_key = key, this_value = value;
            more = take_swallowed(&key, &value);
            if (this_key.len != name.len || strncasecmp(this_key.data, name.data, name.len) != 0)
                continue;
            *out = more ? SPAN("") : trim(this_value);
            found = true;
        } while (more);
    }
    return found;
}

int repo_read_trailer(struct repo *repo, const struct oid *commit, const char *name, bool *found, char *out,
                      size_t size, struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    git_message_trailer_array trailers = {0};
    struct repo_commit_parts parts;
    struct span value;
    if (repo_get_commit(repo, commit, &object, &parts, err) != 0)
        return -1;
    AUTO_FREE char *message = strndup(parts.message.data, parts.message.len);
    if (message == NULL || git_message_trailers(&trailers, message) != 0)
        return error_memory(err);
    *found = find_trailer(&trailers, span_of(name), &value) && value.len < size;
    if (*found) {
        memcpy(out, value.data, value.len);
        out[value.len] = '\0';
    }
    git_message_trailer_array_free(&trailers);
    return 0;
}

/* --- blobs --------------------------------------------------------------------------------------------- */

int repo_read_blob(struct repo *repo, const struct oid *blob, size_t max, struct buf *out, struct error *err)
{
    AUTO_GIT(git_odb_object) object = NULL;
    if (repo_get_object(repo, blob, GIT_OBJECT_BLOB, max, &object, err) != 0)
        return -1;
    buf_append(out, git_odb_object_data(object), git_odb_object_size(object));
    return buf_check(out, err);
}
