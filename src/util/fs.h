/*
 * fs: reading what may be planted, and replacing files so that a crash leaves the old or the new one, whole.
 *
 * Everything is relative to a held directory descriptor. Reads refuse symlinks, FIFOs, sockets, folders and devices,
 * and where `trust` asks for it hard links, foreign owners and open modes, before a byte is used; a FIFO never blocks.
 * Only the last component of `name` is guarded; what is written takes a plain name. Thread-safe: no state.
 */
#ifndef UTIL_FS_H
#define UTIL_FS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "util/buf.h"

enum fs_trust {
    FS_ANY_OWNER, /* content is judged by what is inside (signed, or about to be validated) */
    FS_OWNED,     /* owner is our effective uid or root, not writable by group or others, one link */
    FS_SECRET,    /* FS_OWNED, and no permission at all for others; for group only read */
};

/* Opens a directory for use as `dir` below: O_PATH is not enough, it is synced too. -1 with err. */
int fs_open_dir(const char *path, int *out, struct error *err) MUST_CHECK;

/* Opens the folder that the path's last component is in; *name is that component, inside of `path`. */
int fs_open_folder_of(const char *path, int *out, const char **name, struct error *err) MUST_CHECK;

/* Makes the directory (its parents must exist) with this mode unless it is there, and opens it. */
int fs_make_dir(const char *path, mode_t mode, int *out, struct error *err) MUST_CHECK;

/*
 * Calls `visit` with each name in the folder but `.` and `..`, in no order, until it answers something else than 0:
 * that is the answer here too. What comes or goes meanwhile may be told or not. -1 with err where the folder cannot
 * be read to its end.
 */
int fs_each_name(int dir, int (*visit)(void *context, const char *name, struct error *err), void *context,
                 struct error *err) MUST_CHECK;

/*
 * Appends the whole regular file to `out`. Larger than `max` bytes: ERR_FILE_TOO_LARGE. Fails `trust`:
 * ERR_FILE_UNSAFE. A file that does not exist is an outcome where `is_missing` is given (*is_missing = true,
 * returns 0), else ERR_SYSTEM with ENOENT.
 */
int fs_read(int dir, const char *name, enum fs_trust trust, size_t max, struct buf *out, bool *is_missing,
            struct error *err) MUST_CHECK;

/* Opens it for reading, judged in the same way, for whoever reads it in pieces. *out is -1 where it is missing. */
int fs_open(int dir, const char *name, enum fs_trust trust, int *out, bool *is_missing, struct error *err) MUST_CHECK;

/*
 * Replaces `name` by `data`: a temporary file in the same directory → write → fsync → rename → fsync of the
 * directory. On any failure the old file is what it was and the temporary one is gone (never synced again); only
 * where the very last sync fails the new file is in place, but counts as not written. `mode` is exact, whatever the
 * umask. `name` has at most 127 bytes and no slash.
 */
int fs_replace(int dir, const char *name, struct span data, mode_t mode, struct error *err) MUST_CHECK;

/*
 * fs_replace in pieces, for what should not be in memory at once: begin, write as often as needed, then commit
 * (renames and syncs) or abandon. The struct is the caller's. A failed write or commit abandons by itself, and what
 * comes after fails too; to abandon once more, or a zeroed struct, is harmless. Leaving in between: abandon.
 */
struct fs_writer {
    int dir, fd;
    char name[128], temporary[160]; /* temporary: "" when nothing is being written */
};
int fs_writer_begin(struct fs_writer *writer, int dir, const char *name, mode_t mode, struct error *err) MUST_CHECK;
int fs_writer_write(struct fs_writer *writer, struct span data, struct error *err) MUST_CHECK;
int fs_writer_commit(struct fs_writer *writer, struct error *err) MUST_CHECK;
void fs_writer_abandon(struct fs_writer *writer);
#define AUTO_WRITER CLEANUP(fs_writer_abandon)

/* fs_replace without the two syncs, for files that a restart makes anew (status, metrics). Readers see all or
   nothing. */
int fs_replace_volatile(int dir, const char *name, struct span data, mode_t mode, struct error *err) MUST_CHECK;

/* As fs_replace, but never over a file: fails with EEXIST if `name` is there. A crash leaves the whole file or none. */
int fs_create(int dir, const char *name, struct span data, mode_t mode, struct error *err) MUST_CHECK;

/* Writes all bytes at the offset, through EINTR and short writes. */
int fs_write_at(int fd, struct span data, off_t offset, struct error *err) MUST_CHECK;

int fs_sync_dir(int dir, struct error *err) MUST_CHECK;

static inline bool fs_is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Takes the exclusive lock `name` (an open file description lock, so it ends with the process, kill -9 too) and
 * writes our pid into the file. `*out` holds it until closed. If somebody has it: *holder is the pid (0 if it is not
 * written yet), *out is -1, returns 0.
 */
int fs_lock(int dir, const char *name, int *out, pid_t *holder, struct error *err) MUST_CHECK;

/* Locks the folder itself, for as long as `dir` is open: it has no name that could be unlinked. *is_ours: nobody else
   has it. On a file system that cannot lock folders it is always ours. */
int fs_lock_dir(int dir, bool *is_ours, struct error *err) MUST_CHECK;

/* Pid of who holds that lock, 0 if nobody does. For those who only look. Held, but no pid written yet: EAGAIN. */
int fs_lock_holder(int dir, const char *name, pid_t *holder, struct error *err) MUST_CHECK;

#endif
