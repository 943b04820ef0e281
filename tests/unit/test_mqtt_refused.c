/*
 * mqtt: what a broker forbids, and what cannot work before there is one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker.h"
#include "model/codes.h"

static struct broker broker;

static int set_up(void **state)
{
    (void)state;
    broker_prepare(&broker);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    broker_stop(&broker);
    return 0;
}

/* --- by the broker ------------------------------------------------------------------------------------ */

static void mqtt__tells_what_the_acl_denies(void **state)
{
    (void)state;
    struct peer peer;
    struct error err;
    write_file(broker.folder, "acl", "topic readwrite open/#\n");
    broker_start(&broker, "acl_file @/acl\n", NULL);
    peer_up(&peer, broker.unix_url);
    peer_publish_acked(&peer, "open/1", "x", true);
    int id = peer_publish(&peer, "closed/1", "x", 1, true);
    const struct seen *ack = peer_next(&peer, MQTT_EVENT_ACK);
    assert_int_equal(ack->message_id, id);
    assert_int_equal(ack->reason, 0x87);
    assert_string_equal(ack->text, "not authorized");
    assert_int_equal(mqtt_subscribe(peer.mqtt, "$CONTROL/x", true, &id, &err), 0);
    const struct seen *suback = peer_next(&peer, MQTT_EVENT_SUBSCRIBED);
    assert_int_equal(suback->message_id, id);
    assert_true(suback->reason == 0x87 || suback->reason <= 2); /* this broker grants and delivers nothing */
    peer_close(&peer);
}

static void prepare_password(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/users", broker.folder);
    write_file(broker.folder, "users", "ann:s3cret\n");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("mosquitto_passwd", "mosquitto_passwd", "-U", path, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    broker_start(&broker, "allow_anonymous false\npassword_file @/users\n", "");
}

static int connack_of(struct mqtt_options options)
{
    struct peer peer;
    peer_open_with(&peer, options);
    peer_connect(&peer);
    while (peer.len == 0)
        peer_step(&peer, 1000);
    assert_int_equal(mqtt_is_up(peer.mqtt), peer.seen[0].kind == MQTT_EVENT_UP);
    assert_null(strstr(peer.seen[0].text, "s3cret"));
    peer.read++;
    int reason = peer.seen[0].reason;
    peer_close(&peer);
    return reason;
}

static void mqtt__logs_in_by_url_or_options(void **state)
{
    (void)state;
    char url[128];
    prepare_password();
    snprintf(url, sizeof url, "mqtt://ann:s3%%63ret@127.0.0.1:%d", broker.port);
    assert_int_equal(connack_of((struct mqtt_options){.url = url}), 0);
    assert_int_equal(
        connack_of((struct mqtt_options){.url = broker.tcp_url, .username = "ann", .password = "s3cret"}), 0);
    assert_int_equal(connack_of((struct mqtt_options){.url = url, .username = "", .password = ""}), 0);
    snprintf(url, sizeof url, "mqtt://ann:no@127.0.0.1:%d", broker.port);
    assert_int_equal(connack_of((struct mqtt_options){.url = url, .password = "s3cret"}), 0);
}

static void mqtt__tells_a_wrong_password(void **state)
{
    (void)state;
    char url[128];
    prepare_password();
    snprintf(url, sizeof url, "mqtt://ann:s3crets@127.0.0.1:%d", broker.port);
    assert_int_equal(connack_of((struct mqtt_options){.url = url}), 0x87);
    assert_int_equal(connack_of((struct mqtt_options){.url = broker.tcp_url}), 0x87);
}

static void mqtt__refuses_what_the_broker_would_not_take(void **state)
{
    (void)state;
    enum {
        LIMIT = 1000,
        OVERHEAD = 1 + 2 + 2 + 1 + 2 + 1
    }; /* header, length, topic "t", id, no properties */
    static const char payload[LIMIT];
    struct peer peer;
    struct error err;
    broker_start(&broker, "max_packet_size 1000\n", NULL);
    peer_open(&peer, broker.unix_url);
    peer_connect(&peer);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_UP)->max_packet, LIMIT);
    struct span fits = {payload, LIMIT - OVERHEAD}, too_large = {payload, LIMIT - OVERHEAD + 1};
    assert_int_equal(mqtt_publish(peer.mqtt, "t", fits, 1, false, NULL, &err), 0);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_ACK)->reason, 0x10);
    assert_int_equal(mqtt_publish(peer.mqtt, "t", too_large, 1, false, NULL, &err), -1);
    assert_string_equal(err.code, CODE_PUBLISH_REFUSED);
    assert_non_null(strstr(err.message, "1001 bytes on t"));
    assert_int_equal(mqtt_publish(peer.mqtt, "t", too_large, 0, false, NULL, &err),
                     0); /* no id: two bytes less */
    assert_true(mqtt_is_up(peer.mqtt));
    peer_publish_acked(&peer, "t", "x", false);
    peer_close(&peer);
}

