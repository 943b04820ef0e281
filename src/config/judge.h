/*
 * judge: one service of a revision judged: its file and its patches are read, laid over what it shares with others, and
 * validated by its schema: under every profile that there is, not only under the active one, so that switching never
 * meets a surprise; and without one, where some profile has no patch for it or none is active.
 */
#ifndef CONFIG_JUDGE_H
#define CONFIG_JUDGE_H

#include "config/environment.h"
#include "config/profiles.h"

/* What services of one revision are judged with. All but the buffers is borrowed. */
struct judge {
    const struct source *source;
    const struct environment *environment;
    struct profiles profiles;
    struct findings *findings;
    struct buf text; /* of the file at hand */
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

/* `out` may be used again: it is emptied first. */
int judge_service(struct judge *judge, const char *service, const char *path, const struct listing_entry *entry,
                  struct judged *out, struct error *err) MUST_CHECK;

#endif
