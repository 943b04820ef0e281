/*
 * writing: what the verbs that change a configuration share. A change is a commit, made as its maker would have made it
 * with git: judged first, by the code that judges for epochd; the plan printed; in a work tree by `git commit` of those
 * files alone, so that hooks have their say; in a bare repository on the tip, or not at all.
 *
 * Refused: files with edits that are not committed, a commit that epochd would reject, a branch that moved. Then nothing
 * has changed.
 */
#ifndef CLI_WRITING_H
#define CLI_WRITING_H

#include "cli/cli.h"
#include "cli/git.h"
#include "cli/outcome.h"
#include "config/candidate.h"

enum { WRITING_MESSAGE_MAX = 16 * 1024 };

/* The line of a message that lets many services go at once (config/guard.h). */
#define WRITING_ALLOW_REMOVAL "Epoch-Allow: mass-removal"

struct writing {
    const struct cli *cli;
    char *path; /* the work tree's top, or the bare repository */
    struct owner owner;
    struct repo *repo;
    struct listing *listing; /* of the tip */
    char branch[256];
    struct oid tip;
    int turn;           /* a lock on the repository's folder; 0: none */
    bool has_committed; /* writing_commit has, whatever it returned */
};

void writing_fini(struct writing *w);
#define AUTO_WRITING CLEANUP(writing_fini)

/*
 * Opens the nearest repository, else the one of the settings, at the tip of the branch that is checked out (a bare one:
 * the branch that is served). Acts as its owner from here to writing_fini, where we are root. `w` is zeroed.
 */
int writing_open(const struct cli *cli, struct writing *w, struct error *err) MUST_CHECK;

/* Lets the next verb that writes go on; writing_commit does it when the commit is made. */
void writing_end_turn(struct writing *w);

/* The path of a service's file at the tip; *found false: there is none. */
int writing_find(struct writing *w, const char *service, bool *found, char **path, struct error *err) MUST_CHECK;
/* The same, where it has to be there: CODE_NO_SERVICE with the nearest name, or with how to add it to whoever gives it values. */
int writing_need(struct writing *w, const char *service, bool gives_values, char **path, struct error *err) MUST_CHECK;

/* "services/<folder>/<target>.yaml"; `folder` may be NULL or "". CODE_USAGE for what leads nowhere below services/: "..", "a//b". */
int writing_place(const char *folder, const char *target, char **out, struct error *err) MUST_CHECK;

/* The content of a file as it is at the tip, and its mode. */
int writing_read(struct writing *w, const char *path, struct buf *out, uint32_t *mode, struct error *err) MUST_CHECK;

/* CODE_REPO_DIRTY if the file has edits that are not committed; for asking before somebody works on it. */
int writing_is_clean(struct writing *w, const char *path, struct error *err) MUST_CHECK;

/* How the commit is made: the options of all these verbs. */
struct writing_options {
    const char *message;  /* -m; NULL: `subject` */
    const char *trailer;  /* lines "Name: value" to end the message with, or NULL */
    const char *made;     /* the path of a new file, to be told; or NULL */
    bool is_dry_run, pushes;
    unsigned wait_ms;     /* at least so long for an answer; 0: as the repository says */
};

/* The options of a verb that writes, from index `first` of its table on; its own stand elsewhere. */
enum { WRITING_MESSAGE, WRITING_DRY_RUN, WRITING_PUSH, WRITING_JSON, WRITING_OPTIONS_LEN };
#define WRITING_OPTIONS(first)                                                                                       \
    [(first) + WRITING_MESSAGE] = {.name = "message", .letter = 'm', .argument = "MESSAGE", .help = "of the commit"}, \
    [(first) + WRITING_DRY_RUN] = {.name = "dry-run", .help = "judge and print the plan, write nothing"},            \
    [(first) + WRITING_PUSH] = {.name = "push", .help = "*git push* after the commit"},                              \
    [(first) + WRITING_JSON] = {.name = "json", .help = OUTCOME_HELP}

struct writing_options writing_options_of(const struct cli_args *args, size_t first);

/*
 * Judges, prints the plan, commits, and says what became of it. Returns the exit code; everything has been said, or
 * noted in `outcome`. `what`: the subject of the message where nobody gave one.
 */
int writing_commit(struct writing *w, const struct repo_change *changes, size_t len, const char *what,
                   const struct writing_options *options, struct outcome *outcome);

/* Notes and prints the error, and for some codes what to type next. `service` may be NULL. */
int writing_fail(const struct error *err, const char *service, struct outcome *outcome);

/* What a verb does between its command line and its outcome: *rc is what it ends with. */
typedef int writing_execute(const struct cli *cli, const struct cli_args *args, struct outcome *outcome, int *rc,
                            struct error *err);

/* The whole of a verb whose WRITING_OPTIONS begin at `options`. Returns what it ends with. */
int writing_run(const struct cli *cli, const struct cli_args *args, size_t options, writing_execute *execute);

#endif
