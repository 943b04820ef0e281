/*
 * journal: failed writes, failed syncs, full disks. A line that failed does not count, and the next one goes on.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "journal_faults.h"

static void f21__a_journal_line_whose_sync_failed_does_not_count(void **state)
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

static void f21__a_journal_writes_again_what_a_failed_sync_may_have_lost(void **state)
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

static void f16__a_journal_goes_on_by_itself_after_a_full_disk(void **state)
{
    assert_survives_write_error(state, ENOSPC, CODE_NO_SPACE, 500);
}

static void f16__a_journal_goes_on_by_itself_after_a_full_quota(void **state)
{
    assert_survives_write_error(state, EDQUOT, CODE_NO_SPACE, 0);
}

static void f20__a_journal_goes_on_by_itself_after_a_write_error(void **state)
{
    assert_survives_write_error(state, EIO, CODE_JOURNAL_UNWRITABLE, 1);
}

static void f16__a_journal_opens_on_a_full_disk_while_there_is_room_in_it(void **state)
{
    make_journal(folder(state), 2);
    faults.write_error = ENOSPC;
    JOURNAL *journal = open_journal(folder(state));
    assert_append_refused(journal, 10, true, CODE_NO_SPACE, ENOSPC);
    faults.write_error = 0;
    append(journal, 10, true);
    assert_holds(folder(state), 3);
}

static void f18__a_journal_obeys_the_limit_of_file_sizes(void **state)
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

static void f16__a_journal_fills_a_small_disk_and_goes_on_when_there_is_room(void **state)
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
        TEST(f21__a_journal_line_whose_sync_failed_does_not_count),
        TEST(journal__clears_the_place_of_a_failed_line_before_it_is_used_again),
        TEST(f21__a_journal_writes_again_what_a_failed_sync_may_have_lost),
        TEST(journal__keeps_unsynced_lines_when_tidying_fails),
        TEST(f16__a_journal_goes_on_by_itself_after_a_full_disk),
        TEST(f16__a_journal_goes_on_by_itself_after_a_full_quota),
        TEST(f20__a_journal_goes_on_by_itself_after_a_write_error),
        TEST(f16__a_journal_opens_on_a_full_disk_while_there_is_room_in_it),
        TEST(f18__a_journal_obeys_the_limit_of_file_sizes),
        TEST(f16__a_journal_fills_a_small_disk_and_goes_on_when_there_is_room),
        TEST(journal__does_not_take_another_file_for_its_own),
        TEST(journal__does_not_go_on_in_a_file_that_was_cut),
        TEST(journal__closes_cleanly_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
