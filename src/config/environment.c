/*
 * environment: see environment.h.
 */
#include "config/environment.h"

#include <stdlib.h>

#include "model/nearest.h"
#include "config/profiles.h"
#include "model/codes.h"

struct environment *environment_ref(struct environment *environment)
{
    environment->references++;
    return environment;
}

void environment_unref(struct environment *environment)
{
    if (environment == NULL || --environment->references > 0)
        return;
    rules_unref(environment->rules);
    shared_unref(environment->schemas);
    shared_unref(environment->bases);
    free(environment);
}

/* --- epoch.yaml ----------------------------------------------------------------------------------------------------- */

static int read_rules(const struct source *source, const struct listing_entry *entry, struct environment *environment,
                      struct findings *findings, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    struct layout_entry what;
    environment->rules_are_broken = true;
    if (layout_judge("", span_of(entry->name), entry->mode, &what, NULL) != LAYOUT_FILE)
        return 0; /* a finding of the layout */
    if (source->read(source, RULES_FILE, entry, &text, err) != 0) {
        if (!error_is(err, CODE_REPO_OBJECT) && !error_is(err, CODE_LIMIT_FILE))
            return error_wrap(err, "reading " RULES_FILE);
        findings_add(findings, FINDING_ERROR, err->code, RULES_FILE, (struct doc_pos){0}, "%s", err->message);
        return 0;
    }
    if (rules_read(buf_span(&text), &environment->rules, findings, err) < 0)
        return -1;
    environment->rules_are_broken = environment->rules == NULL;
    return 0;
}

/* Of a work tree the blob is not known, and equals none. */
static bool is_same_blob(const struct listing_entry *entry, const struct environment *old)
{
    if (entry == NULL)
        return old->rules->doc.root == NULL;
    return !oid_is_zero(&entry->oid) && oid_equal(&entry->oid, &old->rules_blob);
}

static int load_rules(const struct source *source, struct environment *old, struct environment *environment,
                      struct findings *findings, struct error *err)
{
    const struct listing_entry *entry = listing_find(source->listing, RULES_FILE);
    if (old != NULL && is_same_blob(entry, old)) {
        environment->rules_blob = old->rules_blob;
        environment->rules = rules_ref(old->rules);
        return 0;
    }
    if (entry != NULL)
        environment->rules_blob = entry->oid;
    if (entry != NULL && read_rules(source, entry, environment, findings, err) < 0)
        return -1;
    if (environment->rules == NULL)
        environment->rules = rules_new();
    return environment->rules == NULL ? error_memory(err) : 0;
}

/* --- what epoch.yaml names must be there ---------------------------------------------------------------------------- */

static void refuse_unknown(const struct shared *shared, const struct rules_name *name, const char *code, const char *what,
                           struct findings *findings)
{
    struct nearest nearest = {.text = span_of(name->name)};
    char hint[NEAREST_HINT_MAX];
    for (size_t i = 0; i < shared->len && findings->errors < NEAREST_TOLD_MAX; i++)
        nearest_try(&nearest, shared->files[i].name);
    findings_add(findings, FINDING_ERROR, code, RULES_FILE, name->pos, "there is no %s '%s'%s", what, name->name,
                 nearest_hint(&nearest, hint));
}

static void check_names(const struct rules_table *table, const struct shared *shared, const char *code, const char *what,
                        struct findings *findings)
{
    for (size_t i = 0; i < table->len; i++)
        for (size_t j = 0; j < table->rows[i].len; j++)
            if (shared_find(shared, table->rows[i].names[j].name) == NULL)
                refuse_unknown(shared, &table->rows[i].names[j], code, what, findings);
}

