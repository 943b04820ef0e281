/*
 * epochs: see epochs.h.
 */
#include "cli/epochs.h"

#include <inttypes.h>

#include "model/codes.h"
#include "util/num.h"

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
    row.has_service = rows->service == NULL || doc_get(services, rows->service) != NULL;
    return add(rows, &row, err);
}

/* The newest row of that commit that is still only committed. */
static void move(struct epoch_rows *rows, const struct oid *commit, enum epoch_verdict verdict)
{
    for (size_t i = rows->len; i > 0; i--) {
        struct epoch_row *row = &rows->rows[i - 1];
        if (row->verdict == EPOCH_COMMITTED && oid_equal(&row->commit, commit)) {
            row->verdict = verdict;
            return;
        }
    }
}

static bool has_row(const struct epoch_rows *rows, const struct oid *commit)
{
    for (size_t i = rows->len; i > 0; i--)
        if (oid_equal(&rows->rows[i - 1].commit, commit))
            return true;
    return false;
}

/* Two kinds: commits of a pushed range, which never were epochs, and epochs that were overtaken before they were published. */
static int add_superseded(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    const struct doc_node *commits = doc_get(line->root, "commits");
    for (size_t i = 0; commits != NULL && commits->kind == DOC_ARRAY && i < commits->u.array.len; i++) {
        struct epoch_row row = {.time_ms = line->time_ms, .verdict = EPOCH_SUPERSEDED, .has_service = rows->service == NULL};
        const struct doc_node *commit = commits->u.array.items[commits->u.array.len - 1 - i]; /* newest first in the line */
        if (commit->kind != DOC_STRING || !oid_parse(commit->u.string, &row.commit))
            continue;
        if (has_row(rows, &row.commit))
            move(rows, &row.commit, EPOCH_SUPERSEDED);
        else if (add(rows, &row, err) != 0)
            return -1;
    }
    return 0;
}

static int add_rejected(struct epoch_rows *rows, const struct journal_line *line, struct error *err)
{
    struct epoch_row row = {.time_ms = line->time_ms, .verdict = EPOCH_REJECTED, .has_service = rows->service == NULL};
    struct span code = {0};
    read_commit(line->root, "commit", &row.commit);
    if (doc_get_string(line->root, "code", &code))
        snprintf(row.code, sizeof row.code, "%.*s", (int)code.len, code.data);
    return add(rows, &row, err);
}

static int visit(void *context, const struct journal_line *line, struct error *err)
{
    struct epoch_rows *rows = context;
    struct oid commit;
    switch (line->kind) {
    case RECORD_COMMITTED:
        return add_committed(rows, line, err);
    case RECORD_SUPERSEDED:
        return add_superseded(rows, line, err);
    case RECORD_REJECTED:
        return add_rejected(rows, line, err);
    case RECORD_PUBLISHED:
        if (read_commit(line->root, "commit", &commit))
            move(rows, &commit, EPOCH_PUBLISHED);
        return 0;
    case RECORD_BASELINE:
    case RECORD_REWRITE:
    case RECORD_KEYSET:
    case RECORD_CHECKPOINT:
        return 0;
    }
    return 0;
}

int epoch_rows_read(const struct local *local, const char *service, struct epoch_rows *out, struct error *err)
{
    struct journal_report report;
    struct epoch_rows rows AUTO_EPOCH_ROWS = {.service = service};
    if (journal_read(local->state_dir, JOURNAL_FILE, &local->keyring.journal, 0, visit, &rows, &report, err) != 0)
        return -1;
    *out = rows;
    rows = (struct epoch_rows){0};
    return 0;
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

int epoch_find_commit(const struct local *local, struct repo *repo, const char *text, struct oid *out, struct error *err)
{
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    uint64_t epoch;
    /* Seven digits and more may be an abbreviated commit id; no journal gets to ten million epochs unnoticed. */
    if (!num_parse_u64(span_of(text), &epoch) || strlen(text) > 7)
        return repo_resolve(repo, text, out, err);
    if (epoch_rows_read(local, NULL, &rows, err) != 0)
        return -1;
    for (size_t i = rows.len; i > 0; i--) {
        if (rows.rows[i - 1].epoch == epoch) {
            *out = rows.rows[i - 1].commit;
            return 0;
        }
    }
    return error_set(err, CODE_REPO_REV, 0, "the journal knows no epoch %" PRIu64 "; epochctl log lists them", epoch);
}
