/*
 * journal_rotate: the change of files, whole and cut short at every step.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "journals.h"

/* --- faults: steps of a change of files go through these ---------------------------------------------------------- */

static struct {
    bool is_on;
    int step;         /* so many renames and syncs so far */
    int broken;       /* this one fails, counted from 1 */
    bool is_cut;      /* and every one after it, as if the disk had gone */
    int folder_syncs; /* that succeeded */
} faults;

static bool is_broken_step(void)
{
    if (!faults.is_on)
        return false;
    faults.step++;
    errno = EIO;
    return faults.step == faults.broken || (faults.is_cut && faults.step > faults.broken);
}

int fsync(int fd)
{
    struct stat st;
    if (is_broken_step())
        return -1;
    faults.folder_syncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    return (int)syscall(SYS_fsync, fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return is_broken_step() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
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

enum { LINES = 5 };

static struct journal *make_full_journal(int dir)
{
    struct journal *journal = open_journal(dir);
    for (size_t i = 0; i < LINES; i++)
        append(journal, 100, i % 2 == 0);
    journal->file_max = journal->end;
    return journal;
}

/* All lines of both files are there and follow on each other. */
static void assert_continues(int dir, uint64_t lines_in_new)
{
    struct seen old, new;
    read_named(dir, "journal-5.jsonl", 0, &old);
    read_lines(dir, &new);
    assert_int_equal(old.report.lines, LINES);
    assert_int_equal(new.report.lines, lines_in_new);
    assert_int_equal(new.kinds[0], RECORD_CHECKPOINT);
    assert_int_equal(new.seqs[0], LINES + 1);
    assert_int_equal(new.report.before.seq, old.report.last.seq);
    assert_memory_equal(new.report.before.digest, old.report.last.digest, HASH_LEN);
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

static void journal_rotate__starts_a_new_file_when_the_old_is_full(void **state)
{
    struct error err;
    JOURNAL *journal = make_full_journal(folder(state));
    journal->file_max++;
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_false(file_exists(folder(state), "journal-5.jsonl"));
    journal->file_max--;
    assert_int_equal(journal_tidy(journal, &err), 0);
    assert_continues(folder(state), 1);
    append(journal, 100, true);
    append(journal, 100, false);
    assert_continues(folder(state), 3);
    assert_false(file_exists(folder(state), JOURNAL_NEXT_FILE));
}

static void journal_rotate__names_the_old_file_in_the_checkpoint(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct error err;
    struct stat st;
    JOURNAL *journal = make_full_journal(folder(state));
    uint64_t end = journal->end;
    assert_int_equal(journal_tidy(journal, &err), 0);
    read_file(folder(state), JOURNAL_FILE, &file);
    assert_int_equal(file.len, journal->end + JOURNAL_CHUNK);
    assert_non_null(memmem(file.data, file.len, ",\"file\":\"journal-5.jsonl\",", 25));
    assert_int_equal(fstatat(folder(state), JOURNAL_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    read_file(folder(state), "journal-5.jsonl", &file);
    assert_int_equal(file.len, end); /* no zeros are kept for ever */
}

static void journal_rotate__goes_on_after_a_restart(void **state)
{
    struct error err;
    struct journal *journal = make_full_journal(folder(state));
    assert_int_equal(journal_tidy(journal, &err), 0);
    journal_close(journal);
    make_journal(folder(state), 2);
    assert_continues(folder(state), 3);
}

static void journal_rotate__changes_files_again_and_again(void **state)
{
    struct error err;
    struct seen seen;
    uint64_t next = 1;
    JOURNAL *journal = open_journal(folder(state));
    journal->file_max = 1;
    for (size_t i = 0; i < 20; i++) {
        append(journal, 50, i % 2 == 0);
        assert_int_equal(journal_tidy(journal, &err), 0);
    }
    for (uint64_t last = 1; last <= 39; last += 2) {
        char name[64];
        snprintf(name, sizeof name, "journal-%llu.jsonl", (unsigned long long)last);
        read_named(folder(state), name, 0, &seen);
        assert_int_equal(seen.report.before.seq + 1, next);
        next = seen.report.last.seq + 1;
    }
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.before.seq, 39);
}

/* --- cut short ---------------------------------------------------------------------------------------------------- */

static void journal_rotate__removes_what_was_never_finished(void **state)
{
    make_journal(folder(state), 3);
    write_file(folder(state), JOURNAL_NEXT_FILE, SPAN("{\"seq\":4"));
    make_journal(folder(state), 1);
    assert_false(file_exists(folder(state), JOURNAL_NEXT_FILE));
    struct seen seen;
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 4);
}

static void journal_rotate__finishes_between_the_two_renames(void **state)
{
    struct error err;
    struct journal *journal = make_full_journal(folder(state));
    assert_int_equal(journal_tidy(journal, &err), 0);
    append(journal, 10, true);
    journal_close(journal);
    assert_int_equal(renameat(folder(state), JOURNAL_FILE, folder(state), JOURNAL_NEXT_FILE), 0);
    assert_continues(folder(state), 2); /* reading finds it under the other name */
    make_journal(folder(state), 1);
    assert_false(file_exists(folder(state), JOURNAL_NEXT_FILE));
    assert_continues(folder(state), 3);
}

static void journal_rotate__is_not_hidden_by_an_empty_file(void **state)
{
    struct error err;
    struct journal *journal = make_full_journal(folder(state));
    assert_int_equal(journal_tidy(journal, &err), 0);
    journal_close(journal);
    assert_int_equal(renameat(folder(state), JOURNAL_FILE, folder(state), JOURNAL_NEXT_FILE), 0);
    assert_int_equal(journal_prepare(folder(state), &err), 0);
    assert_continues(folder(state), 1);
}

/* The journal after a change of files whose step `broken` failed, once or from then on. True if there was
   such a step. */
static bool break_step(void **state, int broken, bool is_cut)
{
    struct error err;
    struct journal *journal = make_full_journal(folder(state));
    faults.step = 0;
    faults.broken = broken;
    faults.is_cut = is_cut;
    faults.is_on = true;
    int rc = journal_tidy(journal, &err);
    bool was_reached = faults.step >= broken;
    assert_int_equal(rc, was_reached ? -1 : 0);
    if (was_reached) {
        assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
        assert_int_equal(err.sys, EIO);
    }
    if (is_cut) {
        journal_close(journal); /* the disk is gone for it, so it changes nothing */
        faults.is_on = false;
        make_journal(folder(state), 1);
    } else {
        append(journal, 10, true);
        faults.is_on = false;
        journal_close(journal);
    }
    return was_reached;
}

static void assert_no_line_is_lost(int dir)
{
    struct seen seen;
    assert_false(file_exists(dir, JOURNAL_NEXT_FILE));
    if (file_exists(dir, "journal-5.jsonl")) {
        assert_continues(dir, 2);
        return;
    }
    read_lines(dir, &seen);
    assert_int_equal(seen.report.lines, LINES + 1);
}

static int empty_folder(void **state)
{
    return temp_folder_drop(state) != 0 ? -1 : temp_folder_make(state);
}

static void f16_f20__a_change_of_files_survives_the_failure_of_each_step(void **state)
{
    int steps = 0;
    while (break_step(state, steps + 1, false)) {
        assert_no_line_is_lost(folder(state));
        assert_int_equal(empty_folder(state), 0);
        steps++;
    }
    assert_int_equal(steps, 6); /* sync file, folder; rename; sync folder; rename; sync folder */
}

static void f4_f23__a_change_of_files_survives_the_end_of_the_world_at_each_step(void **state)
{
    int steps = 0;
    while (break_step(state, steps + 1, true)) {
        assert_no_line_is_lost(folder(state));
        assert_int_equal(empty_folder(state), 0);
        steps++;
    }
    assert_int_equal(steps, 6);
}

static void f22__a_new_journal_file_has_a_durable_name_before_its_next_line(void **state)
{
    struct error err;
    JOURNAL *journal = make_full_journal(folder(state));
    faults.broken = 6;
    faults.is_on = true;
    assert_int_equal(journal_tidy(journal, &err), -1);
    faults.is_on = false;
    faults.folder_syncs = 0;
    append(journal, 10, true);
    assert_int_equal(faults.folder_syncs, 1);
    append(journal, 10, true);
    assert_int_equal(faults.folder_syncs, 1);
}

static void journal_rotate__never_replaces_an_old_file(void **state)
{
    AUTO_BUF struct buf file = {0};
    struct error err;
    struct seen seen;
    JOURNAL *journal = make_full_journal(folder(state));
    write_file(folder(state), "journal-5.jsonl", SPAN("precious"));
    assert_int_equal(journal_tidy(journal, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_UNWRITABLE);
    assert_int_equal(err.sys, EEXIST);
    append(journal, 10, true);
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, LINES + 1);
    read_file(folder(state), "journal-5.jsonl", &file);
    assert_true(span_is(buf_span(&file), "precious"));
    assert_false(file_exists(folder(state), JOURNAL_NEXT_FILE));
    assert_int_equal(journal_tidy(journal, &err), 0); /* the next name is free */
    assert_true(file_exists(folder(state), "journal-6.jsonl"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(journal_rotate__starts_a_new_file_when_the_old_is_full),
        TEST(journal_rotate__names_the_old_file_in_the_checkpoint),
        TEST(journal_rotate__goes_on_after_a_restart),
        TEST(journal_rotate__changes_files_again_and_again),
        TEST(journal_rotate__removes_what_was_never_finished),
        TEST(journal_rotate__finishes_between_the_two_renames),
        TEST(journal_rotate__is_not_hidden_by_an_empty_file),
        TEST(f16_f20__a_change_of_files_survives_the_failure_of_each_step),
        TEST(f4_f23__a_change_of_files_survives_the_end_of_the_world_at_each_step),
        TEST(f22__a_new_journal_file_has_a_durable_name_before_its_next_line),
        TEST(journal_rotate__never_replaces_an_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
