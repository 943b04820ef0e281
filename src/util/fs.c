/*
 * fs: see fs.h. Here: folders, and reading.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/fs_priv.h"
#include "util/memory.h"

enum { READ_CHUNK = 4096 }; /* behind the size that fstat told */

int fs_open_dir(const char *path, int *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open the folder '%s'", path);
    *out = fd;
    return 0;
}

int fs_open_folder_of(const char *path, int *out, const char **name, struct error *err)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = slash == NULL   ? strdup(".")
                             : slash == path ? strdup("/")
                                             : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return error_memory(err);
    if (fs_open_dir(folder, out, err) != 0)
        return -1;
    *name = slash == NULL ? path : slash + 1;
    return 0;
}

int fs_sync_dir(int dir, struct error *err)
{
    if (fsync(dir) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync a folder");
    return 0;
}

/* mkdir obeys the umask, and the new name is durable only when its parent is synced. */
static int settle_new_dir(int dir, mode_t mode, struct error *err)
{
    if (fchmod(dir, mode) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot set the mode");
    AUTO_CLOSE int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open its parent");
    return fs_sync_dir(parent, err);
}

int fs_make_dir(const char *path, mode_t mode, int *out, struct error *err)
{
    bool is_new = mkdir(path, mode) == 0;
    if (!is_new && errno != EEXIST)
        return error_set(err, ERR_SYSTEM, errno, "cannot make the folder '%s'", path);
    AUTO_CLOSE int dir = -1;
    if (fs_open_dir(path, &dir, err) != 0)
        return -1;
    if (is_new && settle_new_dir(dir, mode, err) != 0) {
        rmdir(path);
        return error_wrap(err, "making the folder '%s'", path);
    }
    *out = take_fd(&dir);
    return 0;
}

static void close_stream(DIR **stream)
{
    if (*stream != NULL)
        closedir(*stream);
}

/* The caller's descriptor is not used: it has one place for all who read the folder. */
static DIR *open_stream(int dir)
{
    AUTO_CLOSE int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own < 0 ? NULL : fdopendir(own);
    if (stream != NULL)
        take_fd(&own);
    return stream;
}

int fs_each_name(int dir, int (*visit)(void *context, const char *name, struct error *err), void *context,
                 struct error *err)
{
    DIR *stream CLEANUP(close_stream) = open_stream(dir);
    if (stream == NULL)
        return error_set(err, ERR_SYSTEM, errno, "cannot list a folder");
    for (;;) {
        errno = 0; /* NULL is the end too */
        const struct dirent *entry = readdir(stream);
        if (entry == NULL)
            return errno == 0 ? 0 : error_set(err, ERR_SYSTEM, errno, "cannot list a folder");
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int answer = visit(context, entry->d_name, err);
        if (answer != 0)
            return answer;
    }
}

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK:
        return "a symbolic link";
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "something unknown";
    }
}

static int refuse_kind(const char *name, mode_t mode, struct error *err)
{
    return error_set(err, ERR_FILE_UNSAFE, 0, "'%s' is %s, not a regular file", name, kind_of(mode));
}

static int check_trust(const struct stat *st, const char *name, enum fs_trust trust, struct error *err)
{
    unsigned mode = st->st_mode & 07777;
    if (!S_ISREG(st->st_mode))
        return refuse_kind(name, st->st_mode, err);
    if (trust == FS_ANY_OWNER)
        return 0;
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(err, ERR_FILE_UNSAFE, 0,
                         "'%s' belongs to user %u, neither to us (user %u) nor to root", name,
                         (unsigned)st->st_uid, (unsigned)geteuid());
    if ((mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(err, ERR_FILE_UNSAFE, 0, "'%s' can be written by others than its owner (mode %04o)",
                         name, mode);
    if (trust == FS_SECRET && (mode & (S_IXGRP | S_IRWXO)) != 0)
        return error_set(err, ERR_FILE_UNSAFE, 0,
                         "'%s' is secret, but its mode is %04o instead of 0640 or less", name, mode);
    /* No link at all is fine: the file was replaced after we had opened it. */
    if (st->st_nlink > 1)
        return error_set(err, ERR_FILE_UNSAFE, 0, "'%s' has %lu hard links", name,
                         (unsigned long)st->st_nlink);
    return 0;
}

int fs_open_checked(int dir, const char *name, int flags, enum fs_trust trust, int *out, struct stat *st,
                    bool *is_missing, struct error *err)
{
    AUTO_CLOSE int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0) {
        int cause = errno;
        if (cause == ENOENT && is_missing != NULL) {
            *is_missing = true;
            *out = -1;
            return 0;
        }
        /* What was refused for its kind (a link, a socket, a folder to write in) deserves its name. */
        if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st->st_mode))
            return refuse_kind(name, st->st_mode, err);
        return error_set(err, ERR_SYSTEM, cause, "cannot open '%s'", name);
    }
    if (fstat(fd, st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine '%s'", name);
    if (check_trust(st, name, trust, err) != 0)
        return -1;
    if (is_missing != NULL)
        *is_missing = false;
    *out = take_fd(&fd);
    return 0;
}

int fs_open(int dir, const char *name, enum fs_trust trust, int *out, bool *is_missing, struct error *err)
{
    struct stat st;
    return fs_open_checked(dir, name, O_RDONLY, trust, out, &st, is_missing, err);
}

static int refuse_size(const char *name, size_t max, struct error *err)
{
    return error_set(err, ERR_FILE_TOO_LARGE, 0, "'%s' is larger than %zu bytes", name, max);
}

/* The size is a hint only: the file may grow while it is read, and the limit holds all the same. */
static int read_all(int fd, const char *name, size_t size, size_t max, struct buf *out, struct error *err)
{
    size_t total = 0;
    size_t chunk = size + 1; /* the one more sees the end without another allocation */
    for (;;) {
        char *to = buf_reserve(out, chunk);
        if (to == NULL)
            return error_memory(err);
        memory_expect_all(to, chunk);
        ssize_t n = read(fd, to, chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ERR_SYSTEM, errno, "cannot read '%s'", name);
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        total += (size_t)n;
        if (total > max)
            return refuse_size(name, max, err);
        chunk = (size_t)n < chunk ? chunk - (size_t)n : READ_CHUNK;
    }
}

int fs_read(int dir, const char *name, enum fs_trust trust, size_t max, struct buf *out, bool *is_missing,
            struct error *err)
{
    struct stat st;
    AUTO_CLOSE int fd = -1;
    if (fs_open_checked(dir, name, O_RDONLY, trust, &fd, &st, is_missing, err) != 0)
        return -1;
    if (fd < 0)
        return 0;
    if ((uintmax_t)st.st_size > max)
        return refuse_size(name, max, err);
    size_t before = out->len;
    if (read_all(fd, name, (size_t)st.st_size, max, out, err) != 0) {
        buf_truncate(out, before);
        return -1;
    }
    return 0;
}
