/*
 * journal: see journal.h. Here: appending.
 *
 * Three rules make every crash leave something journal_read can tell from damage:
 *
 *  1. A line is written over zeros that are on stable storage. What a crash leaves of it has a hole or is
 *     whole.
 *  2. Nothing is written behind a line that is not synced, unless into the page where that line begins: pages
 *     reach the disk in any order, and a sound line behind a missing one would look like damage. Otherwise
 *     the append syncs first.
 *  3. After a failed write or sync the page cache no longer tells what the disk has (a second fsync would
 *     succeed and lie). The descriptor is dropped; before the next append every byte that is not known to be
 *     durable is written again.
 */
#include "io/journal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "model/codes.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "util/fs.h"
#include "util/num.h"

enum {
    PAGE = 4096,
    LINE_KEPT = 1024 * 1024, /* a buffer for lines larger than this is not kept */
};

/* --- failing ----------------------------------------------------------------------------------------------------- */

int journal_refuse(struct error *err)
{
    if (error_is(err, ERR_MEMORY))
        return -1;
    if (err->sys == ENOSPC || err->sys == EDQUOT)
        err->code = CODE_NO_SPACE;
    else
        err->code = err->sys == EROFS ? CODE_READ_ONLY : CODE_JOURNAL_UNWRITABLE;
    return error_wrap(err, "the journal");
}

int journal_fail(struct journal *journal, struct error *err)
{
    close(take_fd(&journal->fd));
    return journal_refuse(err);
}

