/*
 * record: see record.h. Written in the documented order; read back by name, since a later writer may add
 * members.
 */
#include "model/record.h"

#include "model/codes.h"
#include "model/json.h"
#include "model/members.h"

static const char *const kind_names[] = {
    [RECORD_BASELINE] = "baseline",     [RECORD_COMMITTED] = "committed",   [RECORD_PUBLISHED] = "published",
    [RECORD_SUPERSEDED] = "superseded", [RECORD_REJECTED] = "rejected",     [RECORD_REWRITE] = "rewrite",
    [RECORD_KEYSET] = "keyset",         [RECORD_CHECKPOINT] = "checkpoint",
};

const char *record_kind_name(enum record_kind kind)
{
    return kind_names[kind];
}

bool record_kind_parse(struct span name, enum record_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
        if (span_is(name, kind_names[i])) {
            *out = (enum record_kind)i;
            return true;
        }
    }
    return false;
}

/* --- writing --- */

static void put_commit(struct members *m, const char *name, const struct oid *commit)
{
    if (commit == NULL)
        members_put_null(m, name);
    else
        members_put_hex(m, name, commit->bytes, OID_LEN);
}

void record_write_baseline(struct buf *out, const char *written_by, const char *source)
{
    struct members m = members_bare(out);
    members_put_u64(&m, "format", RECORD_FORMAT);
    members_put_text(&m, "written_by", written_by);
    members_put_text(&m, "source", source);
}

void record_write_baseline_above(struct buf *out, const char *written_by, const char *source, uint64_t floor, const char *by)
{
    struct members m = members_bare(out);
    members_put_u64(&m, "format", RECORD_FORMAT);
    members_put_text(&m, "written_by", written_by);
    members_put_text(&m, "source", source);
    members_put_u64(&m, "floor", floor);
    members_put_text(&m, "by", by);
}

void record_write_committed(struct buf *out, const struct record_committed *committed)
{
    struct members m = members_bare(out);
    put_commit(&m, "commit", &committed->commit);
    members_put_u64(&m, "epoch", committed->epoch);
    members_put_u64(&m, "offset", committed->offset);
    members_put_u64(&m, "generation", committed->generation);
    members_put_text(&m, "correlation_id", committed->correlation_id);
    members_put_name(&m, "services");
    struct members services = members_object(out);
    for (size_t i = 0; i < committed->messages_len; i++)
        members_put_string(&services, committed->messages[i].name, committed->messages[i].message);
    members_end(&services);
    members_put_string(&m, "head", committed->head);
}

void record_write_published(struct buf *out, const struct oid *commit, uint64_t epoch)
{
    struct members m = members_bare(out);
    put_commit(&m, "commit", commit);
    members_put_u64(&m, "epoch", epoch);
}

void record_write_superseded(struct buf *out, const struct oid *from, const struct oid *to,
                             const struct oid *commits, size_t len)
{
    struct members m = members_bare(out);
    put_commit(&m, "from", from);
    put_commit(&m, "to", to);
    members_put_name(&m, "commits");
    buf_putc(out, '[');
    for (size_t i = 0; i < len; i++) {
        buf_puts(out, i == 0 ? "\"" : ",\"");
        buf_put_hex(out, commits[i].bytes, OID_LEN);
        buf_putc(out, '"');
    }
    buf_putc(out, ']');
}

void record_write_superseded_more(struct buf *out, const struct oid *from, const struct oid *to, uint64_t more)
{
    record_write_superseded(out, from, to, NULL, 0);
    buf_puts(out, ",\"more\":");
    buf_put_u64(out, more);
}

void record_write_overtaken(struct buf *out, const struct oid *commit, uint64_t epoch, const struct oid *to)
{
    record_write_superseded(out, NULL, to, commit, 1);
    buf_puts(out, ",\"epoch\":");
    buf_put_u64(out, epoch);
}

void record_write_rejected(struct buf *out, const struct oid *commit, const char *code,
                           const struct findings *findings)
{
    struct members m = members_bare(out);
    put_commit(&m, "commit", commit);
    members_put_text(&m, "code", code);
    members_put_name(&m, "findings");
    findings_write_json(findings, RECORD_FINDINGS_MAX, out);
}

void record_write_rewrite(struct buf *out, const struct oid *from, const struct oid *to, uint64_t offset,
                          const char *reason, const char *by)
{
    struct members m = members_bare(out);
    put_commit(&m, "from", from);
    put_commit(&m, "to", to);
    members_put_u64(&m, "offset", offset);
    members_put_text(&m, "reason", reason);
    if (by != NULL)
        members_put_text(&m, "by", by);
}

void record_write_keyset(struct buf *out, uint64_t generation, struct span keyset)
{
    struct members m = members_bare(out);
    members_put_u64(&m, "generation", generation);
    members_put_string(&m, "keyset", keyset);
}

void record_write_checkpoint(struct buf *out, const char *file)
{
    struct members m = members_bare(out);
    members_put_text(&m, "file", file);
}

/* --- reading --- */

static int read_u64(const struct doc_node *line, const char *name, uint64_t *out, struct error *err)
{
    int64_t value;
    if (!doc_get_int(line, name, &value) || value < 0)
        return error_set(err, CODE_JOURNAL_FORM, 0, "member '%s' is not an integer from 0 to 2^53-1", name);
    *out = (uint64_t)value;
    return 0;
}

static int read_messages(const struct doc_node *line, struct arena *arena, struct record_committed *out,
                         struct error *err)
{
    const struct doc_node *services = doc_get(line, "services");
    if (services == NULL || services->kind != DOC_OBJECT)
        return error_set(err, CODE_JOURNAL_FORM, 0, "member 'services' is not an object");
    size_t len = services->u.object.len;
    struct record_message *messages = len == 0 ? NULL : arena_alloc(arena, len * sizeof *messages);
    if (len > 0 && messages == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++) {
        const struct doc_member *member = &services->u.object.members[i];
        if (!layout_name_is_good(member->name))
            return error_set(err, CODE_JOURNAL_FORM, 0,
                             "member 'services' holds a name that is not a service's");
        if (member->value->kind != DOC_STRING)
            return error_set(err, CODE_JOURNAL_FORM, 0, "the message of '%s' is not a string",
                             member->name.data);
        messages[i] = (struct record_message){member->name.data, member->value->u.string};
    }
    out->messages = messages;
    out->messages_len = len;
    return 0;
}

int record_read_committed(const struct doc_node *line, struct arena *arena, struct record_committed *out,
                          struct error *err)
{
    struct record_committed committed = {0};
    struct span text;
    if (!doc_get_string(line, "commit", &text) || !oid_parse(text, &committed.commit))
        return error_set(err, CODE_JOURNAL_FORM, 0, "member 'commit' is not a commit id");
    if (read_u64(line, "epoch", &committed.epoch, err) != 0 ||
        read_u64(line, "offset", &committed.offset, err) != 0 ||
        read_u64(line, "generation", &committed.generation, err) != 0)
        return -1;
    if (!doc_get_string(line, "correlation_id", &text) || !message_correlation_is_good(text))
        return error_set(err, CODE_JOURNAL_FORM, 0, "member 'correlation_id' is not [A-Za-z0-9._-]{1,%d}",
                         CORRELATION_MAX);
    committed.correlation_id = text.data;
    if (!doc_get_string(line, "head", &committed.head))
        return error_set(err, CODE_JOURNAL_FORM, 0, "member 'head' is not a string");
    if (read_messages(line, arena, &committed, err) != 0)
        return -1;
    *out = committed;
    return 0;
}
