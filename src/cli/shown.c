/*
 * shown: see shown.h.
 */
#include "cli/shown.h"

#include <inttypes.h>
#include <string.h>

#include "cli/in_force.h"
#include "cli/meaning.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/nearest.h"

void shown_fini(struct shown *shown)
{
    buf_fini(&shown->config);
    buf_fini(&shown->title);
    buf_fini(&shown->about_it);
    buf_fini(&shown->tags);
}

/* --- in force ------------------------------------------------------------------------------------------- */

int shown_in_force(struct local *local, const char *service, struct shown *out, struct error *err)
{
    struct snapshot_service quick = {0};
    struct in_force in_force AUTO_IN_FORCE = {0};
    if (in_force_service(local, service, &quick)) {
        out->config = quick.config;
        out->version = quick.version;
        out->commit = quick.commit;
        out->at = quick.commit;
        return 0;
    }
    if (in_force_read(local, &in_force, err) != 0)
        return -1;
    const struct service *found = catalog_find(in_force.catalog, service);
    if (found == NULL)
        return in_force_miss(&in_force, service, err);
    buf_reset(&out->config);
    buf_append_span(&out->config, found->config);
    out->version = found->version;
    out->newer = in_force.newer;
    out->at = in_force.commit;
    if (!in_force_commit(found, &out->commit))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message has no config_epoch");
    return buf_check(&out->config, err);
}

/* --- at a commit ---------------------------------------------------------------------------------------- */

int shown_judge(struct repo *repo, const struct oid *commit, struct source *source, struct candidate *out,
                struct error *err)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    char hex[OID_HEX_LEN + 1];
    oid_format(commit, hex);
    if (source_from_commit(repo, commit, NULL, source, err) != 0 ||
        candidate_judge(source, &nothing, out, &findings, err) != 0)
        return -1;
    if (findings.errors > 0)
        return error_set(err, CODE_REPO_REV, 0, "%.12s is not a valid configuration: epochctl check %.12s", hex, hex);
    return 0;
}

int shown_at(struct repo *repo, const struct oid *commit, const char *service, struct shown *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct nearest nearest = {.text = span_of(service)};
    char hex[OID_HEX_LEN + 1], hint[NEAREST_HINT_MAX];
    oid_format(commit, hex);
    if (shown_judge(repo, commit, &source, &candidate, err) != 0)
        return -1;
    for (size_t i = 0; i < candidate.len; i++) {
        nearest_try(&nearest, candidate.services[i].name);
        if (strcmp(candidate.services[i].name, service) != 0)
            continue;
        buf_append_span(&out->config, candidate.services[i].config);
        out->commit = *commit;
        out->at = *commit;
        return buf_check(&out->config, err);
    }
    return error_set(err, CODE_NO_SERVICE, 0, "there is no service '%.80s' at %.12s%s", service, hex,
                     nearest_hint(&nearest, hint));
}

/* --- what is known of it -------------------------------------------------------------------------------- */

/* Rows in their order: what stands last before the epoch that is shown counts. */
static void take_changes(const struct epoch_rows *rows, const char *service, uint64_t epoch, struct shown *shown)
{
    for (size_t i = 0; i < rows->len && rows->rows[i].epoch <= epoch; i++) {
        const struct epoch_row *row = &rows->rows[i];
        for (size_t c = 0; c < row->changed; c++) {
            if (strcmp(row->changes[c].service, service) != 0)
                continue;
            shown->version = row->epoch;
            shown->commit = row->commit;
            if (row->changes[c].action != EPOCH_CREATED)
                continue;
            shown->created = row->commit;
            shown->is_created_known = true;
        }
    }
}

void shown_trace(struct local *local, const char *service, struct shown *shown)
{
    const struct epoch_want want = {.count = UINT64_MAX, .with_actions = true};
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    struct error silent;
    if (local_open_state(local, &silent) != 0 || local_load_keys(local, true, &silent) != 0 ||
        epoch_rows_read(local, &want, &rows, &silent) != 0)
        return;
    uint64_t epoch = shown->version != 0 ? shown->version : epoch_of_commit(&rows, &shown->commit);
    if (epoch != 0)
        take_changes(&rows, service, epoch, shown);
}

void shown_ask_schema(struct repo *repo, const char *service, struct shown *shown)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct environment *environment AUTO_ENVIRONMENT = NULL;
    struct findings findings AUTO_FINDINGS = {0};
    struct error silent;
    if (oid_is_zero(&shown->at) || source_from_commit(repo, &shown->at, NULL, &source, &silent) != 0 ||
        environment_load(&source, NULL, &environment, &findings, &silent) != 0)
        return;
    buf_append_span(&shown->title, meaning_of_service(environment, service, "title"));
    buf_append_span(&shown->about_it, meaning_of_service(environment, service, "description"));
}

void shown_list_tags(struct repo *repo, struct shown *shown)
{
    struct repo_tags tags AUTO_REPO_TAGS = {0};
    struct error silent;
    if (!shown->has_about || repo_list_tags(repo, &shown->commit, &tags, &silent) != 0)
        return;
    buf_putc(&shown->tags, '[');
    for (size_t i = 0; i < tags.len; i++) {
        buf_puts(&shown->tags, i == 0 ? "" : ",");
        json_put_text(&shown->tags, tags.names[i]);
    }
    buf_putc(&shown->tags, ']');
}

void shown_describe(struct repo *repo, struct shown *shown)
{
    struct error silent;
    shown->has_about = repo_read_commit(repo, &shown->commit, &shown->about, &silent) == 0;
    shown->has_creation =
        shown->is_created_known && repo_read_commit(repo, &shown->created, &shown->creation, &silent) == 0;
}
