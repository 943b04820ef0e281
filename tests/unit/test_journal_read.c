/*
 * journal_read: what is sound, what is torn, what is damage. Appending is in test_journal.c.
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

#include "journals.h"

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

/* --- a journal made by hand --------------------------------------------------------------------------------------- */

/* A file of lines, and where each begins. */
struct script {
    struct buf bytes;
    struct journal_position last;
    size_t starts[LINES_MAX + 1];
    size_t len;
};

#define SCRIPT CLEANUP(script_fini) struct script

static void script_fini(struct script *script)
{
    buf_fini(&script->bytes);
}

static void add_text(struct script *script, struct span line)
{
    buf_append_span(&script->bytes, line);
    buf_putc(&script->bytes, '\n');
    script->starts[++script->len] = script->bytes.len;
}

/* Seals `text`, an object, and adds it, whatever it says. */
static void add_object(struct script *script, const char *text)
{
    AUTO_BUF struct buf line = {0};
    struct mac_key key = our_key();
    buf_puts(&line, text);
    crypto_mac_object(&key, &line);
    add_text(script, buf_span(&line));
    script->last.seq++;
    hash_sha256(line.data, line.len, script->last.digest);
}

static void add_line_of(struct script *script, const struct mac_key *key, enum record_kind kind, const char *members)
{
    AUTO_BUF struct buf line = {0};
    journal_line_write(&line, key, &script->last, 1795231402123, kind, span_of(members));
    add_text(script, buf_span(&line));
    script->last.seq++;
    hash_sha256(line.data, line.len, script->last.digest);
}

static void add_line(struct script *script, enum record_kind kind, const char *members)
{
    struct mac_key key = our_key();
    add_line_of(script, &key, kind, members);
}

static void add_lines(struct script *script, size_t len)
{
    for (size_t i = 0; i < len; i++)
        add_line(script, script->last.seq == 0 ? RECORD_BASELINE : RECORD_PUBLISHED,
                 script->last.seq == 0 ? "\"format\":1" : "\"epoch\":7");
}

static void put(int dir, const struct script *script)
{
    write_file(dir, JOURNAL_FILE, buf_span(&script->bytes));
}

