/*
 * journal_rotate: the change of files.
 *
 * The next file is made under JOURNAL_NEXT_FILE, with its checkpoint, and synced. Then the old one takes the
 * name that tells its last seq, and the next one the name of the journal, each synced into the folder before
 * what follows. So a crash leaves the old file in force, or no JOURNAL_FILE and a whole JOURNAL_NEXT_FILE, or
 * the new file in force; and journal_read and journal_open know all three. Never replaces a file that is
 * there.
 */
#include "io/journal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/failpoint.h"
#include "util/fs.h"

static int exists(int dir, const char *name, bool *out, struct error *err)
{
    struct stat st;
    bool is_there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine '%s'", name);
    *out = is_there;
    return 0;
}

/* Nothing else renames here (the state folder is locked), so looking first is as good as renameat2, which not
   every file system has. */
static int rename_to_new(int dir, const char *from, const char *to, struct error *err)
{
    bool is_taken;
    if (exists(dir, to, &is_taken, err) != 0)
        return -1;
    if (is_taken)
        return error_set(err, ERR_SYSTEM, EEXIST, "cannot rename '%s' to '%s'", from, to);
    if (renameat(dir, from, dir, to) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot rename '%s' to '%s'", from, to);
    return 0;
}

static int remove_next(int dir, struct error *err)
{
    if (unlinkat(dir, JOURNAL_NEXT_FILE, 0) != 0 && errno != ENOENT)
        return error_set(err, ERR_SYSTEM, errno, "cannot remove '%s'", JOURNAL_NEXT_FILE);
    return 0;
}

/* The old file has its new name. First that is made durable, or a crash could leave the new file alone. */
static int rename_next(int dir, struct error *err)
{
    if (FAILPOINT("rotate.new-name", err) != 0 || fs_sync_dir(dir, err) != 0 ||
        rename_to_new(dir, JOURNAL_NEXT_FILE, JOURNAL_FILE, err) != 0)
        return -1;
    return fs_sync_dir(dir, err);
}

int journal_finish_rotation(int dir, struct error *err)
{
    bool has_current, has_next;
    if (exists(dir, JOURNAL_FILE, &has_current, err) != 0 ||
        exists(dir, JOURNAL_NEXT_FILE, &has_next, err) != 0)
        return -1;
    if (!has_next)
        return 0;
    if (has_current)
        return remove_next(dir, err);
    return rename_next(dir, err);
}

/* Makes the next file: the checkpoint in `journal->line`, zeros behind it. */
static int make_next(struct journal *journal, int *out, struct stat *st, struct error *err)
{
    uint64_t len = journal->line.len;
    if (remove_next(journal->dir, err) != 0)
        return -1;
    AUTO_CLOSE int fd =
        openat(journal->dir, JOURNAL_NEXT_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, JOURNAL_FILE_MODE);
    if (fd < 0 || fchmod(fd, JOURNAL_FILE_MODE) != 0 || fstat(fd, st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot make '%s'", JOURNAL_NEXT_FILE);
    if (fs_write_at(fd, buf_span(&journal->line), 0, err) != 0 ||
        journal_write_zeros(fd, len, len + JOURNAL_CHUNK, err) != 0)
        return -1;
    if (fsync(fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync '%s'", JOURNAL_NEXT_FILE);
    if (fs_sync_dir(journal->dir, err) != 0)
        return -1;
    *out = take_fd(&fd);
    return 0;
}

static int compose_checkpoint(struct journal *journal, const char *old_name, struct error *err)
{
    AUTO_BUF struct buf members = {0};
    record_write_checkpoint(&members, old_name);
    if (buf_check(&members, err) != 0)
        return -1;
    journal_line_write(&journal->line, &journal->key, &journal->last, clock_wall_ms(), RECORD_CHECKPOINT,
                       buf_span(&members));
    buf_putc(&journal->line, '\n');
    return buf_check(&journal->line, err);
}

/* From here on the new file is the journal, whatever its name is at the moment. */
static void go_on_in(struct journal *journal, int fd, const struct stat *st)
{
    uint64_t len = journal->line.len;
    (void)!ftruncate(journal->fd, (off_t)journal->end); /* zeros behind an old file are only ugly */
    close(journal->fd);
    journal->fd = fd;
    journal->device = st->st_dev;
    journal->inode = st->st_ino;
    journal->last.seq++;
    hash_sha256(journal->line.data, len - 1, journal->last.digest);
    journal->end = journal->durable = journal->spoilt = len;
    journal->prepared = len + JOURNAL_CHUNK;
    journal->is_name_durable = false;
}

int journal_rotate(struct journal *journal, struct error *err)
{
    char old_name[JOURNAL_NAME_MAX];
    struct stat st;
    AUTO_CLOSE int fd = -1;
    journal_file_name(journal->last.seq, old_name);
    if (compose_checkpoint(journal, old_name, err) != 0 || FAILPOINT("rotate.next", err) != 0 ||
        make_next(journal, &fd, &st, err) != 0 || FAILPOINT("rotate.old-name", err) != 0 ||
        rename_to_new(journal->dir, JOURNAL_FILE, old_name, err) != 0) {
        unlinkat(journal->dir, JOURNAL_NEXT_FILE, 0);
        return journal_refuse(err);
    }
    go_on_in(journal, take_fd(&fd), &st);
    if (rename_next(journal->dir, err) != 0)
        return journal_fail(journal, err); /* opening it anew finishes this first */
    journal->is_name_durable = true;
    FAILPOINT_PASS("rotate.done");
    return 0;
}
