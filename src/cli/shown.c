/*
 * shown: see shown.h.
 */
#include "cli/shown.h"

#include <inttypes.h>
#include <string.h>

#include "cli/told.h"
#include "config/candidate.h"
#include "io/journal_files.h"
#include "model/codes.h"
#include "verify/message.h"

void shown_fini(struct shown *shown)
{
    buf_fini(&shown->config);
}

/* --- in force ------------------------------------------------------------------------------------------- */

/* The last epoch in the journal, and the last message of the service. */
struct tail {
    const char *service;
    uint64_t epoch;
    struct buf message;
};

static void tail_fini(struct tail *tail)
{
    buf_fini(&tail->message);
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct tail *tail = context;
    const struct doc_node *services;
    struct span message;
    int64_t epoch;
    if (line->kind != RECORD_COMMITTED)
        return 0;
    if (doc_get_int(line->root, "epoch", &epoch) && epoch > 0)
        tail->epoch = (uint64_t)epoch;
    services = doc_get(line->root, "services");
    if (services == NULL || !doc_get_string(services, tail->service, &message))
        return 0;
    buf_reset(&tail->message);
    buf_append_span(&tail->message, message);
    return buf_check(&tail->message, err);
}

static int use_message(const struct local *local, struct span raw, const char *service, struct shown *out,
                       struct error *err)
{
    const struct expectation expected = {MESSAGE_UPDATE, local->settings.mqtt.source, service};
    struct message message AUTO_MESSAGE = {0};
    if (message_verify(raw, &local->keyring.verified, &expected, &message, err) != 0)
        return -1;
    const struct message_update *update = &message.u.update;
    buf_reset(&out->config);
    buf_append_span(&out->config, update->config);
    out->version = update->version;
    if (!oid_parse(span_of(update->config_epoch), &out->commit))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message has no config_epoch");
    return buf_check(&out->config, err);
}

static int use_snapshot(const struct local *local, const struct local_snapshot *lkg, const char *service,
                        struct shown *out, struct error *err)
{
    const struct service *found = catalog_find(lkg->verified.catalog, service);
    return found == NULL ? 0 : use_message(local, found->message, service, out, err);
}

/* What the journal has behind the snapshot. Whoever cannot read it goes without. *ahead: it was read. */
static int use_journal(struct local *local, uint64_t after, struct tail *tail, bool *was_read, struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct journal_report report;
    struct error no_key;
    struct keyring keyring AUTO_KEYRING = {0};
    *was_read = keyring_load_reader(local->settings.keys, local->settings.mqtt.source, true, &keyring, &no_key) == 0;
    if (!*was_read)
        return 0;
    if (journal_files_list(local->state_dir, &files, err) != 0)
        return -1;
    return journal_files_read(local->state_dir, &files, after == 0 ? 0 : files.len, &keyring.journal, after, visit, tail,
                              &report, err);
}

/* What status.json says is committed: a hint alone, that there is no more than the snapshot has. 0: it says nothing. */
static uint64_t committed_epoch(const struct local *local)
{
    struct told told AUTO_TOLD = {0};
    struct error silent;
    int64_t epoch = 0;
    if (told_read_unproven(local, &told, &silent) != 0 || !told.is_told || !doc_get_int(told.doc.root, "committed", &epoch))
        return 0;
    return epoch > 0 ? (uint64_t)epoch : 0;
}

static int not_there(const char *service, uint64_t epoch, struct error *err)
{
    return error_set(err, CODE_REPO_REV, 0, "there is no service '%s' in epoch %" PRIu64 "; epochctl log %s tells whether there was one",
                     service, epoch, service);
}

static int no_epoch(const char *service, struct error *err)
{
    return error_set(err, CODE_LKG_FORM, 0,
                     "there is no snapshot yet: epochd has not accepted an epoch, epochctl status says why; "
                     "epochctl show %s --at HEAD reads the repository",
                     service);
}

