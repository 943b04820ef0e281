/*
 * owner: see owner.h.
 */
#include "cli/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

void owner_from(const struct stat *st, struct owner *out)
{
    struct passwd entry, *found = NULL;
    char text[4096];
    *out = (struct owner){.uid = st->st_uid, .gid = st->st_gid, .home = "/"};
    out->is_other = getuid() == 0 && st->st_uid != 0;
    if (getpwuid_r(st->st_uid, &entry, text, sizeof text, &found) == 0 && found != NULL) {
        out->gid = entry.pw_gid;
        snprintf(out->name, sizeof out->name, "%s", entry.pw_name);
        snprintf(out->home, sizeof out->home, "%s", entry.pw_dir);
    }
}

int owner_of(const char *path, struct owner *out, struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot look at '%s'", path);
    owner_from(&st, out);
    return 0;
}

static int set_groups(const struct owner *owner)
{
    return owner->name[0] == '\0' ? setgroups(0, NULL) : initgroups(owner->name, owner->gid);
}

int owner_enter(const struct owner *owner, struct error *err)
{
    if (!owner->is_other || geteuid() == owner->uid)
        return 0;
    if (set_groups(owner) == 0 && setegid(owner->gid) == 0 && seteuid(owner->uid) == 0)
        return 0;
    error_set(err, ERR_SYSTEM, errno, "cannot act as uid %u", (unsigned)owner->uid);
    owner_leave(owner);
    return -1;
}

void owner_leave(const struct owner *owner)
{
    if (!owner->is_other)
        return;
    /* The saved ids are root's, so this cannot be refused; where it is, what comes next is done with fewer rights. */
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0)
        return;
}

int owner_become(const struct owner *owner)
{
    if (!owner->is_other)
        return 0;
    if (geteuid() != 0 && seteuid(0) != 0)
        return -1;
    if (set_groups(owner) != 0 || setresgid(owner->gid, owner->gid, owner->gid) != 0 ||
        setresuid(owner->uid, owner->uid, owner->uid) != 0)
        return -1;
    return setenv("HOME", owner->home, 1) != 0 || setenv("USER", owner->name, 1) != 0 ||
                   setenv("LOGNAME", owner->name, 1) != 0 || unsetenv("XDG_CONFIG_HOME") != 0
               ? -1
               : 0;
}
