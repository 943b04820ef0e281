/*
 * variables: one variable of the environment (x-env) for two fields of a service. Whoever sets it for the one
 * overrides the other, which is hardly meant: a warning at the later of the two.
 */
#ifndef CONFIG_VARIABLES_H
#define CONFIG_VARIABLES_H

#include "model/finding.h"
#include "schema/schema.h"

int variables_tell(const struct schema *schema, struct findings *findings, struct error *err) MUST_CHECK;

#endif
