/*
 * request: what an operator asks, and the answer, written and read back; everything else is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/request.h"
#include "util/clock.h"

#define ID "0123456789abcdef0123456789abcdef"
#define WHEN "2026-11-21T10:00:00.000Z"

/* A request to pause, with these members before and behind its own: the last of two of one name is refused as JSON. */
#define PAUSE(before, id, uid, verb, when)                                                                                \
    "{" before "\"format\":1,\"id\":\"" id "\",\"uid\":" uid ",\"user\":\"ada\",\"verb\":\"" verb "\",\"when\":\"" when "\"}\n"

static struct request make(enum request_verb verb)
{
    struct request request = {.id = ID, .verb = verb, .uid = 1000, .user = "ada"};
    assert_true(clock_parse(SPAN(WHEN), &request.when_ms));
    return request;
}

static void expect(const struct request *request, const char *text)
{
    struct buf out AUTO_BUF = {0};
    struct request again;
    struct error err;
    request_write(&out, request);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, text);
    assert_int_equal(request_parse(span_of(text), &again, &err), 0);
    assert_int_equal(again.verb, request->verb);
    assert_string_equal(again.id, request->id);
    assert_string_equal(again.tip, request->tip);
    assert_string_equal(again.reason, request->reason);
    assert_string_equal(again.service, request->service);
    assert_string_equal(again.instance, request->instance);
    assert_string_equal(again.user, request->user);
    assert_int_equal(again.floor, request->floor);
    assert_int_equal(again.uid, request->uid);
    assert_int_equal(again.when_ms, request->when_ms);
}

