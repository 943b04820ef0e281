/*
 * metrics: every line is of the text exposition format 0.0.4, as a scraper would read it, and says what was counted.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <string.h>

#include "daemon/metrics.h"
#include "util/clock.h"

static int64_t now_ms;

int64_t clock_wall_ms(void)
{
    return now_ms;
}

struct desk {
    struct metrics metrics;
    struct metrics_view view;
    struct conditions conditions;
    struct buf text;
};

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    now_ms = 1234567890123;
    conditions_init(&desk->conditions);
    conditions_set_ready(&desk->conditions);
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    buf_fini(&desk->text);
    free(desk);
    return 0;
}

static const char *write_text(struct desk *desk)
{
    buf_reset(&desk->text);
    metrics_write(&desk->metrics, &desk->view, &desk->conditions, &desk->text);
    buf_putc(&desk->text, '\0');
    assert_false(desk->text.failed);
    return desk->text.data;
}

/* The text behind "series ", at the beginning of a line; NULL if there is none. */
static const char *find(const char *text, const char *series)
{
    size_t len = strlen(series);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, series, len) == 0 && line[len] == ' ')
            return line + len + 1;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

static void expect(struct desk *desk, const char *series, const char *value)
{
    const char *found = find(write_text(desk), series);
    if (found == NULL)
        fail_msg("no series %s", series);
    size_t len = strcspn(found, "\n");
    if (len != strlen(value) || memcmp(found, value, len) != 0)
        fail_msg("%s is %.*s, not %s", series, (int)len, found, value);
}

/* --- the form ------------------------------------------------------------------------------------------------------- */

#define NAME "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL "[a-zA-Z_][a-zA-Z0-9_]*=\"([^\"\\\\]|\\\\[\"\\\\n])*\""
#define VALUE "([+-]?([0-9]+([.][0-9]+)?(e[+-]?[0-9]+)?|Inf)|NaN)"

static const char *const line_forms[] = {
    "^# HELP " NAME " ([^\\\\]|\\\\[\\\\n])+$",
    "^# TYPE " NAME " (counter|gauge|histogram)$",
    "^" NAME "([{]" LABEL "(," LABEL ")*[}])? " VALUE "$",
};
enum { LINE_FORMS = ARRAY_LEN(line_forms) };

static bool is_of_some_form(regex_t forms[static LINE_FORMS], const char *line)
{
    for (size_t i = 0; i < LINE_FORMS; i++)
        if (regexec(&forms[i], line, 0, NULL, 0) == 0)
            return true;
    return false;
}

static void metrics__writes_lines_of_the_exposition_format_alone(void **state)
{
    struct desk *desk = *state;
    regex_t forms[LINE_FORMS];
    for (size_t i = 0; i < LINE_FORMS; i++)
        assert_int_equal(regcomp(&forms[i], line_forms[i], REG_EXTENDED | REG_NOSUB), 0);
    assert_false(is_of_some_form(forms, "epochd_x{code=\"a} 1")); /* this test can fail */
    assert_false(is_of_some_form(forms, ""));
    write_text(desk);
    assert_int_equal(desk->text.data[desk->text.len - 2], '\n');
    for (char *line = desk->text.data, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (!is_of_some_form(forms, line))
            fail_msg("not of the format: %s", line);
    }
    for (size_t i = 0; i < LINE_FORMS; i++)
        regfree(&forms[i]);
}

/* The family a sample belongs to: its name without labels, and for a histogram without its suffix. */
static void family_of(const char *line, const char *type, char out[static 128])
{
    static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
    snprintf(out, 128, "%.*s", (int)strcspn(line, "{ "), line);
    if (strcmp(type, "histogram") != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t len = strlen(out), tail = strlen(suffixes[i]);
        if (len > tail && strcmp(out + len - tail, suffixes[i]) == 0)
            out[len - tail] = '\0';
    }
}

