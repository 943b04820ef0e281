/*
 * rules_priv: what the files of rules share.
 *
 *   rules.c         taking epoch.yaml apart, and asking
 *   rules_schema.c  what it may look like
 */
#ifndef CONFIG_RULES_PRIV_H
#define CONFIG_RULES_PRIV_H

#include "config/rules.h"

/* Judges the document of epoch.yaml by rules_schema. */
int rules_judge(const struct doc_node *root, struct findings *findings, struct error *err) MUST_CHECK;

#endif
