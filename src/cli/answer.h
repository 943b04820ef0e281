/*
 * answer: what became of a commit, in one line, for hooks and for the verbs that commit.
 *
 *   epoch 412 published: stt-worker, router (0.9 s)
 *     6/7 applied epoch 412
 *     tts-worker@pi3 refused: no such voice
 *   epoch 412 committed, broker away
 *   this is branch try; epochd serves main
 *   NOT served: epochd is in HOLD(history-rewritten) → epochctl accept-rewrite 1c9e0b2a7f31
 *   epochd is not running: systemctl start epochd    (--user, where it is a user's own)
 *
 * It is a courtesy: the daemon's status is read, nothing is asked of it, and a commit is as good without an answer.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdint.h>

#include "io/repo.h"
#include "model/doc.h"

enum answer {
    ANSWER_PUBLISHED,
    ANSWER_PUBLISHING,       /* committed, and on its way */
    ANSWER_COMMITTED,        /* and there is no broker to publish it to */
    ANSWER_SUPERSEDED,
    ANSWER_REJECTED,
    ANSWER_HOLD,             /* epochd runs and does not advance */
    ANSWER_PENDING,          /* epochd runs and has not told of it yet */
    ANSWER_OTHER_BRANCH,
    ANSWER_OTHER_REPOSITORY, /* epochd runs here, for another one */
    ANSWER_NOT_RUNNING,
    ANSWER_NOT_HERE,         /* nor has it ever run on this host */
    ANSWER_UNKNOWN,          /* what it says of itself cannot be read by us */
};

struct answer_question {
    const char *branch; /* that the commit is on; NULL: the one that is served */
    struct oid commit;
    const char *services; /* what it changes, "stt-worker, router"; "": no service; NULL: not known */
    int64_t asked_us;     /* clock_mono_us() when the commit was made */
};

/* How long `git config epochd.wait` (of the repository, in seconds) wants an answer to be waited for. */
enum { ANSWER_WAIT_MS = 2000, ANSWER_WAIT_MAX_MS = 600 * 1000 };
int answer_wait_ms(struct repo *repo, unsigned *out, struct error *err) MUST_CHECK;

/* The answer in words, without a newline; findings of a rejected commit in lines of their own behind it. */
struct answer_told {
    struct buf line;
    uint64_t epoch; /* that the commit became; 0: none, or not known */
    char code[64];  /* of a rejection or a hold; "": none */
    uint64_t applied, consumers; /* of a published one: so many of so many; 0 of 0: there are none, or nobody hears them */
};

void answer_told_fini(struct answer_told *told);
#define AUTO_ANSWER_TOLD CLEANUP(answer_told_fini)

/* "published", "hold", "not-running", …: for programs. */
const char *answer_name(enum answer answer);

/* What a status says of the commit. `is_last`: nobody will ask again. `told` is zeroed. */
enum answer answer_read(const struct doc_node *status, const struct answer_question *question, bool is_last,
                        struct answer_told *told);

/*
 * Follows the daemon's status until it tells the end, at most `wait_ms`. `config` is the settings file (NULL: the
 * default), for the folders. Never fails: what cannot be told is an answer too.
 */
enum answer answer_wait(const char *config, struct repo *repo, const struct answer_question *question,
                        unsigned wait_ms, struct answer_told *told);

/* 0 for what is served or will be (CLI_OK), else 1 (CLI_FINDINGS). */
int answer_exit(enum answer answer);

#endif
