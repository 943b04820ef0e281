/*
 * told: what the daemon told of itself in status.json, and whether to believe it: only while a daemon holds
 * the lock of the state folder, and only what that one wrote.
 */
#ifndef CLI_TOLD_H
#define CLI_TOLD_H

#include "cli/local.h"

struct told {
    pid_t pid;       /* of the daemon that runs; 0: none does */
    bool is_told;    /* the file is there and is that daemon's: `doc` is filled in */
    bool is_unproven; /* the lock cannot be tested, by us or since its folder is gone: there is an epochd of that pid, and that is all */
    struct buf file; /* as it was read */
    struct doc doc;
};

void told_fini(struct told *told);
#define AUTO_TOLD CLEANUP(told_fini)

/* Tests the lock, then reads the file. A daemon that does not run, and one that has not told anything yet, are
   outcomes. `out` is zeroed, or was used before. */
int told_read(struct local *local, struct told *out, struct error *err) MUST_CHECK;

/* The file alone, whoever wrote it: for names to complete, and for whoever asks after its writer in another way. */
int told_read_unproven(const struct local *local, struct told *out, struct error *err) MUST_CHECK;

/* True if the daemon of that status serves this repository. */
bool told_serves(const struct doc_node *status, struct repo *repo);

/* Members, where a missing one is "-", or has no members of its own. Borrowed from the document. */
struct span told_text(const struct doc_node *node, const char *name);
const struct doc_node *told_part(const struct doc_node *node, const char *name);

#endif
