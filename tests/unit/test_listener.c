/*
 * listener: against a private mosquitto: what is retained, then what comes; its share of each second; what is read once more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "broker.h"
#include "daemon/listener.h"
#include "model/codes.h"
#include "util/clock.h"

enum { LOOP_PATIENCE_MS = 20000 };

struct desk {
    struct broker broker;
    struct loop loop;
    struct settings settings;
    struct listener listener;
    struct loop_timer patience;
    unsigned began, heard, caught_up, wanted_heard, wanted_caught_up;
    bool wants_deaf;
    int busy_ms; /* spent in each message */
    char last[64];
};

static void on_began(void *context)
{
    struct desk *desk = context;
    desk->began++;
}

static void stop_if_done(struct desk *desk)
{
    if (desk->heard >= desk->wanted_heard && desk->caught_up >= desk->wanted_caught_up &&
        (!desk->wants_deaf || desk->listener.reason[0] != '\0'))
        loop_stop(&desk->loop);
}

static void on_heard(void *context, struct span service, struct span instance, struct span payload)
{
    struct desk *desk = context;
    const struct timespec busy = {.tv_nsec = desk->busy_ms * 1000000L};
    if (desk->busy_ms > 0)
        nanosleep(&busy, NULL);
    desk->heard++;
    snprintf(desk->last, sizeof desk->last, "%.*s@%.*s=%.*s", (int)service.len, service.data, (int)instance.len, instance.data,
             (int)payload.len, payload.data);
    stop_if_done(desk);
}

static void on_caught_up(void *context)
{
    struct desk *desk = context;
    desk->caught_up++;
    stop_if_done(desk);
}

static void on_changed(void *context)
{
    stop_if_done(context);
}

static void on_patience(void *context)
{
    struct desk *desk = context;
    fail_msg("heard %u of %u, caught up %u of %u times: %s", desk->heard, desk->wanted_heard, desk->caught_up, desk->wanted_caught_up,
             desk->listener.reason);
}

/* Runs the loop until so much was heard, and so often everything. */
static void run_until(struct desk *desk, unsigned heard, unsigned caught_up)
{
    struct error err;
    desk->wanted_heard = heard;
    desk->wanted_caught_up = caught_up;
    desk->loop.is_stopped = false;
    loop_timer_arm(&desk->loop, &desk->patience, LOOP_PATIENCE_MS);
    assert_int_equal(loop_run(&desk->loop, &err), 0);
}

static int set_up(void **state)
{
    static char prefix[] = "home", none[] = "";
    struct desk *desk = calloc(1, sizeof *desk);
    struct error err;
    const struct listener_events events = {desk, on_began, on_heard, on_caught_up, on_changed};
    broker_prepare(&desk->broker);
    broker_start(&desk->broker, "", NULL);
    assert_int_equal(loop_init(&desk->loop, &err), 0);
    desk->settings.mqtt.url = desk->broker.unix_url;
    desk->settings.mqtt.prefix = prefix;
    desk->settings.mqtt.client_id = desk->settings.mqtt.username = desk->settings.mqtt.password_file = none;
    desk->settings.mqtt.ca_file = desk->settings.mqtt.cert_file = desk->settings.mqtt.key_file = none;
    desk->settings.mqtt.heartbeat_s = 10;
    listener_init(&desk->listener, &desk->loop, &desk->settings, &events);
    loop_timer_init(&desk->loop, &desk->patience, on_patience, desk);
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    listener_close(&desk->listener);
    loop_fini(&desk->loop);
    broker_stop(&desk->broker);
    free(desk);
    return 0;
}

static void listener__hears_what_is_retained_and_then_what_comes(void **state)
{
    struct desk *desk = *state;
    struct peer writer;
    peer_up(&writer, desk->broker.unix_url);
    peer_publish_acked(&writer, "home/system/ack/stt-worker/pi3", "kept", true);
    peer_publish_acked(&writer, "system/ack/stt-worker/pi3", "outside of the prefix", true);
    listener_open(&desk->listener);
    run_until(desk, 1, 1);
    assert_true(desk->listener.is_listening);
    assert_string_equal(desk->last, "stt-worker@pi3=kept");
    peer_publish_acked(&writer, "home/system/ack/Bad/x", "no name of a service", false);
    peer_publish_acked(&writer, "home/system/ack/router/hub", "live", false);
    run_until(desk, 2, 1);
    assert_string_equal(desk->last, "router@hub=live");
    peer_publish_acked(&writer, "home/system/ack/stt-worker/pi3", "", true);
    run_until(desk, 3, 1);
    assert_string_equal(desk->last, "stt-worker@pi3=");
    peer_close(&writer);
}

static void listener__clears_what_is_retained_without_hearing_itself(void **state)
{
    struct desk *desk = *state;
    struct error err;
    struct peer writer, reader;
    assert_int_equal(listener_clear(&desk->listener, "stt-worker", "pi3", &err), -1);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    peer_up(&writer, desk->broker.unix_url);
    peer_publish_acked(&writer, "home/system/ack/stt-worker/pi3", "kept", true);
    listener_open(&desk->listener);
    run_until(desk, 1, 1);
    assert_int_equal(listener_clear(&desk->listener, "stt-worker", "pi3", &err), 0);
    peer_publish_acked(&writer, "home/system/ack/router/hub", "kept", true);
    run_until(desk, 2, 1);
    assert_string_equal(desk->last, "router@hub=kept");
    peer_up(&reader, desk->broker.unix_url);
    peer_subscribe(&reader, "home/system/ack/+/+", true);
    peer_expect_message(&reader, "home/system/ack/router/hub", "kept", true);
    peer_close(&reader);
    peer_close(&writer);
}

/* 100 messages of 5 ms are half a second: it rests after the first quarter, then reads on, and reads what is retained once more. */
static void listener__rests_when_its_share_is_used_up_and_reads_again_after(void **state)
{
    enum { MESSAGES = 100, EACH_MS = 5 };
    struct desk *desk = *state;
    struct peer writer;
    char topic[64];
    peer_up(&writer, desk->broker.unix_url);
    listener_open(&desk->listener);
    run_until(desk, 0, 1);
    desk->busy_ms = EACH_MS;
    int64_t began_ms = clock_boot_ms();
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(topic, sizeof topic, "home/system/ack/stt-worker/i%d", i);
        peer_publish_acked(&writer, topic, "x", true);
    }
    run_until(desk, MESSAGES, 1);
    assert_true(desk->listener.rests >= 1);
    assert_true(clock_boot_ms() - began_ms >= 1000); /* half a second of work takes more than one */
    desk->busy_ms = 0;
    run_until(desk, 2 * MESSAGES, 2);
    assert_int_equal(desk->began, 2);
    peer_close(&writer);
}

static void listener__says_why_it_does_not_hear(void **state)
{
    struct desk *desk = *state;
    broker_kill(&desk->broker, SIGKILL);
    desk->listener.reason[0] = '\0';
    desk->wants_deaf = true;
    listener_open(&desk->listener);
    run_until(desk, 0, 0);
    assert_false(desk->listener.is_listening);
    assert_true(loop_timer_is_armed(&desk->listener.retry));
    listener_close(&desk->listener);
    assert_false(loop_timer_is_armed(&desk->listener.retry));
    assert_string_equal(desk->listener.reason, "the broker is away");
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(listener__hears_what_is_retained_and_then_what_comes),
        ONE(listener__clears_what_is_retained_without_hearing_itself),
        ONE(listener__rests_when_its_share_is_used_up_and_reads_again_after),
        ONE(listener__says_why_it_does_not_hear),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
