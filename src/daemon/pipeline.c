/*
 * pipeline: see pipeline.h. One function per stage, in the order of the road.
 */
#include "daemon/pipeline.h"

#include <string.h>

#include "config/candidate.h"
#include "config/guard.h"
#include "model/codes.h"
#include "model/record.h"
#include "util/clock.h"
#include "util/failpoint.h"

enum { RANGE_MAX = 1000 * 1000 }; /* commits one push can supersede by name */

int pipeline_init(struct pipeline *pipeline, const char *source, struct error *err)
{
    *pipeline = (struct pipeline){.source = source, .range_max = RANGE_MAX};
    return force_init(&pipeline->force, err);
}

void pipeline_fini(struct pipeline *pipeline)
{
    force_fini(&pipeline->force);
}

void pipeline_result_fini(struct pipeline_result *result)
{
    for (size_t i = 0; i < result->changes_len; i++)
        service_unref(result->changes[i].service);
    free(result->changes);
    findings_fini(&result->findings);
    *result = (struct pipeline_result){0};
}

/* What is being made of one order; released when it is done or failed. */
struct draft {
    const struct pipeline_order *order;
    char commit[OID_HEX_LEN + 1];
    char timestamp[CLOCK_TEXT_LEN + 1];
    struct message_stamp stamp;
    struct candidate candidate;
    struct pipeline_change *changes;
    size_t changes_len;
    struct catalog *catalog;
    struct buf head;
    uint8_t head_digest[HASH_LEN];
};

static void draft_fini(struct draft *draft)
{
    for (size_t i = 0; i < draft->changes_len; i++)
        service_unref(draft->changes[i].service);
    free(draft->changes);
    candidate_fini(&draft->candidate);
    catalog_unref(draft->catalog);
    buf_fini(&draft->head);
}

/* --- load ▶ parse ▶ validate ▶ diff ------------------------------------------------------------------------------ */

static bool has_code(const struct findings *findings, const char *code)
{
    for (size_t i = 0; i < findings->len; i++)
        if (strcmp(findings->items[i].code, code) == 0)
            return true;
    return false;
}

/* The commits are asked whether a mass removal is meant where there is one: their messages cost as much as everything
   else. */
static int judge(struct pipeline *pipeline, struct draft *draft, struct findings *findings, struct error *err)
{
    const struct pipeline_order *order = draft->order;
    struct source source AUTO_SOURCE = {.work_dir = -1};
    const struct oid *hide = pipeline->force.exists ? &pipeline->force.commit : NULL;
    if (!order->only_if_changed)
        force_recall_environment(&pipeline->force, pipeline->repo);
    struct candidate_base base = {
        .before = order->only_if_changed ? NULL : pipeline->force.listing,
        .in_force = pipeline->force.catalog,
        .environment = pipeline->force.environment,
    };
    if (FAILPOINT("epoch.judge", err) != 0 ||
        source_from_commit(pipeline->repo, &order->commit, base.before, &source, err) != 0 ||
        candidate_judge(&source, &base, &draft->candidate, findings, err) != 0)
        return -1;
    if (!has_code(findings, CODE_GUARD_MASS_REMOVAL))
        return 0;
    if (guard_allows_mass_removal(pipeline->repo, &order->commit, hide, &base.mass_removal_allowed, err) != 0)
        return -1;
    if (!base.mass_removal_allowed)
        return 0;
    findings_fini(findings);
    return candidate_judge(&source, &base, &draft->candidate, findings, err);
}

/* A damaged object says nothing about the commit: it is judged again when the repository has been mended. */
static int refuse_unreadable(const struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < findings->len; i++)
        if (strcmp(findings->items[i].code, CODE_REPO_OBJECT) == 0)
            return error_set(err, CODE_REPO_UNREADABLE, 0, "%s: %s", findings->items[i].file,
                             findings->items[i].message);
    return 0;
}

static const char *first_error_code(const struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++)
        if (findings->items[i].severity == FINDING_ERROR)
            return findings->items[i].code;
    return NULL;
}

