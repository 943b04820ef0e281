/*
 * plan: see plan.h.
 */
#include "cli/plan.h"

#include <stdlib.h>
#include <string.h>

#include "model/json.h"

#define AUTO_ARENA CLEANUP(arena_fini)

void plan_fini(struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++) {
        free(plan->services[i].notes);
        diff_fini(&plan->services[i].diff);
        doc_fini(&plan->services[i].before);
        doc_fini(&plan->services[i].after);
    }
    free(plan->services);
    plan_causes_fini(&plan->causes);
    *plan = (struct plan){0};
}

/* What was judged once is within the limits. */
static int read_config(struct span config, struct doc *out, struct error *err)
{
    static const struct json_options options = {.file = "config", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    return config.data == NULL ? 0 : json_read(config, &options, out, err);
}

/* --- what the schema says of it ------------------------------------------------------------------------- */

static void note(const struct schema *schema, const struct pointer *pointer, const struct diff_change *change, struct plan_note *out)
{
    struct schema_place place;
    if (schema == NULL)
        return;
    out->is_secret |= (change->before != NULL && schema_hides(schema, pointer, change->before)) ||
                      (change->after != NULL && schema_hides(schema, pointer, change->after));
    out->needs_restart |= schema_at(schema, pointer, &place) && schema_says(&place, "x-restart");
}

int plan_note(struct plan_service *service, const struct schema *before, const struct schema *after, struct error *err)
{
    struct arena arena AUTO_ARENA = {0};
    service->notes = calloc(service->diff.len + 1, sizeof *service->notes);
    if (service->notes == NULL)
        return error_memory(err);
    if (before == NULL && after == NULL)
        return 0;
    for (size_t i = 0; i < service->diff.len; i++) {
        struct buf way AUTO_BUF = {0};
        struct pointer pointer;
        struct plan_note *out = &service->notes[i];
        diff_put_way(service->diff.changes[i].way, &way);
        if (buf_check(&way, err) != 0 || pointer_parse(buf_span(&way), &arena, &pointer, err) != 0)
            return -1;
        note(before, &pointer, &service->diff.changes[i], out);
        note(after, &pointer, &service->diff.changes[i], out);
        service->needs_restart |= out->needs_restart && service->action == PLAN_UPDATED;
    }
    return 0;
}

static const struct schema *schema_of(const struct environment *environment, const char *service)
{
    struct service_rules rules;
    if (environment == NULL)
        return NULL;
    environment_find(environment, service, &rules, NULL);
    return rules.schema == NULL ? NULL : rules.schema->schema;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static int compare(const struct candidate_service *service, const struct catalog *before, struct plan_service *out,
                   struct error *err)
{
    const struct service *was = before == NULL ? NULL : catalog_find(before, service->name);
    out->name = service->name;
    out->action = service->path == NULL ? PLAN_DELETED : was == NULL ? PLAN_CREATED : PLAN_UPDATED;
    if ((was != NULL && read_config(was->config, &out->before, err) != 0) || read_config(service->config, &out->after, err) != 0)
        return -1;
    if (out->action == PLAN_DELETED)
        return 0; /* that it goes says everything */
    /* A new service's keys one by one, as if it had been empty. */
    static const struct doc_node nothing = {.kind = DOC_OBJECT};
    return diff_docs(was == NULL ? &nothing : out->before.root, out->after.root, &out->diff, err);
}

int plan_make(const struct candidate *candidate, const struct source *source, const struct revision *before, struct plan *out,
              struct error *err)
{
    int rc = 0;
    *out = (struct plan){.services = calloc(candidate->len + 1, sizeof *out->services), .total = candidate->total};
    if (out->services == NULL)
        return error_memory(err);
    for (; rc == 0 && out->len < candidate->len; out->len++) {
        struct plan_service *service = &out->services[out->len];
        rc = compare(&candidate->services[out->len], before->catalog, service, err);
        if (rc == 0)
            rc = plan_note(service, schema_of(before->environment, service->name), schema_of(candidate->environment, service->name), err);
        out->actions[service->action]++;
        out->restarts += service->needs_restart;
    }
    if (rc == 0)
        rc = plan_causes_make(candidate, source, before, &out->causes, err);
    if (rc != 0)
        plan_fini(out); /* half of the last one is there, and freed with the rest */
    return rc;
}