static void mqtt__has_no_use_for_a_broker_without_retained_messages(void **state)
{
    (void)state;
    struct peer peer;
    broker_start(&broker, "retain_available false\n", NULL);
    assert_int_equal(connack_of((struct mqtt_options){.url = broker.unix_url}), 0x9A);
    peer_open_with(&peer, (struct mqtt_options){.url = broker.unix_url,
                                                .will_topic = "w",
                                                .will_payload = SPAN("x")});
    peer_connect(&peer);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, 0x9A);
    assert_string_equal(down->text, "the broker keeps no retained messages");
    peer_close(&peer);
}

static void mqtt__has_no_use_for_a_broker_of_qos_0(void **state)
{
    (void)state;
    broker_start(&broker, "", "max_qos 0\n");
    assert_int_equal(connack_of((struct mqtt_options){.url = broker.tcp_url}), 0x9B);
}

/* --- before there is one ------------------------------------------------------------------------------ */

/* The message of a mqtt_connect that fails at once. */
static void assert_away(const char *url, const char *part)
{
    struct peer peer;
    struct error err;
    peer_open(&peer, url);
    if (mqtt_connect(peer.mqtt, &err) == 0)
        fail_msg("%s: a connection began", url);
    assert_string_equal(err.code, CODE_BROKER_AWAY);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(mqtt_fd(peer.mqtt), -1);
    peer_close(&peer);
}

static void mqtt__says_at_once_that_nobody_is_there(void **state)
{
    (void)state;
    char url[96];
    int port, holder = bind_loopback(0, &port);
    snprintf(url, sizeof url, "mqtt://ann:s3cret@127.0.0.1:%d", port);
    assert_away(url, "Connection refused");
    assert_away(broker.unix_url, "No such file");
    close(holder);
}

/* A label of 64 letters: the resolver says no without asking anybody. */
#define UNKNOWN_HOST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void mqtt__says_soon_that_a_name_is_unknown(void **state)
{
    static const char *const urls[] = {"mqtt://ann:s3cret@" UNKNOWN_HOST, "mqtts://ann:s3cret@" UNKNOWN_HOST};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct peer peer;
        peer_open(&peer, urls[i]);
        peer_connect(&peer);
        assert_false(mqtt_is_up(peer.mqtt));
        const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
        assert_int_equal(down->reason, MQTT_REASON_NETWORK);
        assert_non_null(strstr(down->text, "cannot resolve aaa"));
        assert_null(strstr(down->text, "s3cret"));
        assert_int_equal(mqtt_fd(peer.mqtt), -1);
        peer_close(&peer);
    }
}

static void mqtt__may_be_dropped_while_a_name_is_resolved(void **state)
{
    (void)state;
    struct peer peer;
    for (int i = 0; i < 20; i++) {
        peer_open(&peer, "mqtt://" UNKNOWN_HOST);
        peer_connect(&peer);
        if (i % 2 == 0) {
            mqtt_disconnect(peer.mqtt);
            assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0);
        }
        peer_close(&peer);
    }
}