/* --- compose ▶ sign ---------------------------------------------------------------------------------------------- */

/* `schema`: of its file, in hex; "": the service has none. */
static int add_change(struct draft *draft, struct pipeline *pipeline, const char *name, const char *path,
                      struct span config, const char *schema, struct error *err)
{
    struct buf message AUTO_BUF = {0};
    struct message_update update = {
        .service = name,
        .version = draft->order->epoch,
        .config = config,
        .config_epoch = draft->commit,
        .correlation_id = draft->order->correlation_id,
        .schema = schema[0] == '\0' ? NULL : schema,
    };
    message_compose_update(&message, &draft->stamp, &update);
    if (buf_check(&message, err) != 0 || crypto_sign_object(&pipeline->keyring->signing, &message, err) != 0)
        return -1;
    struct service *service = service_new(name, path == NULL ? "" : path, draft->order->epoch, buf_span(&message),
                                          message_config(buf_span(&message), config));
    if (service == NULL)
        return error_memory(err);
    draft->changes[draft->changes_len++] =
        (struct pipeline_change){.service = service, .is_removed = config.data == NULL};
    return 0;
}

static int compose_changed(struct draft *draft, struct pipeline *pipeline, struct error *err)
{
    const struct candidate *candidate = &draft->candidate;
    draft->changes = calloc(candidate->len + 1, sizeof *draft->changes);
    if (draft->changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < candidate->len; i++) {
        const struct candidate_service *service = &candidate->services[i];
        if (add_change(draft, pipeline, service->name, service->path, service->config, service->schema, err) != 0)
            return -1;
    }
    return 0;
}

/* The schema that a message names; nothing behind the configuration has quotes inside its values. */
static void read_schema(const struct service *service, char out[static HASH_HEX_LEN + 1])
{
    static const char name[] = ",\"schema\":\"";
    const char *end = service->message.data + service->message.len;
    const char *behind = service->config.data == NULL ? service->message.data
                                                      : service->config.data + service->config.len;
    const char *found = memmem(behind, (size_t)(end - behind), name, sizeof name - 1);
    out[0] = '\0';
    if (found != NULL && (size_t)(end - found) > sizeof name + HASH_HEX_LEN)
        snprintf(out, HASH_HEX_LEN + 1, "%.*s", HASH_HEX_LEN, found + sizeof name - 1);
}

/* Above a floor, versions too must be higher than whatever another publisher may have given out. */
static int compose_everything(struct draft *draft, struct pipeline *pipeline, struct error *err)
{
    const struct service **AUTO_FREE all = NULL;
    size_t count = catalog_count(pipeline->force.catalog);
    if (catalog_sorted(pipeline->force.catalog, &all, err) != 0)
        return -1;
    draft->changes = calloc(count + 1, sizeof *draft->changes);
    if (draft->changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        char schema[HASH_HEX_LEN + 1];
        read_schema(all[i], schema);
        if (add_change(draft, pipeline, all[i]->name, all[i]->path, all[i]->config, schema, err) != 0)
            return -1;
    }
    return 0;
}

static int make_catalog(struct draft *draft, struct pipeline *pipeline, struct error *err)
{
    struct catalog_change *AUTO_FREE changes = calloc(draft->changes_len + 1, sizeof *changes);
    if (changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < draft->changes_len; i++) {
        struct pipeline_change *change = &draft->changes[i];
        changes[i] = (struct catalog_change){change->service->name, change->is_removed ? NULL : change->service};
    }
    return catalog_with(pipeline->force.catalog, changes, draft->changes_len, &draft->catalog, err);
}

