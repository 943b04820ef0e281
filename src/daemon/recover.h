/*
 * recover: the start. What was in force comes back from the snapshot and the journal's lines after it, byte for byte;
 * without a usable snapshot from the journal alone.
 */
#ifndef DAEMON_RECOVER_H
#define DAEMON_RECOVER_H

#include "daemon/pipeline.h"
#include "daemon/tombstones.h"
#include "daemon/verdicts.h"

struct recovery {
    struct journal_report report;  /* for journal_open */
    bool has_journal, has_snapshot;
    bool is_snapshot_stale;        /* the journal is ahead of it: write a new one */
    bool is_incomplete;            /* without services the head tells of: judge the repository before serving */
    uint64_t floor;                /* of a journal that began above a lost one; 0: none */
    uint64_t published;            /* the newest epoch published, as far back as the journal was read; 0: not known */
    struct tombstones tombstones;  /* of services removed lately */
    uint64_t lost_line;            /* the snapshot was made after this line, which the journal lacks; else 0 */
    struct error snapshot_refused; /* code NULL: it was fine or is not there */
};

void recovery_fini(struct recovery *recovery);

/*
 * Fills pipeline->force, what was accounted last, and the recent verdicts. CODE_JOURNAL_CORRUPT, CODE_FORMAT_NEWER
 * and read errors are failures; a refused snapshot is not (recovery->snapshot_refused).
 */
int recover(int state_dir, const struct keyring *keyring, struct pipeline *pipeline, struct verdicts *verdicts,
            struct recovery *out, struct error *err) MUST_CHECK;

/* The snapshot alone, where the journal cannot be read. Nothing usable: nothing is in force. */
int recover_snapshot(int state_dir, const struct keyring *keyring, struct pipeline *pipeline, struct verdicts *verdicts,
                     struct recovery *out, struct error *err) MUST_CHECK;

/* Is the commit named as committed or rejected in any journal file? For history_judge. */
int recover_knows_commit(int state_dir, const struct mac_key *key, const struct oid *commit, bool *known,
                         struct error *err) MUST_CHECK;

#endif
