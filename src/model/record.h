/*
 * record: what the lines of the journal say, kind by kind: the members between "kind" and "key_id"
 * (docs/PROTOCOL.md §Journal). io/journal.h frames, chains and syncs them.
 *
 *   baseline    format, written_by, source; after a lost state: floor, by
 *   committed   commit, epoch, offset, generation, correlation_id, services {name: message}, head
 *   published   commit, epoch
 *   superseded  from (commit or null), to, commits [..]         at most RECORD_COMMITS_MAX a line
 *               a range that is too long to be named whole ends with a line without commits, and more (a count)
 *               an epoch that was overtaken before it was published: from null, its commit alone, and epoch
 *   rejected    commit, code, findings [..]
 *   rewrite     from, to, offset, reason; where somebody asked for it: by
 *   keyset      generation, keyset
 *   checkpoint  file (the name of the file that ended)
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "model/finding.h"
#include "model/message.h"

enum { RECORD_FORMAT = 1, RECORD_COMMITS_MAX = 1000, RECORD_FINDINGS_MAX = 100 };

/* A place in the journal: a line's number and SHA-256. */
struct journal_position {
    uint64_t seq;
    uint8_t digest[HASH_LEN];
};

enum record_kind {
    RECORD_BASELINE, RECORD_COMMITTED, RECORD_PUBLISHED, RECORD_SUPERSEDED, RECORD_REJECTED, RECORD_REWRITE,
    RECORD_KEYSET, RECORD_CHECKPOINT,
};

const char *record_kind_name(enum record_kind kind);
bool record_kind_parse(struct span name, enum record_kind *out);

struct record_committed {
    struct oid commit;
    uint64_t epoch, offset, generation;
    const char *correlation_id;
    const struct record_message *messages; /* of the services that changed, tombstones too, sorted by name */
    size_t messages_len;
    struct span head;
};

struct record_message {
    const char *name;
    struct span message;
};

/* Each writes the members of its kind in the order above, comma separated, without braces:
   `"commit":"…","epoch":4`. */
void record_write_baseline(struct buf *out, const char *written_by, const char *source);
/* The baseline of a journal that begins above a lost one: no epoch is ever numbered `floor` or less. `by` NULL: nobody's word, the
   broker's head. */
void record_write_baseline_above(struct buf *out, const char *written_by, const char *source, uint64_t floor, const char *by);
void record_write_committed(struct buf *out, const struct record_committed *committed);
void record_write_published(struct buf *out, const struct oid *commit, uint64_t epoch);
/* `from` NULL: null. The caller keeps `len` within RECORD_COMMITS_MAX, with further lines for the rest. */
void record_write_superseded(struct buf *out, const struct oid *from, const struct oid *to,
                             const struct oid *commits, size_t len);
/* So many more commits of that range are not named: the range itself tells them. */
void record_write_superseded_more(struct buf *out, const struct oid *from, const struct oid *to, uint64_t more);
/* The epoch `epoch` of `commit` was committed and never published by itself: the one of `to` came first. */
void record_write_overtaken(struct buf *out, const struct oid *commit, uint64_t epoch, const struct oid *to);
void record_write_rejected(struct buf *out, const struct oid *commit, const char *code,
                           const struct findings *findings);
void record_write_rewrite(struct buf *out, const struct oid *from, const struct oid *to, uint64_t offset,
                          const char *reason, const char *by);
void record_write_keyset(struct buf *out, uint64_t generation, struct span keyset);
void record_write_checkpoint(struct buf *out, const char *file);

/* Reads the members of a line's object back. Arrays live in `arena`, strings are borrowed from `line`.
   CODE_JOURNAL_FORM. */
int record_read_committed(const struct doc_node *line, struct arena *arena, struct record_committed *out,
                          struct error *err) MUST_CHECK;

#endif
