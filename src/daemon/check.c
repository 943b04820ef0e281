/*
 * check: see check.h.
 */
#include "daemon/check.h"

#include <fcntl.h>
#include <string.h>

#include "config/branches.h"
#include "daemon/broker.h"
#include "io/repo.h"
#include "model/codes.h"
#include "model/run_files.h"
#include "util/fs.h"
#include "verify/keyring.h"

static int check_repository(const struct settings *settings, struct error *err)
{
    struct repo *repo AUTO_REPO = NULL;
    struct repo_policy policy = {settings->repository.trusted_uids, settings->repository.trusted_len, false};
    const char *branch = settings->repository.branch, *path = settings->repository.path;
    char text[BRANCHES_TEXT_MAX];
    struct oid tip;
    bool is_missing, has_others = false;
    if (repo_open(&repo, path, &policy, err) != 0 || repo_check_whole(repo, err) != 0 ||
        repo_branch_tip(repo, branch, &is_missing, &tip, err) != 0)
        return -1;
    if (is_missing && branches_explain(repo, branch, &has_others, text, err) != 0)
        return -1;
    if (has_others)
        return error_set(err, CODE_REF_MISSING, 0, "%s: %s", path, text);
    printf("settings are fine; branch %s of %s %s\n", branch, path, is_missing ? "has no commit yet" : "can be read");
    return 0;
}

static int check_keys(const struct settings *settings, struct error *err)
{
    struct keyring keyring AUTO_KEYRING = {0};
    bool exists;
    if (keyring_exists(settings->keys, &exists, err) != 0)
        return error_wrap(err, "the keys");
    if (exists && keyring_load(settings->keys, settings->mqtt.source, &keyring, err) != 0)
        return error_wrap(err, "the keys");
    printf("keys: %s %s\n", settings->keys, exists ? "is complete" : "will be made by the first start");
    return 0;
}

static int check_state(const struct settings *settings, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    pid_t holder;
    if (fs_open_dir(settings->state, &dir, err) != 0) {
        if (err->sys != ENOENT)
            return error_wrap(err, "the state folder (setting: state)");
        printf("state: %s will be made by the first start\n", settings->state);
        return 0;
    }
    if (faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return error_set(err, ERR_SYSTEM, errno, "the state folder %s cannot be written", settings->state);
    if (fs_lock_holder(dir, LOCK_FILE, &holder, err) != 0)
        return error_wrap(err, "the state folder (setting: state)");
    if (holder != 0)
        printf("state: %s; epochd runs with it, pid %lld\n", settings->state, (long long)holder);
    else
        printf("state: %s can be written\n", settings->state);
    return 0;
}

int check_settings(const struct settings *settings, struct error *err)
{
    if (crypto_init(err) != 0 || check_repository(settings, err) != 0 || check_keys(settings, err) != 0 ||
        check_state(settings, err) != 0)
        return -1;
    if (broker_check(settings, err) != 0)
        return error_wrap(err, "the broker");
    printf("broker: %s\n",
           strcmp(settings->mqtt.url, "off") == 0 ? "off" : "password and certificates can be read; not tried");
    return 0;
}
