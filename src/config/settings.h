/*
 * settings: the daemon's, from /etc/epochd/epochd.yaml and EPOCHD_* over it. One table (settings.c) drives the file, the
 * environment, the errors and `epochd --print-settings`; docs/man/epochd.yaml.5 is checked against it by a test.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <sys/types.h>

#include "model/finding.h"
#include "util/log.h"

#define SETTINGS_FILE "/etc/epochd/epochd.yaml"

enum rewrite_policy { REWRITE_DEFAULT, REWRITE_AMEND, REWRITE_DENY, REWRITE_ALLOW }; /* default: amend, for bare deny */

struct settings {
    struct {
        char *path, *branch;
        enum rewrite_policy rewrite;
        uid_t *trusted_uids;
        size_t trusted_len;
        int poll_s;
    } repository;
    char *state, *keys, *run; /* keys: "" in the file means <state>/keys; here always filled in. run: $RUNTIME_DIRECTORY before /run/epochd */
    struct {
        char *url; /* "off": no broker */
        char *source, *prefix; /* prefix: "" or "site/a" without slash at either end */
        int heartbeat_s;
        char *client_id, *username, *password_file, *ca_file, *cert_file, *key_file;
        int backoff_min_ms, backoff_max_ms;
    } mqtt;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

void settings_fini(struct settings *settings);
#define AUTO_SETTINGS CLEANUP(settings_fini)

/*
 * Fills in defaults, then the file, then the environment. `path` NULL: $EPOCHD_CONFIG, else SETTINGS_FILE, which may be missing
 * then. Everything that is wrong becomes a finding with code CODE_SETTINGS: file:line:column and what would be right (unknown
 * keys with the nearest known one), or "environment" as the file and the variable in the message. Returns 0 with findings->errors
 * == 0 and *out filled, or 0 with findings and *out empty; -1 for what kept it from reading (CODE_SYSTEM, ERR_MEMORY).
 * `environ` is a NULL-ended list of NAME=value. An unknown EPOCHD_* variable is a warning.
 */
int settings_load(const char *path, char *const *environ, struct settings *out, struct findings *findings, struct error *err) MUST_CHECK;

/*
 * The MQTT password: mqtt.password_file, else $CREDENTIALS_DIRECTORY/mqtt-password, else none (*out empty). One trailing newline
 * is cut. The file must not be readable by others.
 */
int settings_read_password(const struct settings *settings, struct buf *out, struct error *err) MUST_CHECK;

/* The settings as YAML, sorted as in the man page, the URL without its user part: for --print-settings and logs. */
void settings_print(const struct settings *settings, struct buf *out);

#endif
