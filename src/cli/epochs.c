/*
 * epochs: see epochs.h.
 */
#include "cli/epochs.h"

#include <inttypes.h>
#include <string.h>

#include "cli/alive.h"
#include "io/journal_files.h"
#include "model/tail.h"
#include "util/array.h"

void epoch_rows_fini(struct epoch_rows *rows)
{
    free(rows->rows);
    arena_fini(&rows->arena);
    *rows = (struct epoch_rows){0};
}

static int add(struct epoch_rows *rows, const struct epoch_row *row, struct error *err)
{
    struct epoch_row *grown = array_grow(rows->rows, rows->len, &rows->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    rows->rows = grown;
    rows->rows[rows->len++] = *row;
    return 0;
}

static bool read_commit(const struct doc_node *line, const char *name, struct oid *out)
{
    struct span text;
    return doc_get_string(line, name, &text) && oid_parse(text, out);
}

/* --- what an epoch changed ------------------------------------------------------------------------------ */

/* What the messages of a line say of their service, read where canonical JSON has it: the line was verified. */
static bool is_version(struct span message, uint64_t version)
{
    char text[48];
    size_t len = (size_t)snprintf(text, sizeof text, ",\"version\":%" PRIu64, version);
    return message.len >= TAIL_SIGNATURE_LEN + len &&
           memcmp(message.data + message.len - TAIL_SIGNATURE_LEN - len, text, len) == 0;
}

/* How many services there are after an epoch: its head says. -1: cannot be told. */
static int64_t count_after(const struct doc_node *line)
{
    static const char name[] = ",\"services\":";
    struct span head;
    int64_t count = 0;
    if (!doc_get_string(line, "head", &head))
        return -1;
    const char *at = memmem(head.data, head.len, name, sizeof name - 1), *end = head.data + head.len;
    if (at == NULL)
        return -1;
    for (at += sizeof name - 1; at < end && *at >= '0' && *at <= '9'; at++)
        count = count * 10 + (*at - '0');
    return count;
}

struct reading {
    struct epoch_rows *rows;
    struct alive alive;
    bool from_start; /* every service that ever was is known */
    int64_t before;  /* services before the next epoch, -1: not known */
};

static void reading_fini(struct reading *reading)
{
    alive_fini(&reading->alive);
}

/* Of services that were not named before: all were there, or none was, where the count says so. */
static bool settle(struct epoch_row *row, size_t unknown, const bool *is_unknown, int64_t created)
{
    if (unknown == 0)
        return true;
    if (created != 0 && created != (int64_t)unknown)
        return false;
    for (size_t i = 0; i < row->changed; i++)
        if (is_unknown[i])
            row->changes[i].action = created == 0 ? EPOCH_UPDATED : EPOCH_CREATED;
    return true;
}

static int add_change(struct reading *reading, struct epoch_row *row, const struct doc_member *member, bool *is_unknown,
                      struct error *err)
{
    struct span message = member->value->kind == DOC_STRING ? member->value->u.string : (struct span){0};
    bool was_known, was_there, is_there = !message_is_tombstone(message);
    if (alive_note(&reading->alive, member->name, is_there, &was_known, &was_there, err) != 0)
        return -1;
    if (!is_version(message, row->epoch))
        return 0; /* signed anew */
    struct epoch_change *change = &row->changes[row->changed];
    change->service = arena_copy(&reading->rows->arena, member->name.data, member->name.len);
    if (change->service == NULL)
        return error_memory(err);
    change->action = !is_there ? EPOCH_DELETED : was_there ? EPOCH_UPDATED : EPOCH_CREATED;
    *is_unknown = is_there && !was_known && !reading->from_start;
    row->changed++;
    return 0;
}

static int64_t count_created(const struct reading *reading, const struct epoch_row *row, int64_t after,
                             const bool *is_unknown)
{
    int64_t created = after - reading->before;
    for (size_t i = 0; i < row->changed; i++)
        created += row->changes[i].action == EPOCH_DELETED ? 1 : 0;
    for (size_t i = 0; i < row->changed; i++)
        created -= row->changes[i].action == EPOCH_CREATED && !is_unknown[i] ? 1 : 0;
    return created;
}

static int add_changes(struct reading *reading, struct epoch_row *row, const struct doc_node *services, int64_t after,
                       struct error *err)
{
    size_t len = services != NULL && services->kind == DOC_OBJECT ? services->u.object.len : 0, unknown = 0;
    AUTO_FREE bool *is_unknown = calloc(len + 1, sizeof *is_unknown);
    row->changes = arena_alloc(&reading->rows->arena, (len + 1) * sizeof *row->changes);
    if (is_unknown == NULL || row->changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++) {
        size_t at = row->changed;
        if (add_change(reading, row, &services->u.object.members[i], &is_unknown[at], err) != 0)
            return -1;
        unknown += row->changed > at && is_unknown[at];
    }
    bool can_count = after >= 0 && reading->before >= 0;
    if (!can_count ? unknown > 0 : !settle(row, unknown, is_unknown, count_created(reading, row, after, is_unknown)))
        reading->rows->is_guessed |= row->has_service;
    reading->before = after;
    return 0;
}

static int add_committed(struct reading *reading, const struct journal_line *line, struct error *err)
{
    struct epoch_rows *rows = reading->rows;
    struct epoch_row row = {.time_ms = line->time_ms, .verdict = EPOCH_COMMITTED};
    int64_t epoch = 0;
    const struct doc_node *services = doc_get(line->root, "services");
    read_commit(line->root, "commit", &row.commit);
    doc_get_int(line->root, "epoch", &epoch);
    row.epoch = (uint64_t)epoch;
    row.has_service = rows->service == NULL || (services != NULL && doc_get(services, rows->service) != NULL);
    return add_changes(reading, &row, services, count_after(line->root), err) != 0 ? -1 : add(rows, &row, err);
}

/* --- what became of it ---------------------------------------------------------------------------------- */

static void publish(struct epoch_rows *rows, uint64_t epoch)
{
    for (size_t i = rows->len; i > 0; i--) {
        struct epoch_row *row = &rows->rows[i - 1];
        if (row->epoch == epoch) {
            row->verdict = EPOCH_PUBLISHED;
            return;
        }
    }
}

/* The number, and not the commit: an epoch issued anew has the commit of the one before. */
static void overtake(struct epoch_rows *rows, uint64_t epoch)
{
    for (size_t i = rows->len; i > 0; i--) {
        struct epoch_row *row = &rows->rows[i - 1];
        if (row->epoch == epoch && row->verdict == EPOCH_COMMITTED) {
            row->verdict = EPOCH_SUPERSEDED;
            return;
        }
    }
}

/* Two kinds: commits of a pushed range, which never were epochs, and epochs that were overtaken before they
   were published; those have no `from`. */
static int add_superseded(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    const struct doc_node *commits = doc_get(line->root, "commits");
    int64_t epoch;
    if (doc_get_int(line->root, "epoch", &epoch)) {
        overtake(rows, epoch > 0 ? (uint64_t)epoch : 0);
        return 0;
    }
    for (size_t i = 0; commits != NULL && commits->kind == DOC_ARRAY && i < commits->u.array.len; i++) {
        struct epoch_row row = {.time_ms = line->time_ms,
                                .verdict = EPOCH_SUPERSEDED,
                                .has_service = rows->service == NULL};
        const struct doc_node *commit =
            commits->u.array.items[commits->u.array.len - 1 - i]; /* newest first in the line */
        if (commit->kind != DOC_STRING || !oid_parse(commit->u.string, &row.commit))
            continue;
        if (add(rows, &row, err) != 0)
            return -1;
    }
    return 0;
}

/* "services/x.yaml:3:1: …" of the first finding. */
static const char *read_reason(struct epoch_rows *rows, const struct doc_node *line)
{
    const struct doc_node *findings = doc_get(line, "findings"), *first;
    struct span file = {0}, message = {0};
    int64_t row = 0, column = 0;
    char text[1024];
    if (findings == NULL || findings->kind != DOC_ARRAY || findings->u.array.len == 0)
        return NULL;
    first = findings->u.array.items[0];
    doc_get_string(first, "file", &file);
    doc_get_string(first, "message", &message);
    int len = doc_get_int(first, "line", &row) && doc_get_int(first, "column", &column) && row > 0
                  ? snprintf(text, sizeof text, "%.*s:%lld:%lld: %.*s", (int)file.len, file.data, (long long)row,
                             (long long)column, (int)message.len, message.data)
                  : snprintf(text, sizeof text, "%.*s%s%.*s", (int)file.len, file.data, file.len == 0 ? "" : ": ",
                             (int)message.len, message.data);
    return len < 0 ? NULL : arena_copy(&rows->arena, text, strlen(text));
}

static int add_rejected(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    struct epoch_row row = {.time_ms = line->time_ms,
                            .verdict = EPOCH_REJECTED,
                            .reason = read_reason(rows, line->root),
                            .has_service = rows->service == NULL};
    struct span code = {0};
    read_commit(line->root, "commit", &row.commit);
    if (doc_get_string(line->root, "code", &code))
        snprintf(row.code, sizeof row.code, "%.*s", (int)code.len, code.data);
    return add(rows, &row, err);
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct reading *reading = context;
    struct epoch_rows *rows = reading->rows;
    int64_t epoch;
    switch (line->kind) {
    case RECORD_COMMITTED:
        return add_committed(reading, line, err);
    case RECORD_SUPERSEDED:
        return add_superseded(rows, line, err);
    case RECORD_REJECTED:
        return add_rejected(rows, line, err);
    case RECORD_PUBLISHED:
        if (doc_get_int(line->root, "epoch", &epoch) && epoch > 0)
            publish(rows, (uint64_t)epoch);
        return 0;
    case RECORD_BASELINE:
        reading->from_start = true;
        reading->before = 0;
        return 0;
    case RECORD_REWRITE:
    case RECORD_KEYSET:
    case RECORD_CHECKPOINT:
        return 0;
    }
    return 0;
}

bool epoch_was_in_force(const struct epoch_row *row, int64_t at_ms)
{
    return row->epoch != 0 && row->verdict != EPOCH_SUPERSEDED && row->time_ms <= at_ms;
}

bool epoch_is_wanted(const struct epoch_row *row, const struct epoch_want *want)
{
    return row->has_service && (want->since_ms == 0 || row->time_ms >= want->since_ms) &&
           (want->until_ms == 0 || row->time_ms < want->until_ms);
}

static bool is_enough(const struct epoch_rows *rows, const struct epoch_want *want)
{
    uint64_t found = 0;
    if (want->with_actions && rows->is_guessed)
        return false;
    for (size_t i = rows->len; i > 0; i--) {
        const struct epoch_row *row = &rows->rows[i - 1];
        if (want->epoch != 0 || want->at_ms != 0) {
            if (want->epoch != 0 ? row->epoch == want->epoch : epoch_was_in_force(row, want->at_ms))
                return true;
            continue;
        }
        if (want->since_ms != 0 && row->time_ms < want->since_ms)
            return true;
        if (epoch_is_wanted(row, want) && ++found == want->count)
            return true;
    }
    return false;
}

static int read_from(const struct local *local, const struct journal_files *files, size_t first,
                     struct epoch_rows *rows, struct error *err)
{
    struct reading reading CLEANUP(reading_fini) = {.rows = rows, .before = -1};
    struct journal_report report;
    return journal_files_read(local->state_dir, files, first, &local->keyring.journal, 0, visit, &reading, &report,
                              err);
}

/* What became of an epoch may stand in the file after, so files are read from some older one on; twice as
   many each time. */
int epoch_rows_read(const struct local *local, const struct epoch_want *want, struct epoch_rows *out,
                    struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    if (journal_files_list(local->state_dir, &files, err) != 0)
        return -1;
    for (size_t depth = 0;; depth = depth * 2 + 1) {
        struct epoch_rows rows AUTO_EPOCH_ROWS = {.service = want->service};
        size_t first = depth < files.len ? files.len - depth : 0;
        if (read_from(local, &files, first, &rows, err) != 0)
            return -1;
        if (first == 0 || is_enough(&rows, want)) {
            *out = rows;
            rows = (struct epoch_rows){0};
            return 0;
        }
    }
}

const char *epoch_verdict_name(enum epoch_verdict verdict)
{
    switch (verdict) {
    case EPOCH_COMMITTED:
        return "committed";
    case EPOCH_PUBLISHED:
        return "published";
    case EPOCH_SUPERSEDED:
        return "superseded";
    case EPOCH_REJECTED:
        return "rejected";
    }
    return "";
}

const char *epoch_action_name(enum epoch_action action)
{
    switch (action) {
    case EPOCH_CREATED:
        return "created";
    case EPOCH_UPDATED:
        return "updated";
    case EPOCH_DELETED:
        return "deleted";
    }
    return "";
}

uint64_t epoch_of_commit(const struct epoch_rows *rows, const struct oid *commit)
{
    for (size_t i = rows->len; i > 0; i--)
        if (rows->rows[i - 1].epoch != 0 && oid_equal(&rows->rows[i - 1].commit, commit))
            return rows->rows[i - 1].epoch;
    return 0;
}