static int compose_head(struct draft *draft, struct pipeline *pipeline, struct error *err)
{
    struct message_changed *AUTO_FREE changed = calloc(draft->changes_len + 1, sizeof *changed);
    if (changed == NULL)
        return error_memory(err);
    for (size_t i = 0; i < draft->changes_len; i++)
        changed[i] = (struct message_changed){draft->changes[i].service->name, draft->order->epoch};
    struct message_head head = {
        .epoch = draft->order->epoch,
        .config_epoch = draft->commit,
        .correlation_id = draft->order->correlation_id,
        .has_parent = pipeline->force.exists,
        .parent_epoch = pipeline->force.epoch,
        .changed = changed,
        .changed_len = draft->changes_len,
        .services = catalog_count(draft->catalog),
        .offset = draft->order->offset,
    };
    memcpy(head.parent_digest, pipeline->force.head_digest, HASH_LEN);
    catalog_digest(draft->catalog, head.index);
    message_compose_head(&draft->head, &draft->stamp, &head);
    if (buf_check(&draft->head, err) != 0 || FAILPOINT("epoch.sign", err) != 0)
        return -1;
    if (crypto_sign_object(&pipeline->keyring->signing, &draft->head, err) != 0)
        return -1;
    /* All that can be done before the sync is: what stands behind it stands before the first message. */
    hash_sha256(draft->head.data, draft->head.len, draft->head_digest);
    return 0;
}

static int compose(struct draft *draft, struct pipeline *pipeline, struct error *err)
{
    if (FAILPOINT("epoch.compose", err) != 0)
        return -1;
    clock_format(clock_wall_ms(), draft->timestamp);
    draft->stamp = (struct message_stamp){
        .source = pipeline->source,
        .generation = pipeline->keyring->verified.generation,
        .key_id = pipeline->keyring->signing.id,
        .timestamp = draft->timestamp,
    };
    if ((draft->order->is_reissue ? compose_everything : compose_changed)(draft, pipeline, err) != 0 ||
        make_catalog(draft, pipeline, err) != 0)
        return -1;
    return compose_head(draft, pipeline, err);
}

/* --- journal ----------------------------------------------------------------------------------------------------- */

static int write_range(struct pipeline *pipeline, const struct oid *since, const struct oid *tip,
                       const struct oid *commits, size_t len, struct error *err)
{
    for (size_t at = 0; at < len; at += RECORD_COMMITS_MAX) {
        struct buf members AUTO_BUF = {0};
        size_t n = len - at < RECORD_COMMITS_MAX ? len - at : RECORD_COMMITS_MAX;
        record_write_superseded(&members, since, tip, commits + at, n);
        if (buf_check(&members, err) != 0 ||
            journal_append(pipeline->journal, RECORD_SUPERSEDED, buf_span(&members), false, NULL, err) != 0)
            return -1;
    }
    return 0;
}

/* A range too long to be named whole: the rest is counted, and from..to tells it. */
static int write_rest(struct pipeline *pipeline, const struct oid *since, const struct oid *tip, size_t named,
                      size_t *count, struct error *err)
{
    struct buf members AUTO_BUF = {0};
    uint64_t all;
    if (repo_count(pipeline->repo, tip, since, &all, err) != 0)
        return -1;
    record_write_superseded_more(&members, since, tip, all - 1 - named);
    if (buf_check(&members, err) != 0 ||
        journal_append(pipeline->journal, RECORD_SUPERSEDED, buf_span(&members), false, NULL, err) != 0)
        return -1;
    *count = all - 1;
    return 0;
}

/* Where the range of a tip begins: at the last tip with a verdict; when that was rejected, amended away and pruned,
   at the one in force. */
static int find_since(struct pipeline *pipeline, const struct oid *tip, struct oid *since, bool *exists,
                      struct error *err)
{
    bool is_ancestor;
    *since = pipeline->accounted;
    if (repo_is_ancestor(pipeline->repo, since, tip, &is_ancestor, exists, err) != 0)
        return -1;
    if (*exists || !pipeline->force.exists)
        return 0;
    *since = pipeline->force.commit;
    return repo_is_ancestor(pipeline->repo, since, tip, &is_ancestor, exists, err);
}

/*
 * The commits between the last tip with a verdict and this one were seen and will never be epochs of their own. Their
 * lines are not synced: the verdict's line behind them is, and that sync carries them. Told once, also when the
 * verdict has to be tried again.
 */
