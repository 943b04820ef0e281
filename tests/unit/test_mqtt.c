/*
 * mqtt: a client against a private mosquitto, over a Unix socket where TCP does not matter.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker.h"
#include "model/codes.h"

static int set_up(void **state)
{
    static struct broker broker;
    broker_prepare(&broker);
    broker_start(&broker, "", NULL);
    *state = &broker;
    return 0;
}

static int tear_down(void **state)
{
    broker_stop(*state);
    return 0;
}

/* --- publishing and subscribing ----------------------------------------------------------------------- */

static void mqtt__acknowledges_what_it_publishes(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_up(&peer, broker->unix_url);
    int first = peer_publish(&peer, "a", "1", 1, false);
    int second = peer_publish(&peer, "b", "2", 1, true);
    assert_int_not_equal(first, second);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_ACK)->message_id, first);
    const struct seen *ack = peer_next(&peer, MQTT_EVENT_ACK);
    assert_int_equal(ack->message_id, second);
    assert_int_equal(ack->reason, 0x10);
    assert_string_equal(ack->text, "accepted, nobody is subscribed");
    peer_close(&peer);
}

static void mqtt__has_no_acknowledgement_for_qos_0(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_up(&peer, broker->unix_url);
    assert_int_equal(peer_publish(&peer, "a", "1", 0, false), 0);
    peer_publish_acked(&peer, "a", "2", false);
    peer_close(&peer);
}

static void mqtt__delivers_live_and_retained_messages(void **state)
{
    struct broker *broker = *state;
    struct peer writer, reader;
    peer_up(&writer, broker->unix_url);
    peer_publish_acked(&writer, "kept", "before", true);
    peer_up(&reader, broker->unix_url);
    peer_subscribe(&reader, "kept", true);
    peer_expect_message(&reader, "kept", "before", true);
    peer_publish_acked(&writer, "kept", "after", true);
    peer_expect_message(&reader, "kept", "after", false);
    peer_publish_acked(&writer, "kept", "", true);
    peer_expect_message(&reader, "kept", "", false);
    peer_close(&writer);
    peer_close(&reader);
}

static void mqtt__leaves_retained_messages_out_where_asked(void **state)
{
    struct broker *broker = *state;
    struct peer writer, reader;
    peer_up(&writer, broker->unix_url);
    peer_publish_acked(&writer, "kept", "before", true);
    peer_up(&reader, broker->unix_url);
    peer_subscribe(&reader, "kept", false);
    peer_publish_acked(&writer, "kept", "after", true);
    peer_expect_message(&reader, "kept", "after", false);
    peer_close(&writer);
    peer_close(&reader);
}

static void mqtt__never_hears_itself(void **state)
{
    struct broker *broker = *state;
    struct peer peer, other;
    peer_up(&peer, broker->unix_url);
    peer_up(&other, broker->unix_url);
    peer_subscribe(&peer, "a/#", true);
    peer_publish_acked(&peer, "a/1", "own", true);
    peer_publish_acked(&other, "a/2", "foreign", false);
    peer_expect_message(&peer, "a/2", "foreign", false);
    peer_close(&peer);
    peer_close(&other);
}

/* What tells the daemon that it has seen all that is retained: the SUBACK of a subscription sent after. */
static void mqtt__has_what_is_retained_before_a_later_suback(void **state)
{
    struct broker *broker = *state;
    struct peer writer, reader;
    struct error err;
    int first, fence;
    peer_up(&writer, broker->unix_url);
    peer_publish_acked(&writer, "k/1", "one", true);
    peer_publish_acked(&writer, "k/2", "two", true);
    peer_up(&reader, broker->unix_url);
    assert_int_equal(mqtt_subscribe(reader.mqtt, "k/+", true, &first, &err), 0);
    assert_int_equal(mqtt_subscribe(reader.mqtt, "k/+", false, &fence, &err), 0);
    assert_int_equal(peer_next(&reader, MQTT_EVENT_SUBSCRIBED)->message_id, first);
    assert_true(peer_next(&reader, MQTT_EVENT_MESSAGE)->is_retained);
    assert_true(peer_next(&reader, MQTT_EVENT_MESSAGE)->is_retained);
    assert_int_equal(peer_next(&reader, MQTT_EVENT_SUBSCRIBED)->message_id, fence);
    peer_close(&writer);
    peer_close(&reader);
}

static void mqtt__carries_any_bytes(void **state)
{
    struct broker *broker = *state;
    struct peer writer, reader;
    struct error err;
    enum { LARGE = 320 * 1024 };
    char *payload = calloc(1, LARGE);
    assert_non_null(payload);
    peer_up(&reader, broker->unix_url);
    peer_subscribe(&reader, "x", true);
    peer_up(&writer, broker->unix_url);
    assert_int_equal(mqtt_publish(writer.mqtt, "x", (struct span){payload, LARGE}, 1, false, NULL, &err), 0);
    assert_true(peer_next(&writer, MQTT_EVENT_ACK)->reason == 0);
    assert_int_equal(peer_next(&reader, MQTT_EVENT_MESSAGE)->payload_len, LARGE);
    free(payload);
    peer_close(&writer);
    peer_close(&reader);
}

