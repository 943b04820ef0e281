/*
 * journal_read: what is sound and what is torn, every flipped bit, every cut. Damage is in test_journal_damage.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "journal_script.h"

/* --- the reader's calls go through this ---------------------------------------------------------------------------- */

/* What another process does to the file before the reader's second look at it. */
static struct {
    int reads;
    const struct buf *second;
    const char *path;
} intruder;

ssize_t pread(int fd, void *data, size_t len, off_t offset)
{
    if (++intruder.reads == 2 && intruder.second != NULL) {
        AUTO_CLOSE int file = open(intruder.path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(file, intruder.second->data, intruder.second->len), intruder.second->len);
    }
    return syscall(SYS_pread64, fd, data, len, offset);
}

static int set_up(void **state)
{
    struct error err;
    memset(&intruder, 0, sizeof intruder);
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
}

/* --- what is sound ------------------------------------------------------------------------------------------------ */

static void journal_read__finds_nothing_where_there_is_no_file(void **state)
{
    struct seen seen;
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 0);
    assert_int_equal(seen.report.last.seq, 0);
    assert_int_equal(seen.report.end, 0);
    assert_int_equal(seen.report.torn_bytes, 0);
}

static void journal_read__finds_nothing_in_zeros(void **state)
{
    static const char zeros[3000];
    struct seen seen;
    write_file(folder(state), JOURNAL_FILE, (struct span){zeros, 0});
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 0);
    write_file(folder(state), JOURNAL_FILE, (struct span){zeros, sizeof zeros});
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 0);
    assert_int_equal(seen.report.torn_bytes, 0);
}

static void journal_read__shows_every_line_in_order(void **state)
{
    SCRIPT script = {0};
    struct seen seen;
    add_lines(&script, 5);
    put(folder(state), &script);
    assert_reads(folder(state), &script, 5, 0);
    read_lines(folder(state), &seen);
    assert_int_equal(seen.kinds[0], RECORD_BASELINE);
    assert_int_equal(seen.kinds[4], RECORD_PUBLISHED);
    assert_int_equal(seen.report.before.seq, 0);
    assert_memory_equal(seen.report.last.digest, script.last.digest, HASH_LEN);
}

static void journal_read__shows_only_what_comes_after(void **state)
{
    SCRIPT script = {0};
    struct seen seen;
    add_lines(&script, 5);
    put(folder(state), &script);
    read_named(folder(state), JOURNAL_FILE, 3, &seen);
    assert_int_equal(seen.len, 2);
    assert_int_equal(seen.seqs[0], 4);
    assert_int_equal(seen.report.lines, 5);
    read_named(folder(state), JOURNAL_FILE, 5, &seen);
    assert_int_equal(seen.len, 0);
    assert_int_equal(seen.report.last.seq, 5);
}

static int stop_at_two(void *context, const struct journal_line *line, struct error *err)
{
    (void)context;
    return line->position.seq == 2 ? error_set(err, CODE_USAGE, 0, "enough") : 0;
}

static void journal_read__ends_with_the_visitors_error(void **state)
{
    SCRIPT script = {0};
    struct mac_key key = our_key();
    struct journal_report report = {.lines = 99};
    struct error err;
    add_lines(&script, 3);
    put(folder(state), &script);
    assert_int_equal(journal_read(folder(state), JOURNAL_FILE, &key, 0, stop_at_two, NULL, &report, &err),
                     -1);
    assert_string_equal(err.code, CODE_USAGE);
    assert_int_equal(report.lines, 99);
    assert_int_equal(journal_read(folder(state), JOURNAL_FILE, &key, 2, stop_at_two, NULL, &report, &err), 0);
}

static void journal_read__takes_lines_longer_than_its_window(void **state)
{
    SCRIPT script = {0};
    AUTO_BUF struct buf members = {0};
    buf_puts(&members, "\"x\":\"");
    for (int i = 0; i < 700 * 1000; i++)
        buf_putc(&members, (char)('a' + i % 26));
    buf_putc(&members, '"');
    buf_putc(&members, '\0');
    add_lines(&script, 1);
    add_line(&script, RECORD_REJECTED, members.data);
    add_lines(&script, 1);
    add_line(&script, RECORD_REJECTED, members.data);
    put(folder(state), &script);
    assert_reads(folder(state), &script, 4, 0);
}

