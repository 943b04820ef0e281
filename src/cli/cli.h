/*
 * cli: epochctl. A verb is described where it is done (cmd_<verb>.c, see args.h); one table lists them
 * (verbs.c).
 *
 *   epochctl [-C DIR] [--config FILE] VERB [ARGUMENTS]
 *
 * Results go to standard output, what went wrong to standard error as "epochctl: message [code]".
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/args.h"
#include "cli/term.h"
#include "config/settings.h"
#include "io/repo.h"
#include "model/nearest.h"
#include "verify/keyring.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FINDINGS = 1, /* findings, not verified, degraded or hold */
    CLI_USAGE = 2,
    CLI_FAILED = 3, /* could not run */
};

/* What stands before the verb. */
struct cli {
    const char *directory; /* -C: already changed into; NULL: not given */
    const char *config;    /* --config, NULL: the default */
    struct term term;      /* what standard output is */
};

extern const struct cli_verb *const cli_verbs[];
extern const size_t cli_verbs_len;
/* What may stand before the verb; not in the table. */
extern const struct cli_verb cli_program;

/* What main returns. */
int cli_main(int argc, char **argv);

/* "epochctl: …" on standard error. Returns CLI_FAILED; CLI_USAGE where a service was named that there is not. */
int cli_fail(const struct error *err);
/* "epochctl: VERB: …" and the usage line; `format` NULL: the usage line alone (getopt has said what is
   wrong). CLI_USAGE. */
int cli_usage(const struct cli_verb *verb, const char *format, ...) PRINTF_LIKE(2, 3);
const struct cli_verb *cli_find_verb(const char *name);
/* Tries the names of the verbs that are listed. */
void cli_try_verbs(struct nearest *nearest);

/* The errors among them, a line each on standard error. True where there are any. */
bool cli_print_errors(const struct findings *findings);

/* The daemon's settings, as it would read them; findings are printed. false: the exit code is in *rc. */
bool cli_load_settings(const struct cli *cli, struct settings *out, int *rc);

/* The top of the work tree, or the bare repository, at or above the current folder; NULL if there is none.
   Owned. */
char *cli_nearest_repository(void);
/* Opens a repository whose owner the settings trust, or any for root: who may read every file decides nothing by reading
   one more. */
int cli_open_trusted(const struct settings *settings, const char *path, struct repo **out,
                     struct error *err) MUST_CHECK;
/* Puts before why the repository of the settings did not open that there is none nearer. Returns -1. */
int cli_no_repository(struct error *err);
/* Opens that one for reading; where there is none, and without -C, the one of the settings. */
int cli_open_repo(const struct cli *cli, struct repo **out, struct error *err) MUST_CHECK;

/* The ending of a counted word. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Buffer to standard output; CLI_OK, or CLI_FAILED if it cannot be written. */
int cli_print(const struct buf *text);

#endif
