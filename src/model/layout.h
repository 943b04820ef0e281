/*
 * layout: which paths of a configuration repository mean what (epoch-repository(7), LAYOUT), judged from names and
 * modes alone. Names come straight from git objects and may be any bytes but '/' and NUL.
 */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/finding.h"

enum { LAYOUT_NAME_MAX = 63, LAYOUT_FOLDER_DEPTH = 3 };

/* ^[a-z][a-z0-9-]{0,62}$ */
bool layout_name_is_good(struct span name);

enum layout_area {
    LAYOUT_OUTSIDE,    /* not ours: never read */
    LAYOUT_SETTINGS,   /* epoch.yaml */
    LAYOUT_SERVICES,   /* services/ */
    LAYOUT_SCHEMAS,    /* schemas/ */
    LAYOUT_BASES,      /* bases/ */
    LAYOUT_PROFILES,   /* profiles/ */
    LAYOUT_RECIPIENTS, /* recipients/ */
    LAYOUT_AUTHORS,    /* authors */
};

/* What a name at the top of the repository belongs to. */
enum layout_area layout_area_of(struct span top_name);

/* git's modes of tree entries. */
enum {
    LAYOUT_MODE_DIR = 0040000,
    LAYOUT_MODE_FILE = 0100644,
    LAYOUT_MODE_EXEC = 0100755,
    LAYOUT_MODE_LINK = 0120000,
    LAYOUT_MODE_COMMIT = 0160000
};

enum layout_verdict {
    LAYOUT_IGNORE,  /* dot file, README.md, outside: not an entry of the configuration */
    LAYOUT_DESCEND, /* a folder that may hold entries */
    LAYOUT_FILE,    /* an entry: `name` is what it is called */
    LAYOUT_REFUSE,  /* a finding was added */
};

struct layout_entry {
    enum layout_area area;
    char name[LAYOUT_NAME_MAX + 1];    /* of the service, schema, base or recipient; "" for single files */
    char profile[LAYOUT_NAME_MAX + 1]; /* of an entry of profiles/, else "" */
};

/*
 * Judges one tree entry. `folder` is the path of the folder it is in ("" at the top, else "services",
 * "services/audio", …), whose own components have been judged before. A refusal adds one finding that names
 * the path and what to do; with `findings` NULL it only refuses. `out` is filled in for LAYOUT_FILE; its area
 * always is.
 */
enum layout_verdict layout_judge(const char *folder, struct span name, uint32_t mode,
                                 struct layout_entry *out, struct findings *findings);

#endif