/* The first `lines` lines of the script were read, and this many bytes behind them are torn. */
static void assert_reads(int dir, const struct script *script, size_t lines, size_t torn)
{
    struct seen seen;
    read_lines(dir, &seen);
    assert_int_equal(seen.report.lines, lines);
    assert_int_equal(seen.len, lines);
    assert_int_equal(seen.report.end, script->starts[lines]);
    assert_int_equal(seen.report.torn_bytes, torn);
    for (size_t i = 0; i < lines; i++) {
        uint8_t digest[HASH_LEN];
        hash_sha256(script->bytes.data + script->starts[i], script->starts[i + 1] - script->starts[i] - 1, digest);
        assert_int_equal(seen.seqs[i], i + 1);
        assert_memory_equal(seen.digests[i], digest, HASH_LEN);
    }
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
    assert_int_equal(journal_read(folder(state), JOURNAL_FILE, &key, 0, stop_at_two, NULL, &report, &err), -1);
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

static void flip_each_bit(int dir, struct script *script, size_t sound_end)
{
    for (size_t bit = 0; bit < 8 * script->bytes.len; bit++) {
        struct seen seen;
        struct error err;
        size_t at = bit / 8;
        script->bytes.data[at] = (char)(script->bytes.data[at] ^ (1 << bit % 8));
        put(dir, script);
        size_t line = 0;
        while (line < script->len && script->starts[line + 1] <= at)
            line++;
        bool is_last = line + 1 >= script->len;
        if (try_read(dir, JOURNAL_FILE, 0, &seen, &err) == 0) {
            /* Torn then: the last line, or what stands behind it, and not a line before is lost. */
            assert_true(is_last);
            assert_int_equal(seen.report.lines, at < sound_end ? script->len - 1 : script->len);
            assert_true(seen.report.torn_bytes > 0);
        } else {
            assert_string_equal(err.code, CODE_JOURNAL_CORRUPT);
            assert_int_equal(err.line, line + 1);
        }
        script->bytes.data[at] = (char)(script->bytes.data[at] ^ (1 << bit % 8));
    }
}

static void journal_read__finds_every_flipped_bit(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    flip_each_bit(folder(state), &script, script.bytes.len);
}

static void journal_read__finds_every_flipped_bit_before_zeros(void **state)
{
    SCRIPT script = {0};
    size_t end;
    add_lines(&script, 2);
    end = script.bytes.len;
    for (int i = 0; i < 40; i++)
        buf_putc(&script.bytes, '\0');
    flip_each_bit(folder(state), &script, end);
}

static void journal_read__loses_no_sound_line_wherever_the_file_is_cut(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    size_t whole = script.bytes.len, lines = 3;
    for (size_t len = whole; len-- > 0;) {
        buf_truncate(&script.bytes, len);
        put(folder(state), &script);
        while (script.starts[lines] > len)
            lines--;
        assert_reads(folder(state), &script, lines, len - script.starts[lines]);
    }
}

static void journal_read__loses_no_sound_line_wherever_zeros_begin(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    size_t lines = 3;
    for (size_t at = script.bytes.len; at-- > 0;) {
        script.bytes.data[at] = '\0';
        put(folder(state), &script);
        while (script.starts[lines] > at)
            lines--;
        assert_reads(folder(state), &script, lines, at - script.starts[lines]);
    }
}

/* --- torn --------------------------------------------------------------------------------------------------------- */

static void zero(struct script *script, size_t from, size_t len)
{
    memset(script->bytes.data + from, 0, len);
}

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
    zero(&script, second, third - second + 10); /* three lines of one page and a half: the second half of it is there */
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

/* --- damage ------------------------------------------------------------------------------------------------------- */

static void journal_read__names_a_hole_before_a_sound_line(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 4);
    zero(&script, script.starts[1], script.starts[3] - script.starts[1]);
    put(folder(state), &script);
    assert_corrupt(folder(state), 2, "a sound line stands behind it");
}

static void journal_read__names_a_sound_line_far_behind_zeros(void **state)
{
    SCRIPT script = {0}, other = {0};
    static const char zeros[600 * 1000];
    add_lines(&script, 1);
    add_lines(&other, 2);
    buf_append(&script.bytes, zeros, sizeof zeros);
    buf_append(&script.bytes, other.bytes.data + other.starts[1], other.starts[2] - other.starts[1]);
    put(folder(state), &script);
    assert_corrupt(folder(state), 2, "a sound line stands behind it");
}

static void journal_read__names_two_broken_lines_at_the_end(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 4);
    script.bytes.data[script.starts[2] + 100] ^= 1;
    script.bytes.data[script.starts[3] + 100] ^= 1;
    put(folder(state), &script);
    assert_corrupt(folder(state), 3, "it is not the last");
}

static void journal_read__names_a_broken_line_before_a_torn_one(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 4);
    script.bytes.data[script.starts[2] + 100] ^= 1;
    buf_truncate(&script.bytes, script.bytes.len - 5);
    put(folder(state), &script);
    assert_corrupt(folder(state), 3, "it is not the last");
}

static void journal_read__finds_a_sound_line_whose_newline_before_it_is_damaged(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 3);
    script.bytes.data[script.starts[2] - 1] = ' ';
    put(folder(state), &script);
    assert_corrupt(folder(state), 2, "a sound line stands behind it");
}

static void journal_read__names_a_missing_line(void **state)
{
    SCRIPT script = {0};
    add_lines(&script, 4);
    memmove(script.bytes.data + script.starts[1], script.bytes.data + script.starts[2], script.bytes.len - script.starts[2]);
    buf_truncate(&script.bytes, script.bytes.len - (script.starts[2] - script.starts[1]));
    put(folder(state), &script);
    assert_corrupt(folder(state), 2, "seq");
}

