/*
 * hooks: see hooks.h.
 */
#include "cli/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/shell.h"
#include "model/codes.h"
#include "util/fs.h"

#define MARK "Installed by epochctl init"

struct hook {
    const char *name, *purpose;
    bool reads_stdin; /* refs or commits, which the kept hook wants too */
};

static const struct hook commit_hooks[] = {
    {"pre-commit", "Judges what is staged.", false},
    {"pre-merge-commit", "Judges what a merge is about to commit.", false},
    {"post-commit", "Tells what became of the commit.", false},
    {"post-merge", "Tells what became of the merge.", false},
    {"post-rewrite", "Tells what became of a rebase.", true},
};
static const struct hook receive_hooks[] = {
    {"pre-receive", "Judges a push before it is accepted.", true},
    {"post-receive", "Tells what became of the push.", true},
};

/* --- the script ----------------------------------------------------------------------------------------- */

/* The one of the PATH first, so that an upgrade elsewhere counts; whoever pushes over ssh may have a short
   PATH. */
static void put_epochctl(struct buf *out)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len < 0 ? 0 : len] = '\0';
    buf_puts(out, "epochctl=$(command -v epochctl) || epochctl=");
    shell_put_word(out, path);
    buf_puts(out, "\nif [ ! -x \"$epochctl\" ]; then\n"
                  "    echo 'epochd: epochctl is not installed here, nothing was checked' >&2\n"
                  "    exit 0\n"
                  "fi\n");
}

static void put_script(struct buf *out, const struct hook *hook)
{
    buf_printf(out, "#!/bin/sh\n# " MARK ". %s\nbefore=\"$0.before-epochd\"\n", hook->purpose);
    if (hook->reads_stdin)
        buf_puts(out,
                 "refs=$(cat)\n"
                 "if [ -x \"$before\" ]; then printf '%s\\n' \"$refs\" | \"$before\" \"$@\" || exit; fi\n");
    else
        buf_puts(out, "if [ -x \"$before\" ]; then \"$before\" \"$@\" || exit; fi\n");
    put_epochctl(out);
    if (hook->reads_stdin)
        buf_printf(out, "printf '%%s\\n' \"$refs\" | \"$epochctl\" hook %s \"$@\"\n", hook->name);
    else
        buf_printf(out, "exec \"$epochctl\" hook %s \"$@\"\n", hook->name);
}

/* --- keeping what is there ------------------------------------------------------------------------------ */

/* A hook may be a link or a program of any size: only its beginning is looked at. */
static bool is_ours(int dir, const char *name)
{
    char start[128];
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, start, sizeof start);
    return len > 0 && memmem(start, (size_t)len, MARK, strlen(MARK)) != NULL;
}

static int is_there(int dir, const char *name, bool *out, struct error *err)
{
    struct stat st;
    *out = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return *out || errno == ENOENT ? 0
                                   : error_set(err, ERR_SYSTEM, errno, "cannot look at the hook '%s'", name);
}

static int keep(int dir, const char *name, struct error *err)
{
    char kept[64];
    bool exists, is_taken;
    snprintf(kept, sizeof kept, "%s.before-epochd", name);
    if (is_there(dir, name, &exists, err) != 0 || is_there(dir, kept, &is_taken, err) != 0)
        return -1;
    if (!exists || is_ours(dir, name))
        return 0;
    if (is_taken)
        return error_set(err, ERR_SYSTEM, 0,
                         "'%s' is not ours and '%s' is there too: make one hook of the two, as '%s'", name,
                         kept, kept);
    if (renameat(dir, name, dir, kept) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot keep the hook '%s' as '%s'", name, kept);
    return 0;
}

static int install(int dir, const struct hook *hook, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    put_script(&text, hook);
    if (buf_check(&text, err) != 0 || keep(dir, hook->name, err) != 0)
        return -1;
    return fs_replace(dir, hook->name, buf_span(&text), 0755, err);
}

/* --- where git looks ------------------------------------------------------------------------------------ */

/* Makes the folder with its parents. */
static int open_folder(const char *path, int *out, struct error *err)
{
    char part[PATH_MAX];
    struct stat st;
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (stat(part, &st) != 0 && mkdir(part, 0755) != 0)
            return error_set(err, ERR_SYSTEM, errno, "cannot make the folder '%s'", part);
    }
    return fs_make_dir(path, 0755, out, err);
}

static int install_in(const char *base, const char *folder, const struct hook *hooks, size_t len,
                      struct error *err)
{
    char path[PATH_MAX];
    AUTO_CLOSE int dir = -1;
    int n = snprintf(path, sizeof path, "%s%s", base, folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, CODE_USAGE, 0, "core.hooksPath is too long");
    if (open_folder(path, &dir, err) != 0)
        return error_wrap(err, "the folder of the hooks (core.hooksPath)");
    for (size_t i = 0; i < len; i++)
        if (install(dir, &hooks[i], err) != 0)
            return error_wrap(err, "%s", path);
    return 0;
}

/* Where git looks for the hooks of commits, and for those of pushes. */
struct places {
    char configured[PATH_MAX];
    const char *folder, *commit_base, *receive_base;
};

static int find_places(struct repo *repo, struct places *out, struct error *err)
{
    const char *home = getenv("HOME");
    bool found;
    out->folder = out->configured;
    out->commit_base = out->receive_base = repo_common_dir(repo);
    if (repo_config_get(repo, "core.hooksPath", &found, out->configured, sizeof out->configured, err) != 0)
        return -1;
    if (!found || out->configured[0] == '\0') {
        out->folder = "hooks";
    } else if (out->configured[0] == '/') {
        out->commit_base = out->receive_base = "";
    } else if (out->configured[0] == '~' && out->configured[1] == '/' && home != NULL) {
        out->commit_base = out->receive_base = home;
        out->folder = out->configured + 1;
    } else if (repo_work_dir(repo) != NULL) {
        /* A relative path counts from where the hook runs; a push runs its own in the git folder. */
        out->commit_base = repo_work_dir(repo);
    }
    return 0;
}

int hooks_install(struct repo *repo, struct error *err)
{
    struct places at;
    if (find_places(repo, &at, err) != 0 ||
        install_in(at.commit_base, at.folder, commit_hooks, ARRAY_LEN(commit_hooks), err) != 0)
        return -1;
    return install_in(at.receive_base, at.folder, receive_hooks, ARRAY_LEN(receive_hooks), err);
}

/* The first of them that is not ours. */
static const char *find_missing(const char *base, const char *folder, const struct hook *hooks, size_t len)
{
    char path[PATH_MAX];
    AUTO_CLOSE int dir = -1;
    int n = snprintf(path, sizeof path, "%s%s", base, folder);
    if (n > 0 && (size_t)n < sizeof path)
        dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < len; i++)
        if (dir < 0 || !is_ours(dir, hooks[i].name))
            return hooks[i].name;
    return NULL;
}

int hooks_check(struct repo *repo, const char **missing, struct error *err)
{
    struct places at;
    if (find_places(repo, &at, err) != 0)
        return -1;
    *missing = repo_is_bare(repo) ? NULL : find_missing(at.commit_base, at.folder, commit_hooks, ARRAY_LEN(commit_hooks));
    if (*missing == NULL)
        *missing = find_missing(at.receive_base, at.folder, receive_hooks, ARRAY_LEN(receive_hooks));
    return 0;
}