static void answer_with_more(struct peer *peer, const struct mqtt_event *event)
{
    if (event->kind == MQTT_EVENT_UP || (event->kind == MQTT_EVENT_ACK && peer->len < 200))
        for (int i = 0; i < 2; i++)
            peer_publish(peer, "more", "x", i, false);
}

static void mqtt__publishes_from_inside_of_its_events(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_open(&peer, broker->unix_url);
    peer.in_handler = answer_with_more;
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    while (peer.read < 200)
        peer_next(&peer, MQTT_EVENT_ACK);
    peer_close(&peer);
}

/* More than the 20 the broker takes at a time: the library holds the rest back and sends it. */
static void mqtt__honours_the_receive_maximum_of_the_broker(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_up(&peer, broker->unix_url);
    for (int i = 0; i < 300; i++)
        peer_publish(&peer, "many", "x", 1, false);
    for (int i = 0; i < 300; i++)
        assert_int_equal(peer_next(&peer, MQTT_EVENT_ACK)->reason, 0x10);
    peer_close(&peer);
}

static void mqtt__refuses_a_topic_that_is_none(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    struct error err;
    peer_up(&peer, broker->unix_url);
    static const char *const topics[] = {"", "a/#", "a/+/b", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        assert_int_equal(mqtt_publish(peer.mqtt, topics[i], SPAN("x"), 1, false, NULL, &err), -1);
        assert_string_equal(err.code, CODE_PUBLISH_REFUSED);
    }
    assert_int_equal(mqtt_subscribe(peer.mqtt, "a#", true, NULL, &err), -1);
    assert_string_equal(err.code, CODE_PUBLISH_REFUSED);
    peer_publish_acked(&peer, "a", "still up", false);
    peer_close(&peer);
}

/* --- coming and going --------------------------------------------------------------------------------- */

static void mqtt__queues_nothing_while_away(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    struct error err;
    int id = 77;
    peer_open(&peer, broker->unix_url);
    assert_int_equal(mqtt_fd(peer.mqtt), -1);
    assert_int_equal(mqtt_wants(peer.mqtt), 0);
    assert_int_equal(mqtt_publish(peer.mqtt, "a", SPAN("x"), 1, false, &id, &err), -1);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    assert_int_equal(mqtt_subscribe(peer.mqtt, "a", true, &id, &err), -1);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    assert_int_equal(id, 77);
    mqtt_disconnect(peer.mqtt);
    mqtt_tick(peer.mqtt);
    mqtt_io(peer.mqtt, POLLIN);
    peer_close(&peer);
}

static void mqtt__says_goodbye_without_a_will(void **state)
{
    struct broker *broker = *state;
    struct peer peer, watcher;
    peer_up(&watcher, broker->unix_url);
    peer_subscribe(&watcher, "#", true);
    peer_open_with(&peer, (struct mqtt_options){.url = broker->unix_url,
                                                .will_topic = "will",
                                                .will_payload = SPAN("lost")});
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_publish(&peer, "last", "words", 1, false);
    mqtt_disconnect(peer.mqtt);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, 0);
    assert_string_equal(down->text, "disconnected");
    assert_int_equal(mqtt_fd(peer.mqtt), -1);
    peer_close(&peer);
    peer_expect_message(&watcher, "last", "words", false);
    peer_up(&peer, broker->unix_url);
    peer_publish_acked(&peer, "marker", "1", false);
    peer_expect_message(&watcher, "marker", "1", false);
    peer_close(&peer);
    peer_close(&watcher);
}

static void mqtt__leaves_a_will_when_freed(void **state)
{
    struct broker *broker = *state;
    struct peer peer, watcher;
    char payload[] = "lost";
    peer_up(&watcher, broker->unix_url);
    peer_subscribe(&watcher, "will", true);
    peer_open_with(&peer, (struct mqtt_options){.url = broker->unix_url,
                                                .will_topic = "will",
                                                .will_payload = {payload, 4}});
    memset(payload, 'x', 4); /* it was copied */
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_close(&peer);
    peer_expect_message(&watcher, "will", "lost", false);
    peer_close(&watcher);
    peer_up(&watcher, broker->unix_url);
    peer_subscribe(&watcher, "will", true);
    peer_expect_message(&watcher, "will", "lost", true);
    peer_close(&watcher);
}

static void mqtt__is_down_when_the_broker_is_killed_and_up_again(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    struct error err;
    peer_up(&peer, broker->unix_url);
    broker_kill(broker, SIGKILL);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, MQTT_REASON_NETWORK);
    assert_false(mqtt_is_up(peer.mqtt));
    assert_int_equal(mqtt_fd(peer.mqtt), -1);
    assert_int_equal(mqtt_connect(peer.mqtt, &err), -1);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    assert_non_null(strstr(err.message, "refused"));
    broker_spawn(broker);
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_publish_acked(&peer, "a", "1", false);
    peer_close(&peer);
}

