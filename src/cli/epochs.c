/*
 * epochs: see epochs.h.
 */
#include "cli/epochs.h"

#include <inttypes.h>
#include <string.h>

#include "io/journal_files.h"
#include "model/codes.h"
#include "util/num.h"

enum { ABBREVIATED_MIN = 7 }; /* what git abbreviates a commit id to, at least */

void epoch_rows_fini(struct epoch_rows *rows)
{
    free(rows->rows);
    *rows = (struct epoch_rows){0};
}

static int add(struct epoch_rows *rows, const struct epoch_row *row, struct error *err)
{
    if (rows->len == rows->cap) {
        size_t cap = rows->cap == 0 ? 64 : rows->cap * 2;
        struct epoch_row *grown = realloc(rows->rows, cap * sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        rows->rows = grown;
        rows->cap = cap;
    }
    rows->rows[rows->len++] = *row;
    return 0;
}

static bool read_commit(const struct doc_node *line, const char *name, struct oid *out)
{
    struct span text;
    return doc_get_string(line, name, &text) && oid_parse(text, out);
}

static int add_committed(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    struct epoch_row row = {.time_ms = line->time_ms, .verdict = EPOCH_COMMITTED};
    int64_t epoch = 0;
    const struct doc_node *services = doc_get(line->root, "services");
    read_commit(line->root, "commit", &row.commit);
    doc_get_int(line->root, "epoch", &epoch);
    row.epoch = (uint64_t)epoch;
    row.changed = services != NULL && services->kind == DOC_OBJECT ? services->u.object.len : 0;
    row.has_service = rows->service == NULL || (services != NULL && doc_get(services, rows->service) != NULL);
    return add(rows, &row, err);
}

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

static int add_rejected(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    struct epoch_row row = {.time_ms = line->time_ms,
                            .verdict = EPOCH_REJECTED,
                            .has_service = rows->service == NULL};
    struct span code = {0};
    read_commit(line->root, "commit", &row.commit);
    if (doc_get_string(line->root, "code", &code))
        snprintf(row.code, sizeof row.code, "%.*s", (int)code.len, code.data);
    return add(rows, &row, err);
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct epoch_rows *rows = context;
    int64_t epoch;
    switch (line->kind) {
    case RECORD_COMMITTED:
        return add_committed(rows, line, err);
    case RECORD_SUPERSEDED:
        return add_superseded(rows, line, err);
    case RECORD_REJECTED:
        return add_rejected(rows, line, err);
    case RECORD_PUBLISHED:
        if (doc_get_int(line->root, "epoch", &epoch) && epoch > 0)
            publish(rows, (uint64_t)epoch);
        return 0;
    case RECORD_BASELINE:
    case RECORD_REWRITE:
    case RECORD_KEYSET:
    case RECORD_CHECKPOINT:
        return 0;
    }
    return 0;
}

static bool is_enough(const struct epoch_rows *rows, const struct epoch_want *want)
{
    uint64_t found = 0;
    for (size_t i = rows->len; i > 0; i--) {
        const struct epoch_row *row = &rows->rows[i - 1];
        if (want->epoch != 0 ? row->epoch == want->epoch : row->has_service && ++found == want->count)
            return true;
    }
    return false;
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
        struct journal_report report;
        size_t first = depth < files.len ? files.len - depth : 0;
        if (journal_files_read(local->state_dir, &files, first, &local->keyring.journal, 0, visit, &rows,
                               &report, err) != 0)
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

/* *found: the journal knows that number. */
static int find_number(struct local *local, uint64_t epoch, bool *found, struct oid *out, struct error *err)
{
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    const struct epoch_want want = {.epoch = epoch};
    *found = false;
    if (local_open_state(local, err) != 0 || local_load_keys(local, true, err) != 0 ||
        epoch_rows_read(local, &want, &rows, err) != 0)
        return error_wrap(err, "looking for epoch %" PRIu64 " in the journal", epoch);
    for (size_t i = rows.len; i > 0 && !*found; i--) {
        *found = rows.rows[i - 1].epoch == epoch;
        *out = rows.rows[i - 1].commit;
    }
    return 0;
}

/* A number that the journal does not know may be an abbreviated commit id: one in thirty has digits alone. */
int epoch_find_commit(struct local *local, struct repo *repo, const char *text, struct oid *out,
                      struct error *err)
{
    uint64_t epoch;
    bool found = false;
    struct error no_revision;
    if (!num_parse_u64(span_of(text), &epoch))
        return repo_resolve(repo, text, out, err);
    if (epoch != 0 && find_number(local, epoch, &found, out, err) != 0)
        return -1;
    if (found || (strlen(text) >= ABBREVIATED_MIN && repo_resolve(repo, text, out, &no_revision) == 0))
        return 0;
    return error_set(err, CODE_REPO_REV, 0, "the journal knows no epoch %s; epochctl log lists them", text);
}
