/*
 * journal: lines, what an append costs, opening and closing. Reading is in test_journal_read.c, failures in
 * test_journal_failure.c, the change of files in test_journal_rotate.c, every crash in test_journal_crash.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal_faults.h"
#include "model/tail.h"

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

    static const char head[] =
        "{\"seq\":1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"time\":"
        "\"";
    static const char kind[] = "Z\",\"kind\":\"baseline\",\"format\":1,\"written_by\":\"epochd "
                               "0.1.0\",\"source\":\"config-manager\"";
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

    assert_int_equal(journal_read_limited(folder(state), JOURNAL_FILE, &key, 0, NULL, NULL, len, &report,
                                          &err),
                     0);
    assert_int_equal(journal_read_limited(folder(state), JOURNAL_FILE, &key, 0, NULL, NULL, len - 1, &report,
                                          &err),
                     -1);
    assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
    assert_int_equal(err.line, 2);
}

/* --- what an append costs ----------------------------------------------------------------------------------------- */

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

static void journal__prepares_an_empty_file_and_leaves_one_that_is_there(void **state)
{
    struct error err;
    uint64_t size;
    assert_int_equal(journal_prepare(folder(state), &err), 0);
    blocks_of(folder(state), &size);
    assert_int_equal(size, 0);
    assert_holds(folder(state), 0);
    assert_int_equal(journal_prepare(folder(state), &err), 0);
    make_journal(folder(state), 2);
    assert_int_equal(journal_prepare(folder(state), &err), 0);
    assert_holds(folder(state), 2);
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
        TEST(journal__prepares_an_empty_file_and_leaves_one_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
