/*
 * candidate: a revision judged. load ▶ parse ▶ validate of the road, shared by epochd, `epochctl check` and
 * the hooks.
 *
 * Only what differs from what is in force is read again: services whose file differs, and those that share something
 * that does (touch.h). All findings are collected, not the first; one error refuses the whole revision. The effective
 * configuration of a service (effective.h) comes out as canonical JSON.
 */
#ifndef CONFIG_CANDIDATE_H
#define CONFIG_CANDIDATE_H

#include "config/changes.h"
#include "config/environment.h"
#include "model/catalog.h"
#include "model/finding.h"

enum { SERVICES_MAX = 20000, CONFIG_TOTAL_MAX = 64 * 1024 * 1024 };
enum { MASS_REMOVAL_MIN = 3, MASS_REMOVAL_PART = 5 }; /* at least three, and more than a fifth */

struct candidate_service {
    char name[LAYOUT_NAME_MAX + 1];
    char *path;         /* in the repository, owned; NULL: the service is removed */
    struct span config; /* canonical JSON, in one block with the path; data NULL if removed */
    char schema[HASH_HEX_LEN + 1]; /* SHA-256 of the schema's file; "": it has none */
};

/* A service that was judged again, and why; it may have come out the same. */
struct candidate_touch {
    char name[LAYOUT_NAME_MAX + 1];
    unsigned why; /* of enum change_why */
};

struct candidate {
    struct candidate_service *services; /* sorted by name: what differs from `in_force` */
    size_t len, cap;
    struct listing *listing; /* one reference: what `before` is next time, if this one is accepted */
    struct environment *environment; /* the same */
    struct candidate_touch *touched; /* by name; empty where it is not known what was before */
    size_t touched_len;
    size_t total;            /* services after it */
    size_t removed;          /* of `services` */
};

void candidate_fini(struct candidate *candidate);
#define AUTO_CANDIDATE CLEANUP(candidate_fini)

struct candidate_base {
    struct listing *before;          /* what in_force was made from; NULL: not known, everything is read */
    const struct catalog *in_force;  /* NULL: nothing is, and everything is read */
    struct environment *environment; /* what goes with `before`; NULL: not known, everything is read. Alone: to compare schemas with */
    struct environment *compared_with; /* the same, and nothing is shared with it: also warnings of what did not change are told */
    struct listing *compared_files; /* what goes with that one */
    bool reads_all;                  /* also what is the same as before: for its warnings */
    bool mass_removal_allowed;      /* config/guard.h: a commit of the range says Epoch-Allow: mass-removal */
    bool is_past;                   /* it is only looked at: what may become of schemas is not judged */
    bool has_no_message;            /* nothing is committed yet that could say so: then it is a warning */
};

/*
 * Judges the revision behind `source`. Returns 0 with findings->errors == 0 and *out filled: services whose
 * configuration differs from the one in force or that are new, and removed ones (in_force has them, the
 * revision does not). A service whose path changed only is not among them. Returns 0 with errors in
 * `findings` and *out empty: the revision is invalid. -1: it could not be read (CODE_REPO_UNREADABLE,
 * ERR_MEMORY …); a damaged or missing object is a finding (CODE_REPO_OBJECT). Checks: layout, unique names,
 * YAML, limits (file, config, services, total), epoch.yaml, schemas, bases and patches, every service by its
 * schema under every profile, mass removal (more than a fifth and at least three, or all of
 * at least one). `out` is zeroed before.
 */
int candidate_judge(const struct source *source, const struct candidate_base *base, struct candidate *out,
                    struct findings *findings, struct error *err) MUST_CHECK;

#endif
