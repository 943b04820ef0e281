/*
 * log: one event, one line, one write, whatever the values hold.
 *
 * Standard error is a socket that keeps the bounds of each write: a line in two pieces would arrive as two.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/utf8.h"

enum { LINE_MAX_BYTES = 4096 };

static struct {
    int stderr_copy;
    int reader;
    char line[2 * LINE_MAX_BYTES];
} captured;

static bool is_interrupted_once;

ssize_t write(int fd, const void *data, size_t len)
{
    if (is_interrupted_once) {
        is_interrupted_once = false;
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_write, fd, data, len);
}

static int set_up(void **state)
{
    (void)state;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    captured.stderr_copy = dup(STDERR_FILENO);
    captured.reader = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    unsetenv("JOURNAL_STREAM");
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_AUTO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(captured.stderr_copy, STDERR_FILENO);
    close(captured.stderr_copy);
    close(captured.reader);
    return 0;
}

/* What the next write said, NULL if there was none. */
static const char *next_line(void)
{
    ssize_t n = recv(captured.reader, captured.line, sizeof captured.line - 1, MSG_DONTWAIT);
    if (n < 0)
        return NULL;
    captured.line[n] = '\0';
    return captured.line;
}

/* The line without its time, which must be one, and without its end. */
static const char *next_text(void)
{
    const char *line = next_line();
    int64_t ms;
    assert_non_null(line);
    size_t len = strlen(line);
    assert_true(len > CLOCK_TEXT_LEN + 1 && line[len - 1] == '\n' && line[CLOCK_TEXT_LEN] == ' ');
    assert_true(clock_parse((struct span){line, CLOCK_TEXT_LEN}, &ms));
    captured.line[len - 1] = '\0';
    return line + CLOCK_TEXT_LEN + 1;
}

/* The same of a JSON line: what follows the time. */
static const char *next_json(void)
{
    static const char begin[] = "{\"ts\":\"";
    const char *line = next_line();
    int64_t ms;
    assert_non_null(line);
    size_t len = strlen(line);
    assert_memory_equal(line, begin, strlen(begin));
    assert_true(clock_parse((struct span){line + strlen(begin), CLOCK_TEXT_LEN}, &ms));
    assert_string_equal(line + len - 2, "}\n");
    captured.line[len - 1] = '\0';
    return line + strlen(begin) + CLOCK_TEXT_LEN;
}

static void log__writes_text(void **state)
{
    (void)state;
    log_info("pipeline", "epoch_committed", LOG_N("epoch", 42), LOG_S("config_epoch", "4f2c"), LOG_S("service", "a-b"));
    assert_string_equal(next_text(), "info  pipeline epoch_committed epoch=42 config_epoch=4f2c service=a-b");
    assert_null(next_line());
}

static void log__writes_json(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("pipeline", "epoch_committed", LOG_N("epoch", 42), LOG_S("config_epoch", "4f2c"));
    assert_string_equal(next_json(), "\",\"level\":\"info\",\"unit\":\"pipeline\",\"event\":\"epoch_committed\","
                                     "\"epoch\":42,\"config_epoch\":\"4f2c\"}");
    assert_null(next_line());
}

static void log__needs_no_fields(void **state)
{
    (void)state;
    log_warn("main", "stopping", {0});
    assert_string_equal(next_text(), "warn  main stopping");
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_warn("main", "stopping", {0});
    assert_string_equal(next_json(), "\",\"level\":\"warn\",\"unit\":\"main\",\"event\":\"stopping\"}");
}

static void log__names_each_level(void **state)
{
    (void)state;
    log_debug("u", "e", {0});
    assert_string_equal(next_text(), "debug u e");
    log_info("u", "e", {0});
    assert_string_equal(next_text(), "info  u e");
    log_warn("u", "e", {0});
    assert_string_equal(next_text(), "warn  u e");
    log_error("u", "e", {0});
    assert_string_equal(next_text(), "error u e");
}

