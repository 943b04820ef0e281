/*
 * told: see told.h.
 */
#include "cli/told.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model/json.h"
#include "model/run_files.h"
#include "util/fs.h"

enum { STATUS_MAX = 1024 * 1024 };

void told_fini(struct told *told)
{
    buf_fini(&told->file);
    doc_fini(&told->doc);
}

int told_read_unproven(const struct local *local, struct told *out, struct error *err)
{
    static const struct doc_limits limits = {8, 100000, STATUS_MAX};
    const struct json_options json = {.file = STATUS_FILE, .limits = limits};
    AUTO_CLOSE int dir = -1;
    bool is_missing = false;
    told_fini(out);
    *out = (struct told){0};
    if (fs_open_dir(local->settings.run, &dir, err) != 0)
        return err->sys == ENOENT ? 0 : error_wrap(err, "the run folder (setting: run)");
    if (fs_read(dir, STATUS_FILE, FS_ANY_OWNER, STATUS_MAX, &out->file, &is_missing, err) != 0)
        return error_wrap(err, "the run folder (setting: run)");
    if (is_missing)
        return 0;
    if (json_read(buf_span(&out->file), &json, &out->doc, err) != 0)
        return -1;
    out->is_told = true;
    return 0;
}

/* For somebody who may not look into the state folder. Everybody may ask whether a process is called epochd. */
static bool is_daemon(int64_t pid)
{
    char path[64], name[16] = "";
    snprintf(path, sizeof path, "/proc/%lld/comm", (long long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool is_read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return is_read && strcmp(name, "epochd\n") == 0;
}

static int read_without_lock(struct local *local, struct told *out, struct error *denied)
{
    struct error err;
    int64_t writer = 0;
    if (told_read_unproven(local, out, &err) != 0 || !out->is_told || !doc_get_int(out->doc.root, "pid", &writer) ||
        !is_daemon(writer)) {
        told_fini(out);
        *out = (struct told){0};
        return error_wrap(denied, "whether epochd runs");
    }
    out->pid = (pid_t)writer;
    out->is_unproven = true;
    return 0;
}

/* The lock went with the folder: a daemon that says so, and that is there, is believed. */
static void read_in_loss(struct local *local, struct told *out)
{
    struct error ignored = {0};
    if (read_without_lock(local, out, &ignored) != 0 || span_is(told_text(out->doc.root, "state"), "hold:state-lost"))
        return;
    told_fini(out);
    *out = (struct told){0};
}

int told_read(struct local *local, struct told *out, struct error *err)
{
    pid_t pid = 0;
    int64_t writer;
    if (local_open_state(local, err) != 0) {
        if (err->sys != ENOENT)
            return err->sys == EACCES ? read_without_lock(local, out, err) : -1;
    } else if (local_daemon(local, &pid, err) != 0) {
        return err->sys == EACCES ? read_without_lock(local, out, err) : -1;
    }
    if (pid == 0) {
        read_in_loss(local, out);
        return 0;
    }
    if (told_read_unproven(local, out, err) != 0)
        return error_wrap(err, "epochd runs, but its status cannot be read");
    out->pid = pid;
    out->is_told = out->is_told && doc_get_int(out->doc.root, "pid", &writer) && writer == pid;
    return 0;
}

struct span told_text(const struct doc_node *node, const char *name)
{
    struct span text = SPAN("-");
    doc_get_string(node, name, &text);
    return text;
}

const struct doc_node *told_part(const struct doc_node *node, const char *name)
{
    static const struct doc_node nothing = {.kind = DOC_NULL};
    const struct doc_node *part = doc_get(node, name);
    return part == NULL ? &nothing : part;
}

/* --- whose it is ---------------------------------------------------------------------------------------- */

static bool is_same(const char *path, dev_t device, ino_t inode)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* The daemon's path may be a work tree, linked or not, a .git folder or a bare repository. */
bool told_serves(const struct doc_node *status, struct repo *repo)
{
    struct span path = {0};
    struct stat tree;
    char text[4096];
    dev_t device;
    ino_t inode;
    repo_identity(repo, &device, &inode);
    if (!doc_get_string(status, "repository", &path) || path.len + sizeof "/.git" > sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s/.git", (int)path.len, path.data);
    if (is_same(text, device, inode))
        return true;
    text[path.len] = '\0';
    return is_same(text, device, inode) || (repo_work_dir(repo) != NULL && stat(repo_work_dir(repo), &tree) == 0 &&
                                            is_same(text, tree.st_dev, tree.st_ino));
}
