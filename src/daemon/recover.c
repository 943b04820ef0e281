/*
 * recover: see recover.h.
 *
 * The journal may span several files (journal-<last seq>.jsonl and the current one). After a snapshot only lines
 * behind its position are applied; those are in the current file, or, when the snapshot is older than the last change
 * of files, in the ones before.
 */
#include "daemon/recover.h"

#include <string.h>

#include "io/journal_files.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/tail.h"
#include "util/failpoint.h"
#include "util/fs.h"
#include "verify/snapshot.h"

enum { LOOK_BACK_LINES = 256 }; /* before the snapshot's own: what was published, and what is still to be cleared */

/* --- the snapshot ------------------------------------------------------------------------------------------------ */

static int adopt_snapshot(struct pipeline *pipeline, const struct snapshot *snapshot,
                          struct verified_snapshot *verified, struct error *err)
{
    struct force *force = &pipeline->force;
    if (force_set_head(force, snapshot->head, err) != 0)
        return -1;
    force->exists = true;
    force->epoch = snapshot->epoch;
    force->offset = snapshot->offset;
    force->generation = snapshot->generation;
    force->position = snapshot->journal;
    if (!oid_parse(snapshot->config_epoch, &force->commit))
        return error_set(err, CODE_LKG_FORM, 0, "config_epoch is not a commit id");
    snprintf(force->correlation_id, sizeof force->correlation_id, "%s", verified->head.u.head.correlation_id);
    catalog_unref(force->catalog);
    force->catalog = TAKE(verified->catalog);
    pipeline->has_accounted = true;
    pipeline->accounted = force->commit;
    return 0;
}

static int read_snapshot(int dir, const struct keyring *keyring, struct pipeline *pipeline, bool *is_missing,
                         struct error *err)
{
    struct buf file AUTO_BUF = {0};
    struct snapshot snapshot AUTO_SNAPSHOT = {0};
    struct verified_snapshot verified AUTO_VERIFIED_SNAPSHOT = {0};
    char host[SNAPSHOT_HOST_MAX + 1];
    snapshot_host(host);
    if (FAILPOINT("recover.snapshot", err) != 0 ||
        fs_read(dir, SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, &file, is_missing, err) != 0)
        return -1;
    if (*is_missing)
        return 0;
    if (snapshot_read(buf_span(&file), &keyring->lkg, host, pipeline->source, &snapshot, err) != 0)
        return -1;
    buf_fini(&file);
    if (snapshot_verify(&snapshot, &keyring->roots, false, &verified, err) != 0)
        return -1;
    return adopt_snapshot(pipeline, &snapshot, &verified, err);
}

/* --- the journal ------------------------------------------------------------------------------------------------- */

struct replay {
    struct pipeline *pipeline;
    struct verdicts *verdicts;
    struct recovery *recovery;
    bool has_from;                       /* else everything is replayed */
    struct journal_position from;        /* the snapshot's line */
    bool is_found;                       /* that line is there, and is the one the snapshot was made after */
    bool has_committed;
    struct oid committed;                /* of the last committed line */
};

/* A committed line is the verdict of its commit, unless it gives the one in force a higher number: that says nothing
   of a tip that was rejected meanwhile. */
static void account(struct replay *replay, const struct oid *commit)
{
    struct pipeline *pipeline = replay->pipeline;
    bool is_reissue = replay->has_committed && oid_equal(&replay->committed, commit);
    replay->has_committed = true;
    replay->committed = *commit;
    if (is_reissue)
        return;
    pipeline->has_accounted = true;
    pipeline->accounted = *commit;
    pipeline->accounted_code[0] = '\0';
}

/* A service's message from the journal: our own HMAC vouches for the line, so it is parsed, not verified again. */
static int service_from_message(const struct force *force, const struct record_message *record, struct service **out,
                                struct error *err)
{
    struct buf body AUTO_BUF = {0};
    struct message message AUTO_MESSAGE = {0};
    uint8_t signature[SIGNATURE_LEN];
    if (!tail_open(record->message, "signature", sizeof signature, &body, signature))
        return error_set(err, CODE_JOURNAL_FORM, 0, "the message of %s has no signature", record->name);
    if (buf_check(&body, err) != 0 || message_parse(buf_span(&body), MESSAGE_UPDATE, &message, err) != 0)
        return error_wrap(err, "the message of %s", record->name);
    const struct service *before = catalog_find(force->catalog, record->name);
    *out = service_new(record->name, before == NULL ? "" : before->path, message.u.update.version, record->message,
                       message_config(record->message, message.u.update.config));
    return *out == NULL ? error_memory(err) : 0;
}

