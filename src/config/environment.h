/*
 * environment: what the services of a revision are judged by: epoch.yaml, the schemas, the bases.
 *
 * Immutable and shared: it goes along with the listing from one candidate to the next, and what did not change is not read
 * again: the rules, the schemas and the bases each for themselves. So a commit that changes one service of 10,000 reads
 * one file.
 *
 * One thread at a time (reference counts are plain).
 */
#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

#include "config/rules.h"
#include "config/shared.h"

struct environment {
    unsigned references;
    struct oid rules_blob; /* zero where that is not known, or there is none */
    struct rules *rules;
    bool rules_are_broken; /* a finding; then no service can be judged but by its YAML */
    struct shared *schemas, *bases;
};

struct environment *environment_ref(struct environment *environment);
void environment_unref(struct environment *environment); /* NULL is fine */
static inline void environment_cleanup(struct environment **environment)
{
    environment_unref(*environment);
}
#define AUTO_ENVIRONMENT CLEANUP(environment_cleanup)

/*
 * Reads what differs from `old` (may be NULL); *out is `old` itself where nothing does. What is wrong becomes findings at
 * its place, also a base, a schema or a profile that epoch.yaml names and nobody has; *out is good to judge the rest by
 * all the same. One that had findings must not be given as `old`.
 */
int environment_load(const struct source *source, struct environment *old, struct environment **out,
                     struct findings *findings, struct error *err) MUST_CHECK;

/* What one service is judged by; borrowed from the environment. */
struct service_rules {
    const struct shared_file *schema;                 /* NULL: it has none */
    const struct shared_file *bases[RULES_BASES_MAX]; /* the lowest first */
    size_t bases_len;
    bool is_broken; /* something of it is a finding: the service cannot be judged but by its YAML */
};

/* `findings` (may be NULL): what is ambiguous, or too much, for this service, or a schema that it must have and has not. */
void environment_find(const struct environment *environment, const char *service, struct service_rules *out,
                      struct findings *findings);

#endif
