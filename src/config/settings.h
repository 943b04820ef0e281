/*
 * settings: the daemon's, from /etc/epochd/epochd.yaml and EPOCHD_* over it. One table (settings_table.h)
 * drives the file, the environment, the errors and `epochd --print-settings`; docs/man/epochd.yaml.5 is
 * checked against it by a test.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <sys/types.h>

#include "model/finding.h"
#include "util/log.h"

#define SETTINGS_FILE "/etc/epochd/epochd.yaml"

/* "auto" in the file: amend for a work tree, deny for a bare repository. */
enum rewrite_policy { REWRITE_DEFAULT, REWRITE_AMEND, REWRITE_DENY, REWRITE_ALLOW };

/* Paths are absolute and have no slash at the end. */
struct settings {
    struct {
        char *path, *branch;
        enum rewrite_policy rewrite;
        uid_t *trusted_uids;
        size_t trusted_len;
        int poll_s;
    } repository;
    char *state;
    char *keys; /* "" in the file means <state>/keys; here always filled in */
    char *run;  /* default: the first of $RUNTIME_DIRECTORY before /run/epochd */
    struct {
        char *url;             /* "off": no broker */
        char *source, *prefix; /* prefix: "" or "site/a" without slash at either end */
        int heartbeat_s;
        char *client_id, *username, *password_file, *ca_file, *cert_file, *key_file; /* "": none */
        int backoff_min_ms, backoff_max_ms;
    } mqtt;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

enum { SETTINGS_COUNT = 22, SETTINGS_SIZE_MAX = 64 * 1024, SETTINGS_PASSWORD_MAX = 1024 };

void settings_fini(struct settings *settings);
#define AUTO_SETTINGS CLEANUP(settings_fini)

/*
 * Fills in defaults, then the file, then the environment. `path` NULL: $EPOCHD_CONFIG, else SETTINGS_FILE,
 * which alone may be missing; /dev/null is an empty file. Everything that is wrong becomes a finding with
 * code CODE_SETTINGS (what is no YAML keeps the code of that): file:line:column and what would be right,
 * unknown keys with the nearest known one; "environment" as the file and the variable in the message. Returns
 * 0 with findings->errors == 0 and *out filled, or 0 with errors in findings and *out empty; -1 for what kept
 * it from reading (ERR_SYSTEM, ERR_FILE_TOO_LARGE, ERR_MEMORY). `environment` is a NULL-ended list of
 * NAME=value. Warnings: an unknown EPOCHD_* variable, a setting without effect, a file that others may write.
 * No finding repeats a value that may be secret.
 */
int settings_load(const char *path, char *const *environment, struct settings *out, struct findings *findings,
                  struct error *err) MUST_CHECK;

/*
 * The MQTT password: mqtt.password_file, else $CREDENTIALS_DIRECTORY/mqtt-password, else none (""). One trailing
 * newline is cut. The file must be ours or root's, not readable by others, at most SETTINGS_PASSWORD_MAX bytes and
 * without NUL. `out` is an empty one, for AUTO_SECRET_BUF to wipe; out->data is terminated, and no copy is left elsewhere.
 */
int settings_read_password(const struct settings *settings, struct buf *out, struct error *err) MUST_CHECK;

/*
 * The settings as YAML, sorted as in the man page, the URL without its user part: for --print-settings and
 * logs. Loaded again it gives the same settings, that part aside.
 */
void settings_print(const struct settings *settings, struct buf *out);

#endif