/* --- every flipped bit, every cut --------------------------------------------------------------------------------- */

/* In place: a rename for each would take its milliseconds. */
static void put_byte(int fd, const struct script *script, size_t at)
{
    assert_int_equal(pwrite(fd, script->bytes.data + at, 1, (off_t)at), 1);
}

static int put_open(int dir, const struct script *script)
{
    put(dir, script);
    int fd = openat(dir, JOURNAL_FILE, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void flip(int fd, struct script *script, size_t bit)
{
    script->bytes.data[bit / 8] = (char)(script->bytes.data[bit / 8] ^ (1 << bit % 8));
    put_byte(fd, script, bit / 8);
}

static void flip_each_bit(int dir, struct script *script, size_t sound_end)
{
    AUTO_CLOSE int fd = put_open(dir, script);
    for (size_t bit = 0; bit < 8 * script->bytes.len; bit++) {
        struct seen seen;
        struct error err;
        size_t at = bit / 8, line = 0;
        flip(fd, script, bit);
        while (line < script->len && script->starts[line + 1] <= at)
            line++;
        if (try_read(dir, JOURNAL_FILE, 0, &seen, &err) == 0) {
            /* Torn then: the last line, or what stands behind it, and not a line before is lost. */
            assert_true(line + 1 >= script->len);
            assert_int_equal(seen.report.lines, at < sound_end ? script->len - 1 : script->len);
            assert_true(seen.report.torn_bytes > 0);
        } else {
            assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
            assert_int_equal(err.line, line + 1);
        }
        flip(fd, script, bit);
    }
}

static void f24__every_flipped_bit_of_a_journal_is_found(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    flip_each_bit(folder(state), &script, script.bytes.len);
}

static void f24__every_flipped_bit_before_zeros_is_found(void **state)
{
    SCRIPT script = {0};
    size_t end;
    add_lines(&script, 2);
    end = script.bytes.len;
    for (int i = 0; i < 40; i++)
        buf_putc(&script.bytes, '\0');
    flip_each_bit(folder(state), &script, end);
}

static void f24__no_sound_line_is_lost_wherever_a_journal_is_cut(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    size_t lines = 3;
    AUTO_CLOSE int fd = put_open(folder(state), &script);
    for (size_t len = script.bytes.len; len-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        while (script.starts[lines] > len)
            lines--;
        assert_reads(folder(state), &script, lines, len - script.starts[lines]);
    }
}

static void f24__no_sound_line_is_lost_wherever_zeros_begin(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    size_t lines = 3;
    AUTO_CLOSE int fd = put_open(folder(state), &script);
    for (size_t at = script.bytes.len; at-- > 0;) {
        script.bytes.data[at] = '\0';
        put_byte(fd, &script, at);
        while (script.starts[lines] > at)
            lines--;
        assert_reads(folder(state), &script, lines, at - script.starts[lines]);
    }
}

/* --- torn --------------------------------------------------------------------------------------------------------- */

static void journal_read__takes_a_hole_in_the_last_line_for_torn(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    size_t last = script.starts[2], len = script.starts[3] - last;
    zero(&script, last, len / 2); /* its end reached the disk, its beginning did not */
    put(folder(state), &script);
    assert_reads(folder(state), &script, 2, len);
}

static void journal_read__takes_fragments_behind_a_hole_for_torn(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 4);
    size_t second = script.starts[1], third = script.starts[2], last = script.starts[3];
    zero(&script, second,
         third - second + 10); /* three lines of one page and a half: the second half of it is there */
    zero(&script, last, 10);
    put(folder(state), &script);
    assert_reads(folder(state), &script, 1, script.bytes.len - second);
}

static void journal_read__takes_a_line_without_its_newline_for_torn(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 2);
    script.bytes.data[script.bytes.len - 1] = '\0';
    put(folder(state), &script);
    assert_reads(folder(state), &script, 1, script.starts[2] - script.starts[1] - 1);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void assert_not_opened(void **state, const char *code)
{
    struct seen seen;
    struct error err;
    assert_int_equal(try_read(folder(state), JOURNAL_FILE, 0, &seen, &err), -1);
    assert_string_equal(err.code, code);
}

static void journal_read__refuses_what_is_not_a_regular_file(void **state)
{
    assert_int_equal(mkdirat(folder(state), JOURNAL_FILE, 0700), 0);
    assert_not_opened(state, ERR_FILE_UNSAFE);
    assert_int_equal(unlinkat(folder(state), JOURNAL_FILE, AT_REMOVEDIR), 0);
    assert_int_equal(mkfifoat(folder(state), JOURNAL_FILE, 0600), 0);
    assert_not_opened(state, ERR_FILE_UNSAFE);
    assert_int_equal(unlinkat(folder(state), JOURNAL_FILE, 0), 0);
    write_file(folder(state), "elsewhere", SPAN(""));
    assert_int_equal(symlinkat("elsewhere", folder(state), JOURNAL_FILE), 0);
    assert_not_opened(state, ERR_FILE_UNSAFE);
}

/* The first piece that is read has no third line yet, the second has its end and a fourth one. */
static void journal_read__does_not_take_a_line_it_saw_being_written_for_damage(void **state)
{
    SCRIPT script = {0};
    AUTO_BUF struct buf members = {0}, early = {0};
    char path[300];
    buf_puts(&members, "\"x\":\"");
    for (int i = 0; i < 200 * 1000; i++)
        buf_putc(&members, (char)('a' + i % 26));
    buf_puts(&members, "\"");
    buf_putc(&members, '\0');
    add_lines(&script, 1);
    add_line(&script, RECORD_REJECTED, members.data);
    add_line(&script, RECORD_REJECTED, members.data);
    add_lines(&script, 1);
    buf_append(&early, script.bytes.data, script.starts[2]);
    while (early.len < script.bytes.len)
        buf_putc(&early, '\0');
    write_file(folder(state), JOURNAL_FILE, buf_span(&early));
    snprintf(path, sizeof path, "%s/" JOURNAL_FILE, ((const struct temp_folder *)*state)->path);
    intruder.path = path;
    intruder.second = &script.bytes;
    assert_reads(folder(state), &script, 4, 0);
    assert_true(intruder.reads > 2);
}

static void append_and_exit(int dir)
{
    struct mac_key key = our_key();
    struct journal_report report = {0};
    struct journal *journal = NULL;
    struct error err;
    int failures = journal_open(&journal, dir, &key, &report, &err) != 0;
    for (size_t i = 0; failures == 0 && i < 200; i++)
        failures += try_append(journal, i * 7 % 9000, i % 8 == 0, &err) != 0;
    _exit(failures == 0 ? 0 : 1);
}

static void journal_read__sees_a_prefix_while_another_process_appends(void **state)
{
    uint64_t lines = 0;
    int status = 0;
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0)
        append_and_exit(folder(state));
    while (waitpid(writer, &status, WNOHANG) == 0) {
        struct seen seen;
        read_lines(folder(state), &seen);
        assert_true(seen.report.lines >= lines);
        lines = seen.report.lines;
    }
    struct seen seen;
    read_lines(folder(state), &seen);
    assert_int_equal(status, 0);
    assert_int_equal(seen.report.lines, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        TEST(journal_read__finds_nothing_where_there_is_no_file),
        TEST(journal_read__finds_nothing_in_zeros),
        TEST(journal_read__shows_every_line_in_order),
        TEST(journal_read__shows_only_what_comes_after),
        TEST(journal_read__ends_with_the_visitors_error),
        TEST(journal_read__takes_lines_longer_than_its_window),
        TEST(f24__every_flipped_bit_of_a_journal_is_found),
        TEST(f24__every_flipped_bit_before_zeros_is_found),
        TEST(f24__no_sound_line_is_lost_wherever_a_journal_is_cut),
        TEST(f24__no_sound_line_is_lost_wherever_zeros_begin),
        TEST(journal_read__takes_a_hole_in_the_last_line_for_torn),
        TEST(journal_read__takes_fragments_behind_a_hole_for_torn),
        TEST(journal_read__takes_a_line_without_its_newline_for_torn),
        TEST(journal_read__refuses_what_is_not_a_regular_file),
        TEST(journal_read__does_not_take_a_line_it_saw_being_written_for_damage),
        TEST(journal_read__sees_a_prefix_while_another_process_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
