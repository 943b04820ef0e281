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
}

int judge_read(struct judge *judge, const char *path, const struct listing_entry *entry, struct doc *doc, struct error *err)
{
    const struct yaml_options options = {.file = path, .limits = doc_limits_config};
    buf_reset(&judge->text);
    if (judge->source->read(judge->source, path, entry, &judge->text, err) == 0)
        return yaml_read(buf_span(&judge->text), &options, doc, judge->findings, err);
    if (strcmp(err->code, CODE_REPO_OBJECT) != 0 && strcmp(err->code, CODE_LIMIT_FILE) != 0)
        return error_wrap(err, "reading %s", path);
    findings_add(judge->findings, FINDING_ERROR, err->code, path, (struct doc_pos){0}, "%s", err->message);
    return 0;
}

/* --- findings of one service under all its profiles ------------------------------------------------------------------- */

/* A service at work: as it is, and then once for each profile that has a patch for it. */
struct work {
    struct judge *judge;
    const char *service, *path;
    struct service_rules rules;
    struct doc file;
    struct findings plain; /* without a patch: what a profile need not say again */
    struct judged *out;
};

static void work_fini(struct work *work)
{
    doc_fini(&work->file);
    findings_fini(&work->plain);
}

static bool is_same_place(const struct finding *a, const struct finding *b)
{
    return a->code == b->code && a->pos.line == b->pos.line && a->pos.column == b->pos.column &&
           strcmp(a->file, b->file) == 0;
}

static bool is_among(const struct findings *findings, const struct finding *finding)
{
    for (size_t i = 0; i < findings->len; i++)
        if (is_same_place(&findings->items[i], finding) && strcmp(findings->items[i].message, finding->message) == 0)
            return true;
    return false;
}

#define WHERE " (in the service "
#define UNDER " (under the profile "

/* A line that many services share is told of once, with the first of them; and so is a mistake that many profiles leave. */
static bool is_told(const struct findings *findings, const struct finding *finding)
{
    size_t len = strlen(finding->message);
    for (size_t i = 0; i < findings->len; i++) {
        const char *told = findings->items[i].message;
        if (is_same_place(&findings->items[i], finding) && strncmp(told, finding->message, len) == 0 &&
            (told[len] == '\0' || strncmp(told + len, WHERE, strlen(WHERE)) == 0 || strncmp(told + len, UNDER, strlen(UNDER)) == 0))
            return true;
    }
    return false;
}

/*
 * Tells what the line alone does not: of a line of the service's own file the profile under which it is wrong, of one
 * that services share the service. A line of the patch says both.
 */
static void tell(const struct work *work, const struct finding *finding, const char *profile, const char *patch_path)
{
    struct findings *findings = work->judge->findings;
    bool is_own = strcmp(finding->file, work->path) == 0;
    bool is_full = findings->len == FINDINGS_MAX; /* the rest is counted: looking for it would cost the square of it */
    if (!is_full && (is_told(findings, finding) || (profile != NULL && is_among(&work->plain, finding))))
        return;
    if (profile != NULL && strcmp(finding->file, patch_path) == 0)
        findings_add(findings, finding->severity, finding->code, finding->file, finding->pos, "%s", finding->message);
    else if (is_own && profile == NULL)
        findings_add(findings, finding->severity, finding->code, finding->file, finding->pos, "%s", finding->message);
    else if (is_own)
        findings_add(findings, finding->severity, finding->code, finding->file, finding->pos, "%s" UNDER "%s)",
                     finding->message, profile);
    else if (profile == NULL)
        findings_add(findings, finding->severity, finding->code, finding->file, finding->pos, "%s" WHERE "%s)",
                     finding->message, work->service);
    else
        findings_add(findings, finding->severity, finding->code, finding->file, finding->pos,
                     "%s" WHERE "%s, under the profile %s)", finding->message, work->service, profile);
}

/* --- one variant: the service under one profile ----------------------------------------------------------------------- */

static bool is_limit(const struct error *err)
{
    return strcmp(err->code, CODE_LIMIT_DEPTH) == 0 || strcmp(err->code, CODE_LIMIT_NODES) == 0 ||
           strcmp(err->code, CODE_LIMIT_CONFIG) == 0;
}

/* What is wrong with it goes to `found`, and *out stays NULL where there is nothing to validate. */
static int make(const struct work *work, const struct doc_node *patch, struct arena *arena, const struct doc_node **out,
                struct findings *found, struct error *err)
{
    if (effective_make(&work->rules, work->file.root, patch, arena, out, err) == 0)
        return 0;
    bool is_endless = strcmp(err->code, CODE_SCHEMA_TOO_EXPENSIVE) == 0; /* a default that makes itself */
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

static int judge_variant(struct work *work, const struct doc_node *patch, const char *profile, const char *patch_path,
                         bool is_used, struct error *err)
{
    struct arena arena CLEANUP(arena_fini) = {0};
    struct findings AUTO_FINDINGS found = {0};
    const struct doc_node *root = NULL;
    if (make(work, patch, &arena, &root, &found, err) < 0)
        return -1;
    if (root != NULL && work->rules.schema != NULL &&
        schema_validate(work->rules.schema->schema, root, NULL, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < found.len; i++)
        tell(work, &found.items[i], profile, patch_path);
    if (is_used && found.errors == 0)
        json_write(root, &work->out->config);
    if (profile == NULL) {
        work->plain = found;
        found = (struct findings){0};
    }
    return findings_check(&work->plain, err) < 0 || findings_check(&found, err) < 0 ? -1 : buf_check(&work->out->config, err);
}

static int judge_profile(struct work *work, const struct listing_entry *profile, bool *has_patch, struct error *err)
{
    char path[PROFILES_PATH_MAX];
    struct doc patch AUTO_DOC = {0};
    const struct listing_entry *entry = profiles_find_patch(profile, work->service, path);
    *has_patch = entry != NULL;
    if (entry == NULL)
        return 0;
    if (judge_read(work->judge, path, entry, &patch, err) < 0)
        return -1;
    if (patch.root == NULL || work->file.root == NULL || work->rules.is_broken)
        return 0;
    return judge_variant(work, patch.root, profile->name, path, is_in_force(work->judge, profile->name), err);
}

/* Under every profile; as it is where that can be in force: then first, for the others to say only what they add. */
static int judge_variants(struct work *work, struct error *err)
{
    const struct judge *judge = work->judge;
    const char *active = judge->environment->rules->profile.name;
    const struct listing_entry *folder = active == NULL ? NULL : profiles_find(&judge->profiles, active);
    char path[PROFILES_PATH_MAX];
    bool is_plain_used = folder == NULL || profiles_find_patch(folder, work->service, path) == NULL, has_patch;
    if (work->file.root != NULL && !work->rules.is_broken &&
        profiles_leave_plain(&judge->profiles, active, work->service) &&
        judge_variant(work, NULL, NULL, NULL, is_plain_used, err) < 0)
        return -1;
    for (size_t i = 0; i < judge->profiles.len; i++)
        if (judge_profile(work, judge->profiles.folders[i], &has_patch, err) < 0)
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
    if (judge->findings->errors > errors)
        buf_reset(&out->config);
    return 0;
}
