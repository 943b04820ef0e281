/*
 * alternatives: a value that fits none of several alternatives: which one was meant? Its mistakes are told,
 * not those of all.
 */
#ifndef SCHEMA_ALTERNATIVES_H
#define SCHEMA_ALTERNATIVES_H

#include "schema/run.h"

/* None of the keyword's schemas fits. Gives false. */
bool alternatives_explain(struct run *run, const struct keyword *keyword, const struct place *place);

/* Two of them fit where one may. Gives false. */
bool alternatives_say_both(struct run *run, const struct keyword *keyword, const struct place *place, size_t first,
                       size_t second);

#endif
