/*
 * local: see local.h.
 */
#include "cli/local.h"

#include "io/crypto.h"
#include "util/fs.h"

void local_fini(struct local *local)
{
    settings_fini(&local->settings);
    keyring_fini(&local->keyring);
    if (local->state_dir >= 0)
        close(local->state_dir);
    local->state_dir = -1;
}

bool local_open(const struct cli *cli, struct local *local, int *rc)
{
    struct error err;
    if (!cli_load_settings(cli, &local->settings, rc))
        return false;
    if (crypto_init(&err) == 0 && fs_open_dir(local->settings.state, &local->state_dir, &err) == 0)
        return true;
    if (err.sys != 0)
        error_wrap(&err, "the state folder (setting: state)");
    *rc = cli_fail(&err);
    return false;
}

int local_load_keys(struct local *local, bool with_journal, struct error *err)
{
    return keyring_load_reader(local->settings.keys, local->settings.mqtt.source, with_journal, &local->keyring, err);
}

int local_daemon(const struct local *local, pid_t *pid, struct error *err)
{
    return fs_lock_holder(local->state_dir, "lock", pid, err);
}

void local_snapshot_fini(struct local_snapshot *snapshot)
{
    verified_snapshot_fini(&snapshot->verified);
    snapshot_fini(&snapshot->snapshot);
}

int local_read_snapshot(const struct local *local, bool every_signature, struct local_snapshot *out, bool *is_missing,
                        struct error *err)
{
    struct buf file AUTO_BUF = {0};
    char host[65];
    snapshot_host(host);
    if (fs_read(local->state_dir, SNAPSHOT_FILE, FS_ANY_OWNER, SNAPSHOT_MAX, &file, is_missing, err) != 0)
        return -1;
    if (*is_missing)
        return 0;
    if (snapshot_read(buf_span(&file), &local->keyring.lkg, host, local->settings.mqtt.source, &out->snapshot, err) != 0)
        return -1;
    return snapshot_verify(&out->snapshot, &local->keyring.roots, every_signature, &out->verified, err);
}
