/*
 * changes: which service files differ between two revisions, judged by their names alone: the layout, and
 * that no two files name one service. Files of areas that this version does not apply are judged too, and
 * warned of once an area.
 */
#ifndef CONFIG_CHANGES_H
#define CONFIG_CHANGES_H

#include "model/finding.h"
#include "model/layout.h"
#include "model/listing.h"

struct change {
    char name[LAYOUT_NAME_MAX + 1];    /* of the service */
    char *path;                        /* in the repository, owned; NULL: the file is gone */
    const struct listing_entry *entry; /* borrowed from the revision after; NULL: the file is gone */
    bool is_added;                     /* there was no file at that path before */
};

/* A zeroed struct is empty. */
struct changes {
    struct change *items; /* by name; of a service that moved, the file that is there first */
    size_t len, cap;
};

void changes_fini(struct changes *changes);
#define AUTO_CHANGES CLEANUP(changes_fini)

/*
 * `before` NULL: every file of `after` is added. What is wrong becomes findings: CODE_LAYOUT_*. Costs what
 * differs, and one look at each name of `after` if a file was added.
 */
int changes_load(const struct listing *before, const struct listing *after, struct changes *out,
                 struct findings *findings, struct error *err) MUST_CHECK;

/* Appends a service that is gone without a file to show for it. changes_sort puts it in its place. */
int changes_add_gone(struct changes *changes, const char *name, struct error *err) MUST_CHECK;
void changes_sort(struct changes *changes);

#endif
