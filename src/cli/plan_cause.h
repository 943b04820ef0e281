/*
 * plan_cause: why services change, or are judged again, whose own file is the same: a base, a schema, the patches of a
 * profile, the profile that is active, a line of epoch.yaml.
 */
#ifndef CLI_PLAN_CAUSE_H
#define CLI_PLAN_CAUSE_H

#include "config/revision.h"

struct plan_cause {
    const char *path; /* "bases/common.yaml", "schemas/audio.yaml", "profiles/quiet", "epoch.yaml" */
    const char **services; /* whom it touches, by name; they may come out the same */
    size_t len, cap;
};

/* A zeroed struct is empty. */
struct plan_causes {
    struct plan_cause *items;
    size_t len, cap;
    bool is_switched; /* another profile is active */
    char profile_before[LAYOUT_NAME_MAX + 1], profile_after[LAYOUT_NAME_MAX + 1]; /* "": none */
    struct arena arena;
};

void plan_causes_fini(struct plan_causes *causes);

/* `before` may be empty: then nothing is known. `source` is what the candidate was made from. */
int plan_causes_make(const struct candidate *candidate, const struct source *source, const struct revision *before,
                     struct plan_causes *out, struct error *err) MUST_CHECK;

/* "bases/common.yaml touches llm-worker, router and 4 more": lines that begin with `lead`. */
void plan_causes_put_text(const struct plan_causes *causes, const char *lead, struct buf *out);

/* "\"causes\":[{\"path\":…,\"services\":[…]}]" */
void plan_causes_put_causes_json(const struct plan_causes *causes, struct buf *out);
/* "\"profile\":null", or {"after":…,"before":…} where it is switched. */
void plan_causes_put_profile_json(const struct plan_causes *causes, struct buf *out);

#endif
