/*
 * epochs: what the journal says of each commit; and finding a commit by its epoch number.
 */
#ifndef CLI_EPOCHS_H
#define CLI_EPOCHS_H

#include "cli/local.h"
#include "model/record.h"

struct epoch_row {
    struct oid commit;
    uint64_t epoch;  /* 0: none */
    int64_t time_ms; /* of the verdict */
    enum epoch_verdict { EPOCH_COMMITTED, EPOCH_PUBLISHED, EPOCH_SUPERSEDED, EPOCH_REJECTED } verdict;
    char code[64];
    size_t changed;   /* services, of an epoch */
    bool has_service; /* the one asked for is among them */
};

struct epoch_rows {
    struct epoch_row *rows; /* oldest first */
    size_t len, cap;
    const char *service; /* NULL: any */
};

void epoch_rows_fini(struct epoch_rows *rows);
#define AUTO_EPOCH_ROWS CLEANUP(epoch_rows_fini)

/* How far back to read: to the epoch where one is named, else to `count` epochs or verdicts, of the service
   where one is named. */
struct epoch_want {
    const char *service;
    uint64_t count, epoch;
};

/* Reads the current journal file, and older ones until there is enough. Keys must have been loaded with the
   journal's. */
int epoch_rows_read(const struct local *local, const struct epoch_want *want, struct epoch_rows *out,
                    struct error *err) MUST_CHECK;

const char *epoch_verdict_name(enum epoch_verdict verdict);

/* A number (looked up in the journal, with its key) or a revision of git to a commit. CODE_REPO_REV. */
int epoch_find_commit(struct local *local, struct repo *repo, const char *text, struct oid *out,
                      struct error *err) MUST_CHECK;

#endif
