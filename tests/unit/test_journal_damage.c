/*
 * journal_read: what no crash leaves. Each is refused with its line and cause.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal_script.h"

static int set_up(void **state)
{
    struct error err;
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

static int folder(void **state)
{
    return ((const struct temp_folder *)*state)->fd;
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
    memmove(script.bytes.data + script.starts[1], script.bytes.data + script.starts[2],
            script.bytes.len - script.starts[2]);
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
        "{\"seq\":1,\"prev\":\"" ZEROS
        "\",\"time\":\"2026-11-21T03:23:22Z\",\"kind\":\"baseline\",\"format\":1",
        "{\"seq\":1,\"prev\":\"" ZEROS
        "\",\"time\":\"2026-02-30T03:23:22.123Z\",\"kind\":\"baseline\",\"format\":1",
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
    assert_object_refused(state,
                          "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME
                          "\",\"kind\":\"baseline\",\"format\":01",
                          "not JSON");
    assert_object_refused(state,
                          "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME
                          "\",\"kind\":\"baseline\",\"format\":1,\"seq\":2",
                          "not JSON");
}

static void journal_read__refuses_a_first_line_that_follows_on_something(void **state)
{
    assert_object_refused(state, "{\"seq\":1,\"prev\":\"1" ZEROS, "does not begin with");
    char prev[] = ZEROS;
    char text[300];
    prev[63] = '1';
    snprintf(text, sizeof text,
             "{\"seq\":1,\"prev\":\"%s\",\"time\":\"" TIME "\",\"kind\":\"baseline\",\"format\":1", prev);
    assert_object_refused(state, text, "follows on nothing");
    assert_object_refused(state,
                          "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"" TIME
                          "\",\"kind\":\"published\",\"epoch\":1",
                          "not a baseline");
    assert_object_refused(state,
                          "{\"seq\":2,\"prev\":\"" ZEROS "\",\"time\":\"" TIME
                          "\",\"kind\":\"published\",\"epoch\":1",
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_drop)
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
