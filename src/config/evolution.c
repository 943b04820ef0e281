/*
 * evolution: see evolution.h.
 */
#include "config/evolution.h"

#include "model/codes.h"
#include "schema/compare.h"

static void tell(const struct schema_change *change, enum rules_breaking policy, struct findings *findings)
{
    bool is_breaking = change->effect == SCHEMA_BREAKING;
    bool is_refused = is_breaking && policy == RULES_BREAKING_REFUSE;
    if (change->effect == SCHEMA_COMPATIBLE)
        return;
    findings_add(findings, is_refused ? FINDING_ERROR : FINDING_WARNING, is_breaking ? CODE_SCHEMA_BREAKING : CODE_SCHEMA_UNCLEAR,
                 change->file, change->pos, "%s%s%s%s", change->pointer, change->pointer[0] == '\0' ? "" : ": ", change->message,
                 is_breaking ? "" : "; whether that breaks a value cannot be told");
}

static int compare(const struct shared_file *was, const struct shared_file *is, enum rules_breaking policy, uint32_t *steps,
                   struct findings *findings, struct error *err)
{
    struct schema_changes changes AUTO_SCHEMA_CHANGES = {0};
    if (schema_compare(schema_source(was->schema), schema_source(is->schema), steps, &changes, err) < 0)
        return -1;
    for (size_t i = 0; i < changes.len; i++)
        tell(&changes.items[i], policy, findings);
    return 0;
}

int evolution_judge(const struct environment *was, const struct environment *is, struct findings *findings, struct error *err)
{
    enum rules_breaking policy = is->rules->breaking;
    uint32_t steps = COMPARE_STEPS_MAX;
    if (was->schemas == is->schemas || policy == RULES_BREAKING_ALLOW)
        return 0;
    for (size_t i = 0; i < is->schemas->len; i++) {
        const struct shared_file *now = &is->schemas->files[i], *before = shared_find(was->schemas, now->name);
        if (before == NULL || before->schema == NULL || now->schema == NULL ||
            memcmp(before->digest, now->digest, HASH_LEN) == 0)
            continue;
        if (compare(before, now, policy, &steps, findings, err) < 0)
            return -1;
    }
    return 0;
}
