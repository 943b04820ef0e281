/*
 * git: runs the git command in a repository, as its owner. The verbs that write into a work tree leave that to git, so
 * that hooks judge, filters apply and the index is right.
 */
#ifndef CLI_GIT_H
#define CLI_GIT_H

#include "cli/owner.h"
#include "util/buf.h"

/* Set for the git that a verb runs: hooks of ours leave the answer to the verb. */
#define GIT_ANSWERED "EPOCHCTL_ANSWERS"

enum { GIT_OUTPUT_MAX = 64 * 1024 * 1024, GIT_ARGS_MAX = 96 };

struct git {
    const char *dir;           /* where it runs */
    const struct owner *owner; /* NULL: as we are */
    const char *name, *mail;   /* who commits; NULL: as git finds out */
};

struct git_call {
    const char *args[GIT_ARGS_MAX]; /* without "git", NULL-ended */
    struct span input;              /* its standard input */
    struct buf *output;             /* where standard output is appended; NULL: it goes to standard error */
    bool is_silent;                 /* what it complains of is not for people */
};

/* *exit_code: what it ended with. -1 where it could not be run. */
int git_run(const struct git *git, const struct git_call *call, int *exit_code, struct error *err) MUST_CHECK;

/* The same, and anything but 0 is CODE_GIT. */
int git_must(const struct git *git, const struct git_call *call, struct error *err) MUST_CHECK;

/* Who commits, as git would say it: of the caller, else of the repository. CODE_IDENTITY with what to type. */
int git_identity(const struct git *git, char name[static 256], char mail[static 256], struct error *err) MUST_CHECK;

#endif