static void refuse(const char *text, const char *code, const char *words)
{
    struct request request = {.id = "untouched"};
    struct error err;
    if (request_parse(span_of(text), &request, &err) == 0)
        fail_msg("taken: %s", text);
    assert_string_equal(err.code, code);
    if (strstr(err.message, words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", text, err.message, words);
    assert_string_equal(request.id, "untouched");
}

static void request__is_read_as_it_was_written(void **state)
{
    (void)state;
    struct request request = make(REQUEST_PAUSE);
    expect(&request, PAUSE("", ID, "1000", "pause", WHEN));
    snprintf(request.reason, sizeof request.reason, "the \"night\" shift");
    expect(&request, "{\"format\":1,\"id\":\"" ID "\",\"reason\":\"the \\\"night\\\" shift\",\"uid\":1000,\"user\":\"ada\",\"verb\":\"pause\","
                     "\"when\":\"" WHEN "\"}\n");
    request = make(REQUEST_RESUME);
    expect(&request, PAUSE("", ID, "1000", "resume", WHEN));
    request = make(REQUEST_ACCEPT_REWRITE);
    snprintf(request.tip, sizeof request.tip, "0123abc");
    expect(&request, "{\"format\":1,\"id\":\"" ID "\",\"tip\":\"0123abc\",\"uid\":1000,\"user\":\"ada\",\"verb\":\"accept-rewrite\","
                     "\"when\":\"" WHEN "\"}\n");
    request = make(REQUEST_ACCEPT_STATE_LOSS);
    expect(&request, PAUSE("", ID, "1000", "accept-state-loss", WHEN));
    request.floor = 42;
    expect(&request, PAUSE("\"floor\":42,", ID, "1000", "accept-state-loss", WHEN));
    request = make(REQUEST_FORGET);
    snprintf(request.service, sizeof request.service, "tts");
    snprintf(request.instance, sizeof request.instance, "host.1");
    expect(&request, "{\"format\":1,\"id\":\"" ID "\",\"instance\":\"host.1\",\"service\":\"tts\",\"uid\":1000,\"user\":\"ada\","
                     "\"verb\":\"forget\",\"when\":\"" WHEN "\"}\n");
}

static void request__ignores_what_it_does_not_know(void **state)
{
    (void)state;
    struct request request;
    struct error err;
    assert_int_equal(request_parse(SPAN(PAUSE("\"colour\":1,\"reason\":null,", ID, "0", "pause", WHEN)), &request, &err), 0);
    assert_int_equal(request.uid, 0);
    assert_string_equal(request.reason, "");
}

static void request__refuses_what_is_no_request(void **state)
{
    (void)state;
    refuse("", CODE_REQUEST_FORM, "");
    refuse("[1]", CODE_REQUEST_FORM, "no format");
    refuse("{}", CODE_REQUEST_FORM, "no format");
    refuse("{\"format\":0}", CODE_REQUEST_FORM, "no format");
    refuse("{\"format\":2}", CODE_FORMAT_NEWER, "format 2");
    refuse("{\"format\":1}", CODE_REQUEST_FORM, "'verb'");
    refuse(PAUSE("", ID, "1000", "stop", WHEN), CODE_REQUEST_FORM, "'verb'");
}

static void request__refuses_a_spoiled_member(void **state)
{
    (void)state;
    refuse(PAUSE("", "0123456789abcdef0123456789abcde", "1000", "pause", WHEN), CODE_REQUEST_FORM, "'id'");
    refuse(PAUSE("", "0123456789ABCDEF0123456789abcdef", "1000", "pause", WHEN), CODE_REQUEST_FORM, "'id'");
    refuse(PAUSE("", ID "0", "1000", "pause", WHEN), CODE_REQUEST_FORM, "'id'");
    refuse(PAUSE("", ID, "-1", "pause", WHEN), CODE_REQUEST_FORM, "'uid'");
    refuse(PAUSE("", ID, "\"0\"", "pause", WHEN), CODE_REQUEST_FORM, "'uid'");
    refuse(PAUSE("", ID, "0", "pause", "today"), CODE_REQUEST_FORM, "'when'");
    refuse(PAUSE("\"floor\":0,", ID, "0", "accept-state-loss", WHEN), CODE_REQUEST_FORM, "'floor'");
    refuse(PAUSE("\"floor\":\"7\",", ID, "0", "accept-state-loss", WHEN), CODE_REQUEST_FORM, "'floor'");
    refuse(PAUSE("\"reason\":7,", ID, "0", "pause", WHEN), CODE_REQUEST_FORM, "'reason'");
    refuse(PAUSE("\"reason\":\"a\\nb\",", ID, "0", "pause", WHEN), CODE_REQUEST_FORM, "control character");
    refuse(PAUSE("\"reason\":\"a\\u007f\",", ID, "0", "pause", WHEN), CODE_REQUEST_FORM, "control character");
}

static void request__names_the_tip_it_accepts(void **state)
{
    (void)state;
    struct request request;
    struct error err;
    refuse(PAUSE("", ID, "0", "accept-rewrite", WHEN), CODE_REQUEST_FORM, "'tip'");
    refuse(PAUSE("\"tip\":\"0123ab\",", ID, "0", "accept-rewrite", WHEN), CODE_REQUEST_FORM, "'tip'");
    refuse(PAUSE("\"tip\":\"0123abG\",", ID, "0", "accept-rewrite", WHEN), CODE_REQUEST_FORM, "'tip'");
    refuse(PAUSE("\"tip\":\"" ID "012345678\",", ID, "0", "accept-rewrite", WHEN), CODE_REQUEST_FORM, "'tip'");
    refuse(PAUSE("\"tip\":\"0123abc\",", ID, "0", "pause", WHEN), CODE_REQUEST_FORM, "'tip'");
    assert_int_equal(request_parse(SPAN(PAUSE("\"tip\":\"" ID "01234567\",", ID, "0", "accept-rewrite", WHEN)), &request, &err), 0);
    assert_string_equal(request.tip, ID "01234567");
}

static void request__names_the_consumer_it_forgets(void **state)
{
    (void)state;
    refuse(PAUSE("", ID, "0", "forget", WHEN), CODE_REQUEST_FORM, "no consumer");
    refuse(PAUSE("\"service\":\"tts\",", ID, "0", "forget", WHEN), CODE_REQUEST_FORM, "no consumer");
    refuse(PAUSE("\"instance\":\"a\",", ID, "0", "forget", WHEN), CODE_REQUEST_FORM, "no consumer");
    refuse(PAUSE("\"instance\":\"a/b\",\"service\":\"tts\",", ID, "0", "forget", WHEN), CODE_REQUEST_FORM, "no consumer");
    refuse(PAUSE("\"instance\":\"a\",\"service\":\"+\",", ID, "0", "forget", WHEN), CODE_REQUEST_FORM, "no consumer");
}

/* Texts at their limit, and one byte above. */
static void request__ends_where_its_limits_are(void **state)
{
    (void)state;
    struct request request = make(REQUEST_PAUSE), again;
    struct buf out AUTO_BUF = {0}, longer AUTO_BUF = {0};
    struct error err;
    memset(request.reason, 'x', REQUEST_REASON_MAX);
    memset(request.user, 'u', REQUEST_USER_MAX);
    request_write(&out, &request);
    assert_int_equal(request_parse(buf_span(&out), &again, &err), 0);
    assert_string_equal(again.reason, request.reason);
    assert_string_equal(again.user, request.user);
    const char *at = strstr(out.data, "xxx");
    buf_append(&longer, out.data, (size_t)(at - out.data));
    buf_putc(&longer, 'x');
    buf_append(&longer, at, out.len - (size_t)(at - out.data));
    assert_int_equal(request_parse(buf_span(&longer), &again, &err), -1);
    assert_non_null(strstr(err.message, "at most 200 bytes"));
}

static void request_answer__is_read_as_it_was_written(void **state)
{
    (void)state;
    static const struct {
        struct request_answer answer;
        const char *text;
    } table[] = {
        {{.is_done = true, .message = "epochd is ok", .epoch = 7},
         "{\"code\":null,\"epoch\":7,\"format\":1,\"message\":\"epochd is ok\"}\n"},
        {{.code = "request-refused", .message = "no"}, "{\"code\":\"request-refused\",\"epoch\":null,\"format\":1,\"message\":\"no\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out AUTO_BUF = {0};
        struct request_answer again;
        struct error err;
        request_answer_write(&out, &table[i].answer);
        buf_putc(&out, '\0');
        assert_string_equal(out.data, table[i].text);
        assert_int_equal(request_answer_parse(span_of(table[i].text), &again, &err), 0);
        assert_int_equal(again.is_done, table[i].answer.is_done);
        assert_int_equal(again.epoch, table[i].answer.epoch);
        assert_string_equal(again.code, table[i].answer.code);
        assert_string_equal(again.message, table[i].answer.message);
    }
}

static void request_answer__refuses_another_form(void **state)
{
    (void)state;
    struct request_answer answer;
    struct error err;
    assert_int_equal(request_answer_parse(SPAN("{\"format\":2}"), &answer, &err), -1);
    assert_string_equal(err.code, CODE_FORMAT_NEWER);
    assert_int_equal(request_answer_parse(SPAN("{\"code\":1,\"format\":1}"), &answer, &err), -1);
    assert_string_equal(err.code, CODE_REQUEST_FORM);
    assert_int_equal(request_answer_parse(SPAN("{\"format\":1,\"message\":[]}"), &answer, &err), -1);
    assert_string_equal(err.code, CODE_REQUEST_FORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request__is_read_as_it_was_written),
        cmocka_unit_test(request__ignores_what_it_does_not_know),
        cmocka_unit_test(request__refuses_what_is_no_request),
        cmocka_unit_test(request__refuses_a_spoiled_member),
        cmocka_unit_test(request__names_the_tip_it_accepts),
        cmocka_unit_test(request__names_the_consumer_it_forgets),
        cmocka_unit_test(request__ends_where_its_limits_are),
        cmocka_unit_test(request_answer__is_read_as_it_was_written),
        cmocka_unit_test(request_answer__refuses_another_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
