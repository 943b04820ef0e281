/*
 * watch: see watch.h. libinotifytools behind three functions.
 *
 * The library keeps its state in globals, offers no descriptor, reads many events into a hidden buffer at
 * once (and keeps that buffer when it is closed), cannot forget a dead watch, and aborts when it is used
 * before its initialisation. So: it is never called unless started; it is always drained to the end; and
 * whenever a folder on the way comes or goes, it is closed and begun anew.
 *
 * The caller gets an epoll descriptor with the inotify one inside. It stays the same through all of that; the
 * inotify one would often come back under its old number, and a caller that compares numbers would not notice
 * that epoll has forgotten it.
 */
#include "io/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inotifytools/inotifytools.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/stat.h>

#include "model/codes.h"
#include "util/macros.h"

/* Directories only: a watch on a ref itself would die with the first rename over it. */
enum {
    WATCHED = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
    BROKEN = IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT,
};

static struct {
    bool is_open; /* the library is initialised */
    int inotify;  /* its descriptor, not ours to close */
    int epoll;    /* what the caller waits for */
    char *dir, *branch;
} watch = {.inotify = -1, .epoll = -1};

/*
 * The library calls inotify_init() through the PLT, so this one is taken. That shows us the descriptor, and
 * sets the flags the library does not. Above FD_SETSIZE its FD_SET would abort.
 */
__attribute__((visibility("default"))) int inotify_init(void)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= FD_SETSIZE) {
        close(fd);
        errno = EMFILE;
        fd = -1;
    }
    watch.inotify = fd;
    return fd;
}

/* --- reasons ------------------------------------------------------------------------------------------- */

static bool has_free_descriptor(void)
{
    int fd = open("/", O_PATH | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(fd);
    return fd < FD_SETSIZE;
}

static int poll_only(int sys, const char *what, struct error *err)
{
    const char *limit = "";
    if (sys == ENOSPC)
        limit = " (fs.inotify.max_user_watches is used up)";
    else if (sys == EMFILE)
        limit = has_free_descriptor() ? " (fs.inotify.max_user_instances is used up)"
                                      : " (the process has no descriptor left: RLIMIT_NOFILE)";
    return error_set(err, CODE_POLL_ONLY, sys, "cannot watch %s%s", what, limit);
}

/* --- the library --------------------------------------------------------------------------------------- */

/* A folder that comes or goes between the common dir and the branch's file: refs, heads, rel of rel/1. */
static bool is_on_the_way(const char *name)
{
    size_t len = strlen(name);
    if (strcmp(name, "refs") == 0 || strcmp(name, "heads") == 0)
        return true;
    for (const char *part = watch.branch, *end; (end = strchr(part, '/')) != NULL; part = end + 1)
        if ((size_t)(end - part) == len && memcmp(part, name, len) == 0)
            return true;
    return false;
}

/* "HEAD.lock", "main.lock": a commit makes several before it moves the branch, and no ref can have such a name. */
static bool is_lock(const struct inotify_event *event)
{
    static const char ending[] = ".lock";
    size_t len = event->len == 0 ? 0 : strlen(event->name), ending_len = sizeof ending - 1;
    return (event->mask & IN_ISDIR) == 0 && len > ending_len && strcmp(event->name + len - ending_len, ending) == 0;
}

/* next_events(0, 1) is the only call that polls. Returns the errno of a failure, else 0. */
static int drain(bool *must_reopen, bool *is_news)
{
    for (;;) {
        const struct inotify_event *event = inotifytools_next_events(0, 1);
        if (event == NULL) {
            int sys = inotifytools_error();
            if (sys == EINTR)
                continue;
            return sys == EAGAIN ? 0 : sys;
        }
        if ((event->mask & BROKEN) != 0 ||
            ((event->mask & IN_ISDIR) != 0 && event->len > 0 && is_on_the_way(event->name)))
            *must_reopen = true;
        if (!is_lock(event))
            *is_news = true;
    }
}

static void close_library(void)
{
    if (!watch.is_open)
        return;
    inotifytools_cleanup();
    watch.is_open = false;
    watch.inotify = -1;
}

static int open_library(struct error *err)
{
    watch.inotify = -1;
    if (inotifytools_initialize() == 0)
        return poll_only(inotifytools_error(), "anything", err);
    watch.is_open = true;
    if (watch.inotify < 0)
        return error_set(err, CODE_POLL_ONLY, 0, "libinotifytools does not show its descriptor");
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(watch.epoll, EPOLL_CTL_ADD, watch.inotify, &event) != 0)
        return poll_only(errno, "anything", err);
    return 0;
}

/* *exists false: there is no such folder (yet). The library prints to stderr when it cannot stat what it
   watches. */
static int add(const char *path, bool *exists, struct error *err)
{
    struct stat st;
    *exists = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (!*exists)
        return 0;
    if (inotifytools_watch_file(path, WATCHED) != 0)
        return 0;
    int sys = inotifytools_error();
    *exists = false;
    return sys == ENOENT || sys == ENOTDIR ? 0 : poll_only(sys, path, err);
}

/* Parents first: a folder that appears after its parent is watched makes an event there. */
static int add_all(struct error *err)
{
    char path[PATH_MAX];
    bool exists;
    int len = snprintf(path, sizeof path, "%s/refs/heads/%s", watch.dir, watch.branch);
    if (len < 0 || (size_t)len >= sizeof path)
        return poll_only(ENAMETOOLONG, watch.dir, err);
    if (add(watch.dir, &exists, err) != 0)
        return -1;
    if (!exists)
        return error_set(err, CODE_POLL_ONLY, 0, "cannot watch %s: it is gone", watch.dir);
    for (char *end = strchr(path + strlen(watch.dir) + 1, '/'); end != NULL && exists;
         end = strchr(end + 1, '/')) {
        *end = '\0';
        if (add(path, &exists, err) != 0)
            return -1;
        *end = '/';
    }
    return 0;
}

static int reopen(struct error *err)
{
    close_library();
    return open_library(err) != 0 || add_all(err) != 0 ? -1 : 0;
}

/* --- the three functions ------------------------------------------------------------------------------- */

static int start(const char *common_dir, const char *branch, struct error *err)
{
    size_t len = strlen(common_dir);
    while (len > 1 && common_dir[len - 1] == '/')
        len--;
    watch.dir = strndup(common_dir, len);
    watch.branch = strdup(branch);
    if (watch.dir == NULL || watch.branch == NULL)
        return error_memory(err);
    watch.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (watch.epoll < 0)
        return poll_only(errno, "anything", err);
    return reopen(err);
}

int watch_start(const char *common_dir, const char *branch, int *fd, struct error *err)
{
    watch_stop();
    int rc = start(common_dir, branch, err);
    if (rc != 0)
        watch_stop();
    *fd = watch.epoll;
    return rc;
}

int watch_drain(int *fd, bool *is_news, struct error *err)
{
    bool must_reopen = false, has_news = false;
    int rc = 0;
    if (!watch.is_open) {
        rc = error_set(err, CODE_POLL_ONLY, 0, "nothing is watched");
    } else {
        int sys = drain(&must_reopen, &has_news);
        rc = sys != 0 ? poll_only(sys, watch.dir, err) : must_reopen ? reopen(err) : 0;
    }
    if (rc != 0)
        watch_stop();
    *fd = watch.epoll;
    *is_news = has_news || rc != 0;
    return rc;
}

void watch_stop(void)
{
    close_library();
    if (watch.epoll >= 0)
        close(watch.epoll);
    free(watch.dir);
    free(watch.branch);
    watch.epoll = -1;
    watch.dir = watch.branch = NULL;
}
