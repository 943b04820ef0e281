/*
 * profile_save: see profile_save.h.
 */
#include "cli/profile_save.h"

#include <string.h>

#include "cli/ground.h"
#include "cli/known.h"
#include "config/profiles.h"
#include "config/services.h"
#include "model/codes.h"
#include "model/spell.h"

enum { FILES_MAX = 4096 };

/* --- the patch of one service --------------------------------------------------------------------------- */

/* A patch would take the member away that is null. Arrays are replaced as a whole, and may hold some. */
static bool has_null(const struct doc_node *node)
{
    for (size_t i = 0; node->kind == DOC_OBJECT && i < node->u.object.len; i++)
        if (has_null(node->u.object.members[i].value))
            return true;
    return node->kind == DOC_NULL;
}

static int put_difference(struct doc_builder *b, const struct doc_node *before, const struct doc_node *after, struct error *err);

static int put_member(struct doc_builder *b, const struct doc_node *before, const struct doc_member *member, struct error *err)
{
    const struct doc_pos pos = member->pos;
    const struct doc_member *was = doc_get_member(before, member->name);
    if (was != NULL && doc_equal(was->value, member->value))
        return 0;
    if (doc_builder_key(b, pos, member->name, err) != 0)
        return -1;
    if (was != NULL && was->value->kind == DOC_OBJECT && member->value->kind == DOC_OBJECT)
        return put_difference(b, was->value, member->value, err);
    if (has_null(member->value))
        return error_set(err, CODE_EDIT_REFUSED, 0, "%.*s is null or holds one, and in a profile null takes a value away",
                         member->name.len < 80 ? (int)member->name.len : 80, member->name.data);
    return doc_builder_shared(b, pos, member->value, err);
}

static int put_difference(struct doc_builder *b, const struct doc_node *before, const struct doc_node *after, struct error *err)
{
    if (doc_builder_begin_object(b, after->pos, err) != 0)
        return -1;
    for (size_t i = 0; i < after->u.object.len; i++)
        if (put_member(b, before, &after->u.object.members[i], err) != 0)
            return -1;
    for (size_t i = 0; i < before->u.object.len; i++) {
        const struct doc_member *member = &before->u.object.members[i];
        if (doc_get_member(after, member->name) == NULL &&
            (doc_builder_key(b, member->pos, member->name, err) != 0 || doc_builder_null(b, member->pos, err) != 0))
            return -1;
    }
    return doc_builder_end(b, NULL, err);
}

/* The merge patch that makes `after` of `before`; *out NULL: they are the same. CODE_EDIT_REFUSED: a null cannot be said
   by a patch. Borrows from both. */
static int difference(const struct doc_node *before, const struct doc_node *after, struct doc *doc, struct error *err)
{
    struct doc_builder builder AUTO_DOC_BUILDER = {0};
    if (doc_equal(before, after))
        return 0;
    if (doc_builder_init(&builder, &doc->arena, "profile", &doc_limits_config, err) != 0 ||
        put_difference(&builder, before, after, err) != 0)
        return -1;
    doc->root = doc_builder_root(&builder);
    return 0;
}

/* --- what is so now ------------------------------------------------------------------------------------- */

struct saving {
    struct writing w;     /* the tip */
    struct source tip;    /* its files */
    struct ground ground; /* the files as they are */
    struct environment *now, *then;
    const char *profile;
    const struct listing_entry *active; /* the folder of the active profile; NULL: none is */
    char *const *services;
    size_t services_len;
    struct repo_change changes[FILES_MAX];
    size_t len;
    size_t saved; /* of them, that are not removals */
};

static void saving_free(struct saving **p)
{
    struct saving *s = *p;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->len; i++) {
        free((char *)(uintptr_t)s->changes[i].path);
        free((char *)(uintptr_t)s->changes[i].text.data);
    }
    environment_unref(s->now);
    environment_unref(s->then);
    source_fini(&s->tip);
    ground_fini(&s->ground);
    writing_fini(&s->w);
    free(s);
}

static int add_change(struct saving *s, const char *service, struct buf *text, struct error *err)
{
    char *path;
    if (s->len == FILES_MAX)
        return error_set(err, CODE_USAGE, 0, "more than %d services at once: name some", FILES_MAX);
    if (asprintf(&path, "profiles/%s/%s.yaml", s->profile, service) < 0)
        return error_memory(err);
    struct repo_change *change = &s->changes[s->len++];
    *change = (struct repo_change){.path = path, .is_removed = text == NULL};
    if (text != NULL) {
        change->text = buf_span(text);
        *text = (struct buf){0};
        s->saved++;
    }
    return 0;
}

static bool is_wanted(const struct saving *s, const char *service)
{
    for (size_t i = 0; i < s->services_len; i++)
        if (strcmp(s->services[i], service) == 0)
            return true;
    return s->services_len == 0;
}

