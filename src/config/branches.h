/*
 * branches: why the configured branch is not there: the repository has none yet, or others.
 */
#ifndef CONFIG_BRANCHES_H
#define CONFIG_BRANCHES_H

#include "io/repo.h"

enum { BRANCHES_TEXT_MAX = 400 };

/*
 * *has_others: the repository has branches; then `text` says that `wanted` is missing, names a few, and which one is nearest:
 * `there is no branch mian; there are main, try; did you mean "main"?`. Else nothing was ever committed on a branch, and `text` says so.
 */
int branches_explain(struct repo *repo, const char *wanted, bool *has_others, char text[static BRANCHES_TEXT_MAX],
                     struct error *err) MUST_CHECK;

#endif