static void log__drops_what_is_below_the_level(void **state)
{
    (void)state;
    static const enum log_level levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR};
    for (size_t limit = 0; limit < ARRAY_LEN(levels); limit++) {
        log_setup(levels[limit], LOG_FORMAT_TEXT);
        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
            log_event(levels[i], "u", "e", {0});
            assert_int_equal(next_line() != NULL, i >= limit);
        }
    }
}

static void log__writes_every_number(void **state)
{
    (void)state;
    log_info("u", "e", LOG_N("a", 0), LOG_N("b", INT64_MIN), LOG_N("c", INT64_MAX), LOG_N("d", -1));
    assert_string_equal(next_text(), "info  u e a=0 b=-9223372036854775808 c=9223372036854775807 d=-1");
}

static void log__writes_a_missing_string_as_empty(void **state)
{
    (void)state;
    const char *missing = NULL;
    log_info("u", "e", LOG_S("a", missing), LOG_S("b", ""));
    assert_string_equal(next_text(), "info  u e a=\"\" b=\"\"");
}

static const struct {
    const char *value;
    const char *text; /* as it stands in a text line */
} strings[] = {
    {"plain", "plain"},
    {"a/b.yaml:3:7", "a/b.yaml:3:7"},
    {"größer…", "größer…"},
    {"\U0001F600", "\U0001F600"},
    {"two words", "\"two words\""},
    {"a=b", "\"a=b\""},
    {"say \"no\"", "\"say \\\"no\\\"\""},
    {"C:\\x", "\"C:\\\\x\""},
    {"one\ntwo", "\"one\\ntwo\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
    {"\x1b[31mred", "\"\\u001b[31mred\""},
    {"\xC2\x9B" "31m", "\"\\u009b31m\""},                          /* the same as ESC [ for some terminals */
    {"\xE2\x80\xA8\xE2\x80\xA9", "\"\\u2028\\u2029\""},            /* line and paragraph separator */
    {"\xE2\x80\xAE" "lmay.a", "\"\\u202elmay.a\""},                /* right-to-left override */
    {"\xE2\x81\xA6\xE2\x81\xA9", "\"\\u2066\\u2069\""},            /* isolates */
    {"\xE2\x80\x8E\xD8\x9C\xEF\xBB\xBF", "\"\\u200e\\u061c\\ufeff\""}, /* marks nobody sees */
    {"\xE2\x80\xA7\xE2\x80\xAF", "\xE2\x80\xA7\xE2\x80\xAF"},      /* their neighbours are harmless */
    {"bad\xFF" "byte", "\"bad\uFFFD" "byte\""},
    {"cut \xE2\x80", "\"cut \uFFFD\uFFFD\""},
    {"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},                    /* a surrogate is no character */
    {"\xC0\x8A", "\"\uFFFD\uFFFD\""},                              /* an overlong line feed neither */
};

static void log__escapes_what_is_not_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        char expected[128];
        log_info("u", "e", LOG_S("k", strings[i].value), LOG_N("n", 1));
        snprintf(expected, sizeof expected, "info  u e k=%s n=1", strings[i].text);
        assert_string_equal(next_text(), expected);
    }
}

static void log__escapes_the_same_in_json(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        char expected[128];
        const char *quote = strings[i].text[0] == '"' ? "" : "\"";
        log_info("u", "e", LOG_S("k", strings[i].value), LOG_N("n", 1));
        snprintf(expected, sizeof expected, "\"event\":\"e\",\"k\":%s%s%s,\"n\":1}", quote, strings[i].text, quote);
        const char *line = next_json();
        assert_non_null(strstr(line, expected));
    }
}

static void log__keeps_one_line_for_every_byte(void **state)
{
    (void)state;
    static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JSON};
    for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
        log_setup(LOG_LEVEL_INFO, formats[f]);
        for (unsigned first = 1; first < 256; first++) {
            for (unsigned second = 1; second < 256; second++) {
                char value[] = {'a', (char)first, (char)second, 'z', '\0'};
                log_info("u", "e", LOG_S("k", value));
                const char *line = next_line();
                assert_non_null(line);
                size_t len = strlen(line);
                assert_true(utf8_is_valid((struct span){line, len}));
                assert_int_equal(strcspn(line, "\n"), len - 1);
                for (size_t i = 0; i + 1 < len; i++)
                    assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7F);
            }
        }
    }
}