struct changed {
    struct service **services;
    struct catalog_change *changes;
    size_t len;
};

static void changed_fini(struct changed *changed)
{
    for (size_t i = 0; i < changed->len; i++)
        service_unref(changed->services[i]);
    free(changed->services);
    free(changed->changes);
}

static int apply_services(struct force *force, const struct record_committed *committed, struct error *err)
{
    size_t len = committed->messages_len;
    struct catalog *catalog = NULL;
    struct changed changed CLEANUP(changed_fini) = {
        .services = calloc(len + 1, sizeof *changed.services),
        .changes = calloc(len + 1, sizeof *changed.changes),
    };
    if (changed.services == NULL || changed.changes == NULL)
        return error_memory(err);
    for (; changed.len < len; changed.len++) {
        const struct record_message *record = &committed->messages[changed.len];
        struct service **service = &changed.services[changed.len];
        if (service_from_message(force, record, service, err) != 0)
            return -1;
        changed.changes[changed.len] =
            (struct catalog_change){record->name, message_is_tombstone(record->message) ? NULL : *service};
    }
    if (catalog_with(force->catalog, changed.changes, len, &catalog, err) != 0)
        return -1;
    catalog_unref(force->catalog);
    force->catalog = catalog;
    return 0;
}

/* Removed services: their tombstones are asserted until the broker's topic is known to be empty. */
static int note_tombstones(struct replay *replay, const struct record_committed *committed, struct error *err)
{
    for (size_t i = 0; i < committed->messages_len; i++) {
        const struct record_message *record = &committed->messages[i];
        if (!message_is_tombstone(record->message)) {
            tombstones_drop(&replay->recovery->tombstones, record->name);
            continue;
        }
        struct service *service = service_new(record->name, "", committed->epoch, record->message,
                                              message_config(record->message, (struct span){0}));
        if (service == NULL)
            return error_memory(err);
        int rc = tombstones_add(&replay->recovery->tombstones, service, err);
        service_unref(service);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int replay_committed(struct replay *replay, const struct journal_line *line, struct error *err)
{
    struct arena arena CLEANUP(arena_fini) = {0};
    struct record_committed committed;
    struct pipeline *pipeline = replay->pipeline;
    struct force *force = &pipeline->force;
    if (record_read_committed(line->root, &arena, &committed, err) != 0)
        return -1;
    if (force->exists && committed.epoch <= force->epoch)
        return 0; /* of a journal that the snapshot was not made after: already behind it */
    if (note_tombstones(replay, &committed, err) != 0)
        return -1;
    if (apply_services(force, &committed, err) != 0 || force_set_head(force, committed.head, err) != 0)
        return -1;
    force->exists = true;
    force->commit = committed.commit;
    force->epoch = committed.epoch;
    force->offset = committed.offset;
    force->generation = committed.generation;
    force->position = line->position;
    snprintf(force->correlation_id, sizeof force->correlation_id, "%s", committed.correlation_id);
    account(replay, &committed.commit);
    replay->recovery->is_snapshot_stale = true;
    verdicts_add(replay->verdicts, &committed.commit, committed.epoch, VERDICT_COMMITTED, "", (struct span){0});
    return 0;
}

static int replay_rejected(struct replay *replay, const struct journal_line *line, struct error *err)
{
    struct span commit, code;
    struct buf findings AUTO_BUF = {0};
    const struct doc_node *list = doc_get(line->root, "findings");
    if (!doc_get_string(line->root, "commit", &commit) || !oid_parse(commit, &replay->pipeline->accounted) ||
        !doc_get_string(line->root, "code", &code))
        return error_set(err, CODE_JOURNAL_FORM, 0, "line %llu: not a rejected record",
                         (unsigned long long)line->position.seq);
    if (list != NULL)
        json_write(list, &findings);
    struct pipeline *pipeline = replay->pipeline;
    pipeline->has_accounted = true;
    snprintf(pipeline->accounted_code, sizeof pipeline->accounted_code, "%.*s", (int)code.len, code.data);
    verdicts_add(replay->verdicts, &pipeline->accounted, 0, VERDICT_REJECTED, pipeline->accounted_code,
                 buf_span(&findings));
    return 0;
}

static void replay_published(struct replay *replay, const struct journal_line *line)
{
    int64_t epoch;
    if (!doc_get_int(line->root, "epoch", &epoch) || epoch <= 0)
        return;
    replay->recovery->published = (uint64_t)epoch;
    verdicts_move(replay->verdicts, (uint64_t)epoch, VERDICT_PUBLISHED);
}

/* An epoch that was overtaken names its number; commits of a pushed range never were epochs. */
static void replay_superseded(struct replay *replay, const struct journal_line *line)
{
    int64_t epoch;
    if (doc_get_int(line->root, "epoch", &epoch) && epoch > 0)
        verdicts_move(replay->verdicts, (uint64_t)epoch, VERDICT_SUPERSEDED);
}

/* Lines the snapshot covers: which epoch was published last, which were only committed, which services they removed. */
static int look_back(struct replay *replay, const struct journal_line *line, struct error *err)
{
    struct arena arena CLEANUP(arena_fini) = {0};
    struct record_committed committed;
    if (line->kind == RECORD_PUBLISHED) {
        replay_published(replay, line);
    } else if (line->kind == RECORD_SUPERSEDED) {
        replay_superseded(replay, line);
    } else if (line->kind == RECORD_COMMITTED) {
        if (record_read_committed(line->root, &arena, &committed, err) != 0)
            return -1;
        account(replay, &committed.commit);
        verdicts_add(replay->verdicts, &committed.commit, committed.epoch, VERDICT_COMMITTED, "", (struct span){0});
        return note_tombstones(replay, &committed, err);
    } else if (line->kind == RECORD_REJECTED) {
        return replay_rejected(replay, line, err);
    }
    return 0;
}

static int replay_line(void *context, const struct journal_line *line, struct error *err)
{
    struct replay *replay = context;
    int64_t floor;
    if (line->kind == RECORD_BASELINE && doc_get_int(line->root, "floor", &floor) && floor > 0)
        replay->recovery->floor = (uint64_t)floor;
    if (replay->has_from && line->position.seq <= replay->from.seq) {
        if (line->position.seq == replay->from.seq)
            replay->is_found = memcmp(line->position.digest, replay->from.digest, HASH_LEN) == 0;
        return look_back(replay, line, err);
    }
    if (replay->has_from && !replay->is_found)
        return 0;
    switch (line->kind) {
    case RECORD_COMMITTED:
        return replay_committed(replay, line, err);
    case RECORD_REJECTED:
        return replay_rejected(replay, line, err);
    case RECORD_PUBLISHED:
        replay_published(replay, line);
        return 0;
    case RECORD_SUPERSEDED:
        replay_superseded(replay, line);
        return 0;
    case RECORD_BASELINE:
    case RECORD_REWRITE:
    case RECORD_KEYSET:
    case RECORD_CHECKPOINT:
        return 0;
    }
    return 0;
}

/* Visits every line with seq > after, through all files in order; *report is the current file's. */
static int read_all(int dir, const struct mac_key *key, uint64_t after, journal_visit visit, void *context,
                    struct journal_report *report, struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    if (FAILPOINT("recover.journal", err) != 0 || journal_files_list(dir, &files, err) != 0)
        return -1;
    return journal_files_read(dir, &files, 0, key, after, visit, context, report, err);
}

/* --- both --------------------------------------------------------------------------------------------------------- */

/*
 * Whether the services are the ones the signed head tells: their number and the digest of them all. A journal that
 * began under a snapshot which is lost holds only what changed since. Want of memory is no answer.
 */
static int is_complete(const struct force *force, bool *out, struct error *err)
{
    struct buf body AUTO_BUF = {0};
    struct message head AUTO_MESSAGE = {0};
    uint8_t signature[SIGNATURE_LEN], digest[HASH_LEN];
    *out = !force->exists;
    if (*out || !tail_open(buf_span(&force->head), "signature", sizeof signature, &body, signature))
        return 0;
    if (buf_check(&body, err) != 0)
        return -1;
    if (message_parse(buf_span(&body), MESSAGE_HEAD, &head, err) != 0)
        return error_is(err, ERR_MEMORY) ? -1 : 0;
    catalog_digest(force->catalog, digest);
    *out = head.u.head.services == catalog_count(force->catalog) && memcmp(head.u.head.index, digest, HASH_LEN) == 0;
    return 0;
}

/* The snapshot, where there is a good one. Want of memory says nothing of it. */
static int take_snapshot(int state_dir, const struct keyring *keyring, struct pipeline *pipeline,
                         struct recovery *recovery, struct error *err)
{
    bool is_missing = false;
    if (read_snapshot(state_dir, keyring, pipeline, &is_missing, &recovery->snapshot_refused) == 0)
        recovery->has_snapshot = !is_missing;
    else if (error_is(&recovery->snapshot_refused, ERR_MEMORY))
        return error_memory(err);
    return 0;
}

/*
 * The snapshot was not made after any line of this journal: one of the two came out of a backup, or the journal was
 * begun anew. What it has beyond the snapshot's epoch still counts: numbers never go back.
 */
static int replay_beyond(struct replay *replay, int state_dir, const struct mac_key *key, struct error *err)
{
    struct pipeline *pipeline = replay->pipeline;
    replay->has_from = false;
    replay->has_committed = false;
    pipeline->accounted = pipeline->force.commit;
    pipeline->accounted_code[0] = '\0';
    verdicts_fini(replay->verdicts);
    verdicts_add(replay->verdicts, &pipeline->force.commit, pipeline->force.epoch, VERDICT_COMMITTED, "",
                 (struct span){0});
    return read_all(state_dir, key, 0, replay_line, replay, &replay->recovery->report, err);
}

/* Lines behind the snapshot's position, or all of them. */
static int replay_journal(struct replay *replay, int state_dir, const struct mac_key *key, struct error *err)
{
    struct force *force = &replay->pipeline->force;
    struct recovery *recovery = replay->recovery;
    uint64_t from = recovery->has_snapshot ? force->position.seq : 0;
    uint64_t after = from > LOOK_BACK_LINES ? from - LOOK_BACK_LINES : 0;
    replay->has_from = recovery->has_snapshot;
    replay->from = force->position;
    if (read_all(state_dir, key, after, replay_line, replay, &recovery->report, err) != 0)
        return -1;
    recovery->has_journal = recovery->report.last.seq > 0;
    if (recovery->has_snapshot && recovery->has_journal && !replay->is_found &&
        replay_beyond(replay, state_dir, key, err) != 0)
        return -1;
    /* A snapshot is written only when its line is durable, so no crash takes that line away. The next snapshot names
       one that is there. */
    if (from > recovery->report.last.seq) {
        recovery->lost_line = from;
        recovery->is_snapshot_stale = true;
        if (force->position.seq == from)
            force->position = recovery->report.last;
    }
    return 0;
}

int recover(int state_dir, const struct keyring *keyring, struct pipeline *pipeline, struct verdicts *verdicts,
            struct recovery *out, struct error *err)
{
    struct recovery recovery CLEANUP(recovery_fini) = {0};
    struct replay replay = {.pipeline = pipeline, .verdicts = verdicts, .recovery = &recovery};
    bool is_whole = false;
    if (take_snapshot(state_dir, keyring, pipeline, &recovery, err) != 0 ||
        replay_journal(&replay, state_dir, &keyring->journal, err) != 0 ||
        is_complete(&pipeline->force, &is_whole, err) != 0)
        return -1;
    recovery.is_incomplete = !is_whole;
    recovery.is_snapshot_stale |= pipeline->force.exists && !recovery.has_snapshot;
    *out = recovery;
    recovery = (struct recovery){0};
    return 0;
}

int recover_snapshot(int state_dir, const struct keyring *keyring, struct pipeline *pipeline, struct verdicts *verdicts,
                     struct recovery *out, struct error *err)
{
    struct recovery recovery = {0};
    bool is_whole;
    if (take_snapshot(state_dir, keyring, pipeline, &recovery, err) != 0)
        return -1;
    if (recovery.has_snapshot)
        verdicts_add(verdicts, &pipeline->force.commit, pipeline->force.epoch, VERDICT_COMMITTED, "", (struct span){0});
    if (is_complete(&pipeline->force, &is_whole, err) != 0)
        return -1;
    recovery.is_incomplete = !is_whole;
    *out = recovery;
    return 0;
}

void recovery_fini(struct recovery *recovery)
{
    tombstones_fini(&recovery->tombstones);
}

struct search {
    char commit[OID_HEX_LEN + 1];
    bool found;
};

static int search_line(void *context, const struct journal_line *line, struct error *err)
{
    struct search *search = context;
    struct span commit;
    (void)err;
    if ((line->kind == RECORD_COMMITTED || line->kind == RECORD_REJECTED) &&
        doc_get_string(line->root, "commit", &commit) && span_is(commit, search->commit))
        search->found = true;
    return 0;
}

int recover_knows_commit(int state_dir, const struct mac_key *key, const struct oid *commit, bool *known,
                         struct error *err)
{
    struct search search = {0};
    struct journal_report report;
    oid_format(commit, search.commit);
    if (read_all(state_dir, key, 0, search_line, &search, &report, err) != 0)
        return -1;
    *known = search.found;
    return 0;
}
