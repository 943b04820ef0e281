/*
 * fs_write: see fs.h. Here: replacing a file as a whole.
 *
 * A temporary file is called `.<name>.tmp-<n>` and is locked by whoever writes it. The lock ends with the
 * process, so a temporary file that can be locked is what a crash left, and the next writer of that name
 * removes it. No process id is needed, which in a container would be 1 each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/failpoint.h"
#include "util/fs_priv.h"

enum { TEMPORARIES = 16 }; /* writers of one name at once, with leftovers that are not ours to remove */

/* Writes everything, through EINTR and short writes. 0 or an errno. A negative offset is the file's own. */
static int write_all(int fd, struct span data, off_t offset)
{
    while (data.len > 0) {
        ssize_t n = offset < 0 ? write(fd, data.data, data.len) : pwrite(fd, data.data, data.len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return EIO;
        data.data += n;
        data.len -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

int fs_write_at(int fd, struct span data, off_t offset, struct error *err)
{
    int cause = offset < 0 ? EINVAL : write_all(fd, data, offset);
    return cause == 0 ? 0 : error_set(err, ERR_SYSTEM, cause, "cannot write");
}

/* Makes and locks the temporary file. 0 or an errno: EEXIST if the name is taken. */
static int make_temporary(int dir, const char *name, int *out)
{
    struct stat st;
    AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int cause = fs_lock_now(fd);
    /* Before we had the lock, another writer may have taken the new file for a leftover. */
    if (cause == EAGAIN || (cause == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0))
        return EEXIST;
    if (cause != 0) {
        unlinkat(dir, name, 0);
        return cause;
    }
    *out = take_fd(&fd);
    return 0;
}

/* Removes the temporary file if nobody writes it any more. */
static void remove_leftover(int dir, const char *name)
{
    struct stat held, named;
    AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fs_lock_now(fd) != 0)
        return;
    /* Its writer may have finished meanwhile, and the name be another's: only the file we have locked may go. */
    if (fstat(fd, &held) == 0 && fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fs_is_same_file(&held, &named))
        unlinkat(dir, name, 0);
}

static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int fs_writer_begin(struct fs_writer *writer, int dir, const char *name, mode_t mode, struct error *err)
{
    *writer = (struct fs_writer){.dir = dir, .fd = -1};
    if (!is_plain_name(name))
        return error_set(err, ERR_SYSTEM, EINVAL, "cannot write '%s'", name);
    size_t len = strlen(name);
    if (len >= sizeof writer->name)
        return error_set(err, ERR_SYSTEM, ENAMETOOLONG, "cannot write '%s'", name);
    memcpy(writer->name, name, len + 1);

    char temporary[sizeof writer->temporary];
    int cause = FAILPOINT_CAUSE("file.temporary");
    cause = cause == 0 ? EEXIST : cause;
    for (unsigned i = 0; i < TEMPORARIES && cause == EEXIST; i++) {
        snprintf(temporary, sizeof temporary, ".%s.tmp-%u", writer->name, i);
        cause = make_temporary(dir, temporary, &writer->fd);
        if (cause == EEXIST) {
            remove_leftover(dir, temporary);
            cause = make_temporary(dir, temporary, &writer->fd);
        }
    }
    if (cause != 0)
        return error_set(err, ERR_SYSTEM, cause, "cannot make a temporary file for '%s'", name);
    memcpy(writer->temporary, temporary, sizeof temporary);
    if (fchmod(writer->fd, mode) != 0) {
        cause = errno;
        fs_writer_abandon(writer);
        return error_set(err, ERR_SYSTEM, cause, "cannot set the mode of '%s'", name);
    }
    return 0;
}

void fs_writer_abandon(struct fs_writer *writer)
{
    if (writer->temporary[0] == '\0')
        return;
    /* The name first: it is ours for as long as the lock is, which ends with the descriptor. */
    unlinkat(writer->dir, writer->temporary, 0);
    close(writer->fd);
    writer->temporary[0] = '\0';
    writer->fd = -1;
}

int fs_writer_write(struct fs_writer *writer, struct span data, struct error *err)
{
    int cause = writer->temporary[0] == '\0' ? EBADF : FAILPOINT_CAUSE("file.write");
    if (cause == 0)
        cause = write_all(writer->fd, data, -1);
    if (cause == 0)
        return 0;
    fs_writer_abandon(writer);
    return error_set(err, ERR_SYSTEM, cause, "cannot write '%s'", writer->name);
}

static int finish(struct fs_writer *writer, unsigned rename_flags, bool is_durable, struct error *err)
{
    const char *did = "write";
    int cause = 0;
    if (writer->temporary[0] == '\0') {
        cause = EBADF;
    } else if ((cause = FAILPOINT_CAUSE("file.sync")) != 0) {
        did = "sync";
    } else if (is_durable && fsync(writer->fd) != 0) {
        /* The kernel may have dropped the pages it could not write: a second fsync would succeed and lie. */
        did = "sync";
        cause = errno;
    } else if ((cause = FAILPOINT_CAUSE("file.rename")) != 0) {
        did = "replace";
    } else if (renameat2(writer->dir, writer->temporary, writer->dir, writer->name, rename_flags) != 0) {
        did = rename_flags == 0 ? "replace" : "create";
        cause = errno;
    }
    if (cause != 0) {
        fs_writer_abandon(writer);
        return error_set(err, ERR_SYSTEM, cause, "cannot %s '%s'", did, writer->name);
    }
    close(writer->fd);
    writer->temporary[0] = '\0';
    writer->fd = -1;
    if (is_durable && (FAILPOINT("file.sync-folder", err) != 0 || fs_sync_dir(writer->dir, err) != 0))
        return error_wrap(err, "writing '%s'", writer->name);
    return 0;
}

int fs_writer_commit(struct fs_writer *writer, struct error *err)
{
    return finish(writer, 0, true, err);
}

static int write_whole(int dir, const char *name, struct span data, mode_t mode, unsigned rename_flags,
                       bool is_durable, struct error *err)
{
    struct fs_writer writer;
    if (fs_writer_begin(&writer, dir, name, mode, err) != 0 || fs_writer_write(&writer, data, err) != 0)
        return -1;
    return finish(&writer, rename_flags, is_durable, err);
}

int fs_replace(int dir, const char *name, struct span data, mode_t mode, struct error *err)
{
    return write_whole(dir, name, data, mode, 0, true, err);
}

int fs_replace_volatile(int dir, const char *name, struct span data, mode_t mode, struct error *err)
{
    return write_whole(dir, name, data, mode, 0, false, err);
}

int fs_create(int dir, const char *name, struct span data, mode_t mode, struct error *err)
{
    return write_whole(dir, name, data, mode, RENAME_NOREPLACE, true, err);
}