static void log__cuts_a_long_value(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "é", "…", "\U0001F600", "\n", " ", "\xFF"};
    static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JSON};
    for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
        log_setup(LOG_LEVEL_INFO, formats[f]);
        for (size_t c = 0; c < ARRAY_LEN(characters); c++) {
            char value[20000] = "";
            for (char *end = value; end < value + 19990;)
                end = stpcpy(end, characters[c]);
            log_info("u", "e", LOG_S("k", value), LOG_N("n", 1));
            const char *line = next_line();
            assert_non_null(line);
            assert_true(strlen(line) < 1024 + 200);
            assert_true(utf8_is_valid(span_of(line)));
            assert_non_null(strstr(line, f == 0 ? "…\" n=1\n" : "…\",\"n\":1}\n"));
        }
    }
}

static void log__keeps_a_value_of_the_longest_length(void **state)
{
    (void)state;
    char value[1026];
    memset(value, 'x', sizeof value);
    value[1024] = '\0';
    log_info("u", "e", LOG_S("k", value));
    assert_string_equal(next_text() + strlen("info  u e k="), value);
    value[1024] = 'x';
    value[1025] = '\0';
    log_info("u", "e", LOG_S("k", value));
    const char *line = next_text() + strlen("info  u e k=");
    assert_int_equal(strlen(line), 1 + 1024 + strlen("…") + 1);
}

static void log__leaves_out_fields_that_do_not_fit(void **state)
{
    (void)state;
    char value[1025];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JSON};
    for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
        log_setup(LOG_LEVEL_INFO, formats[f]);
        log_info("u", "e", LOG_S("a", value), LOG_S("b", value), LOG_S("c", value), LOG_S("d", value), LOG_N("n", 7));
        const char *line = next_line();
        assert_non_null(line);
        assert_true(strlen(line) <= LINE_MAX_BYTES);
        assert_non_null(strstr(line, f == 0 ? " c=xxx" : ",\"c\":\"xxx"));
        assert_null(strstr(line, f == 0 ? " d=" : ",\"d\":"));
        assert_non_null(strstr(line, f == 0 ? " n=7 cut=true\n" : ",\"n\":7,\"cut\":true}\n"));
    }
}

static void log__fills_a_line_to_its_last_byte(void **state)
{
    (void)state;
    char value[1025];
    size_t longest = 0;
    static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JSON};
    for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
        log_setup(LOG_LEVEL_INFO, formats[f]);
        for (size_t len = 0; len < sizeof value; len++) {
            char full[1025];
            memset(full, 'x', 1024);
            full[1024] = '\0';
            memset(value, 'y', len);
            value[len] = '\0';
            log_info("u", "e", LOG_S("a", full), LOG_S("b", full), LOG_S("c", full), LOG_S("d", value), LOG_N("n", 7));
            const char *line = next_line();
            assert_non_null(line);
            size_t line_len = strlen(line);
            assert_true(line_len <= LINE_MAX_BYTES);
            assert_int_equal(line[line_len - 1], '\n');
            longest = line_len > longest ? line_len : longest;
        }
    }
    assert_true(longest > LINE_MAX_BYTES - 16);
}

/* --- journald ------------------------------------------------------------------------------------------- */

static void name_stream(ino_t off_by)
{
    struct stat st;
    char name[64];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)(st.st_ino + off_by));
    setenv("JOURNAL_STREAM", name, 1);
}

static void log__gives_journald_a_priority_and_no_time(void **state)
{
    (void)state;
    name_stream(0);
    log_debug("u", "e", LOG_N("n", 1));
    assert_string_equal(next_line(), "<7>debug u e n=1\n");
    log_info("u", "e", LOG_N("n", 1));
    assert_string_equal(next_line(), "<6>info  u e n=1\n");
    log_warn("u", "e", LOG_N("n", 1));
    assert_string_equal(next_line(), "<4>warn  u e n=1\n");
    log_error("u", "e", LOG_N("n", 1));
    assert_string_equal(next_line(), "<3>error u e n=1\n");
}