static void journal_read__names_a_line_that_stands_twice(void **state)
{
    SCRIPT script = {0};
    AUTO_BUF struct buf copy = {0};
    add_lines(&script, 3);
    buf_append(&copy, script.bytes.data + script.starts[2], script.starts[3] - script.starts[2] - 1);
    add_text(&script, buf_span(&copy));
    put(folder(state), &script);
    assert_corrupt(folder(state), 4, "seq");
}

static void journal_read__names_a_line_of_another_chain(void **state)
{
    SCRIPT script = {0}, other = {0};
    add_lines(&script, 2);
    add_line(&other, RECORD_BASELINE, "\"format\":1,\"x\":1");
    add_lines(&other, 2);
    struct span third = {other.bytes.data + other.starts[2], other.starts[3] - other.starts[2] - 1};
    add_text(&script, third);
    put(folder(state), &script);
    assert_corrupt(folder(state), 3, "prev");
}

static void journal_read__does_not_take_a_journal_of_another_key_for_torn(void **state)
{
    struct mac_key stranger = journal_key(8);
    for (size_t lines = 1; lines <= 3; lines++) {
        SCRIPT script = {0};
        add_line_of(&script, &stranger, RECORD_BASELINE, "\"format\":1");
        for (size_t i = 1; i < lines; i++)
            add_line_of(&script, &stranger, RECORD_PUBLISHED, "\"epoch\":7");
        put(folder(state), &script);
        assert_corrupt(folder(state), 1, "another key");
    }
}

static void journal_read__does_not_believe_a_key_by_its_name(void **state)
{
    SCRIPT script = {0};
    struct mac_key stranger = journal_key(8), ours = our_key();
    add_lines(&script, 2);
    memcpy(stranger.id, ours.id, sizeof stranger.id);
    add_line_of(&script, &stranger, RECORD_PUBLISHED, "\"epoch\":7");
    add_line_of(&script, &stranger, RECORD_PUBLISHED, "\"epoch\":8");
    put(folder(state), &script);
    assert_corrupt(folder(state), 3, "HMAC");
}

/* --- form --------------------------------------------------------------------------------------------------------- */

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define TIME "2026-11-21T03:23:22.123Z"

static void assert_object_refused(void **state, const char *text, const char *word)
{
    SCRIPT script = {0};
    struct mac_key key = our_key();
    AUTO_BUF struct buf object = {0};
    buf_printf(&object, "%s,\"key_id\":\"%s\"}", text, key.id);
    buf_putc(&object, '\0');
    add_object(&script, object.data);
    put(folder(state), &script);
    assert_corrupt(folder(state), 1, word);
}

static void journal_read__refuses_beginnings_in_any_other_form(void **state)
{
#define REST ",\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1"
    static const char *const bad[] = {
        "{\"seq\":01" REST,
        "{\"seq\":0" REST,
        "{\"seq\":-1" REST,
        "{\"seq\":1.0" REST,
        "{\"seq\":\"1\"" REST,
        "{\"seq\": 1" REST,
        "{ \"seq\":1" REST,
        "{\"seq\":9007199254740992" REST,
        "{\"seq\":18446744073709551616" REST,
        "{\"seq\":1,\"prev\":\"00\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "00\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"time\":\"" TIME "\",\"prev\":\"" ZEROS "\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"2026-11-21T03:23:22Z\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"2026-02-30T03:23:22.123Z\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"epilogue\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"baseline",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"baseline\"x,\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\"",
        "{\"a\":1",
    };
#undef REST
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_object_refused(state, bad[i], "does not begin with");
}

static void journal_read__refuses_what_is_no_json(void **state)
{
    assert_object_refused(state, "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":01",
                          "not JSON");
    assert_object_refused(state, "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1,\"seq\":2",
                          "not JSON");
}

static void journal_read__refuses_a_first_line_that_follows_on_something(void **state)
{
    assert_object_refused(state, "{\"seq\":1,\"prev\":\"1" ZEROS, "does not begin with");
    char prev[] = ZEROS;
    char text[300];
    prev[63] = '1';
    snprintf(text, sizeof text, "{\"seq\":1,\"prev\":\"%s\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1", prev);
    assert_object_refused(state, text, "follows on nothing");
    assert_object_refused(state, "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"published\",\"epoch\":1",
                          "not a baseline");
    assert_object_refused(state, "{\"seq\":2,\"prev\":\"" ZEROS "\",\"time\":\"" TIME "\",\"kind\":\"published\",\"epoch\":1",
                          "neither with a baseline nor with a checkpoint");
}

