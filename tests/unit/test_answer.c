/*
 * answer: what a status says of a commit, in the words that hooks print.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/answer.h"
#include "model/json.h"
#include "util/clock.h"

#define COMMIT "1c9e0b2a7f31aaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void expect_as(const char *status, const char *branch, const char *services, bool is_last, enum answer kind,
                      const char *words)
{
    static const struct json_options options = {.file = "a", .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct doc doc AUTO_DOC = {0};
    struct answer_told told AUTO_ANSWER_TOLD = {0};
    struct error err;
    struct answer_question question = {.branch = branch, .services = services, .asked_us = clock_mono_us() - 950000};
    assert_true(oid_parse(SPAN(COMMIT), &question.commit));
    assert_int_equal(json_read(span_of(status), &options, &doc, &err), 0);
    assert_int_equal(answer_read(doc.root, &question, is_last, &told), kind);
    buf_putc(&told.line, '\0');
    assert_string_equal(told.line.data, words);
}

#define STATUS(state, broker, recent)                                                                                \
    "{\"branch\":\"main\",\"state\":\"" state "\",\"epoch\":411,\"broker\":{\"state\":\"" broker "\"},\"recent\":["  \
    recent "]}"
#define VERDICT(commit, verdict) "{\"commit\":\"" commit "\",\"epoch\":412,\"verdict\":\"" verdict "\",\"code\":null}"

static void answer__of_a_published_epoch_names_services_and_time(void **state)
{
    (void)state;
    expect_as(STATUS("ok", "connected", VERDICT(COMMIT, "published")), "main", "stt-worker, router", false,
              ANSWER_PUBLISHED, "epoch 412 published: stt-worker, router (0.9 s)");
    expect_as(STATUS("ok", "connected", VERDICT(COMMIT, "published")), "main", "", false, ANSWER_PUBLISHED,
              "epoch 412 published: no service changes (0.9 s)");
    expect_as(STATUS("ok", "connected", VERDICT(COMMIT, "published")), NULL, NULL, false, ANSWER_PUBLISHED,
              "epoch 412 published (0.9 s)");
}

static void answer__of_a_committed_epoch_tells_of_the_broker(void **state)
{
    (void)state;
    expect_as(STATUS("ok", "connected", VERDICT(COMMIT, "committed")), "main", NULL, false, ANSWER_PUBLISHING,
              "epoch 412 committed, not published yet");
    expect_as(STATUS("degraded:broker-away", "away", VERDICT(COMMIT, "committed")), "main", NULL, false,
              ANSWER_COMMITTED, "epoch 412 committed, broker away");
    expect_as(STATUS("ok", "off", VERDICT(COMMIT, "committed")), "main", NULL, false, ANSWER_COMMITTED,
              "epoch 412 committed, no broker is set");
}

static void answer__on_another_branch_names_both(void **state)
{
    (void)state;
    expect_as(STATUS("ok", "connected", ""), "try", NULL, false, ANSWER_OTHER_BRANCH,
              "this is branch try; epochd serves main");
}

static void answer__in_a_hold_says_what_to_type(void **state)
{
    (void)state;
    expect_as(STATUS("hold:history-rewritten", "connected", ""), "main", NULL, true, ANSWER_HOLD,
              "NOT served: epochd is in HOLD(history-rewritten) → epochctl accept-rewrite 1c9e0b2a7f31");
    expect_as(STATUS("hold:paused", "connected", ""), "main", NULL, true, ANSWER_HOLD,
              "NOT served: epochd is in HOLD(paused) → epochctl resume");
    expect_as(STATUS("hold:no-space", "connected", ""), "main", NULL, true, ANSWER_HOLD,
              "NOT served: epochd is in HOLD(no-space) → epochctl help no-space");
}

static void answer__waits_through_a_hold_that_may_end_with_the_commit(void **state)
{
    (void)state;
    expect_as(STATUS("hold:repo-behind", "connected", ""), "main", NULL, false, ANSWER_PENDING,
              "epochd has not told of it yet; epochctl status shows when it does");
}

static void answer__of_a_rejected_commit_has_its_findings(void **state)
{
    (void)state;
    expect_as(STATUS("ok", "connected",
                     "{\"commit\":\"" COMMIT "\",\"epoch\":null,\"verdict\":\"rejected\",\"code\":\"yaml.syntax\","
                     "\"findings\":[{\"file\":\"services/a.yaml\",\"line\":3,\"column\":1,\"message\":\"no\","
                     "\"code\":\"yaml.syntax\"}]}"),
              "main", NULL, false, ANSWER_REJECTED,
              "REJECTED [yaml.syntax]: epoch 411 stays in force\n  services/a.yaml:3:1: no [yaml.syntax]");
}

static void answer__takes_the_newest_verdict(void **state)
{
    (void)state;
    expect_as(STATUS("ok", "connected", VERDICT(COMMIT, "superseded") "," VERDICT(COMMIT, "published")), "main", NULL,
              false, ANSWER_SUPERSEDED, "superseded: a newer commit overtook it");
}

static void answer__to_anything_never_fails(void **state)
{
    (void)state;
    expect_as("{}", NULL, NULL, true, ANSWER_PENDING,
              "epochd has not told of it yet; epochctl status shows when it does");
    expect_as("{\"recent\":{},\"state\":7}", "main", NULL, true, ANSWER_OTHER_BRANCH,
              "this is branch main; epochd serves ");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer__of_a_published_epoch_names_services_and_time),
        cmocka_unit_test(answer__of_a_committed_epoch_tells_of_the_broker),
        cmocka_unit_test(answer__on_another_branch_names_both),
        cmocka_unit_test(answer__in_a_hold_says_what_to_type),
        cmocka_unit_test(answer__waits_through_a_hold_that_may_end_with_the_commit),
        cmocka_unit_test(answer__of_a_rejected_commit_has_its_findings),
        cmocka_unit_test(answer__takes_the_newest_verdict),
        cmocka_unit_test(answer__to_anything_never_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
