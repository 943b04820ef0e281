/*
 * judge: one service of a revision judged: its file and its patches are read, laid over what it shares with others, and
 * validated by its schema: under every profile that there is, not only under the active one, so that switching never
 * meets a surprise; and without one, where some profile has no patch for it or none is active.
 */
#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

#include "config/environment.h"
#include "config/mistakes.h"
#include "config/profiles.h"

/*
 * What all services of a revision under all their profiles may cost together: whoever is allowed to commit
 * must not be able to keep the daemon from going round. A step is one of judging by a schema, one of a
 * pattern, or a value that is laid over others.
 */
enum { JUDGE_STEPS_MAX = 60 * 1000 * 1000, JUDGE_BYTES_MAX = 96 * 1024 * 1024 };

/* What services of one revision are judged with. Of what is not borrowed judge_fini takes care. */
struct judge {
    const struct source *source; /* borrowed, as the next three */
    const struct environment *environment;
    struct profiles profiles;
    struct findings *findings;
    struct buf text;        /* of the file at hand */
    struct mistakes shared; /* of lines that services share: see judge_finish */
    uint64_t steps, bytes;  /* taken, and read, so far */
};

void judge_fini(struct judge *judge);

/*
 * Reads one YAML file of the revision; what is wrong with it, also an object that is missing or too large, becomes
 * findings, and `doc` stays empty.
 */
int judge_read(struct judge *judge, const char *path, const struct listing_entry *entry, struct doc *doc,
               struct error *err) MUST_CHECK;

/* What came out for one service. */
struct judged {
    struct buf config;                /* canonical JSON of what is in force with it; empty: there are findings */
    const struct shared_file *schema; /* NULL: it has none */
};

/* `out` may be used again: it is emptied first. Mistakes in lines that services share are only told by
 * judge_finish. */
int judge_service(struct judge *judge, const char *service, const char *path, const struct listing_entry *entry,
                  struct judged *out, struct error *err) MUST_CHECK;

/* False: the work is used up, and a service may have been judged in part. */
bool judge_may_go_on(const struct judge *judge);

/* After the last service: tells what is wrong in what they share, and whether the work was used up. */
int judge_finish(struct judge *judge, struct error *err) MUST_CHECK;

#endif