static int journal_superseded(struct pipeline *pipeline, const struct oid *tip, size_t *count, struct error *err)
{
    struct oid *AUTO_FREE commits = NULL, since;
    size_t len = 0;
    bool truncated, exists;
    *count = 0;
    if (!pipeline->has_accounted || oid_equal(&pipeline->accounted, tip) || oid_equal(&pipeline->range_told, tip))
        return 0;
    if (FAILPOINT("epoch.range", err) != 0 || find_since(pipeline, tip, &since, &exists, err) != 0)
        return -1;
    if (!exists)
        return 0; /* gone from the repository: the range cannot be told any more */
    if (repo_range(pipeline->repo, tip, &since, pipeline->range_max, &commits, &len, &truncated, err) != 0 ||
        write_range(pipeline, &since, tip, commits, len, err) != 0)
        return -1;
    *count = len;
    if (truncated && write_rest(pipeline, &since, tip, len, count, err) != 0)
        return -1;
    pipeline->range_told = *tip;
    return 0;
}

static int journal_rejected(struct pipeline *pipeline, const struct oid *commit, const char *code,
                            const struct findings *findings, struct error *err)
{
    struct buf members AUTO_BUF = {0};
    if (FAILPOINT("epoch.reject", err) != 0)
        return -1;
    record_write_rejected(&members, commit, code, findings);
    if (buf_check(&members, err) != 0)
        return -1;
    return journal_append(pipeline->journal, RECORD_REJECTED, buf_span(&members), true, NULL, err);
}

/* Told once, also when the epoch has to be tried again. */
static int journal_rewrite(struct pipeline *pipeline, const struct pipeline_order *order, struct error *err)
{
    struct buf members AUTO_BUF = {0};
    if (oid_equal(&pipeline->rewrite_told, &order->commit) && pipeline->rewrite_offset == order->offset)
        return 0;
    record_write_rewrite(&members, &pipeline->force.commit, &order->commit, order->offset, order->reason, order->by);
    if (buf_check(&members, err) != 0 ||
        journal_append(pipeline->journal, RECORD_REWRITE, buf_span(&members), false, NULL, err) != 0)
        return -1;
    pipeline->rewrite_told = order->commit;
    pipeline->rewrite_offset = order->offset;
    return 0;
}

static int journal_committed(struct pipeline *pipeline, struct draft *draft, struct journal_position *position,
                             struct error *err)
{
    struct buf members AUTO_BUF = {0};
    struct record_message *AUTO_FREE messages = calloc(draft->changes_len + 1, sizeof *messages);
    if (messages == NULL)
        return error_memory(err);
    for (size_t i = 0; i < draft->changes_len; i++)
        messages[i] = (struct record_message){draft->changes[i].service->name, draft->changes[i].service->message};
    struct record_committed committed = {
        .commit = draft->order->commit,
        .epoch = draft->order->epoch,
        .offset = draft->order->offset,
        .generation = draft->stamp.generation,
        .correlation_id = draft->order->correlation_id,
        .messages = messages,
        .messages_len = draft->changes_len,
        .head = buf_span(&draft->head),
    };
    record_write_committed(&members, &committed);
    if (buf_check(&members, err) != 0)
        return -1;
    if (FAILPOINT("epoch.journal", err) != 0)
        return -1;
    return journal_append(pipeline->journal, RECORD_COMMITTED, buf_span(&members), true, position, err);
}

/* --- in force ---------------------------------------------------------------------------------------------------- */

static void set_accounted(struct pipeline *pipeline, const struct oid *commit, const char *code)
{
    pipeline->has_accounted = true;
    pipeline->accounted = *commit;
    snprintf(pipeline->accounted_code, sizeof pipeline->accounted_code, "%s", code);
}

