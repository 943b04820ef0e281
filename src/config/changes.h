/*
 * changes: which services may differ between two revisions, and why. First by the names of files alone: the layout, that
 * no two files name one service, which patches of profiles differ; touch.h adds those whose own file is the same. Files of
 * areas that this version does not apply are judged too, and warned of once an area.
 */
#ifndef CONFIG_CHANGES_H
#define CONFIG_CHANGES_H

#include "model/finding.h"
#include "model/layout.h"
#include "model/listing.h"

enum change_why {
    CHANGE_FILE = 1,     /* its own file */
    CHANGE_BASE = 2,     /* the content of a base */
    CHANGE_SCHEMA = 4,   /* its schema, or one that it refers to */
    CHANGE_PATCH = 8,    /* a patch of some profile */
    CHANGE_PROFILE = 16, /* the active profile is another */
    CHANGE_RULES = 32,   /* epoch.yaml gives it another schema or other bases */
};

struct change {
    char name[LAYOUT_NAME_MAX + 1];    /* of the service */
    char *path;                        /* in the repository, owned; NULL: the file is gone */
    const struct listing_entry *entry; /* borrowed from the revision after; NULL: the file is gone */
    bool is_added;                     /* there was no file at that path before */
    unsigned why;                      /* of enum change_why */
};

/* A patch that came, changed or went. */
struct change_patch {
    char service[LAYOUT_NAME_MAX + 1], profile[LAYOUT_NAME_MAX + 1];
    bool is_gone;
};

/* A zeroed struct is empty. */
struct changes {
    struct change *items; /* by name; of a service that moved, the file that is there first */
    size_t len, cap;
    size_t sorted; /* how many of them are in order: those that changes_find finds */
    struct change_patch *patches; /* by service, then profile */
    size_t patches_len, patches_cap;
};

void changes_fini(struct changes *changes);
#define AUTO_CHANGES CLEANUP(changes_fini)

/*
 * `before` NULL: every file of `after` is added. What is wrong becomes findings: CODE_LAYOUT_*. Costs what
 * differs, and one look at each name of `after` if a file was added.
 */
int changes_load(const struct listing *before, const struct listing *after, struct changes *out,
                 struct findings *findings, struct error *err) MUST_CHECK;

/* What differs of a service: the file that is there before the one that is gone; NULL: nothing. */
struct change *changes_find(const struct changes *changes, const char *name);

/* Whether a patch for the service, of that profile (NULL: of any), is among those that differ. */
bool changes_have_patch(const struct changes *changes, const char *service, const char *profile);

/* Appends a service whose file is there. changes_sort puts it in its place. */
int changes_add_present(struct changes *changes, const char *name, const char *folder, const struct listing_entry *entry,
                        unsigned why, struct error *err) MUST_CHECK;

/* Appends a service that is gone without a file to show for it. changes_sort puts it in its place. */
int changes_add_gone(struct changes *changes, const char *name, struct error *err) MUST_CHECK;
void changes_sort(struct changes *changes);

#endif
