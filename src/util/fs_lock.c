/*
 * fs_lock: see fs.h. Here: the lock that says which process is the one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "util/fs_priv.h"
#include "util/num.h"

enum { PID_WIDTH = 10, LOCK_FILE_MODE = 0640 };

int fs_lock_now(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? EAGAIN : errno;
}

/* The holder's pid as its file says it, 0 if it does not. The kernel knows no pid for this kind of lock. */
static pid_t read_pid(int fd)
{
    char text[PID_WIDTH];
    ssize_t n = pread(fd, text, sizeof text, 0);
    size_t len = 0;
    while (n > 0 && len < (size_t)n && text[len] >= '0' && text[len] <= '9')
        len++;
    uint64_t pid;
    if (!num_parse_u64((struct span){text, len}, &pid) || pid > INT32_MAX)
        return 0;
    return (pid_t)pid;
}

int fs_lock(int dir, const char *name, int *out, pid_t *holder, struct error *err)
{
    struct stat st;
    AUTO_CLOSE int fd = -1;
    if (fs_open_checked(dir, name, O_RDWR | O_CREAT, FS_OWNED, &fd, &st, NULL, err) != 0)
        return -1;
    int cause = fs_lock_now(fd);
    if (cause == EAGAIN) {
        *holder = read_pid(fd);
        *out = -1;
        return 0;
    }
    if (cause != 0)
        return error_set(err, ERR_SYSTEM, cause, "cannot lock '%s'", name);
    if ((st.st_mode & 07777) != LOCK_FILE_MODE && fchmod(fd, LOCK_FILE_MODE) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot set the mode of the lock '%s'", name);
    /* One write of a fixed width: nobody sees half of it, and a full disk still has room when we come back. */
    char text[PID_WIDTH + 2];
    int len = snprintf(text, sizeof text, "%-*d\n", PID_WIDTH, (int)getpid());
    if (fs_write_at(fd, (struct span){text, (size_t)len}, 0, err) != 0)
        return error_wrap(err, "locking '%s'", name);
    *out = take_fd(&fd);
    return 0;
}

int fs_lock_dir(int dir, bool *is_ours, struct error *err)
{
    int rc;
    do
        rc = flock(dir, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    /* NFS locks folders only for writers, which nobody is: there the lock file has to do. */
    bool is_possible = rc == 0 || (errno != EBADF && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOLCK);
    if (rc != 0 && is_possible && errno != EWOULDBLOCK)
        return error_set(err, ERR_SYSTEM, errno, "cannot lock a folder");
    *is_ours = rc == 0 || !is_possible;
    return 0;
}

int fs_lock_holder(int dir, const char *name, pid_t *holder, struct error *err)
{
    struct stat st;
    AUTO_CLOSE int fd = -1;
    bool is_missing;
    if (fs_open_checked(dir, name, O_RDONLY, FS_ANY_OWNER, &fd, &st, &is_missing, err) != 0)
        return -1;
    if (is_missing) {
        *holder = 0;
        return 0;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine the lock '%s'", name);
    pid_t pid = lock.l_type == F_UNLCK ? 0 : read_pid(fd);
    if (lock.l_type != F_UNLCK && pid == 0)
        return error_set(err, ERR_SYSTEM, EAGAIN, "'%s' is locked, and does not say by whom yet", name);
    *holder = pid;
    return 0;
}
