/*
 * watch: tells *that* a branch may have moved, never *what*; libinotifytools, and watch.c is the only file
 * that names it.
 *
 * inotify is a hint: whoever uses this also polls. Watches the common dir of a repository, refs/, refs/heads/
 * and each existing folder of the branch's name. The library keeps all its state in globals, so there is one
 * watch a process, and one thread.
 */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include <stdbool.h>

#include "util/err.h"

/*
 * Starts watching, anew if it had been started. *fd becomes readable (level-triggered) when there is
 * something to drain. It is the same until watch_stop or a failure, and belongs to the watch. CODE_POLL_ONLY
 * naming the limit that was hit (fs.inotify.max_user_watches, max_user_instances, RLIMIT_NOFILE), or that the
 * folder is gone; *fd is -1 then.
 */
int watch_start(const char *common_dir, const char *branch, int *fd, struct error *err) MUST_CHECK;

/*
 * Reads everything there is and re-arms the watches where folders came or went. *is_news: look at the ref again;
 * false where there were only git's locks, each of which is followed by the name it is for. On failure it is news,
 * and nothing is watched any more (*fd = -1, CODE_POLL_ONLY); call watch_start again later.
 */
int watch_drain(int *fd, bool *is_news, struct error *err) MUST_CHECK;

/* Closes the descriptor. Harmless when nothing is watched. */
void watch_stop(void);

#endif
