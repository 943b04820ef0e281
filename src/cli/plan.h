/*
 * plan: what a candidate changes, by service and key, before → after; for `plan`, `diff`, the hooks and every verb that
 * commits. One order: services by name, keys in that of the canonical form.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/plan_cause.h"
#include "model/diff.h"

enum plan_action { PLAN_CREATED, PLAN_UPDATED, PLAN_DELETED };

/* What the schema says of a key that changes. */
struct plan_note {
    bool is_secret;     /* it is, or holds something that is: its values are not shown */
    bool needs_restart; /* x-restart: the service takes it up when it starts again */
};

struct plan_service {
    const char *name; /* borrowed from the candidate */
    enum plan_action action;
    struct doc before, after; /* empty where there is none on that side */
    struct diff diff;
    struct plan_note *notes; /* one a change of the diff */
    bool needs_restart;      /* one of them does, and the service was there before */
};

/* A zeroed struct is empty. Borrows from the candidate. */
struct plan {
    struct plan_service *services;
    size_t len, total; /* total: services after it */
    size_t actions[PLAN_DELETED + 1];
    size_t restarts; /* services that need one */
    struct plan_causes causes;
};

void plan_fini(struct plan *plan);
#define AUTO_PLAN CLEANUP(plan_fini)

/* `candidate` was made from `source` and judged over `before`; where that is empty all services are created. `out` is empty
   on failure. */
int plan_make(const struct candidate *candidate, const struct source *source, const struct revision *before, struct plan *out,
              struct error *err) MUST_CHECK;

/* The notes of a service whose diff was made otherwise. `schema` may be NULL. */
int plan_note(struct plan_service *service, const struct schema *before, const struct schema *after, struct error *err) MUST_CHECK;

/* Those that there were or will be: what the changed ones are some of. */
static inline size_t plan_count_all(const struct plan *plan)
{
    return plan->total + plan->actions[PLAN_DELETED];
}

/* "3 services of 7 change: 1 created, 1 updated, 1 deleted; 1 needs a restart", or "no service changes"; no newline. */
void plan_put_counts(const struct plan *plan, struct buf *out);

/* "stt-worker, -router, +lamp and 4 more"; nothing where no service changes. */
void plan_put_names(const struct plan *plan, struct buf *out);

/*
 * For people, lines that begin with `lead`. At most `max_keys` lines of keys in all, then how many more.
 * Values are JSON, long ones cut; nothing a terminal would obey. Nothing is said of an empty plan.
 *
 *   ~ stt-worker
 *       /vad_threshold: 0.55 → 0.6
 *       /model: "base" → "small" (restart)
 *       /token: (secret) → (secret)
 *       /gain: 0.5 added
 *   + router
 *       /port: 8080
 *   - old
 */
void plan_put_text(const struct plan *plan, const char *lead, size_t max_keys, struct buf *out);

/*
 * {"causes":[…],"created":n,"deleted":n,"profile":…,"restarts":n,"services":[{"action":…,"changes":[{"after":…,"before":…,
 * "key":…}],"service":…}],"total":n,"updated":n}: canonical; of a change without one side that member is missing;
 * "restart":true and "secret":true stand where they are so, and then the values are null.
 */
void plan_put_json(const struct plan *plan, struct buf *out);

/* What is behind it: the causes (plan_cause.h), as lines that begin with `lead`. */
void plan_put_causes(const struct plan *plan, const char *lead, struct buf *out);

/* For a comment on a merge request: a table a service. */
void plan_put_markdown(const struct plan *plan, struct buf *out);

#endif