static void journal_read__takes_a_checkpoint_for_the_beginning_of_a_later_file(void **state)
{
    SCRIPT script = {.last.seq = 41};
    struct seen seen;
    memset(script.last.digest, 0xab, HASH_LEN);
    add_line(&script, RECORD_CHECKPOINT, "\"file\":\"journal-41.jsonl\"");
    add_line(&script, RECORD_PUBLISHED, "\"epoch\":7");
    put(folder(state), &script);
    read_lines(folder(state), &seen);
    assert_int_equal(seen.report.lines, 2);
    assert_int_equal(seen.report.last.seq, 43);
    assert_int_equal(seen.report.before.seq, 41);
    assert_int_equal(seen.report.before.digest[0], 0xab);
}

static void journal_read__refuses_a_newer_format_and_says_so(void **state)
{
    SCRIPT script = {0};
    struct seen seen;
    struct error err;
    add_line(&script, RECORD_BASELINE, "\"format\":2");
    add_lines(&script, 1);
    put(folder(state), &script);
    assert_int_equal(try_read(folder(state), JOURNAL_FILE, 1, &seen, &err), -1);
    assert_string_equal(err.code, CODE_FORMAT_NEWER);
    assert_non_null(strstr(err.message, "format 2"));
}

static void journal_read__refuses_a_baseline_without_a_format(void **state)
{
    static const char *const bad[] = {"\"x\":1", "\"format\":0", "\"format\":\"1\"", "\"format\":1.5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRIPT script = {0};
        add_line(&script, RECORD_BASELINE, bad[i]);
        put(folder(state), &script);
        assert_corrupt(folder(state), 1, "no format");
    }
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
    assert_not_opened(state, ERR_SYSTEM);
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
    for (size_t i = 0; failures == 0 && i < 600; i++)
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
    assert_int_equal(seen.report.lines, 600);
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
        TEST(journal_read__finds_every_flipped_bit),
        TEST(journal_read__finds_every_flipped_bit_before_zeros),
        TEST(journal_read__loses_no_sound_line_wherever_the_file_is_cut),
        TEST(journal_read__loses_no_sound_line_wherever_zeros_begin),
        TEST(journal_read__takes_a_hole_in_the_last_line_for_torn),
        TEST(journal_read__takes_fragments_behind_a_hole_for_torn),
        TEST(journal_read__takes_a_line_without_its_newline_for_torn),
        TEST(journal_read__names_a_hole_before_a_sound_line),
        TEST(journal_read__names_a_sound_line_far_behind_zeros),
        TEST(journal_read__names_two_broken_lines_at_the_end),
        TEST(journal_read__names_a_broken_line_before_a_torn_one),
        TEST(journal_read__finds_a_sound_line_whose_newline_before_it_is_damaged),
        TEST(journal_read__names_a_missing_line),
        TEST(journal_read__names_a_line_that_stands_twice),
        TEST(journal_read__names_a_line_of_another_chain),
        TEST(journal_read__does_not_take_a_journal_of_another_key_for_torn),
        TEST(journal_read__does_not_believe_a_key_by_its_name),
        TEST(journal_read__refuses_beginnings_in_any_other_form),
        TEST(journal_read__refuses_what_is_no_json),
        TEST(journal_read__refuses_a_first_line_that_follows_on_something),
        TEST(journal_read__takes_a_checkpoint_for_the_beginning_of_a_later_file),
        TEST(journal_read__refuses_a_newer_format_and_says_so),
        TEST(journal_read__refuses_a_baseline_without_a_format),
        TEST(journal_read__refuses_what_is_not_a_regular_file),
        TEST(journal_read__does_not_take_a_line_it_saw_being_written_for_damage),
        TEST(journal_read__sees_a_prefix_while_another_process_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
