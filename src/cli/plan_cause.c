/*
 * plan_cause: see plan_cause.h.
 */
#include "cli/plan_cause.h"

#include <stdlib.h>
#include <string.h>

#include "model/json_text.h"
#include "util/array.h"

enum { NAMES_SHOWN = 8 };

void plan_causes_fini(struct plan_causes *causes)
{
    for (size_t i = 0; i < causes->len; i++)
        free(causes->items[i].services);
    free(causes->items);
    arena_fini(&causes->arena);
    *causes = (struct plan_causes){0};
}

/* --- collecting ----------------------------------------------------------------------------------------- */

struct looking {
    const struct candidate *candidate;
    const struct source *source;
    const struct revision *before;
    struct plan_causes *out;
};

/* The cause of that path, made where there is none. */
static struct plan_cause *cause_of(struct plan_causes *causes, const char *path, struct error *err)
{
    for (size_t i = 0; i < causes->len; i++)
        if (strcmp(causes->items[i].path, path) == 0)
            return &causes->items[i];
    struct plan_cause *grown = array_grow(causes->items, causes->len, &causes->cap, sizeof *grown);
    if (grown == NULL) {
        error_memory(err);
        return NULL;
    }
    causes->items = grown;
    struct plan_cause *made = &causes->items[causes->len];
    *made = (struct plan_cause){.path = arena_copy(&causes->arena, path, strlen(path))};
    if (made->path == NULL) {
        error_memory(err);
        return NULL;
    }
    causes->len++;
    return made;
}

static int add_service(struct plan_causes *causes, const char *path, struct span name, struct error *err)
{
    struct plan_cause *cause = cause_of(causes, path, err);
    if (cause == NULL)
        return -1;
    const char **grown = array_grow(cause->services, cause->len, &cause->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    cause->services = grown;
    const char *copy = arena_copy(&causes->arena, name.data, name.len);
    if (copy == NULL)
        return error_memory(err);
    cause->services[cause->len++] = copy;
    return 0;
}

/* --- who is touched by a file --------------------------------------------------------------------------- */

static bool uses_base(const struct environment *environment, const char *service, struct span base)
{
    struct service_rules rules;
    if (environment == NULL)
        return false;
    environment_find(environment, service, &rules, NULL);
    for (size_t i = 0; i < rules.bases_len; i++)
        if (span_is(base, rules.bases[i]->name))
            return true;
    return false;
}

static bool uses_schema(const struct environment *environment, const char *service, const char *path)
{
    struct service_rules rules;
    if (environment == NULL)
        return false;
    environment_find(environment, service, &rules, NULL);
    if (rules.schema == NULL)
        return false;
    return strcmp(rules.schema->path, path) == 0 || (rules.schema->schema != NULL && schema_reaches(rules.schema->schema, path));
}

static bool uses(const struct looking *looking, const char *service, unsigned why, const char *path, struct span name)
{
    const struct environment *was = looking->before->environment, *is = looking->candidate->environment;
    if (why == CHANGE_BASE)
        return uses_base(is, service, name) || uses_base(was, service, name);
    return uses_schema(is, service, path) || uses_schema(was, service, path);
}

static int add_users(const struct looking *looking, unsigned why, const char *path, struct span name, struct error *err)
{
    const struct candidate *candidate = looking->candidate;
    for (size_t i = 0; i < candidate->touched_len; i++) {
        const struct candidate_touch *touch = &candidate->touched[i];
        if ((touch->why & why) != 0 && uses(looking, touch->name, why, path, name) &&
            add_service(looking->out, path, span_of(touch->name), err) != 0)
            return -1;
    }
    return 0;
}

/* "common" of "common.yaml" */
static struct span stem_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (struct span){name, dot == NULL ? strlen(name) : (size_t)(dot - name)};
}

/* The files of a work tree have no id yet: they are read. */
static int check_same(const struct looking *looking, const char *path, const struct listing_entry *before,
                      const struct listing_entry *after, bool *is_same, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    struct oid id;
    *is_same = false;
    if (before == NULL || after == NULL || !oid_is_zero(&after->oid))
        return 0;
    if (looking->source->read(looking->source, path, after, &text, err) != 0 || repo_blob_id(buf_span(&text), &id, err) != 0)
        return -1;
    *is_same = oid_equal(&id, &before->oid);
    return 0;
}

