/*
 * journal_files: a chain of files, read in order, and not if a link is missing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/journal_files.h"
#include "journals.h"

enum { FILES = 3, LINES_A_FILE = 4 };

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

/* Three ended files of four lines and a current one that holds its checkpoint. */
static int set_up(void **state)
{
    struct error err;
    if (crypto_init(&err) != 0 || temp_folder_make(state) != 0)
        return -1;
    JOURNAL *journal = open_journal(folder(state));
    for (size_t file = 0; file < FILES; file++) {
        while (journal->last.seq % LINES_A_FILE != 0 || journal->last.seq == file * LINES_A_FILE)
            append(journal, 50, true);
        journal->file_max = journal->end;
        if (journal_tidy(journal, &err) != 0)
            return -1;
        journal->file_max = JOURNAL_FILE_MAX;
    }
    return 0;
}

static int read_chain(int dir, size_t first, uint64_t after, struct seen *seen, struct error *err)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct mac_key key = our_key();
    assert_int_equal(journal_files_list(dir, &files, err), 0);
    seen->len = 0;
    return journal_files_read(dir, &files, first, &key, after, see_line, seen, &seen->report, err);
}

static void journal_files__lists_ended_files_oldest_first_and_nothing_else(void **state)
{
    struct journal_files files AUTO_JOURNAL_FILES = {0};
    struct error err;
    write_file(folder(state), "journal-x.jsonl", SPAN("{}"));
    write_file(folder(state), "journal-.jsonl", SPAN("{}"));
    write_file(folder(state), "journal-torn-9", SPAN("{}"));
    assert_int_equal(journal_files_list(folder(state), &files, &err), 0);
    assert_int_equal(files.len, FILES);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(files.last_seqs[i], (i + 1) * LINES_A_FILE);
}

static void journal_files__reads_every_line_of_all_files_in_order(void **state)
{
    struct seen seen;
    struct error err;
    assert_int_equal(read_chain(folder(state), 0, 0, &seen, &err), 0);
    assert_int_equal(seen.len, FILES * LINES_A_FILE + 1);
    for (size_t i = 0; i < seen.len; i++)
        assert_int_equal(seen.seqs[i], i + 1);
    assert_int_equal(seen.report.last.seq, FILES * LINES_A_FILE + 1);
}

static void journal_files__passes_over_what_is_not_asked_for(void **state)
{
    struct seen seen;
    struct error err;
    assert_int_equal(read_chain(folder(state), 0, 9, &seen, &err), 0);
    assert_int_equal(seen.len, 4);
    assert_int_equal(seen.seqs[0], 10);
    assert_int_equal(read_chain(folder(state), FILES, 0, &seen, &err), 0);
    assert_int_equal(seen.len, 1);
}

static void journal_files__calls_a_missing_file_in_the_middle_corrupt(void **state)
{
    struct seen seen;
    struct error err;
    assert_int_equal(unlinkat(folder(state), "journal-8.jsonl", 0), 0);
    assert_int_equal(read_chain(folder(state), 0, 0, &seen, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_string_equal(err.message, "the lines 5 to 8 are missing between journal-4.jsonl and journal-12.jsonl: put journal-8.jsonl back");
}

static void journal_files__calls_a_missing_current_file_corrupt(void **state)
{
    struct seen seen;
    struct error err;
    assert_int_equal(unlinkat(folder(state), JOURNAL_FILE, 0), 0);
    assert_int_equal(read_chain(folder(state), 0, 0, &seen, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_string_equal(err.message, "journal.jsonl is missing or empty, and journal-12.jsonl ends at line 12: put it back");
}

/* What is left of a journal that was given up, or the other half of a backup. */
static void journal_files__says_which_file_is_of_another_journal(void **state)
{
    struct seen seen;
    struct error err;
    assert_int_equal(renameat(folder(state), "journal-4.jsonl", folder(state), JOURNAL_FILE), 0);
    assert_int_equal(unlinkat(folder(state), "journal-8.jsonl", 0), 0);
    assert_int_equal(read_chain(folder(state), 0, 0, &seen, &err), -1);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_string_equal(err.message, "journal.jsonl begins anew, so journal-12.jsonl is of another journal: if the first is the right one, "
                                     "move the other out of the folder");
    assert_int_equal(read_chain(folder(state), 0, 12, &seen, &err), 0);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        ONE(journal_files__lists_ended_files_oldest_first_and_nothing_else),
        ONE(journal_files__reads_every_line_of_all_files_in_order),
        ONE(journal_files__passes_over_what_is_not_asked_for),
        ONE(journal_files__calls_a_missing_file_in_the_middle_corrupt),
        ONE(journal_files__calls_a_missing_current_file_corrupt),
        ONE(journal_files__says_which_file_is_of_another_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
