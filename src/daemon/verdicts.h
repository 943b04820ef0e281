/*
 * verdicts: the last 64 commits that got one, for status.json: {commit, epoch, verdict, code, findings}.
 */
#ifndef DAEMON_VERDICTS_H
#define DAEMON_VERDICTS_H

#include "model/finding.h"
#include "model/oid.h"

enum { VERDICTS_KEPT = 64, VERDICT_FINDINGS_MAX = 20 };

enum verdict_kind { VERDICT_COMMITTED, VERDICT_PUBLISHED, VERDICT_SUPERSEDED, VERDICT_REJECTED };

struct verdict {
    struct oid commit;
    uint64_t epoch; /* 0: none */
    enum verdict_kind kind;
    char code[64];  /* of a rejected one, else "" */
    char *findings; /* JSON array, owned; NULL: empty */
};

struct verdicts {
    struct verdict ring[VERDICTS_KEPT];
    size_t next, len;
};

void verdicts_fini(struct verdicts *verdicts);

/* Adds one, the oldest falls out. `findings` (JSON, may be NULL) is copied; without memory it is left out. */
void verdicts_add(struct verdicts *verdicts, const struct oid *commit, uint64_t epoch, enum verdict_kind kind,
                  const char *code, struct span findings);

/* The entry of that epoch goes from committed to published or superseded. */
void verdicts_move(struct verdicts *verdicts, uint64_t epoch, enum verdict_kind kind);

/* The oldest entry below `epoch` that is still only committed; NULL if there is none. */
const struct verdict *verdicts_oldest_committed(const struct verdicts *verdicts, uint64_t below);

/* The i-th newest, NULL behind the last. */
const struct verdict *verdicts_get(const struct verdicts *verdicts, size_t i);

const char *verdict_name(enum verdict_kind kind);

/* The JSON array for status.json, newest first. */
void verdicts_write_json(const struct verdicts *verdicts, struct buf *out);

#endif
