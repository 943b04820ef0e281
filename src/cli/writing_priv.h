/*
 * writing_priv: what writing.c and writing_tree.c share.
 */
#ifndef CLI_WRITING_PRIV_H
#define CLI_WRITING_PRIV_H

#include "cli/writing.h"

struct writing_commit {
    const struct repo_change *changes;
    size_t len;
    const char *name, *mail, *message;
};

/* CODE_REPO_DIRTY with the names, if one of the files differs from the tip or is not git's. */
int writing_check_clean(const struct writing *w, const struct writing_commit *commit, struct error *err) MUST_CHECK;

/* Writes the files and has git commit them. Where git refuses, the files are as they were. */
int writing_commit_tree(const struct writing *w, const struct writing_commit *commit, struct error *err) MUST_CHECK;

#endif
