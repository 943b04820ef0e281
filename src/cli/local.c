/*
 * local: see local.h.
 */
#include "cli/local.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/unit.h"
#include "io/crypto.h"
#include "model/codes.h"
#include "model/run_files.h"
#include "util/fs.h"

void local_fini(struct local *local)
{
    settings_fini(&local->settings);
    keyring_fini(&local->keyring);
    if (local->state_dir >= 0)
        close(local->state_dir);
    local->state_dir = -1;
}

bool local_load(const struct cli *cli, struct local *local, int *rc)
{
    struct error err;
    if (!cli_load_settings(cli, &local->settings, rc))
        return false;
    if (crypto_init(&err) == 0)
        return true;
    *rc = cli_fail(&err);
    return false;
}

int local_guess_settings(const char *config, struct local *local, struct error *err)
{
    struct findings findings AUTO_FINDINGS = {0}, more AUTO_FINDINGS = {0};
    if (settings_load(config, environ, &local->settings, &findings, err) == 0 && findings.errors == 0)
        return 0;
    if (settings_load("/dev/null", environ, &local->settings, &more, err) != 0)
        return -1;
    return more.errors == 0 ? 0 : error_set(err, CODE_SETTINGS, 0, "its settings have errors");
}

int local_open_state(struct local *local, struct error *err)
{
    if (local->state_dir >= 0 || fs_open_dir(local->settings.state, &local->state_dir, err) == 0)
        return 0;
    return error_wrap(err, "the state folder (setting: state)");
}

/* Whose folder it is, and who else may look: by name where they have one. */
static void say_who_may(const char *path)
{
    struct stat st;
    const struct passwd *user;
    const struct group *group;
    if (stat(path, &st) != 0) {
        fputs("What to do: as the user that epochd runs as, or as root: sudo epochctl …\n", stderr);
        return;
    }
    user = getpwuid(st.st_uid);
    group = getgrgid(st.st_gid);
    if (user == NULL || st.st_uid == 0)
        fputs("What to do: as root: sudo epochctl …\n", stderr);
    else
        fprintf(stderr, "What to do: as root, or as the user that epochd runs as: sudo -u %s epochctl …\n",
                user->pw_name);
    if (group != NULL)
        fprintf(stderr, "Members of the group %s may use status, show and verify lkg\n", group->gr_name);
}

static void say_advice(const char *state, const char *advice)
{
    struct buf text AUTO_BUF = {0};
    unit_put(state, advice, &text);
    fprintf(stderr, "What to do: %.*s\n", (int)text.len, text.data);
}

int local_fail(const struct local *local, const struct error *err)
{
    int rc = cli_fail(err);
    const struct code *code = code_find(err->code);
    if (local->settings.state == NULL)
        return rc; /* it had nothing to do with the state folder */
    if (err->sys == EACCES && geteuid() != 0)
        say_who_may(local->settings.state);
    else if (err->sys == ENOENT && !error_is(err, CODE_REPO_MISSING) && access(local->settings.state, F_OK) != 0)
        fputs("What to do: start epochd, which makes it; or name its settings: epochctl --config FILE, or EPOCHD_STATE\n",
              stderr);
    else if (code != NULL && code->kind == CODE_REFUSAL)
        say_advice(local->settings.state, code->remedy);
    return rc;
}

bool local_open(const struct cli *cli, struct local *local, int *rc)
{
    struct error err;
    if (!local_load(cli, local, rc))
        return false;
    if (local_open_state(local, &err) == 0)
        return true;
    *rc = local_fail(local, &err);
    return false;
}

int local_load_keys(struct local *local, bool with_journal, struct error *err)
{
    keyring_fini(&local->keyring); /* a verb may ask twice */
    local->keyring = (struct keyring){0};
    return keyring_load_reader(local->settings.keys, local->settings.mqtt.source, with_journal,
                               &local->keyring, err);
}

int local_daemon(const struct local *local, pid_t *pid, struct error *err)
{
    return fs_lock_holder(local->state_dir, LOCK_FILE, pid, err);
}

void local_snapshot_fini(struct local_snapshot *snapshot)
{
    verified_snapshot_fini(&snapshot->verified);
    snapshot_fini(&snapshot->snapshot);
}

int local_read_snapshot(const struct local *local, bool every_signature, struct local_snapshot *out,
                        bool *is_missing, struct error *err)
{
    struct buf file AUTO_BUF = {0};
    char host[SNAPSHOT_HOST_MAX + 1];
    snapshot_host(host);
    if (fs_read(local->state_dir, SNAPSHOT_FILE, FS_ANY_OWNER, SNAPSHOT_MAX, &file, is_missing, err) != 0)
        return -1;
    if (*is_missing)
        return 0;
    if (snapshot_read(buf_span(&file), &local->keyring.lkg, host, local->settings.mqtt.source, &out->snapshot,
                      err) != 0)
        return -1;
    return snapshot_verify(&out->snapshot, &local->keyring.roots, every_signature, &out->verified, err);
}