/* The library begins with TLS before it knows whether there is a connection, and is not told. */
static void mqtt__says_soon_that_nobody_is_there_for_tls(void **state)
{
    (void)state;
    char url[96];
    struct peer peer;
    struct error err;
    int port, holder = bind_loopback(0, &port);
    snprintf(url, sizeof url, "mqtts://127.0.0.1:%d", port);
    peer_open(&peer, url);
    if (mqtt_connect(peer.mqtt, &err) == 0) {
        const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
        assert_int_equal(down->reason, MQTT_REASON_NETWORK);
        assert_string_equal(down->text, "the connection was refused or reset");
        assert_true(peer.wakeups < 5);
    } else { /* libmosquitto 2.0.21 has seen it already */
        assert_string_equal(err.code, CODE_BROKER_AWAY);
        assert_int_equal(err.sys, ECONNREFUSED);
    }
    peer_close(&peer);
    close(holder);
}

static void assert_settings(struct mqtt_options options, const char *part)
{
    struct mqtt *mqtt = NULL;
    struct error err;
    if (options.keepalive_s == 0)
        options.keepalive_s = 30;
    if (mqtt_new(&mqtt, &options, peer_handler, NULL, &err) == 0)
        fail_msg("taken, but it should say \"%s\"", part);
    assert_null(mqtt);
    assert_string_equal(err.code, CODE_SETTINGS);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void mqtt__refuses_options_that_cannot_work(void **state)
{
    (void)state;
    char here[96];
    static const char large[65536];
    write_file(broker.folder, "file", "x");
    snprintf(here, sizeof here, "%s/file", broker.folder);
    assert_settings((struct mqtt_options){.url = "http://h"}, "begins with none of");
    assert_settings((struct mqtt_options){.url = "mqtts://h", .ca_file = "/nowhere/ca"},
                    "the CA file /nowhere/ca");
    assert_settings((struct mqtt_options){.url = "mqtts://h", .cert_file = "/nowhere/c", .key_file = here},
                    "certificate /no");
    assert_settings((struct mqtt_options){.url = "mqtts://h", .cert_file = here, .key_file = "/nowhere/k"},
                    "private key /no");
    assert_settings((struct mqtt_options){.url = "mqtts://h", .cert_file = here}, "go together");
    assert_settings((struct mqtt_options){.url = "mqtts://h", .key_file = here}, "go together");
    assert_settings((struct mqtt_options){.url = "mqtt://h", .keepalive_s = 4}, "from 5 to 65535");
    assert_settings((struct mqtt_options){.url = "mqtt://h", .keepalive_s = 65536}, "from 5 to 65535");
    assert_settings((struct mqtt_options){.url = "mqtt://h", .client_id = "\xff"}, "the client id");
    assert_settings((struct mqtt_options){.url = "mqtt://h", .username = "\xff"}, "the user name");
    assert_settings((struct mqtt_options){.url = "mqtt://h", .will_topic = "a/+"}, "last will");
    assert_settings((struct mqtt_options){.url = "mqtt://h",
                                          .will_topic = "a",
                                          .will_payload = {large, 65536}},
                    "last will");
}

static void mqtt__takes_options_at_their_limits(void **state)
{
    (void)state;
    static const char large[65535];
    struct mqtt_options options = {.url = "mqtt://ann:s3cret@h:7",
                                   .keepalive_s = 5,
                                   .will_topic = "a",
                                   .will_payload = {large, 65535}};
    struct peer peer;
    peer_open_with(&peer, options);
    assert_string_equal(mqtt_display(peer.mqtt), "mqtt://h:7");
    peer_close(&peer);
    options.keepalive_s = 65535;
    peer_open_with(&peer, options);
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FOLDER(mqtt__tells_what_the_acl_denies),
        WITH_FOLDER(mqtt__logs_in_by_url_or_options),
        WITH_FOLDER(mqtt__tells_a_wrong_password),
        WITH_FOLDER(mqtt__refuses_what_the_broker_would_not_take),
        WITH_FOLDER(mqtt__has_no_use_for_a_broker_without_retained_messages),
        WITH_FOLDER(mqtt__has_no_use_for_a_broker_of_qos_0),
        WITH_FOLDER(mqtt__says_at_once_that_nobody_is_there),
        WITH_FOLDER(mqtt__says_soon_that_a_name_is_unknown),
        WITH_FOLDER(mqtt__may_be_dropped_while_a_name_is_resolved),
        WITH_FOLDER(mqtt__says_soon_that_nobody_is_there_for_tls),
        WITH_FOLDER(mqtt__refuses_options_that_cannot_work),
        WITH_FOLDER(mqtt__takes_options_at_their_limits),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
