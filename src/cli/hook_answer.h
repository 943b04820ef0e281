/*
 * hook_answer: the hooks that run after git has done its work. They tell what became of it, and never fail: the commit is
 * made, the push is in.
 */
#ifndef CLI_HOOK_ANSWER_H
#define CLI_HOOK_ANSWER_H

#include "io/repo.h"

/* The branch that is served, as the repository's own config says it: a hook runs as whoever commits or pushes. */
int hook_served_branch(struct repo *repo, char out[static 256], struct error *err) MUST_CHECK;

/* "<old> <new> <ref>", as pre-receive and post-receive are given it. false for anything else, and for refs that are no
   branches. */
struct hook_push {
    struct oid before, after;
    char branch[256];
};
bool hook_parse_push(struct span line, struct hook_push *out);

/* After a commit, a merge or a rebase: of what HEAD is now. `config` is the settings file, NULL: the default. */
void hook_answer_head(const char *config, struct repo *repo);

/* After a push: of each branch it moved, on standard input. */
void hook_answer_push(const char *config, struct repo *repo);

#endif
