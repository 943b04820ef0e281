/*
 * evolution: what a commit that changes a schema does to whoever writes by it: a value that was valid may be valid no more
 * (breaking), cannot become invalid (compatible), or it cannot be told (unclear).
 *
 * The values and profiles that exist are judged by the new schema anyway; this is about those that are elsewhere: in somebody's
 * branch, in an older epoch that is rolled back to, in a service's code.
 */
#ifndef CONFIG_EVOLUTION_H
#define CONFIG_EVOLUTION_H

#include "config/environment.h"
#include "model/catalog.h"

/* Two revisions, as far as this goes. Everything is borrowed. */
struct evolution {
    const struct environment *was, *is;
    const struct catalog *in_force; /* the services of the first; NULL: `before` has them */
    const struct listing *before;   /* NULL too: they are not known */
    const struct listing *after;
};

/*
 * Compares each schema that both have under one name, and differs; and what a service was judged by with what it is judged by
 * now, where that has another name: the file was renamed, epoch.yaml gives another one. A service that is new, or had no schema,
 * or has none any more, has nothing to compare.
 *
 * `policy.breaking` of epoch.yaml, as the later one has it, decides: allow says nothing; warn warns; refuse makes an error of
 * what is breaking, and warns of what is unclear. An annotation that programs obey is warned of in any case. Findings stand in
 * the later schema's file: CODE_SCHEMA_BREAKING, CODE_SCHEMA_UNCLEAR, CODE_SCHEMA_ANNOTATION.
 */
int evolution_judge(const struct evolution *about, struct findings *findings, struct error *err) MUST_CHECK;

#endif
