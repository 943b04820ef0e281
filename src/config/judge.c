/*
 * judge: see judge.h.
 */
#include "config/judge.h"

#include "config/effective.h"
#include "io/yaml.h"
#include "model/codes.h"
#include "model/json.h"

void judge_fini(struct judge *judge)
{
    buf_fini(&judge->text);
    mistakes_fini(&judge->shared);
}

int judge_read(struct judge *judge, const char *path, const struct listing_entry *entry, struct doc *doc, struct error *err)
{
    const struct yaml_options options = {.file = path, .limits = doc_limits_config};
    buf_reset(&judge->text);
    if (judge->source->read(judge->source, path, entry, &judge->text, err) == 0) {
        judge->bytes += judge->text.len;
        return yaml_read(buf_span(&judge->text), &options, doc, judge->findings, err);
    }
    if (!error_is(err, CODE_REPO_OBJECT) && !error_is(err, CODE_LIMIT_FILE))
        return error_wrap(err, "reading %s", path);
    findings_add(judge->findings, FINDING_ERROR, err->code, path, (struct doc_pos){0}, "%s", err->message);
    return 0;
}

/* --- one service under all its profiles ----------------------------------------------------------------- */

/* A service at work: as it is, and then once for each profile that has a patch for it. */
struct work {
    struct judge *judge;
    const char *service, *path;
    struct service_rules rules;
    struct doc file;
    struct mistakes mistakes;
    struct judged *out;
};

static void work_fini(struct work *work)
{
    doc_fini(&work->file);
    mistakes_fini(&work->mistakes);
}

/* --- one variant: the service under one profile ----------------------------------------------------------------------- */

static bool is_limit(const struct error *err)
{
    return error_is(err, CODE_LIMIT_DEPTH) || error_is(err, CODE_LIMIT_NODES) || error_is(err, CODE_LIMIT_CONFIG);
}

/* What is wrong with it goes to `found`, and *out stays NULL where there is nothing to validate. */
static int make(const struct work *work, const struct doc_node *patch, struct arena *arena, const struct doc_node **out,
                struct findings *found, struct error *err)
{
    if (effective_make(&work->rules, work->file.root, patch, arena, out, err) == 0)
        return 0;
    bool is_endless = error_is(err, CODE_SCHEMA_TOO_EXPENSIVE); /* a default that makes itself */
    if (!is_endless && !is_limit(err))
        return -1;
    findings_add(found, FINDING_ERROR, err->code, err->file, (struct doc_pos){err->line, err->column}, "%s%s", err->message,
                 is_endless ? "" : ", with all that is laid over each other");
    return 0;
}

static bool is_in_force(const struct judge *judge, const char *profile)
{
    const char *active = judge->environment->rules->profile.name;
    return active == profile || (active != NULL && profile != NULL && strcmp(active, profile) == 0);
}

/* Laying layers over each other looks at each of their values. */
static void count_layers(const struct work *work, const struct doc_node *patch, const struct doc_node *root)
{
    uint64_t *steps = &work->judge->steps;
    for (size_t i = 0; i < work->rules.bases_len; i++)
        *steps += work->rules.bases[i]->doc.root->nodes;
    *steps += work->file.root->nodes + (patch == NULL ? 0 : patch->nodes) + (root == NULL ? 0 : root->nodes);
}

static int judge_variant(struct work *work, const struct doc_node *patch, const char *profile, bool is_used,
                         struct error *err)
{
    const struct schema_options options = {.taken = &work->judge->steps};
    struct arena arena CLEANUP(arena_fini) = {0};
    struct findings AUTO_FINDINGS found = {0};
    const struct doc_node *root = NULL;
    if (make(work, patch, &arena, &root, &found, err) < 0)
        return -1;
    count_layers(work, patch, root);
    if (root != NULL && work->rules.schema != NULL &&
        schema_validate(work->rules.schema->schema, root, &options, &found, err) < 0)
        return -1;
    if (is_used && found.errors == 0)
        json_write(root, &work->out->config);
    mistakes_take(&work->mistakes, &found, profile);
    return mistakes_check(&work->mistakes, err) < 0 ? -1 : buf_check(&work->out->config, err);
}

static int judge_profile(struct work *work, const struct listing_entry *profile, struct error *err)
{
    char path[PROFILES_PATH_MAX];
    struct doc patch AUTO_DOC = {0};
    const struct listing_entry *entry = profiles_find_patch(profile, work->service, path);
    if (entry == NULL || !judge_may_go_on(work->judge))
        return 0;
    if (judge_read(work->judge, path, entry, &patch, err) < 0)
        return -1;
    if (patch.root == NULL || work->file.root == NULL || work->rules.is_broken)
        return 0;
    return judge_variant(work, patch.root, profile->name, is_in_force(work->judge, profile->name), err);
}

/* Under every profile, and as it is where that can be in force. */
static int judge_variants(struct work *work, struct error *err)
{
    const struct judge *judge = work->judge;
    const char *active = judge->environment->rules->profile.name;
    const struct listing_entry *folder = active == NULL ? NULL : profiles_find(&judge->profiles, active);
    char path[PROFILES_PATH_MAX];
    bool is_plain_used = folder == NULL || profiles_find_patch(folder, work->service, path) == NULL;
    if (work->file.root != NULL && !work->rules.is_broken &&
        profiles_leave_plain(&judge->profiles, active, work->service) &&
        judge_variant(work, NULL, NULL, is_plain_used, err) < 0)
        return -1;
    for (size_t i = 0; i < judge->profiles.len; i++)
        if (judge_profile(work, judge->profiles.folders[i], err) < 0)
            return -1;
    return 0;
}

int judge_service(struct judge *judge, const char *service, const char *path, const struct listing_entry *entry,
                  struct judged *out, struct error *err)
{
    struct work work CLEANUP(work_fini) = {.judge = judge, .service = service, .path = path, .out = out};
    size_t errors = judge->findings->errors;
    buf_reset(&out->config);
    environment_find(judge->environment, service, &work.rules, judge->findings);
    out->schema = work.rules.schema;
    if (judge_read(judge, path, entry, &work.file, err) < 0 || judge_variants(&work, err) < 0)
        return -1;
    if (judge->findings->errors > errors || work.mistakes.len > 0 || !judge_may_go_on(judge))
        buf_reset(&out->config);
    judge->steps += work.mistakes.looked;
    mistakes_tell(&work.mistakes, service, path, judge->findings, &judge->shared);
    return mistakes_check(&judge->shared, err);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

bool judge_may_go_on(const struct judge *judge)
{
    return judge->steps + judge->shared.looked <= JUDGE_STEPS_MAX && judge->bytes <= JUDGE_BYTES_MAX;
}

int judge_finish(struct judge *judge, struct error *err)
{
    mistakes_tell_shared(&judge->shared, judge->findings);
    if (judge->bytes > JUDGE_BYTES_MAX)
        findings_add(judge->findings, FINDING_ERROR, CODE_LIMIT_WORK, "services", (struct doc_pos){0},
                     "services and the patches of their profiles are more than %d MiB to read",
                     JUDGE_BYTES_MAX >> 20);
    else if (!judge_may_go_on(judge))
        findings_add(judge->findings, FINDING_ERROR, CODE_LIMIT_WORK, "services", (struct doc_pos){0},
                     "to judge all services under all their profiles takes more than %d million steps",
                     JUDGE_STEPS_MAX / 1000000);
    return findings_check(judge->findings, err);
}
