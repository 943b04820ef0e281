/*
 * err: codes, places, causes, clauses in front, and messages that are too long.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "util/err.h"
#include "util/span.h"
#include "util/utf8.h"

static void err__is_made_and_returned_in_one_line(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_set(&err, ERR_SYSTEM, 0, "cannot open '%s'", "x"), -1);
    assert_string_equal(err.code, ERR_SYSTEM);
    assert_string_equal(err.message, "cannot open 'x'");
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.file, "");
}

static void err__appends_the_cause(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_SYSTEM, ENOENT, "cannot open 'x'");
    assert_string_equal(err.message, "cannot open 'x': No such file or directory");
    assert_int_equal(err.sys, ENOENT);
}

static void err__tells_the_number_of_an_unknown_cause(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_SYSTEM, 99999, "failed");
    assert_string_equal(err.message, "failed: error 99999");
}

static void err__keeps_the_place(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_at(&err, "some-code", "a/b.yaml", 3, 7, "%d is too many", 9), -1);
    assert_string_equal(err.file, "a/b.yaml");
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 7);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.message, "9 is too many");
}

static void err__forgets_an_earlier_place(void **state)
{
    (void)state;
    struct error err;
    error_at(&err, "some-code", "a.yaml", 3, 7, "first");
    error_set(&err, ERR_SYSTEM, 0, "second");
    assert_string_equal(err.file, "");
    assert_int_equal(err.line, 0);
    assert_int_equal(err.column, 0);
}

static void err__takes_a_clause_in_front(void **state)
{
    (void)state;
    struct error err;
    error_at(&err, "some-code", "a.yaml", 3, 7, "no colon");
    assert_int_equal(error_wrap(&err, "reading '%s'", "router"), -1);
    assert_string_equal(err.message, "reading 'router': no colon");
    assert_string_equal(err.code, "some-code");
    assert_int_equal(err.line, 3);
}

static void err__may_be_made_of_its_own_parts(void **state)
{
    (void)state;
    struct error err;
    error_at(&err, "some-code", "a.yaml", 1, 1, "no colon");
    error_wrap(&err, "was: %s", err.message);
    assert_string_equal(err.message, "was: no colon: no colon");
    error_set(&err, "other-code", 0, "%s is bad: %s", err.file, err.message);
    assert_string_equal(err.message, "a.yaml is bad: was: no colon: no colon");
    error_at(&err, "other-code", err.message, 1, 1, "%s", err.message);
    assert_string_equal(err.file, "a.yaml is bad: was: no colon: no colon");
    assert_string_equal(err.message, err.file);
}

static void err__says_out_of_memory(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_memory(&err), -1);
    assert_string_equal(err.code, ERR_MEMORY);
    assert_string_equal(err.message, "out of memory");
}

static void err__formats_place_message_and_code(void **state)
{
    (void)state;
    struct error err;
    char text[128];
    error_at(&err, "some-code", "a.yaml", 3, 7, "no colon");
    error_format(&err, text, sizeof text);
    assert_string_equal(text, "a.yaml:3:7: no colon [some-code]");
    error_at(&err, "some-code", "a.yaml", 0, 0, "no colon");
    error_format(&err, text, sizeof text);
    assert_string_equal(text, "a.yaml: no colon [some-code]");
    error_set(&err, "some-code", 0, "no colon");
    error_format(&err, text, sizeof text);
    assert_string_equal(text, "no colon [some-code]");
}

static void err__formats_into_what_room_there_is(void **state)
{
    (void)state;
    struct error err;
    char text[8] = "unmoved";
    error_set(&err, "some-code", 0, "a long message");
    error_format(&err, text, 0);
    assert_string_equal(text, "unmoved");
    error_format(&err, text, 6);
    assert_string_equal(text, "a lon");
}

static void err__cuts_a_long_message_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "é", "…", "\U0001F600"};
    for (size_t c = 0; c < ARRAY_LEN(characters); c++) {
        /* One to four bytes in front: the end of the room falls on each byte of the character. */
        for (size_t front = 0; front < 4; front++) {
            struct error err;
            char text[2000] = "";
            memset(text, '-', front);
            while (strlen(text) < 1900)
                strcat(text, characters[c]);
            error_set(&err, ERR_SYSTEM, 0, "%s", text);
            size_t len = strlen(err.message);
            assert_true(len < sizeof err.message && len + strlen(characters[c]) >= sizeof err.message);
            assert_true(utf8_is_valid(span_of(err.message)));
            error_wrap(&err, "%s", "clause");
            assert_true(utf8_is_valid(span_of(err.message)));
            assert_memory_equal(err.message, "clause: ", 8);

            error_at(&err, ERR_SYSTEM, text, 1, 1, "%s", text);
            len = strlen(err.file);
            assert_true(len < sizeof err.file && len + strlen(characters[c]) >= sizeof err.file);
            assert_true(utf8_is_valid(span_of(err.file)));
            assert_true(utf8_is_valid(span_of(err.message)));

            char small[64];
            error_format(&err, small, sizeof small);
            assert_true(utf8_is_valid(span_of(small)));
        }
    }
}

static void err__keeps_a_whole_character_at_the_very_end(void **state)
{
    (void)state;
    struct error err;
    char text[sizeof err.message];
    memset(text, '-', sizeof text);
    memcpy(text + sizeof text - 4, "…", 4);
    error_set(&err, ERR_SYSTEM, 0, "%s", text);
    assert_string_equal(err.message, text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(err__is_made_and_returned_in_one_line),
        cmocka_unit_test(err__appends_the_cause),
        cmocka_unit_test(err__tells_the_number_of_an_unknown_cause),
        cmocka_unit_test(err__keeps_the_place),
        cmocka_unit_test(err__forgets_an_earlier_place),
        cmocka_unit_test(err__takes_a_clause_in_front),
        cmocka_unit_test(err__may_be_made_of_its_own_parts),
        cmocka_unit_test(err__says_out_of_memory),
        cmocka_unit_test(err__formats_place_message_and_code),
        cmocka_unit_test(err__formats_into_what_room_there_is),
        cmocka_unit_test(err__cuts_a_long_message_between_characters),
        cmocka_unit_test(err__keeps_a_whole_character_at_the_very_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
