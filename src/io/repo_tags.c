/*
 * repo_tags: which tags name a commit, by themselves or by a tag object that names it.
 *
 * A tag object is read by hand, as a commit is, and not when it is large; a tag of a tag names no commit here.
 */
#include "io/repo_priv.h"
#include "model/codes.h"
#include "util/utf8.h"

enum { LOOKED_AT_MAX = 100000, TAG_OBJECT_MAX = 64 * 1024 };

struct search {
    struct repo *repo;
    const struct oid *commit;
    struct repo_tags *out;
    size_t looked_at;
    bool is_out_of_memory;
};

static bool leads_to(struct search *search, const struct oid *tag)
{
    static const char kind[] = "\ntype commit\n";
    AUTO_GIT(git_odb_object) object = NULL;
    struct error silent;
    struct oid named;
    git_object_t type;
    size_t size;
    bool exists;
    if (repo_stat_object(search->repo, tag, &exists, &type, &size, &silent) != 0 || !exists || type != GIT_OBJECT_TAG ||
        repo_get_object(search->repo, tag, GIT_OBJECT_TAG, TAG_OBJECT_MAX, &object, &silent) != 0)
        return false;
    struct span text = {git_odb_object_data(object), git_odb_object_size(object)};
    size_t id_at = strlen("object "), kind_at = id_at + OID_HEX_LEN;
    return text.len > kind_at + strlen(kind) && memcmp(text.data, "object ", id_at) == 0 &&
           memcmp(text.data + kind_at, kind, strlen(kind)) == 0 &&
           oid_parse((struct span){text.data + id_at, OID_HEX_LEN}, &named) && oid_equal(&named, search->commit);
}

static int visit(const char *ref, git_oid *id, void *context)
{
    static const char folder[] = "refs/tags/";
    struct search *search = context;
    struct oid oid = repo_oid(id);
    const char *name = ref + strlen(folder);
    if (search->looked_at++ == LOOKED_AT_MAX || search->out->len == REPO_TAGS_MAX)
        return 1;
    if (!utf8_is_valid(span_of(name)) || (!oid_equal(&oid, search->commit) && !leads_to(search, &oid)))
        return 0;
    char *copy = search->out->names[search->out->len] = strdup(name);
    search->is_out_of_memory = copy == NULL;
    search->out->len += copy != NULL;
    return copy == NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int repo_list_tags(struct repo *repo, const struct oid *commit, struct repo_tags *out, struct error *err)
{
    struct search search = {.repo = repo, .commit = commit, .out = out};
    *out = (struct repo_tags){0};
    int rc = git_tag_foreach(repo->handle.git, visit, &search);
    if (search.is_out_of_memory)
        return error_memory(err);
    if (rc < 0)
        return repo_fail(err, CODE_REPO_UNREADABLE, rc, "cannot list the tags");
    qsort(out->names, out->len, sizeof *out->names, by_name);
    return 0;
}

void repo_tags_fini(struct repo_tags *tags)
{
    for (size_t i = 0; i < tags->len; i++)
        free(tags->names[i]);
}