/* Cannot fail: everything was made before the journal said yes. */
static void put_in_force(struct pipeline *pipeline, struct draft *draft, const struct journal_position *position)
{
    struct force *force = &pipeline->force;
    force->exists = true;
    force->commit = draft->order->commit;
    force->epoch = draft->order->epoch;
    force->offset = draft->order->offset;
    force->generation = draft->stamp.generation;
    force->position = *position;
    snprintf(force->correlation_id, sizeof force->correlation_id, "%s", draft->order->correlation_id);
    catalog_unref(force->catalog);
    force->catalog = TAKE(draft->catalog);
    if (!draft->order->is_reissue) {
        force_set_tree(force, draft->candidate.listing, draft->candidate.environment);
        set_accounted(pipeline, &draft->order->commit, "");
    }
    buf_fini(&force->head);
    force->head = draft->head;
    draft->head = (struct buf){0};
    memcpy(force->head_digest, draft->head_digest, HASH_LEN);
}

static int reject(struct pipeline *pipeline, const struct pipeline_order *order, struct pipeline_result *result,
                  struct error *err)
{
    result->code = first_error_code(&result->findings);
    if (order->only_if_changed) {
        /* What is in force was accepted once; a commit has one verdict. The findings are told, and it stays. */
        result->verdict = PIPELINE_UNCHANGED;
        return 0;
    }
    result->verdict = PIPELINE_REJECTED;
    /* The same commit judged the same again, after a restart: its verdict is in the journal already. */
    if (pipeline->has_accounted && oid_equal(&pipeline->accounted, &order->commit) &&
        strcmp(pipeline->accounted_code, result->code) == 0)
        return 0;
    if (journal_superseded(pipeline, &order->commit, &result->superseded, err) != 0 ||
        journal_rejected(pipeline, &order->commit, result->code, &result->findings, err) != 0)
        return -1;
    set_accounted(pipeline, &order->commit, result->code);
    return 0;
}

static int commit(struct pipeline *pipeline, struct draft *draft, struct pipeline_result *result, struct error *err)
{
    struct journal_position position;
    result->verdict = PIPELINE_COMMITTED;
    if (compose(draft, pipeline, err) != 0)
        return error_wrap(err, "composing the epoch");
    if (!draft->order->is_reissue &&
        journal_superseded(pipeline, &draft->order->commit, &result->superseded, err) != 0)
        return -1;
    if (draft->order->is_rewrite && journal_rewrite(pipeline, draft->order, err) != 0)
        return -1;
    if (journal_committed(pipeline, draft, &position, err) != 0)
        return -1;
    FAILPOINT_PASS("epoch.committed");
    put_in_force(pipeline, draft, &position);
    result->changes = TAKE(draft->changes);
    result->changes_len = draft->changes_len;
    draft->changes_len = 0;
    return 0;
}

static int take(struct pipeline *pipeline, const struct pipeline_order *order, struct pipeline_result *result,
                struct error *err)
{
    struct draft draft CLEANUP(draft_fini) = {.order = order};
    oid_format(&order->commit, draft.commit);
    if (order->is_reissue)
        return commit(pipeline, &draft, result, err);
    if (judge(pipeline, &draft, &result->findings, err) != 0 || findings_check(&result->findings, err) != 0 ||
        refuse_unreadable(&result->findings, err) != 0)
        return -1;
    findings_sort(&result->findings);
    if (result->findings.errors > 0)
        return reject(pipeline, order, result, err);
    if (order->only_if_changed && draft.candidate.len == 0) {
        result->verdict = PIPELINE_UNCHANGED;
        force_set_tree(&pipeline->force, draft.candidate.listing, draft.candidate.environment);
        return 0;
    }
    return commit(pipeline, &draft, result, err);
}

int pipeline_take(struct pipeline *pipeline, const struct pipeline_order *order, struct pipeline_result *out,
                  struct error *err)
{
    struct pipeline_result result AUTO_PIPELINE_RESULT = {0};
    if (take(pipeline, order, &result, err) != 0)
        return -1;
    *out = result;
    result = (struct pipeline_result){0};
    return 0;
}