static void log__gives_the_time_where_standard_error_is_not_journald(void **state)
{
    (void)state;
    static const char *const streams[] = {"", ":", "1", "0:0", "x:y"};
    name_stream(1); /* systemd started us, but somebody has redirected standard error */
    log_info("u", "e", {0});
    assert_string_equal(next_text(), "info  u e");
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        setenv("JOURNAL_STREAM", streams[i], 1);
        log_info("u", "e", {0});
        assert_string_equal(next_text(), "info  u e");
    }
}

static void log__gives_journald_what_was_asked_for(void **state)
{
    (void)state;
    name_stream(0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("u", "e", {0});
    assert_string_equal(next_text(), "info  u e");
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("u", "e", {0});
    assert_non_null(next_json());
}

/* --- errors --------------------------------------------------------------------------------------------- */

static void log__writes_an_error_with_its_place(void **state)
{
    (void)state;
    struct error err;
    error_at(&err, "yaml.syntax", "a/b.yaml", 3, 7, "no colon");
    log_error_object(LOG_LEVEL_ERROR, "pipeline", "rejected", &err);
    assert_string_equal(next_text(), "error pipeline rejected code=yaml.syntax message=\"no colon\" file=a/b.yaml "
                                     "line=3 column=7");
    error_at(&err, "yaml.syntax", "a/b.yaml", 0, 0, "no colon");
    log_error_object(LOG_LEVEL_WARN, "pipeline", "rejected", &err);
    assert_string_equal(next_text(), "warn  pipeline rejected code=yaml.syntax message=\"no colon\" file=a/b.yaml");
    error_set(&err, ERR_SYSTEM, ENOENT, "cannot open 'x'");
    log_error_object(LOG_LEVEL_WARN, "pipeline", "rejected", &err);
    assert_string_equal(next_text(), "warn  pipeline rejected code=system "
                                     "message=\"cannot open 'x': No such file or directory\"");
}

static void log__keeps_errno(void **state)
{
    (void)state;
    errno = EOVERFLOW;
    log_info("u", "e", {0});
    assert_int_equal(errno, EOVERFLOW);
    close(STDERR_FILENO);
    errno = EOVERFLOW;
    log_info("u", "e", {0});
    assert_int_equal(errno, EOVERFLOW);
}

static void log__is_not_stopped_by_a_signal(void **state)
{
    (void)state;
    is_interrupted_once = true;
    log_info("u", "e", {0});
    assert_string_equal(next_text(), "info  u e");
}

static void log__loses_a_line_rather_than_wait(void **state)
{
    (void)state;
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    alarm(10);
    for (int i = 0; i < 10000; i++)
        log_info("u", "e", {0});
    alarm(0);
    assert_string_equal(next_text(), "info  u e");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(log__writes_text),
        TEST(log__writes_json),
        TEST(log__needs_no_fields),
        TEST(log__names_each_level),
        TEST(log__drops_what_is_below_the_level),
        TEST(log__writes_every_number),
        TEST(log__writes_a_missing_string_as_empty),
        TEST(log__escapes_what_is_not_plain),
        TEST(log__escapes_the_same_in_json),
        TEST(log__keeps_one_line_for_every_byte),
        TEST(log__cuts_a_long_value),
        TEST(log__keeps_a_value_of_the_longest_length),
        TEST(log__leaves_out_fields_that_do_not_fit),
        TEST(log__fills_a_line_to_its_last_byte),
        TEST(log__gives_journald_a_priority_and_no_time),
        TEST(log__gives_the_time_where_standard_error_is_not_journald),
        TEST(log__gives_journald_what_was_asked_for),
        TEST(log__writes_an_error_with_its_place),
        TEST(log__keeps_errno),
        TEST(log__is_not_stopped_by_a_signal),
        TEST(log__loses_a_line_rather_than_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