static int visit(void *context, const char *folder, const struct listing_entry *before, const struct listing_entry *after,
                 struct error *err)
{
    const struct looking *looking = context;
    const struct listing_entry *either = after == NULL ? before : after;
    char path[1024];
    bool is_top = folder[0] == '\0', is_same;
    if (either->mode == LAYOUT_MODE_DIR)
        return (is_top && strcmp(either->name, "services") != 0) || strcmp(folder, "profiles") == 0;
    if (is_top || (size_t)snprintf(path, sizeof path, "%s/%s", folder, either->name) >= sizeof path)
        return 0;
    if (check_same(looking, path, before, after, &is_same, err) != 0)
        return -1;
    if (is_same)
        return 0;
    if (strcmp(folder, "bases") == 0)
        return add_users(looking, CHANGE_BASE, path, stem_of(either->name), err);
    if (strcmp(folder, "schemas") == 0)
        return add_users(looking, CHANGE_SCHEMA, path, stem_of(either->name), err);
    if (strncmp(folder, "profiles/", strlen("profiles/")) == 0)
        return add_service(looking->out, folder, stem_of(either->name), err);
    return 0;
}

static void compare_profiles(const struct looking *looking)
{
    const struct rules_name *was = &looking->before->environment->rules->profile;
    const struct rules_name *is = &looking->candidate->environment->rules->profile;
    struct plan_causes *out = looking->out;
    snprintf(out->profile_before, sizeof out->profile_before, "%s", was->name == NULL ? "" : was->name);
    snprintf(out->profile_after, sizeof out->profile_after, "%s", is->name == NULL ? "" : is->name);
    out->is_switched = strcmp(out->profile_before, out->profile_after) != 0;
}

int plan_causes_make(const struct candidate *candidate, const struct source *source, const struct revision *before,
                     struct plan_causes *out, struct error *err)
{
    struct looking looking = {candidate, source, before, out};
    if (before->listing == NULL || before->environment == NULL || candidate->environment == NULL)
        return 0;
    compare_profiles(&looking);
    if (listing_compare(before->listing, candidate->listing, visit, &looking, err) != 0)
        return -1;
    for (size_t i = 0; i < candidate->touched_len; i++)
        if ((candidate->touched[i].why & CHANGE_RULES) != 0 &&
            add_service(out, RULES_FILE, span_of(candidate->touched[i].name), err) != 0)
            return -1;
    return 0;
}

/* --- telling -------------------------------------------------------------------------------------------- */

static const char *name_or_none(const char *profile)
{
    return profile[0] == '\0' ? "none" : profile;
}

void plan_causes_put_text(const struct plan_causes *causes, const char *lead, struct buf *out)
{
    if (causes->is_switched)
        buf_printf(out, "%sprofile: %s → %s\n", lead, name_or_none(causes->profile_before), name_or_none(causes->profile_after));
    for (size_t i = 0; i < causes->len; i++) {
        const struct plan_cause *cause = &causes->items[i];
        buf_printf(out, "%s%s touches ", lead, cause->path);
        for (size_t k = 0; k < cause->len && k < NAMES_SHOWN; k++)
            buf_printf(out, "%s%s", k == 0 ? "" : ", ", cause->services[k]);
        if (cause->len > NAMES_SHOWN)
            buf_printf(out, " and %zu more", cause->len - NAMES_SHOWN);
        buf_putc(out, '\n');
    }
}

void plan_causes_put_causes_json(const struct plan_causes *causes, struct buf *out)
{
    buf_puts(out, "\"causes\":[");
    for (size_t i = 0; i < causes->len; i++) {
        const struct plan_cause *cause = &causes->items[i];
        buf_puts(out, i == 0 ? "{\"path\":" : ",{\"path\":");
        json_put_text(out, cause->path);
        buf_puts(out, ",\"services\":[");
        for (size_t k = 0; k < cause->len; k++) {
            buf_puts(out, k == 0 ? "" : ",");
            json_put_text(out, cause->services[k]);
        }
        buf_puts(out, "]}");
    }
    buf_putc(out, ']');
}

void plan_causes_put_profile_json(const struct plan_causes *causes, struct buf *out)
{
    buf_puts(out, "\"profile\":");
    if (causes->is_switched) {
        buf_puts(out, "{\"after\":");
        json_put_text(out, causes->profile_after[0] == '\0' ? NULL : causes->profile_after);
        buf_puts(out, ",\"before\":");
        json_put_text(out, causes->profile_before[0] == '\0' ? NULL : causes->profile_before);
        buf_putc(out, '}');
    } else {
        buf_puts(out, "null");
    }
}