static int look_behind(struct local *local, const struct local_snapshot *lkg, uint64_t committed, const char *service,
                       struct shown *out, struct error *err)
{
    struct tail tail CLEANUP(tail_fini) = {.service = service, .epoch = lkg->snapshot.epoch};
    bool was_read;
    if (use_journal(local, lkg->snapshot.journal.seq, &tail, &was_read, err) != 0)
        return error_wrap(err, "the journal behind the snapshot");
    if (!was_read && lkg->snapshot.epoch == 0)
        return error_set(err, CODE_LKG_FORM, 0,
                         "there is no snapshot%s; the journal is for the daemon's user and root",
                         committed == 0 ? " yet" : ", though epochd has committed an epoch: epochctl status");
    if (!was_read)
        out->newer = committed;
    if (tail.epoch == 0)
        return no_epoch(service, err);
    if (tail.message.len > 0 && use_message(local, buf_span(&tail.message), service, out, err) != 0)
        return error_wrap(err, "the journal behind the snapshot");
    return out->config.len == 0 ? not_there(service, tail.epoch, err) : 0;
}

int shown_in_force(struct local *local, const char *service, struct shown *out, struct error *err)
{
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    bool is_missing;
    if (local_open_state(local, err) != 0 || local_load_keys(local, false, err) != 0)
        return -1;
    uint64_t committed = committed_epoch(local);
    if (local_read_snapshot(local, false, &lkg, &is_missing, err) != 0)
        return error_wrap(err, "the snapshot");
    if (!is_missing && use_snapshot(local, &lkg, service, out, err) != 0)
        return error_wrap(err, "the snapshot");
    if (is_missing || committed == 0 || committed > lkg.snapshot.epoch)
        return look_behind(local, &lkg, committed, service, out, err);
    return out->config.len == 0 ? not_there(service, lkg.snapshot.epoch, err) : 0;
}

/* --- at a commit ---------------------------------------------------------------------------------------- */

int shown_at(struct repo *repo, const struct oid *commit, const char *service, struct shown *out, struct error *err)
{
    struct source source AUTO_SOURCE = {.work_dir = -1};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct candidate_base nothing = {0};
    char hex[OID_HEX_LEN + 1];
    oid_format(commit, hex);
    if (source_from_commit(repo, commit, NULL, &source, err) != 0 ||
        candidate_judge(&source, &nothing, &candidate, &findings, err) != 0)
        return -1;
    if (findings.errors > 0)
        return error_set(err, CODE_REPO_REV, 0, "%.12s is not a valid configuration: epochctl check %.12s", hex, hex);
    for (size_t i = 0; i < candidate.len; i++) {
        if (strcmp(candidate.services[i].name, service) != 0)
            continue;
        buf_append_span(&out->config, candidate.services[i].config);
        out->commit = *commit;
        return buf_check(&out->config, err);
    }
    return error_set(err, CODE_REPO_REV, 0, "there is no service '%s' at %.12s", service, hex);
}

/* --- what is known of it -------------------------------------------------------------------------------- */

/* The epoch of a commit, the last where it was issued anew; 0: it never was one. */
static uint64_t epoch_of(const struct epoch_rows *rows, const struct oid *commit)
{
    for (size_t i = rows->len; i > 0; i--)
        if (rows->rows[i - 1].epoch != 0 && oid_equal(&rows->rows[i - 1].commit, commit))
            return rows->rows[i - 1].epoch;
    return 0;
}

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
    uint64_t epoch = shown->version != 0 ? shown->version : epoch_of(&rows, &shown->commit);
    if (epoch != 0)
        take_changes(&rows, service, epoch, shown);
}

void shown_describe(struct repo *repo, struct shown *shown)
{
    struct error silent;
    shown->has_about = repo_read_commit(repo, &shown->commit, &shown->about, &silent) == 0;
    shown->has_creation =
        shown->is_created_known && repo_read_commit(repo, &shown->created, &shown->creation, &silent) == 0;
}
