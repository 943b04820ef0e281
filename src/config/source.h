/*
 * source: where the files of a candidate configuration come from: a commit, the index, or a work tree. All
 * three give a listing and a way to read an entry's bytes, so everything after is the same for the daemon,
 * `epochctl check` and the hooks.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "io/repo.h"

struct source {
    struct listing *listing; /* one reference */
    /* Appends the bytes of the file at `path`, whose entry it is. CODE_LIMIT_FILE, CODE_REPO_OBJECT. */
    int (*read)(const struct source *source, const char *path, const struct listing_entry *entry,
                struct buf *out, struct error *err);
    /* More than LISTING_FILES_MAX files: the listing is empty, and candidate_judge makes a finding of it. */
    bool is_too_large;
    struct repo *repo; /* borrowed; for commits and the index */
    int work_dir;      /* descriptor; for a work tree, else -1 */
};

void source_fini(struct source *source);
#define AUTO_SOURCE CLEANUP(source_fini)

/* `old` (may be NULL): a listing to share unchanged folders with. */
int source_from_commit(struct repo *repo, const struct oid *commit, struct listing *old, struct source *out,
                       struct error *err) MUST_CHECK;
int source_from_index(struct repo *repo, struct source *out, struct error *err) MUST_CHECK;
/* Files as they are in the folder (never following links), git or not. */
int source_from_folder(const char *path, struct source *out, struct error *err) MUST_CHECK;

#endif