static void mqtt__sends_nothing_of_an_old_connection(void **state)
{
    struct broker *broker = *state;
    struct peer peer, watcher;
    peer_up(&peer, broker->unix_url);
    kill(broker->pid, SIGSTOP);
    for (int i = 0; i < 10; i++)
        peer_publish(&peer, "old", "x", 1, true);
    broker_kill(broker, SIGKILL);
    peer_next(&peer, MQTT_EVENT_DOWN);
    broker_spawn(broker);
    peer_up(&watcher, broker->unix_url);
    peer_subscribe(&watcher, "#", true);
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_publish_acked(&peer, "new", "y", false);
    peer_expect_message(&watcher, "new", "y", false);
    peer_close(&peer);
    peer_close(&watcher);
}

/* mosquitto 2.0.11 says no reason, 2.0.21 does. */
static void mqtt__is_down_when_its_client_id_is_taken_over(void **state)
{
    struct broker *broker = *state;
    struct peer first, second;
    struct mqtt_options options = {.url = broker->unix_url, .client_id = "same"};
    peer_open_with(&first, options);
    peer_connect(&first);
    peer_next(&first, MQTT_EVENT_UP);
    peer_open_with(&second, options);
    peer_connect(&second);
    peer_next(&second, MQTT_EVENT_UP);
    int reason = peer_next(&first, MQTT_EVENT_DOWN)->reason;
    assert_true(reason == MQTT_REASON_NETWORK || reason == 0x8E);
    peer_close(&first);
    peer_close(&second);
}

static void connect_again(struct peer *peer, const struct mqtt_event *event)
{
    struct error err;
    if (event->kind == MQTT_EVENT_DOWN)
        assert_int_equal(mqtt_connect(peer->mqtt, &err), 0);
    else if (event->kind == MQTT_EVENT_UP)
        assert_int_equal(mqtt_connect(peer->mqtt, &err), -1); /* that would pull the rug away */
    else
        mqtt_disconnect(peer->mqtt);
}

static void mqtt__may_be_connected_again_from_its_down_event(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_open(&peer, broker->unix_url);
    peer.in_handler = connect_again;
    peer_connect(&peer);
    for (int i = 0; i < 3; i++) {
        peer_next(&peer, MQTT_EVENT_UP);
        peer_publish(&peer, "a", "x", 1, false);
        peer_next(&peer, MQTT_EVENT_ACK);
        assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0);
    }
    mqtt_free(peer.mqtt);
}

static void mqtt__drops_the_old_connection_without_a_word(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    peer_up(&peer, broker->unix_url);
    peer_connect(&peer);
    assert_false(mqtt_is_up(peer.mqtt));
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_publish_acked(&peer, "a", "x", false);
    peer_close(&peer);
}

static void mqtt__tells_down_after_a_publish_that_failed(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    struct error err;
    peer_up(&peer, broker->unix_url);
    broker_kill(broker, SIGKILL);
    assert_int_equal(mqtt_publish(peer.mqtt, "a", SPAN("x"), 1, false, NULL, &err), -1);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    assert_false(mqtt_is_up(peer.mqtt));
    assert_int_equal(peer.len, 1);
    assert_int_equal(mqtt_publish(peer.mqtt, "a", SPAN("x"), 1, false, NULL, &err), -1);
    peer_next(&peer, MQTT_EVENT_DOWN);
    peer_close(&peer);
}

static void mqtt__leaves_sigpipe_as_it_was(void **state)
{
    struct broker *broker = *state;
    struct peer peer;
    struct sigaction now, wanted = {.sa_handler = SIG_DFL};
    assert_int_equal(sigaction(SIGPIPE, &wanted, NULL), 0);
    peer_up(&peer, broker->unix_url);
    peer_close(&peer);
    assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_BROKER(mqtt__acknowledges_what_it_publishes),
        WITH_BROKER(mqtt__has_no_acknowledgement_for_qos_0),
        WITH_BROKER(mqtt__delivers_live_and_retained_messages),
        WITH_BROKER(mqtt__leaves_retained_messages_out_where_asked),
        WITH_BROKER(mqtt__never_hears_itself),
        WITH_BROKER(mqtt__has_what_is_retained_before_a_later_suback),
        WITH_BROKER(mqtt__carries_any_bytes),
        WITH_BROKER(mqtt__publishes_from_inside_of_its_events),
        WITH_BROKER(mqtt__honours_the_receive_maximum_of_the_broker),
        WITH_BROKER(mqtt__refuses_a_topic_that_is_none),
        WITH_BROKER(mqtt__queues_nothing_while_away),
        WITH_BROKER(mqtt__says_goodbye_without_a_will),
        WITH_BROKER(mqtt__leaves_a_will_when_freed),
        WITH_BROKER(mqtt__is_down_when_the_broker_is_killed_and_up_again),
        WITH_BROKER(mqtt__sends_nothing_of_an_old_connection),
        WITH_BROKER(mqtt__is_down_when_its_client_id_is_taken_over),
        WITH_BROKER(mqtt__may_be_connected_again_from_its_down_event),
        WITH_BROKER(mqtt__drops_the_old_connection_without_a_word),
        WITH_BROKER(mqtt__tells_down_after_a_publish_that_failed),
        WITH_BROKER(mqtt__leaves_sigpipe_as_it_was),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