static int sync_file(int fd, struct error *err)
{
    if (FAILPOINT("journal.sync", err) != 0)
        return -1;
    if (fdatasync(fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync");
    return 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* --- zeros ------------------------------------------------------------------------------------------------------- */

int journal_write_zeros(int fd, uint64_t from, uint64_t to, struct error *err)
{
    static const char zeros[64 * 1024];
    while (from < to) {
        size_t len = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        if (fs_write_at(fd, (struct span){zeros, len}, (off_t)from, err) != 0)
            return -1;
        from += len;
    }
    return 0;
}

/* Real zeros, not fallocate: that leaves "unwritten" marks, whose removal is metadata in every sync. */
static int prepare(struct journal *journal, struct error *err)
{
    uint64_t to = journal->prepared + JOURNAL_CHUNK;
    if (FAILPOINT("journal.prepare", err) != 0 || journal_write_zeros(journal->fd, journal->prepared, to, err) != 0) {
        /* The room it took would be missed by somebody; and if it cannot be given back, it is zeros. */
        (void)!ftruncate(journal->fd, (off_t)journal->prepared);
        return journal_refuse(err);
    }
    if (sync_file(journal->fd, err) != 0)
        return journal_fail(journal, err);
    journal->prepared = to;
    return 0;
}

static bool wants_room(const struct journal *journal)
{
    return journal->prepared - journal->end < JOURNAL_CHUNK / 2;
}

/* --- after a failure --------------------------------------------------------------------------------------------- */

static int check_same_file(const struct journal *journal, const struct stat *st, struct error *err)
{
    if (st->st_dev != journal->device || st->st_ino != journal->inode)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0, "'%s' is not the file it was", JOURNAL_FILE);
    if ((uint64_t)st->st_size < journal->durable)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0, "'%s' was cut by somebody", JOURNAL_FILE);
    return 0;
}

/* Gives the file on disk the lines that count, and zeros behind them. */
static int restore(struct journal *journal, uint64_t size, struct error *err)
{
    /* First of all what the failed append took is given back: on a full disk this makes the difference. */
    if (size > journal->prepared && ftruncate(journal->fd, (off_t)journal->prepared) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot cut");
    uint64_t spoilt = journal->spoilt < journal->prepared ? journal->spoilt : journal->prepared;
    if (fs_write_at(journal->fd, buf_span(&journal->pending), (off_t)journal->durable, err) != 0 ||
        journal_write_zeros(journal->fd, journal->end, spoilt, err) != 0)
        return -1;
    if (fsync(journal->fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync");
    return 0;
}

static int reopen(struct journal *journal, struct error *err)
{
    struct stat st;
    if (journal_finish_rotation(journal->dir, err) != 0 ||
        (!journal->is_name_durable && fs_sync_dir(journal->dir, err) != 0))
        return journal_refuse(err);
    journal->is_name_durable = true;
    AUTO_CLOSE int fd =
        openat(journal->dir, JOURNAL_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", JOURNAL_FILE);
        return journal_refuse(err);
    }
    if (check_same_file(journal, &st, err) != 0)
        return -1;
    journal->fd = take_fd(&fd);
    if (restore(journal, (uint64_t)st.st_size, err) != 0)
        return journal_fail(journal, err);
    journal->durable = journal->end;
    journal->spoilt = journal->end;
    buf_reset(&journal->pending);
    return 0;
}

/* --- appending --------------------------------------------------------------------------------------------------- */

static int sync_lines(struct journal *journal, struct error *err)
{
    if (sync_file(journal->fd, err) != 0)
        return journal_fail(journal, err);
    journal->durable = journal->end;
    buf_reset(&journal->pending);
    return 0;
}

/* A file that lost its name is written for nobody: whoever moved or removed it has the journal, not we. */
static int check_name(const struct journal *journal, struct error *err)
{
    struct stat st;
    if (fstatat(journal->dir, JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, errno, "'%s' is gone", JOURNAL_FILE);
    if (st.st_dev != journal->device || st.st_ino != journal->inode)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0, "'%s' is not the file it was", JOURNAL_FILE);
    return 0;
}

bool journal_is_in_place(const struct journal *journal)
{
    struct error ignored;
    return check_name(journal, &ignored) == 0;
}

/* Rules 3 and 2 of this file. */
static int make_ready(struct journal *journal, struct error *err)
{
    if (journal->fd < 0 && reopen(journal, err) != 0)
        return -1;
    if (check_name(journal, err) != 0)
        return -1;
    bool is_pending = journal->durable != journal->end;
    if (is_pending && journal->durable / PAGE != journal->end / PAGE)
        return sync_lines(journal, err);
    return 0;
}

static int compose(struct journal *journal, enum record_kind kind, struct span members, struct error *err)
{
    struct buf *line = &journal->line;
    if (journal->last.seq == 0 && kind != RECORD_BASELINE)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0, "the first line of a journal must be a baseline");
    if (journal->last.seq >= (uint64_t)NUM_INT_MAX)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0, "there is no seq after the last one");
    journal_line_write(line, &journal->key, &journal->last, clock_wall_ms(), kind, members);
    if (buf_check(line, err) != 0)
        return -1;
    /* Now, not once it is written: whoever waits for the append waits for the disk and nothing behind it. */
    hash_sha256(line->data, line->len, journal->line_digest);
    buf_putc(line, '\n');
    if (buf_check(line, err) != 0)
        return -1;
    if (line->len - 1 > journal->line_max)
        return error_set(err, CODE_JOURNAL_UNWRITABLE, 0,
                         "a line of %zu bytes is longer than %zu, the most that is read back", line->len - 1,
                         journal->line_max);
    return 0;
}

/* Room for what a failure would make us write again: asked for while nothing has happened. */
static int reserve_pending(struct journal *journal, struct error *err)
{
    if (buf_reserve(&journal->pending, journal->line.len) != NULL)
        return 0;
    journal->pending.failed = false; /* its bytes are complete all the same */
    return error_memory(err);
}

static int write_line(struct journal *journal, bool sync, struct error *err)
{
    uint64_t end = journal->end + journal->line.len;
    journal->spoilt = max_u64(journal->spoilt, end);
    if (FAILPOINT("journal.write", err) != 0 ||
        fs_write_at(journal->fd, buf_span(&journal->line), (off_t)journal->end, err) != 0 ||
        (sync && sync_file(journal->fd, err) != 0)) {
        /* On a full disk the room it took is missed by others; restore() makes sure of it. */
        if (end > journal->prepared)
            (void)!ftruncate(journal->fd, (off_t)journal->prepared);
        return journal_fail(journal, err);
    }
    return 0;
}

/* The line counts from here on. */
static void take_in(struct journal *journal, bool is_durable)
{
    struct buf *line = &journal->line;
    journal->last.seq++;
    memcpy(journal->last.digest, journal->line_digest, HASH_LEN);
    journal->end += line->len;
    journal->prepared = max_u64(journal->prepared, journal->end);
    journal->spoilt = journal->end;
    if (is_durable) {
        journal->durable = journal->end;
        buf_reset(&journal->pending);
    } else {
        buf_append_span(&journal->pending, buf_span(line));
    }
}

int journal_append(struct journal *journal, enum record_kind kind, struct span members, bool sync,
                   struct journal_position *position, struct error *err)
{
    int rc = make_ready(journal, err);
    if (rc == 0)
        rc = compose(journal, kind, members, err);
    if (rc == 0 && !sync)
        rc = reserve_pending(journal, err);
    if (rc == 0)
        rc = write_line(journal, sync, err);
    if (rc == 0)
        take_in(journal, sync);
    if (rc == 0 && position != NULL)
        *position = journal->last;
    if (journal->line.cap > LINE_KEPT)
        buf_fini(&journal->line);
    if (journal->pending.len == 0 && journal->pending.cap > LINE_KEPT)
        buf_fini(&journal->pending);
    return rc;
}

int journal_tidy(struct journal *journal, struct error *err)
{
    if (make_ready(journal, err) != 0)
        return -1;
    if (journal->durable != journal->end && sync_lines(journal, err) != 0)
        return -1;
    if (journal->end >= journal->file_max)
        return journal_rotate(journal, err);
    return wants_room(journal) ? prepare(journal, err) : 0;
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

/* Copies what a crash left of an append to a file of its own, for people to look at. */
static int copy_torn(const struct journal *journal, uint64_t len, struct error *err)
{
    struct fs_writer writer;
    char name[JOURNAL_NAME_MAX], piece[16 * 1024];
    snprintf(name, sizeof name, "journal-torn-%llu", (unsigned long long)journal->last.seq + 1);
    if (FAILPOINT("journal.set-torn-aside", err) != 0 ||
        fs_writer_begin(&writer, journal->dir, name, JOURNAL_FILE_MODE, err) != 0)
        return -1;
    for (uint64_t at = 0; at < len;) {
        size_t want = len - at < sizeof piece ? (size_t)(len - at) : sizeof piece;
        ssize_t n = pread(journal->fd, piece, want, (off_t)(journal->end + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fs_writer_abandon(&writer);
            return error_set(err, ERR_SYSTEM, n == 0 ? EIO : errno, "cannot read '%s'", JOURNAL_FILE);
        }
        if (fs_writer_write(&writer, (struct span){piece, (size_t)n}, err) != 0)
            return -1;
        at += (size_t)n;
    }
    return fs_writer_commit(&writer, err);
}

static int set_torn_aside(struct journal *journal, uint64_t len, struct error *err)
{
    /* It never counted: on a full disk, where no copy has room, going on is worth more than the copy. */
    if (copy_torn(journal, len, err) != 0 && err->sys != ENOSPC && err->sys != EDQUOT)
        return error_wrap(err, "setting a torn line aside");
    if (ftruncate(journal->fd, (off_t)journal->end) != 0 || fsync(journal->fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot cut a torn line off '%s'", JOURNAL_FILE);
    journal->prepared = journal->end;
    return 0;
}

static int make_file(int dir, int *out, struct error *err)
{
    AUTO_CLOSE int fd = openat(dir, JOURNAL_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, JOURNAL_FILE_MODE);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot make '%s'", JOURNAL_FILE);
    if (fchmod(fd, JOURNAL_FILE_MODE) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot set the mode of '%s'", JOURNAL_FILE);
    *out = take_fd(&fd);
    return 0;
}

static int open_file(struct journal *journal, struct error *err)
{
    struct stat st;
    journal->fd = openat(journal->dir, JOURNAL_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (journal->fd < 0 && errno != ENOENT)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", JOURNAL_FILE);
    if (journal->fd < 0 && make_file(journal->dir, &journal->fd, err) != 0)
        return -1;
    if (fstat(journal->fd, &st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine '%s'", JOURNAL_FILE);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < journal->end)
        return error_set(err, ERR_FILE_UNSAFE, 0, "'%s' is not the file that was read", JOURNAL_FILE);
    /* What was read need not be on stable storage yet: its writer may have been killed before the sync. */
    if (fsync(journal->fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync '%s'", JOURNAL_FILE);
    if (fs_sync_dir(journal->dir, err) != 0)
        return -1;
    journal->device = st.st_dev;
    journal->inode = st.st_ino;
    journal->prepared = (uint64_t)st.st_size;
    return 0;
}

static void journal_free(struct journal **journal)
{
    if (*journal == NULL)
        return;
    cleanup_close(&(*journal)->fd);
    crypto_wipe(&(*journal)->key, sizeof(*journal)->key);
    buf_fini(&(*journal)->pending);
    buf_fini(&(*journal)->line);
    free(*journal);
}

int journal_open(struct journal **out, int dir, const struct mac_key *key,
                 const struct journal_report *report, struct error *err)
{
    CLEANUP(journal_free) struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return error_memory(err);
    *journal = (struct journal){
        .dir = dir,
        .fd = -1,
        .key = *key,
        .last = report->last,
        .end = report->end,
        .durable = report->end,
        .prepared = report->end,
        .spoilt = report->end,
        .file_max = FAILPOINT_NUMBER("journal.file-max", JOURNAL_FILE_MAX),
        .line_max = JOURNAL_LINE_MAX,
        .is_name_durable = true,
    };
    if (FAILPOINT("journal.open", err) != 0 || journal_finish_rotation(dir, err) != 0 || open_file(journal, err) != 0 ||
        (report->torn_bytes > 0 && set_torn_aside(journal, report->torn_bytes, err) != 0))
        return journal_refuse(err);
    /* If there is no room, the append that needs it says so; a line that fits need not fail for it. */
    if (wants_room(journal) && prepare(journal, err) != 0 && !error_is(err, CODE_NO_SPACE))
        return -1;
    *out = TAKE(journal);
    return 0;
}

void journal_close(struct journal *journal)
{
    /* Nobody is left to be told, and nothing that was promised to be durable is at stake. */
    struct error ignored;
    if (journal != NULL && (journal->fd >= 0 || reopen(journal, &ignored) == 0)) {
        (void)!ftruncate(journal->fd, (off_t)journal->end);
        (void)!fsync(journal->fd);
    }
    journal_free(&journal);
}

int journal_prepare(int dir, struct error *err)
{
    /* A change of files that was cut short has a journal too; an empty file would hide it. */
    if (journal_finish_rotation(dir, err) != 0)
        return journal_refuse(err);
    if (fs_create(dir, JOURNAL_FILE, SPAN(""), JOURNAL_FILE_MODE, err) == 0 || err->sys == EEXIST)
        return 0;
    return journal_refuse(err);
}
