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

/*
 * Compares each schema that both have under one name, and differs. `policy.breaking` of epoch.yaml, as the commit has it,
 * decides: allow says nothing; warn warns; refuse makes an error of what is breaking, and warns of what is unclear. Findings
 * stand in the schema's file: CODE_SCHEMA_BREAKING, CODE_SCHEMA_UNCLEAR.
 */
int evolution_judge(const struct environment *was, const struct environment *is, struct findings *findings,
                    struct error *err) MUST_CHECK;

#endif