static void metrics__tells_help_and_type_once_right_before_its_samples(void **state)
{
    struct desk *desk = *state;
    char help[128] = "", family[128] = "", type[16] = "", name[128], seen[64][128];
    size_t families = 0;
    write_text(desk);
    for (char *line = strtok(desk->text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# HELP %127s", help) == 1)
            continue;
        if (sscanf(line, "# TYPE %127s %15s", family, type) == 2) {
            assert_string_equal(family, help);
            for (size_t i = 0; i < families; i++)
                assert_string_not_equal(seen[i], family);
            assert_true(families < ARRAY_LEN(seen));
            snprintf(seen[families++], sizeof seen[0], "%s", family);
            continue;
        }
        family_of(line, type, name);
        assert_string_equal(name, family);
        assert_int_equal(strncmp(name, "epochd_", 7), 0);
    }
    assert_true(families > 0);
}

static void metrics__ends_the_name_of_a_counter_in_total_and_of_nothing_else(void **state)
{
    struct desk *desk = *state;
    char name[128], type[16];
    size_t counters = 0;
    write_text(desk);
    for (char *line = strtok(desk->text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# TYPE %127s %15s", name, type) != 2)
            continue;
        bool is_total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
        assert_int_equal(is_total, strcmp(type, "counter") == 0);
        counters += is_total;
    }
    assert_true(counters > 0);
}

/* --- the values --------------------------------------------------------------------------------------------------------- */

static void metrics__counts_commits_by_verdict(void **state)
{
    struct desk *desk = *state;
    desk->metrics = (struct metrics){
        .committed = 1, .published = 2, .rejected = 3, .superseded = 4, .overtaken = 50, .findings = 6};
    expect(desk, "epochd_commits_total{verdict=\"committed\"}", "1");
    expect(desk, "epochd_commits_total{verdict=\"published\"}", "2");
    expect(desk, "epochd_commits_total{verdict=\"rejected\"}", "3");
    expect(desk, "epochd_commits_total{verdict=\"superseded\"}", "54");
    expect(desk, "epochd_findings_total", "6");
}

static void metrics__tells_what_lives_elsewhere(void **state)
{
    struct desk *desk = *state;
    desk->view = (struct metrics_view){
        .epoch = 101, .published_epoch = 102, .generation = 103, .services = 104,
        .snapshot_epoch = 105, .snapshot_writes = 106, .snapshot_failures = 107, .snapshot_micros = 1000108,
        .snapshot_written_ms = 109007, .messages_acknowledged = 110, .messages_refused = 111, .broker_connects = 112, .broker_disconnects = 113, .is_broker_open = true,
        .consumers = {.counts = {[CONSUMER_APPLIED] = 114, [CONSUMER_GONE] = 115}, .expected = 116, .missing = 117},
        .acks_taken = 118, .acks_discarded = 119, .acks_rests = 120, .is_listening = true};
    expect(desk, "epochd_epoch", "101");
    expect(desk, "epochd_published_epoch", "102");
    expect(desk, "epochd_generation", "103");
    expect(desk, "epochd_services", "104");
    expect(desk, "epochd_snapshot_epoch", "105");
    expect(desk, "epochd_snapshot_writes_total", "106");
    expect(desk, "epochd_snapshot_failures_total", "107");
    expect(desk, "epochd_snapshot_write_seconds", "1.000108");
    expect(desk, "epochd_snapshot_timestamp_seconds", "109.007");
    expect(desk, "epochd_messages_acknowledged_total", "110");
    expect(desk, "epochd_messages_refused_total", "111");
    expect(desk, "epochd_broker_connects_total", "112");
    expect(desk, "epochd_broker_disconnects_total", "113");
    expect(desk, "epochd_broker_connected", "1");
    expect(desk, "epochd_consumers{state=\"applied\"}", "114");
    expect(desk, "epochd_consumers{state=\"behind\"}", "0");
    expect(desk, "epochd_consumers{state=\"gone\"}", "115");
    expect(desk, "epochd_consumers{state=\"missing\"}", "117");
    expect(desk, "epochd_consumers_expected", "116");
    expect(desk, "epochd_consumers_heard", "1");
    expect(desk, "epochd_acks_total", "118");
    expect(desk, "epochd_acks_discarded_total", "119");
    expect(desk, "epochd_acks_rests_total", "120");
}

static void metrics__writes_a_number_of_any_size(void **state)
{
    struct desk *desk = *state;
    desk->view.epoch = UINT64_MAX;
    expect(desk, "epochd_epoch", "18446744073709551615");
}

static void metrics__says_when_it_was_written(void **state)
{
    struct desk *desk = *state;
    expect(desk, "epochd_written_timestamp_seconds", "1234567890.123");
    now_ms = 1000000000007;
    expect(desk, "epochd_written_timestamp_seconds", "1000000000.007");
    expect(desk, "epochd_up", "1");
}

static void metrics__is_healthy_while_the_state_is_ok_or_empty(void **state)
{
    struct desk *desk = *state;
    expect(desk, "epochd_healthy", "1");
    conditions_set_empty(&desk->conditions, true);
    expect(desk, "epochd_healthy", "1");
    conditions_on(&desk->conditions, CONDITION_POLL_ONLY, "no inotify");
    expect(desk, "epochd_healthy", "0");
    conditions_init(&desk->conditions);
    expect(desk, "epochd_healthy", "0");
}

static void metrics__tells_each_condition_with_its_kind(void **state)
{
    struct desk *desk = *state;
    char series[128];
    for (enum condition on = 0; on < CONDITION_COUNT; on++) {
        conditions_on(&desk->conditions, on, "on");
        for (enum condition c = 0; c < CONDITION_COUNT; c++) {
            snprintf(series, sizeof series, "epochd_condition{code=\"%s\",kind=\"%s\"}", condition_code(c),
                     condition_is_hold(c) ? "hold" : "degraded");
            expect(desk, series, c == on ? "1" : "0");
        }
        conditions_off(&desk->conditions, on);
    }
}

/* --- histograms ----------------------------------------------------------------------------------------------------------- */

/* Reads the buckets of a histogram: they must rise in le and never fall in count, and end in +Inf. */
static size_t read_buckets(const char *text, const char *name, double le[static 32], uint64_t count[static 32])
{
    char begin[64];
    size_t n = 0;
    snprintf(begin, sizeof begin, "\n%s_bucket{le=\"", name);
    for (const char *at = text; (at = strstr(at, begin)) != NULL; n++) {
        char *end;
        assert_true(n < 32);
        at += strlen(begin);
        le[n] = strtod(at, &end);
        assert_int_equal(sscanf(end, "\"} %" SCNu64, &count[n]), 1);
        assert_true(n == 0 || (le[n] > le[n - 1] && count[n] >= count[n - 1]));
    }
    assert_true(n > 0 && isinf(le[n - 1]));
    return n;
}

static void metrics__counts_what_is_at_most_the_bound_in_every_bucket_above(void **state)
{
    struct desk *desk = *state;
    const uint64_t micros[] = {0, 500, 501, 5000, 99999, 100000, 100001, 30000000, 30000001, 3600000000};
    double le[32];
    uint64_t count[32], expected;
    for (size_t i = 0; i < ARRAY_LEN(micros); i++)
        metrics_observe(&desk->metrics.commit_time, micros[i]);
    size_t n = read_buckets(write_text(desk), "epochd_commit_seconds", le, count);
    assert_int_equal(n, METRICS_BUCKETS + 1);
    for (size_t b = 0; b < n; b++) {
        expected = 0;
        for (size_t i = 0; i < ARRAY_LEN(micros); i++)
            expected += (double)micros[i] / 1e6 <= le[b];
        assert_int_equal(count[b], expected);
    }
    expect(desk, "epochd_commit_seconds_count", "10");
    expect(desk, "epochd_commit_seconds_sum", "3660.306002");
}

static void metrics__keeps_the_two_histograms_apart(void **state)
{
    struct desk *desk = *state;
    metrics_observe(&desk->metrics.publish_time, 2500000);
    expect(desk, "epochd_commit_seconds_count", "0");
    expect(desk, "epochd_commit_seconds_bucket{le=\"+Inf\"}", "0");
    expect(desk, "epochd_publish_seconds_count", "1");
    expect(desk, "epochd_publish_seconds_sum", "2.500000");
    expect(desk, "epochd_publish_seconds_bucket{le=\"1.000000\"}", "0");
    expect(desk, "epochd_publish_seconds_bucket{le=\"5.000000\"}", "1");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(metrics__writes_lines_of_the_exposition_format_alone),
        ONE(metrics__tells_help_and_type_once_right_before_its_samples),
        ONE(metrics__ends_the_name_of_a_counter_in_total_and_of_nothing_else),
        ONE(metrics__counts_commits_by_verdict),
        ONE(metrics__tells_what_lives_elsewhere),
        ONE(metrics__writes_a_number_of_any_size),
        ONE(metrics__says_when_it_was_written),
        ONE(metrics__is_healthy_while_the_state_is_ok_or_empty),
        ONE(metrics__tells_each_condition_with_its_kind),
        ONE(metrics__counts_what_is_at_most_the_bound_in_every_bucket_above),
        ONE(metrics__keeps_the_two_histograms_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