static void check_profiles(const struct source *source, const struct rules_name *profile, struct findings *findings)
{
    struct profiles profiles;
    bool is_too_many;
    profiles_list(source->listing, &profiles, &is_too_many);
    if (is_too_many)
        findings_add(findings, FINDING_ERROR, CODE_LIMIT_PROFILES, "profiles", (struct doc_pos){0},
                     "there are more than %d profiles", PROFILES_MAX);
    if (is_too_many || profile->name == NULL || profiles_find(&profiles, profile->name) != NULL)
        return;
    struct nearest nearest = {.text = span_of(profile->name)};
    char hint[NEAREST_HINT_MAX];
    for (size_t i = 0; i < profiles.len; i++)
        nearest_try(&nearest, profiles.folders[i]->name);
    findings_add(findings, FINDING_ERROR, CODE_RULES_PROFILE, RULES_FILE, profile->pos, "there is no profile '%s'%s",
                 profile->name, nearest_hint(&nearest, hint));
}

/* Names are looked at again when either side of them differs: there may be one for each service. */
static void check(const struct source *source, const struct environment *environment, const struct environment *old,
                  struct findings *findings)
{
    const struct rules *rules = environment->rules;
    bool is_new = old == NULL || rules != old->rules;
    if (is_new || environment->schemas != old->schemas)
        check_names(&rules->schemas, environment->schemas, CODE_RULES_SCHEMA, "schema", findings);
    if (is_new || environment->bases != old->bases)
        check_names(&rules->bases, environment->bases, CODE_RULES_BASE, "base", findings);
    check_profiles(source, &rules->profile, findings);
}

/* --- loading -------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct environment *a, const struct environment *b)
{
    return b != NULL && a->rules == b->rules && a->schemas == b->schemas && a->bases == b->bases;
}

int environment_load(const struct source *source, struct environment *old, struct environment **out,
                     struct findings *findings, struct error *err)
{
    AUTO_ENVIRONMENT struct environment *environment = calloc(1, sizeof *environment);
    if (environment == NULL)
        return error_memory(err);
    environment->references = 1;
    if (load_rules(source, old, environment, findings, err) < 0 ||
        shared_load(source, LAYOUT_SCHEMAS, old == NULL ? NULL : old->schemas, &environment->schemas, findings, err) < 0 ||
        shared_load(source, LAYOUT_BASES, old == NULL ? NULL : old->bases, &environment->bases, findings, err) < 0)
        return -1;
    check(source, environment, old, findings);
    *out = is_same(environment, old) ? environment_ref(old) : TAKE(environment);
    return 0;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

static void find_bases(const struct environment *environment, const char *service, struct service_rules *out,
                       struct findings *findings)
{
    struct rules_name names[RULES_BASES_MAX];
    size_t len = rules_bases_of(environment->rules, service, names, findings);
    for (size_t i = 0; i < len; i++) {
        const struct shared_file *base = shared_find(environment->bases, names[i].name);
        if (base == NULL || base->doc.root == NULL)
            out->is_broken = true;
        else
            out->bases[out->bases_len++] = base;
    }
}

static void find_schema(const struct environment *environment, const char *service, struct service_rules *out,
                        struct findings *findings)
{
    const struct rules *rules = environment->rules;
    struct rules_name name = rules_schema_of(rules, service, findings);
    out->schema = shared_find(environment->schemas, name.name == NULL ? service : name.name);
    if (out->schema == NULL ? name.name != NULL : out->schema->schema == NULL)
        out->is_broken = true;
    if (out->schema == NULL && name.name == NULL && rules->require_schema)
        findings_add(findings, FINDING_ERROR, CODE_RULES_SCHEMA_REQUIRED, RULES_FILE, rules->require_schema_pos,
                     "the service '%s' has no schema: add schemas/%s.yaml, or a line for it under `schemas`", service, service);
}

void environment_find(const struct environment *environment, const char *service, struct service_rules *out,
                      struct findings *findings)
{
    struct findings AUTO_FINDINGS silent = {0};
    struct findings *told = findings == NULL ? &silent : findings;
    size_t errors = told->errors;
    *out = (struct service_rules){.is_broken = environment->rules_are_broken};
    find_bases(environment, service, out, told);
    find_schema(environment, service, out, told);
    out->is_broken = out->is_broken || told->errors > errors;
}