/* Whether it can differ from what is committed without a profile: it has a patch, or its file is edited. */
static int may_differ(struct saving *s, const char *service, const char *folder, const struct listing_entry *entry,
                      bool *out, struct error *err)
{
    char path[PROFILES_PATH_MAX], full[1024];
    struct buf text AUTO_BUF = {0};
    struct oid id = entry->oid;
    *out = s->active != NULL && profiles_find_patch(s->active, service, path) != NULL;
    if (*out || (size_t)snprintf(full, sizeof full, "%s/%s", folder, entry->name) >= sizeof full)
        return 0;
    const struct listing_entry *was = listing_find_path(s->w.listing, full);
    if (oid_is_zero(&id) && (s->ground.source.read(&s->ground.source, full, entry, &text, err) != 0 ||
                             repo_blob_id(buf_span(&text), &id, err) != 0))
        return -1;
    *out = was == NULL || !oid_equal(&id, &was->oid);
    return 0;
}

static int make_patch(struct saving *s, const char *service, struct error *err)
{
    struct effective before AUTO_EFFECTIVE = {0}, after AUTO_EFFECTIVE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct doc patch AUTO_DOC = {0};
    struct buf text AUTO_BUF = {0};
    if (known_check_service(s->w.listing, service, err) != 0)
        return error_wrap(err, "not committed yet");
    if (effective_load(&s->tip, s->then, service, "", &before, &findings, err) != 0 ||
        effective_load(&s->ground.source, s->now, service, NULL, &after, &findings, err) != 0)
        return -1;
    if (before.root == NULL || after.root == NULL)
        return error_set(err, CODE_EDIT_REFUSED, 0, "%s is not valid as it is: epochctl check --worktree", service);
    if (difference(before.root, after.root, &patch, err) != 0)
        return error_wrap(err, "%s", service);
    if (patch.root == NULL)
        return 0;
    if (spell_document(patch.root, &text, err) != 0)
        return -1;
    return add_change(s, service, &text, err);
}

static int visit(void *context, const char *name, const char *folder, const struct listing_entry *entry, struct error *err)
{
    struct saving *s = context;
    bool differs;
    if (!is_wanted(s, name))
        return 0;
    if (may_differ(s, name, folder, entry, &differs, err) != 0)
        return -1;
    return differs ? make_patch(s, name, err) : 0;
}

/* --- and the files -------------------------------------------------------------------------------------- */

static bool is_saved(const struct saving *s, const char *file)
{
    for (size_t i = 0; i < s->len; i++) {
        const char *slash = strrchr(s->changes[i].path, '/');
        if (strcmp(slash + 1, file) == 0)
            return true;
    }
    return false;
}

/* What the profile said before of services that are to be saved and are without a difference now. */
static int drop_others(struct saving *s, struct error *err)
{
    struct profiles profiles;
    profiles_list(s->w.listing, &profiles, NULL);
    const struct listing_entry *folder = profiles_find(&profiles, s->profile);
    for (size_t i = 0; folder != NULL && i < folder->folder->len; i++) {
        const char *file = folder->folder->entries[i].name;
        char name[LAYOUT_NAME_MAX + 1];
        struct span stem = {file, strcspn(file, ".")};
        if (!layout_name_is_good(stem) || is_saved(s, file))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)stem.len, stem.data);
        if (is_wanted(s, name) && add_change(s, name, NULL, err) != 0)
            return -1;
    }
    return 0;
}

static int open_saving(const struct cli *cli, struct saving *s, struct error *err)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct profiles profiles;
    if (!layout_name_is_good(span_of(s->profile)))
        return error_set(err, CODE_USAGE, 0, "'%.80s' cannot be the name of a profile", s->profile);
    if (writing_open(cli, &s->w, err) != 0 || ground_open(cli, NULL, &s->ground, err) != 0 ||
        source_from_commit(s->w.repo, &s->w.tip, NULL, &s->tip, err) != 0 ||
        environment_load(&s->tip, NULL, &s->then, &findings, err) != 0 ||
        environment_load(&s->ground.source, NULL, &s->now, &findings, err) != 0)
        return -1;
    for (size_t i = 0; i < s->services_len; i++)
        if (known_check_service(s->ground.source.listing, s->services[i], err) != 0)
            return -1;
    profiles_list(s->ground.source.listing, &profiles, NULL);
    const char *active = s->now->rules->profile.name;
    s->active = active == NULL ? NULL : profiles_find(&profiles, active);
    return 0;
}

int profile_save(const struct cli *cli, const char *name, char *const *services, size_t len,
                 const struct writing_options *options, struct outcome *outcome, int *rc, struct error *err)
{
    struct saving *s CLEANUP(saving_free) = calloc(1, sizeof *s);
    char what[LAYOUT_NAME_MAX + 32];
    if (s == NULL)
        return error_memory(err);
    s->ground = ground_new();
    s->tip.work_dir = -1;
    s->profile = name;
    s->services = services;
    s->services_len = len;
    if (open_saving(cli, s, err) != 0 || services_each(s->ground.source.listing, visit, s, err) != 0)
        return -1;
    if (s->saved == 0)
        return error_set(err, CODE_EDIT_REFUSED, 0, "nothing is otherwise than it is committed without a profile: edit services first, and do not commit them");
    if (drop_others(s, err) != 0)
        return -1;
    snprintf(what, sizeof what, "profile: save %s", name);
    *rc = writing_commit(&s->w, s->changes, s->len, what, options, outcome);
    return 0;
}
