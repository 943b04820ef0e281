/*
 * repo_object: one object by its id, size and type looked at before its bytes.
 *
 * Every object is limited: a header tells its size before anything is inflated. libgit2 checks the hash of
 * what it reads. Commits are taken apart here, by their first lines, and never refused for an odd author.
 */
#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/num.h"

enum {
    COMMIT_MAX = 4 * 1024 * 1024,
    AHEAD_MAX = 4096, /* the largest commit that libgit2 keeps */
};

/* amend and gc together can take an object away between two looks; a second look is cheap, and only misses
   pay for it. */
static int read_header(git_odb *odb, const git_oid *id, git_object_t *type, size_t *size)
{
    int rc = git_odb_read_header(size, type, odb, id);
    if (rc == GIT_ENOTFOUND && git_odb_refresh(odb) == 0)
        rc = git_odb_read_header(size, type, odb, id);
    return rc;
}

/* Who asks whether a commit is there reads it next: it is read while its bytes are at hand, and libgit2 keeps it.
   What is wrong with it is told to who reads it. */
static void read_ahead(git_odb *odb, const git_oid *id, git_object_t type, size_t size)
{
    AUTO_GIT(git_odb_object) object = NULL;
    if (type == GIT_OBJECT_COMMIT && size <= AHEAD_MAX)
        (void)git_odb_read(&object, odb, id);
}

int repo_stat_object(struct repo *repo, const struct oid *oid, bool *exists, git_object_t *type, size_t *size,
                     struct error *err)
{
    git_oid id = repo_git_oid(oid);
    git_object_t found_type = GIT_OBJECT_INVALID;
    size_t found_size = 0;
    int rc = read_header(repo->handle.odb, &id, &found_type, &found_size);
    if (rc != 0) {
        repo_fail_object(repo, oid, rc, err);
        if (rc != GIT_ENOTFOUND || err->code != CODE_REPO_OBJECT)
            return -1;
    }
    if (rc == 0)
        read_ahead(repo->handle.odb, &id, found_type, found_size);
    *exists = rc == 0;
    *type = found_type;
    *size = found_size;
    return 0;
}

static int too_large(const struct oid *oid, git_object_t type, size_t size, size_t max, struct error *err)
{
    char hex[OID_HEX_LEN + 1];
    oid_format(oid, hex);
    const char *code = type == GIT_OBJECT_BLOB   ? CODE_LIMIT_FILE
                       : type == GIT_OBJECT_TREE ? CODE_LIMIT_SERVICES
                                                 : CODE_REPO_OBJECT;
    return error_set(err, code, 0, "%s %s has %zu bytes, and %zu is the limit", git_object_type2string(type),
                     hex, size, max);
}

int repo_get_object(struct repo *repo, const struct oid *oid, git_object_t type, size_t max,
                    git_odb_object **out, struct error *err)
{
    git_oid id = repo_git_oid(oid);
    git_object_t found;
    size_t size;
    int rc = read_header(repo->handle.odb, &id, &found, &size);
    if (rc != 0)
        return repo_fail_object(repo, oid, rc, err);
    if (found != type) {
        char hex[OID_HEX_LEN + 1];
        oid_format(oid, hex);
        return error_set(err, CODE_REPO_OBJECT, 0, "object %s is a %s where a %s belongs", hex,
                         git_object_type2string(found), git_object_type2string(type));
    }
    if (size > max)
        return too_large(oid, type, size, max, err);
    rc = git_odb_read(out, repo->handle.odb, &id);
    return rc == 0 ? 0 : repo_fail_object(repo, oid, rc, err);
}

int repo_blob_id(struct span content, struct oid *out, struct error *err)
{
    git_oid id;
    int rc = git_odb_hash(&id, content.data == NULL ? "" : content.data, content.len, GIT_OBJECT_BLOB);
    if (rc != 0)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot hash a file");
    *out = repo_oid(&id);
    return 0;
}

/* --- commits ------------------------------------------------------------------------------------------- */

/* Cuts the first line off `text`. */
static struct span take_line(struct span *text)
{
    const char *end = memchr(text->data, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    size_t skip = end == NULL ? len : len + 1;
    struct span line = {text->data, len};
    *text = (struct span){text->data + skip, text->len - skip};
    return line;
}

/* If the line is `name value`, the value. */
static bool take_header(struct span line, struct span name, struct span *value)
{
    if (line.len <= name.len || memcmp(line.data, name.data, name.len) != 0 || line.data[name.len] != ' ')
        return false;
    *value = (struct span){line.data + name.len + 1, line.len - name.len - 1};
    return true;
}

/* "Name <mail>" out of "Name <mail> 1700000000 +0100", and the rest behind it. */
static struct span cut_person(struct span person, struct span *rest)
{
    const char *end = memrchr(person.data, '>', person.len);
    size_t len = end == NULL ? person.len : (size_t)(end - person.data) + 1;
    *rest = (struct span){person.data + len, person.len - len};
    return (struct span){person.data, len};
}

/* 0 for what is no time after 1970, as git itself has it. */
static int64_t parse_time_ms(struct span rest)
{
    uint64_t seconds;
    if (rest.len < 2)
        return 0;
    struct span digits = {rest.data + 1, rest.len - 1};
    const char *blank = memchr(digits.data, ' ', digits.len);
    if (blank != NULL)
        digits.len = (size_t)(blank - digits.data);
    return num_parse_u64(digits, &seconds) && seconds <= INT64_MAX / 1000 ? (int64_t)seconds * 1000 : 0;
}

static bool parse_commit(struct span text, struct repo_commit_parts *out)
{
    struct repo_commit_parts parts = {0};
    struct span value, rest;
    bool has_author = false, has_time = false;
    if (!take_header(take_line(&text), SPAN("tree"), &value) || !oid_parse(value, &parts.tree))
        return false;
    while (text.len > 0) {
        struct span line = take_line(&text);
        if (line.len == 0)
            break;
        if (!has_author && take_header(line, SPAN("parent"), &value)) {
            struct oid parent;
            if (!oid_parse(value, &parent))
                return false;
            if (parts.parents++ == 0)
                parts.first_parent = parent;
        } else if (!has_author && take_header(line, SPAN("author"), &value)) {
            parts.author = cut_person(value, &rest);
            has_author = true;
        } else if (!has_time && take_header(line, SPAN("committer"), &value)) {
            cut_person(value, &rest);
            parts.time_ms = parse_time_ms(rest);
            has_time = true;
        }
    }
    parts.message = text;
    *out = parts;
    return true;
}

int repo_get_commit(struct repo *repo, const struct oid *commit, git_odb_object **object,
                    struct repo_commit_parts *out, struct error *err)
{
    AUTO_GIT(git_odb_object) found = NULL;
    if (repo_get_object(repo, commit, GIT_OBJECT_COMMIT, COMMIT_MAX, &found, err) != 0)
        return -1;
    if (!parse_commit((struct span){git_odb_object_data(found), git_odb_object_size(found)}, out)) {
        char hex[OID_HEX_LEN + 1];
        oid_format(commit, hex);
        return error_set(err, CODE_REPO_OBJECT, 0, "commit %s is malformed", hex);
    }
    *object = TAKE(found);
    return 0;
}
