/*
 * pipeline: the road of a commit, in one place, data moving right only:
 *
 *   load ▶ parse ▶ validate ▶ diff(in force) ▶ compose ▶ sign ▶ journal      (then, by the daemon: publish ▶ snapshot)
 *
 * A failure at any stage leaves what is in force untouched. Nothing here publishes; when pipeline_take says COMMITTED
 * the whole signed epoch is on stable storage and may be seen.
 */
#ifndef DAEMON_PIPELINE_H
#define DAEMON_PIPELINE_H

#include "daemon/force.h"
#include "verify/keyring.h"
#include "io/repo.h"
#include "model/finding.h"

struct pipeline {
    struct repo *repo;             /* borrowed; may be another one at each call */
    struct journal *journal;       /* borrowed */
    const struct keyring *keyring; /* borrowed */
    const char *source;            /* mqtt.source, borrowed */
    struct force force;
    bool has_accounted;
    struct oid accounted;          /* the last tip that got a verdict */
    char accounted_code[64];       /* "" if it was committed, else why it was rejected */
    struct oid range_told;         /* the tip whose superseded commits are journaled; zero: none */
    struct oid rewrite_told;       /* the tip whose rewrite is journaled, with this offset; zero: none */
    uint64_t rewrite_offset;
    size_t range_max;              /* commits of a range that are named, each; RANGE_MAX but in tests */
};

int pipeline_init(struct pipeline *pipeline, const char *source, struct error *err) MUST_CHECK;
void pipeline_fini(struct pipeline *pipeline);

/* What is asked of the road. */
struct pipeline_order {
    struct oid commit;
    const char *correlation_id;
    uint64_t epoch, offset;
    bool is_rewrite;     /* history was replaced, or the offset raised: journaled with `reason` */
    const char *reason;  /* static: "amend", "allow", "floor", "upgrade", "accepted" */
    const char *by;      /* the user who accepted it; NULL: nobody was asked */
    bool is_reissue;     /* what is in force, under a higher number, every service anew; the repository is not read */
    bool only_if_changed; /* at start: the commit in force judged again; without a change nothing is issued */
};

enum pipeline_verdict { PIPELINE_COMMITTED, PIPELINE_REJECTED, PIPELINE_UNCHANGED };

struct pipeline_change {
    struct service *service; /* one reference; a tombstone's message for a removed service */
    bool is_removed;
};

struct pipeline_result {
    enum pipeline_verdict verdict;
    struct pipeline_change *changes; /* of a committed epoch */
    size_t changes_len;
    size_t superseded;        /* commits of the range that this tip superseded */
    struct findings findings; /* errors of a rejected one, warnings of either */
    const char *code;         /* the first error's, NULL if committed */
};

void pipeline_result_fini(struct pipeline_result *result);
#define AUTO_PIPELINE_RESULT CLEANUP(pipeline_result_fini)

/*
 * Takes one commit down the road. 0: *out says its verdict, which is journaled; COMMITTED: pipeline->force is the new
 * epoch. -1: it could not be judged or journaled (a damaged object, no space): nothing changed, ask again later.
 */
int pipeline_take(struct pipeline *pipeline, const struct pipeline_order *order, struct pipeline_result *out,
                  struct error *err) MUST_CHECK;

#endif
