/*
 * local: the daemon's state on this host, as those who only read it see it: settings, keys, snapshot,
 * journal.
 */
#ifndef CLI_LOCAL_H
#define CLI_LOCAL_H

#include "cli/cli.h"
#include "io/journal.h"
#include "verify/snapshot.h"

struct local {
    struct settings settings;
    struct keyring keyring;
    int state_dir; /* -1: not open */
};

void local_fini(struct local *local);
#define AUTO_LOCAL CLEANUP(local_fini)

/* Loads the settings alone. false: the exit code is in *rc, the reason was printed. */
bool local_load(const struct cli *cli, struct local *local, int *rc);

/* The settings without a word about them: whoever commits or pushes may not read the daemon's, and then its folders are where
   they are by default. */
int local_guess_settings(const char *config, struct local *local, struct error *err) MUST_CHECK;

/* Opens the state folder unless it is open. err->sys is ENOENT where epochd never ran with it. */
int local_open_state(struct local *local, struct error *err) MUST_CHECK;

/* cli_fail, and what to do where the state is missing or not for us to read. */
int local_fail(const struct local *local, const struct error *err);

/* Loads the settings and opens the state folder. false: the exit code is in *rc, the reason was printed.
   `local` is {.state_dir = -1}. */
bool local_open(const struct cli *cli, struct local *local, int *rc);

/* Loads what a reader needs of the keys; once more, where what was loaded before is not enough. */
int local_load_keys(struct local *local, bool with_journal, struct error *err) MUST_CHECK;

/* Pid of the daemon that holds the lock, 0: none runs. */
int local_daemon(const struct local *local, pid_t *pid, struct error *err) MUST_CHECK;

/* The snapshot with both checks made. Keys must have been loaded. *is_missing: there is none yet. */
struct local_snapshot {
    struct snapshot snapshot;
    struct verified_snapshot verified;
};
void local_snapshot_fini(struct local_snapshot *snapshot);
#define AUTO_LOCAL_SNAPSHOT CLEANUP(local_snapshot_fini)
int local_read_snapshot(const struct local *local, bool every_signature, struct local_snapshot *out,
                        bool *is_missing, struct error *err) MUST_CHECK;

#endif
