/*
 * hooks: puts epochctl's hooks into a repository. A hook that is there is kept as <name>.before-epochd, which
 * ours runs first and whose exit status counts; nothing that is kept is ever overwritten.
 */
#ifndef CLI_HOOKS_H
#define CLI_HOOKS_H

#include "io/repo.h"

/* In the folder where git will look for them: core.hooksPath of the repository's own config, else hooks/. */
int hooks_install(struct repo *repo, struct error *err) MUST_CHECK;

/* The first hook that is not installed there; NULL: all are. */
int hooks_check(struct repo *repo, const char **missing, struct error *err) MUST_CHECK;

#endif
