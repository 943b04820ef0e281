/*
 * effective: the configuration a service gets. Lowest first: the schema's defaults · the bases in their order · the
 * service's file · the patch of the active profile. Objects merge, everything else replaces; in files null is a value, in
 * a patch it removes, and nothing refills what it removed. Every value keeps the file and line it was written at, which
 * tells its layer too.
 */
#ifndef CONFIG_EFFECTIVE_H
#define CONFIG_EFFECTIVE_H

#include "config/environment.h"

/*
 * Lays the documents of one service over each other. `patch` may be NULL. Everything lives in `arena` and in what was given.
 * CODE_LIMIT_* with the place where the whole is too much.
 */
int effective_make(const struct service_rules *rules, const struct doc_node *file, const struct doc_node *patch,
                   struct arena *arena, const struct doc_node **out, struct error *err) MUST_CHECK;

/* --- one service of a revision, for whoever wants to look at it ------------------------------------------------------- */

enum effective_layer { EFFECTIVE_DEFAULT, EFFECTIVE_BASE, EFFECTIVE_FILE, EFFECTIVE_PROFILE };

/* By the file that the value was written in. */
enum effective_layer effective_layer_of(const struct doc_node *node);
const char *effective_layer_name(enum effective_layer layer); /* "default", "base", "file", "profile" */

/* A zeroed struct is empty. Nodes live as long as it does. */
struct effective {
    struct environment *environment;
    struct service_rules rules; /* the schema, the bases */
    char *path;                 /* of the service's file */
    char profile[LAYOUT_NAME_MAX + 1]; /* that it is under; "" none */
    struct doc file, patch;
    struct arena arena;
    const struct doc_node *root; /* NULL: it is broken, and the findings say how */
};

void effective_fini(struct effective *effective);
#define AUTO_EFFECTIVE CLEANUP(effective_fini)

/*
 * Makes the effective configuration of a service under a profile: NULL: the active one; "": none. It is not validated:
 * candidate_judge does that for the whole revision; what cannot be read is told in the findings. CODE_NO_SERVICE,
 * CODE_NO_PROFILE: there is none of that name. `old` (may be NULL): an environment to share with.
 */
int effective_load(const struct source *source, struct environment *old, const char *service, const char *profile,
                   struct effective *out, struct findings *findings, struct error *err) MUST_CHECK;

#endif
