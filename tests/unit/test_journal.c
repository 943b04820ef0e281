/*
 * journal: appending, and what it leaves on disk after success and after failure. Reading is in test_journal_read.c, the
 * change of files in test_journal_rotate.c, every crash in test_journal_crash.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "journals.h"
#include "model/tail.h"

/* --- faults: the calls of the journal go through these ------------------------------------------------------------ */

static struct {
    int syncs;        /* fdatasync and fsync of files so far */
    int broken_syncs; /* so many of the next fail with EIO */
    int write_error;  /* every pwrite writes `write_room` bytes more in all, and then fails with this */
    size_t write_room;
} faults;

static int sync_with(long call, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        faults.syncs++;
        if (faults.broken_syncs > 0) {
            faults.broken_syncs--;
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(call, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (faults.write_error != 0) {
        if (faults.write_room == 0) {
            errno = faults.write_error;
            return -1;
        }
        len = len < faults.write_room ? len : faults.write_room;
        faults.write_room -= len;
    }
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

static int set_up(void **state)
{
    struct error err;
    memset(&faults, 0, sizeof faults);
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

static void assert_append_refused(struct journal *journal, size_t size, bool sync, const char *code, int cause)
{
    struct error err;
    assert_int_equal(try_append(journal, size, sync, &err), -1);
    assert_string_equal(err.code, code);
    assert_int_equal(err.sys, cause);
}

/* The journal in `dir` holds that many sound lines and not a byte more, while it is open. */
static void assert_holds(int dir, uint64_t lines)
{
    struct seen seen;
    read_lines(dir, &seen);
    assert_int_equal(seen.report.lines, lines);
    assert_int_equal(seen.report.last.seq, lines);
    assert_int_equal(seen.report.torn_bytes, 0);
}

/* --- what a line is ----------------------------------------------------------------------------------------------- */

static void journal__writes_the_documented_line(void **state)
{
    AUTO_BUF struct buf file = {0}, expected = {0};
    AUTO_BUF struct buf members = {0};
    struct mac_key key = our_key();
    struct journal_position position;
    struct error err;
    uint8_t mac[MAC_LEN];
    struct span body;
    JOURNAL *journal = open_journal(folder(state));
    record_write_baseline(&members, "epochd 0.1.0", "config-manager");
    assert_int_equal(journal_append(journal, RECORD_BASELINE, buf_span(&members), true, &position, &err), 0);
    journal_close(TAKE(journal));
    read_file(folder(state), JOURNAL_FILE, &file);

    static const char head[] = "{\"seq\":1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"time\":\"";
    static const char kind[] = "Z\",\"kind\":\"baseline\",\"format\":1,\"written_by\":\"epochd 0.1.0\",\"source\":\"config-manager\"";
    assert_memory_equal(file.data, head, sizeof head - 1);
    assert_memory_equal(file.data + sizeof head - 1 + 23, kind, sizeof kind - 1);
    assert_int_equal(file.data[file.len - 1], '\n');
    struct span line = {file.data, file.len - 1};
    assert_true(tail_cut(line, "hmac", MAC_LEN, &body, mac));
    assert_true(crypto_mac_verify(&key, body, mac));
    buf_printf(&expected, ",\"key_id\":\"%s\"", key.id);
    assert_memory_equal(body.data + body.len - expected.len, expected.data, expected.len);

    uint8_t digest[HASH_LEN];
    hash_sha256(line.data, line.len, digest);
    assert_int_equal(position.seq, 1);
    assert_memory_equal(position.digest, digest, HASH_LEN);
}

static void journal__chains_each_line_to_the_one_before(void **state)
{
    AUTO_BUF struct buf file = {0};
    make_journal(folder(state), 3);
    read_file(folder(state), JOURNAL_FILE, &file);
    const char *line = file.data;
    for (int i = 1; i < 3; i++) {
        uint8_t digest[HASH_LEN];
        AUTO_BUF struct buf expected = {0};
        const char *next = (const char *)memchr(line, '\n', file.len) + 1;
        hash_sha256(line, (size_t)(next - line - 1), digest);
        buf_printf(&expected, "{\"seq\":%d,\"prev\":\"", i + 1);
        buf_put_hex(&expected, digest, HASH_LEN);
        assert_memory_equal(next, expected.data, expected.len);
        line = next;
    }
}

static void journal__begins_with_a_baseline_only(void **state)
{
    struct error err;
    JOURNAL *journal = open_journal(folder(state));
    assert_int_equal(journal_append(journal, RECORD_PUBLISHED, SPAN("\"epoch\":1"), true, NULL, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    append(journal, 1, true);
    assert_holds(folder(state), 1);
}

static void journal__refuses_a_line_it_could_not_read_back(void **state)
{
    struct mac_key key = our_key();
    struct journal_report report;
    struct error err;
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 1, true);
    append(journal, 1000, true);
    size_t len = journal->line.len - 1;
    journal->line_max = len;
    append(journal, 1000, true);
    journal->line_max = len - 1;
    assert_append_refused(journal, 1000, true, CODE_JOURNAL_UNWRITABLE, 0);
    append(journal, 999, true);
    assert_holds(folder(state), 4);

    assert_int_equal(journal_read_limited(folder(state), JOURNAL_FILE, &key, 0, NULL, NULL, len, &report, &err), 0);
    assert_int_equal(journal_read_limited(folder(state), JOURNAL_FILE, &key, 0, NULL, NULL, len - 1, &report, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_int_equal(err.line, 2);
}

/* --- what an append costs ----------------------------------------------------------------------------------------- */

static uint64_t blocks_of(int dir, uint64_t *size)
{
    struct stat st;
    assert_int_equal(fstatat(dir, JOURNAL_FILE, &st, 0), 0);
    *size = (uint64_t)st.st_size;
    return (uint64_t)st.st_blocks;
}

static void journal__syncs_once_an_append_into_room_that_is_there(void **state)
{
    uint64_t size, size_after;
    JOURNAL *journal = open_journal(folder(state));
    uint64_t blocks = blocks_of(folder(state), &size);
    assert_int_equal(size, JOURNAL_CHUNK);
    assert_true(blocks * 512 >= JOURNAL_CHUNK);
    for (int i = 0; i < 100; i++) {
        faults.syncs = 0;
        append(journal, 1000, true);
        assert_int_equal(faults.syncs, 1);
    }
    assert_int_equal(blocks_of(folder(state), &size_after), blocks);
    assert_int_equal(size_after, size);
}

static void journal__leaves_the_sync_of_lines_that_may_wait_to_the_next_one(void **state)
{
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    faults.syncs = 0;
    append(journal, 10, false);
    append(journal, 10, false);
    assert_int_equal(faults.syncs, 0);
    append(journal, 10, true);
    assert_int_equal(faults.syncs, 1);
    append(journal, 10, false);
    struct error err;
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_int_equal(faults.syncs, 2);
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_int_equal(faults.syncs, 2);
    assert_holds(folder(state), 5);
}

static void journal__writes_nothing_behind_an_unsynced_line_of_another_page(void **state)
{
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 5000, false);
    faults.syncs = 0;
    append(journal, 10, false);
    assert_int_equal(faults.syncs, 1);
    append(journal, 10, false);
    assert_int_equal(faults.syncs, 1);
}

static void journal__takes_a_line_that_is_longer_than_the_room(void **state)
{
    struct error err;
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 3 * JOURNAL_CHUNK, true);
    append(journal, 10, true);
    assert_holds(folder(state), 3);
    assert_true(journal->line.cap <= 1024 * 1024);
    assert_int_equal(journal->prepared, journal->end);
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_int_equal(journal->prepared, journal->end + JOURNAL_CHUNK);
    assert_holds(folder(state), 3);
}

static void journal__prepares_the_next_chunk_when_half_is_used(void **state)
{
    struct error err;
    uint64_t size;
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    while (journal->prepared - journal->end >= JOURNAL_CHUNK / 2) {
        assert_int_equal(journal_tidy(journal, &err), 0);
        blocks_of(folder(state), &size);
        assert_int_equal(size, JOURNAL_CHUNK);
        append(journal, 50 * 1000, true);
    }
    assert_int_equal(journal_tidy(journal, &err), 0);
    blocks_of(folder(state), &size);
    assert_int_equal(size, 2 * JOURNAL_CHUNK);
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

static void journal__makes_a_file_that_the_group_may_read(void **state)
{
    struct stat st;
    mode_t before = umask(0);
    journal_close(open_journal(folder(state)));
    umask(before);
    assert_int_equal(fstatat(folder(state), JOURNAL_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void journal__goes_on_where_it_was_closed(void **state)
{
    uint64_t size;
    make_journal(folder(state), 2);
    struct seen seen;
    read_lines(folder(state), &seen);
    blocks_of(folder(state), &size);
    assert_int_equal(size, seen.report.end); /* closing cut the zeros off */
    make_journal(folder(state), 2);
    assert_holds(folder(state), 4);
}

static void journal__goes_on_where_it_was_killed(void **state)
{
    struct mac_key key = our_key();
    struct error err;
    struct seen seen;
    JOURNAL *killed = open_journal(folder(state)), *journal = NULL;
    append(killed, 10, true);
    append(killed, 10, false);
    read_lines(folder(state), &seen);
    faults.syncs = 0;
    assert_int_equal(journal_open(&journal, folder(state), &key, &seen.report, &err), 0);
    assert_true(faults.syncs > 0); /* what was read might not be on disk yet */
    append(journal, 10, true);
    assert_holds(folder(state), 3);
    close(take_fd(&killed->fd));
    killed->inode = 0; /* it is dead: closing it must not touch the file */
}

static void journal__sets_a_torn_tail_aside_and_appends_after_it(void **state)
{
    AUTO_BUF struct buf file = {0}, torn = {0};
    make_journal(folder(state), 3);
    read_file(folder(state), JOURNAL_FILE, &file);
    buf_truncate(&file, file.len - 20);
    write_file(folder(state), JOURNAL_FILE, buf_span(&file));
    struct seen seen;
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 2);
    assert_int_equal(seen.report.torn_bytes, file.len - seen.report.end);

    JOURNAL *journal = open_journal(folder(state));
    read_file(folder(state), "journal-torn-3", &torn);
    assert_int_equal(torn.len, seen.report.torn_bytes);
    assert_memory_equal(torn.data, file.data + seen.report.end, torn.len);
    assert_holds(folder(state), 2);
    append(journal, 1, true);
    assert_holds(folder(state), 3);
}

static void journal__keeps_a_torn_tail_it_cannot_set_aside(void **state)
{
    AUTO_BUF struct buf file = {0}, after = {0};
    struct mac_key key = our_key();
    struct journal *journal = NULL;
    struct error err;
    struct seen seen;
    make_journal(folder(state), 3);
    read_file(folder(state), JOURNAL_FILE, &file);
    buf_truncate(&file, file.len - 20);
    write_file(folder(state), JOURNAL_FILE, buf_span(&file));
    read_lines(folder(state), &seen);
    assert_int_equal(mkdirat(folder(state), "journal-torn-3", 0700), 0);
    assert_int_equal(journal_open(&journal, folder(state), &key, &seen.report, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_null(journal);
    read_file(folder(state), JOURNAL_FILE, &after);
    assert_true(span_equal(buf_span(&after), buf_span(&file)));
}

static void journal__does_not_open_what_is_shorter_than_what_was_read(void **state)
{
    struct mac_key key = our_key();
    struct journal *journal = NULL;
    struct error err;
    struct seen seen;
    make_journal(folder(state), 2);
    read_lines(folder(state), &seen);
    write_file(folder(state), JOURNAL_FILE, SPAN("x"));
    assert_int_equal(journal_open(&journal, folder(state), &key, &seen.report, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
}

static void journal__says_why_it_cannot_write_in_a_folder(void **state)
{
    struct mac_key key = our_key();
    struct journal_report report = {0};
    struct journal *journal = NULL;
    struct error err;
    assert_int_equal(fchmod(folder(state), 0555), 0);
    uid_t before = geteuid();
    assert_int_equal(seteuid(before == 0 ? 65534 : before), 0);
    int rc = journal_open(&journal, folder(state), &key, &report, &err);
    assert_int_equal(seteuid(before), 0);
    assert_int_equal(fchmod(folder(state), 0755), 0);
    assert_int_equal(rc, -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_int_equal(err.sys, EACCES);
    assert_false(file_exists(folder(state), JOURNAL_FILE));
}

static void journal__does_not_follow_a_link(void **state)
{
    struct mac_key key = our_key();
    struct journal_report report = {0};
    struct journal *journal = NULL;
    struct error err;
    write_file(folder(state), "elsewhere", SPAN(""));
    assert_int_equal(symlinkat("elsewhere", folder(state), JOURNAL_FILE), 0);
    assert_int_equal(journal_open(&journal, folder(state), &key, &report, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_int_equal(err.sys, ELOOP);
}

static void journal__closes_nothing(void **state)
{
    (void)state;
    journal_close(NULL);
}

/* --- failure ------------------------------------------------------------------------------------------------------ */

static void journal__does_not_count_a_line_whose_sync_failed(void **state)
{
    AUTO_BUF struct buf file = {0};
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    struct journal_position before = journal->last;
    faults.broken_syncs = 1;
    assert_append_refused(journal, 3000, true, CODE_JOURNAL_UNWRITABLE, EIO);
    assert_int_equal(journal->last.seq, before.seq);
    assert_memory_equal(journal->last.digest, before.digest, HASH_LEN);
    assert_int_equal(journal->fd, -1);

    append(journal, 20, true);
    assert_int_equal(journal->last.seq, 2);
    assert_holds(folder(state), 2);
    /* The longer line that failed is gone to its last byte. */
    read_file(folder(state), JOURNAL_FILE, &file);
    assert_true(is_zeros((struct span){file.data + journal->end, file.len - journal->end}));
    append(journal, 5000, true);
    assert_holds(folder(state), 3);
}

static void journal__clears_the_place_of_a_failed_line_before_it_is_used_again(void **state)
{
    AUTO_BUF struct buf file = {0};
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    faults.broken_syncs = 1;
    assert_append_refused(journal, 3000, true, CODE_JOURNAL_UNWRITABLE, EIO);
    faults.broken_syncs = 2; /* the one after the zeros, then the next append's */
    assert_append_refused(journal, 20, true, CODE_JOURNAL_UNWRITABLE, EIO);
    read_file(folder(state), JOURNAL_FILE, &file);
    assert_true(is_zeros((struct span){file.data + journal->end, file.len - journal->end}));
    assert_append_refused(journal, 20, true, CODE_JOURNAL_UNWRITABLE, EIO);
    assert_int_equal(faults.broken_syncs, 0);
    faults.syncs = 0;
    append(journal, 20, true);
    assert_int_equal(faults.syncs, 2);
    assert_holds(folder(state), 2);
}

static void journal__writes_again_what_a_failed_sync_may_have_lost(void **state)
{
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 10, false);
    append(journal, 10, false);
    faults.broken_syncs = 1;
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, EIO);
    /* What the kernel does to pages it could not write: they come back from the disk as they were. */
    AUTO_CLOSE int fd = openat(folder(state), JOURNAL_FILE, O_RDWR | O_CLOEXEC);
    AUTO_FREE char *zeros = calloc(1, JOURNAL_CHUNK);
    size_t lost = JOURNAL_CHUNK - journal->durable;
    assert_int_equal(syscall(SYS_pwrite64, fd, zeros, lost, journal->durable), lost);
    assert_holds(folder(state), 1);
    append(journal, 10, true);
    assert_holds(folder(state), 4);
}

static void journal__keeps_unsynced_lines_when_tidying_fails(void **state)
{
    struct error err;
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 10, false);
    faults.broken_syncs = 1;
    assert_int_equal(journal_tidy(journal, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_int_equal(journal->last.seq, 2);
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_int_equal(journal->durable, journal->end);
    assert_holds(folder(state), 2);
}

static void assert_survives_write_error(void **state, int cause, const char *code, size_t room)
{
    AUTO_BUF struct buf file = {0};
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    faults.write_error = cause;
    faults.write_room = room;
    assert_append_refused(journal, 1000, true, code, cause);
    faults.write_room = 0;
    assert_append_refused(journal, 1000, true, code, cause); /* clearing fails, too */
    faults.write_error = 0;
    append(journal, 10, true);
    assert_holds(folder(state), 2);
    read_file(folder(state), JOURNAL_FILE, &file);
    assert_true(is_zeros((struct span){file.data + journal->end, file.len - journal->end}));
}

static void journal__goes_on_by_itself_after_a_full_disk(void **state)
{
    assert_survives_write_error(state, ENOSPC, CODE_NO_SPACE, 500);
}

static void journal__goes_on_by_itself_after_a_full_quota(void **state)
{
    assert_survives_write_error(state, EDQUOT, CODE_NO_SPACE, 0);
}

static void journal__goes_on_by_itself_after_a_write_error(void **state)
{
    assert_survives_write_error(state, EIO, CODE_JOURNAL_UNWRITABLE, 1);
}

static void journal__opens_on_a_full_disk_while_there_is_room_in_the_file(void **state)
{
    make_journal(folder(state), 2);
    faults.write_error = ENOSPC;
    JOURNAL *journal = open_journal(folder(state));
    assert_append_refused(journal, 10, true, CODE_NO_SPACE, ENOSPC);
    faults.write_error = 0;
    append(journal, 10, true);
    assert_holds(folder(state), 3);
}

static void journal__obeys_the_limit_of_file_sizes(void **state)
{
    struct rlimit before, limit;
    struct error err;
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){JOURNAL_CHUNK + 1000, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = try_append(journal, 2 * JOURNAL_CHUNK, true, &err);
    struct error tidy_err;
    append(journal, 800 * 1000, true); /* fits */
    int tidy_rc = journal_tidy(journal, &tidy_err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_int_equal(err.sys, EFBIG);
    assert_int_equal(tidy_rc, -1);
    assert_int_equal(tidy_err.sys, EFBIG);
    assert_holds(folder(state), 2);
    append(journal, JOURNAL_CHUNK, true);
    assert_holds(folder(state), 3);
}

static void journal__fills_a_small_disk_and_goes_on_when_there_is_room(void **state)
{
    const struct temp_folder *outer = *state;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", outer->path, "tmpfs", 0, "size=3m") != 0)
        skip(); /* not root */
    AUTO_CLOSE int dir = open(outer->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    struct error err;
    uint64_t size;
    struct journal *journal = open_journal(dir);
    AUTO_CLOSE int ballast = openat(dir, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(fallocate(ballast, 0, 0, 1500 * 1024), 0);

    append(journal, 10, true);
    assert_append_refused(journal, 2 * JOURNAL_CHUNK, true, CODE_NO_SPACE, ENOSPC);
    append(journal, 600 * 1000, true);
    blocks_of(dir, &size);
    assert_int_equal(size, JOURNAL_CHUNK); /* the failed one gave its room back */
    assert_int_equal(journal_tidy(journal, &err), -1);
    assert_string_equal(err.code, CODE_NO_SPACE);
    blocks_of(dir, &size);
    assert_int_equal(size, JOURNAL_CHUNK); /* and so did the zeros that did not fit */
    append(journal, 10, true);
    assert_holds(dir, 3);
    assert_int_equal(unlinkat(dir, "ballast", 0), 0);
    close(take_fd(&ballast));
    assert_int_equal(journal_tidy(journal, &err), 0);
    append(journal, JOURNAL_CHUNK, true);
    assert_holds(dir, 4);
    journal_close(journal);
    assert_int_equal(umount2(outer->path, MNT_DETACH), 0);
}

static void journal__does_not_take_another_file_for_its_own(void **state)
{
    AUTO_BUF struct buf file = {0};
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    faults.broken_syncs = 1;
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, EIO);
    read_file(folder(state), JOURNAL_FILE, &file);
    write_file(folder(state), JOURNAL_FILE, buf_span(&file)); /* the same bytes, another file */
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, 0);
    assert_int_equal(unlinkat(folder(state), JOURNAL_FILE, 0), 0);
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, ENOENT);
}

static void journal__does_not_go_on_in_a_file_that_was_cut(void **state)
{
    JOURNAL *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 10, true);
    faults.broken_syncs = 1;
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, EIO);
    AUTO_CLOSE int fd = openat(folder(state), JOURNAL_FILE, O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_append_refused(journal, 10, true, CODE_JOURNAL_UNWRITABLE, 0);
}

static void journal__closes_cleanly_after_a_failure(void **state)
{
    uint64_t size;
    struct seen seen;
    struct journal *journal = open_journal(folder(state));
    append(journal, 10, true);
    append(journal, 10, false);
    faults.broken_syncs = 1;
    assert_append_refused(journal, 3000, true, CODE_JOURNAL_UNWRITABLE, EIO);
    journal_close(journal);
    assert_holds(folder(state), 2);
    read_lines(folder(state), &seen);
    blocks_of(folder(state), &size);
    assert_int_equal(size, seen.report.end);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(journal__writes_the_documented_line),
        TEST(journal__chains_each_line_to_the_one_before),
        TEST(journal__begins_with_a_baseline_only),
        TEST(journal__refuses_a_line_it_could_not_read_back),
        TEST(journal__syncs_once_an_append_into_room_that_is_there),
        TEST(journal__leaves_the_sync_of_lines_that_may_wait_to_the_next_one),
        TEST(journal__writes_nothing_behind_an_unsynced_line_of_another_page),
        TEST(journal__takes_a_line_that_is_longer_than_the_room),
        TEST(journal__prepares_the_next_chunk_when_half_is_used),
        TEST(journal__makes_a_file_that_the_group_may_read),
        TEST(journal__goes_on_where_it_was_closed),
        TEST(journal__goes_on_where_it_was_killed),
        TEST(journal__sets_a_torn_tail_aside_and_appends_after_it),
        TEST(journal__keeps_a_torn_tail_it_cannot_set_aside),
        TEST(journal__does_not_open_what_is_shorter_than_what_was_read),
        TEST(journal__says_why_it_cannot_write_in_a_folder),
        TEST(journal__does_not_follow_a_link),
        TEST(journal__closes_nothing),
        TEST(journal__does_not_count_a_line_whose_sync_failed),
        TEST(journal__clears_the_place_of_a_failed_line_before_it_is_used_again),
        TEST(journal__writes_again_what_a_failed_sync_may_have_lost),
        TEST(journal__keeps_unsynced_lines_when_tidying_fails),
        TEST(journal__goes_on_by_itself_after_a_full_disk),
        TEST(journal__goes_on_by_itself_after_a_full_quota),
        TEST(journal__goes_on_by_itself_after_a_write_error),
        TEST(journal__opens_on_a_full_disk_while_there_is_room_in_the_file),
        TEST(journal__obeys_the_limit_of_file_sizes),
        TEST(journal__fills_a_small_disk_and_goes_on_when_there_is_room),
        TEST(journal__does_not_take_another_file_for_its_own),
        TEST(journal__does_not_go_on_in_a_file_that_was_cut),
        TEST(journal__closes_cleanly_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
