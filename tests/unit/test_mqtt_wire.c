/*
 * mqtt: against brokers that are only a script: what others than mosquitto answer, what a hostile one sends,
 * and time, which is set forward instead of waited for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/syscall.h>
#include <time.h>

#include "broker.h"
#include "model/codes.h"

/* --- a clock that can be set forward, for us and for the library -------------------------------------- */

static time_t skipped_s;

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);
    if (rc == 0 && id != CLOCK_REALTIME)
        now->tv_sec += skipped_s;
    return rc;
}

/* --- the script --------------------------------------------------------------------------------------- */

struct wire {
    int listener, fd, port;
    char url[64];
};

static void wire_open(struct wire *wire, const char *scheme)
{
    *wire = (struct wire){.fd = -1};
    wire->listener = bind_loopback(4, &wire->port);
    snprintf(wire->url, sizeof wire->url, "%s://127.0.0.1:%d", scheme, wire->port);
}

static void wire_hang_up(struct wire *wire)
{
    close(wire->fd);
    wire->fd = -1;
}

static void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    close(wire->listener);
}

static void wire_accept(struct wire *wire)
{
    struct pollfd wanted = {.fd = wire->listener, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, PATIENCE_MS), 1);
    wire->fd = accept4(wire->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(wire->fd >= 0);
}

/* Exactly `len` bytes of the client, which is given its turns. */
static void wire_read(struct wire *wire, struct peer *peer, uint8_t *out, size_t len)
{
    int64_t deadline = clock_boot_ms() + PATIENCE_MS;
    while (len > 0) {
        ssize_t got = recv(wire->fd, out, len, MSG_DONTWAIT);
        if (got == 0 || clock_boot_ms() >= deadline)
            fail_msg("the client sent less than it should");
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        } else {
            peer_step(peer, 10);
        }
    }
}

/* One packet of at most 127 bytes; its first byte must be `type`. Returns the length of the rest. */
static size_t wire_packet(struct wire *wire, struct peer *peer, uint8_t type, uint8_t rest[static 128])
{
    uint8_t head[2];
    wire_read(wire, peer, head, 2);
    assert_int_equal(head[0], type);
    assert_true(head[1] < 128);
    wire_read(wire, peer, rest, head[1]);
    return head[1];
}

static void wire_send(struct wire *wire, const void *bytes, size_t len)
{
    assert_int_equal(send(wire->fd, bytes, len, MSG_NOSIGNAL), len);
}

#define WIRE_SEND(wire, ...)                                                                                 \
    wire_send((wire), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* A client that has sent CONNECT. */
static void begin(struct wire *wire, struct peer *peer)
{
    uint8_t rest[128];
    wire_open(wire, "mqtt");
    peer_open_with(peer, (struct mqtt_options){.url = wire->url, .keepalive_s = 5});
    peer_connect(peer);
    wire_accept(wire);
    wire_packet(wire, peer, 0x10, rest);
}

static void begin_up(struct wire *wire, struct peer *peer)
{
    begin(wire, peer);
    WIRE_SEND(wire, 0x20, 3, 0, 0, 0);
    peer_next(peer, MQTT_EVENT_UP);
}

static void end(struct wire *wire, struct peer *peer)
{
    peer_close(peer);
    wire_close(wire);
}

/* --- connecting --------------------------------------------------------------------------------------- */

static void mqtt__asks_for_a_clean_v5_session_with_a_limit(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0, 4, 'M', 'Q', 'T', 'T', 5, 0x2E /* will, QoS 1, retained, clean */,
                                     0, 30};
    static const uint8_t limit[] = {0x27, 0, 0x40, 0, 0}; /* 4 MiB */
    struct wire wire;
    struct peer peer;
    uint8_t rest[128];
    wire_open(&wire, "mqtt");
    peer_open_with(&peer,
                   (struct mqtt_options){.url = wire.url, .will_topic = "w", .will_payload = SPAN("x")});
    peer_connect(&peer);
    wire_accept(&wire);
    size_t len = wire_packet(&wire, &peer, 0x10, rest);
    assert_memory_equal(rest, wanted, sizeof wanted);
    assert_non_null(memmem(rest, len, limit, sizeof limit));
    assert_non_null(memmem(rest, len,
                           "\0\x17"
                           "epochd-",
                           9));
    end(&wire, &peer);
}

static void mqtt__tells_why_it_was_not_let_in(void **state)
{
    (void)state;
    static const struct {
        uint8_t reason;
        const char *text;
    } table[] = {
        {0x80, "the broker gives no reason"},
        {0x84, "the broker does not speak MQTT v5"},
        {0x85, "the broker does not accept the client id"},
        {0x86, "bad user name or password"},
        {0x87, "not authorized"},
        {0x97, "a quota of the broker is exceeded"},
        {0xfe, "a reason MQTT v5 does not define"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct wire wire;
        struct peer peer;
        begin(&wire, &peer);
        WIRE_SEND(&wire, 0x20, 3, 0, table[i].reason, 0);
        const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
        assert_int_equal(down->reason, table[i].reason);
        assert_string_equal(down->text, table[i].text);
        assert_int_equal(mqtt_fd(peer.mqtt), -1);
        end(&wire, &peer);
    }
}

static void mqtt__reads_what_the_broker_can_do(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    begin(&wire, &peer);
    WIRE_SEND(&wire, 0x20, 8, 0, 0, 5, 0x27, 0, 1, 0, 0);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_UP)->max_packet, 65536);
    end(&wire, &peer);
    begin(&wire, &peer);
    WIRE_SEND(&wire, 0x20, 5, 0, 0, 2, 0x25, 0);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0x9A);
    end(&wire, &peer);
    begin(&wire, &peer);
    WIRE_SEND(&wire, 0x20, 5, 0, 0, 2, 0x24, 0);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0x9B);
    end(&wire, &peer);
}

/* The library loses the properties of a CONNACK it refuses, 49 bytes; everything that is ours is still looked
 * at. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libmosquitto.so";
}

static void check_nonsense(const char *bytes, size_t len)
{
    struct wire wire;
    struct peer peer;
    begin(&wire, &peer);
    wire_send(&wire, bytes, len);
    shutdown(wire.fd, SHUT_WR);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, MQTT_REASON_NETWORK);
    assert_true(strlen(down->text) > 0);
    end(&wire, &peer);
}

static void mqtt__is_down_after_nonsense(void **state)
{
    (void)state;
    check_nonsense("", 0);
    check_nonsense("\x20", 1);
    check_nonsense("\x20\x03\x00", 3);
    check_nonsense("\x20\xff\xff\xff\xff\xff", 6);
    check_nonsense("\x40\x02\x00\x01", 4); /* PUBACK before CONNACK */
    check_nonsense("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    check_nonsense("\x00\x00\x00\x00", 4);
    /* Receive maximum and maximum packet size of 0 are forbidden: nothing could ever be sent. */
    check_nonsense("\x20\x06\x00\x00\x03\x21\x00\x00", 8);
    check_nonsense("\x20\x08\x00\x00\x05\x27\x00\x00\x00\x00", 10);
}

static void mqtt__says_that_the_other_side_is_no_mqtt_v5(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    begin(&wire, &peer);
    WIRE_SEND(&wire, 0x20, 2, 0, 1); /* MQTT 3.1.1: unacceptable protocol version */
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    if (down->reason != 0x84) /* libmosquitto 2.0.21 takes it for a broken CONNACK */
        assert_string_equal(down->text, "the broker sent something that is not MQTT v5");
    end(&wire, &peer);
    begin(&wire, &peer);
    WIRE_SEND(&wire, 0x40, 2, 0, 1);
    down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_string_equal(down->text, "the broker sent something that is not MQTT v5");
    end(&wire, &peer);
}

static void mqtt__gives_up_a_broker_that_says_nothing(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    begin(&wire, &peer);
    skipped_s += 9;
    for (int i = 0; i < 3; i++)
        peer_step(&peer, 0);
    assert_int_equal(peer.len, 0);
    skipped_s += 1;
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, MQTT_REASON_TIMEOUT);
    assert_string_equal(down->text, "the broker did not answer in time");
    assert_int_equal(mqtt_fd(peer.mqtt), -1);
    end(&wire, &peer);
}

/* Every attempt may take other addresses; here there is one, and it must be found each time. */
static void mqtt__comes_back_after_any_number_of_attempts(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    wire_open(&wire, "mqtt");
    peer_open(&peer, wire.url);
    for (int i = 0; i < 7; i++) {
        peer_connect(&peer);
        wire_accept(&wire);
        wire_hang_up(&wire);
        assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, MQTT_REASON_NETWORK);
    }
    end(&wire, &peer);
}

/* --- while up ----------------------------------------------------------------------------------------- */

static void mqtt__tells_why_the_broker_closes(void **state)
{
    (void)state;
    static const uint8_t reasons[] = {0x80, 0x8B, 0x8E, 0x95, 0x98, 0x9D};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct wire wire;
        struct peer peer;
        begin_up(&wire, &peer);
        WIRE_SEND(&wire, 0xE0, 2, reasons[i], 0);
        wire_hang_up(&wire);
        assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, reasons[i]);
        end(&wire, &peer);
    }
}

static void mqtt__prefers_a_reason_to_a_broken_pipe(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    struct error err;
    begin_up(&wire, &peer);
    WIRE_SEND(&wire, 0xE0, 2, 0x8E, 0);
    wire_hang_up(&wire);
    for (int i = 0; i < 3; i++)
        (void)!mqtt_publish(peer.mqtt, "a", SPAN("x"), 1, false, NULL, &err);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, 0x8E);
    assert_string_equal(down->text, "another client took over the client id");
    end(&wire, &peer);
}

static void mqtt__pings_and_gives_up_a_broker_that_fell_silent(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    uint8_t rest[128];
    begin_up(&wire, &peer);
    skipped_s += 6;
    assert_int_equal(wire_packet(&wire, &peer, 0xC0, rest), 0);
    WIRE_SEND(&wire, 0xD0, 0);
    skipped_s += 3;
    peer_step(&peer, 1000);
    skipped_s += 6;
    assert_int_equal(wire_packet(&wire, &peer, 0xC0, rest), 0);
    assert_true(mqtt_is_up(peer.mqtt));
    skipped_s += 6;
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, MQTT_REASON_TIMEOUT);
    end(&wire, &peer);
}

static void mqtt__tells_what_a_suback_refuses(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    struct error err;
    uint8_t rest[128];
    int id;
    begin_up(&wire, &peer);
    assert_int_equal(mqtt_subscribe(peer.mqtt, "a", true, &id, &err), 0);
    size_t len = wire_packet(&wire, &peer, 0x82, rest);
    assert_int_equal(rest[len - 1], 0x05); /* QoS 1, no local, retained ones at once */
    WIRE_SEND(&wire, 0x90, 4, rest[0], rest[1], 0, 0x87);
    const struct seen *suback = peer_next(&peer, MQTT_EVENT_SUBSCRIBED);
    assert_int_equal(suback->message_id, id);
    assert_int_equal(suback->reason, 0x87);
    assert_string_equal(suback->text, "not authorized");
    end(&wire, &peer);
}

static void mqtt__ignores_an_acknowledgement_nobody_waits_for(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    uint8_t rest[128];
    begin_up(&wire, &peer);
    WIRE_SEND(&wire, 0x40, 2, 0x12, 0x34);
    int id = peer_publish(&peer, "a", "x", 1, false);
    wire_packet(&wire, &peer, 0x32, rest);
    WIRE_SEND(&wire, 0x40, 2, 0, (uint8_t)id, 0x40, 2, 0, (uint8_t)id, 0x40, 2, 0, (uint8_t)id);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_ACK)->message_id, id);
    WIRE_SEND(&wire, 0xE0, 0);
    wire_hang_up(&wire);
    peer_next(&peer, MQTT_EVENT_DOWN);
    end(&wire, &peer);
}

static void mqtt__says_goodbye_last_and_waits_for_the_broker(void **state)
{
    (void)state;
    static const uint8_t goodbye[] = {0xE0, 0};
    struct wire wire;
    struct peer peer;
    begin_up(&wire, &peer);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* the broker reads to the end, then hangs up */
        uint8_t got[256];
        size_t len = 0;
        ssize_t more;
        while ((more = read(wire.fd, got + len, sizeof got - len)) > 0)
            len += (size_t)more;
        bool is_last = len > 2 && memcmp(got + len - 2, goodbye, 2) == 0;
        _exit(more == 0 && is_last ? 0 : 1);
    }
    wire_hang_up(&wire);
    peer_publish(&peer, "a", "last words", 1, true);
    mqtt_disconnect(peer.mqtt);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    end(&wire, &peer);
}

static void mqtt__leaves_a_broker_that_reads_nothing(void **state)
{
    (void)state;
    enum { LARGE = 4 * 1024 * 1024 };
    struct wire wire;
    struct peer peer;
    struct error err;
    char *payload = calloc(1, LARGE);
    assert_non_null(payload);
    begin_up(&wire, &peer);
    while ((mqtt_wants(peer.mqtt) & POLLOUT) == 0)
        assert_int_equal(mqtt_publish(peer.mqtt, "a", (struct span){payload, LARGE}, 1, false, NULL, &err),
                         0);
    mqtt_disconnect(peer.mqtt);
    assert_int_equal(peer.len, 2);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, MQTT_REASON_TIMEOUT);
    free(payload);
    end(&wire, &peer);
}

/* --- TLS that does not get far ------------------------------------------------------------------------ */

static void mqtt__does_not_spin_when_a_tls_peer_hangs_up(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    wire_open(&wire, "mqtts");
    peer_open(&peer, wire.url);
    for (int i = 0; i < 3; i++) {
        peer_connect(&peer);
        wire_accept(&wire);
        wire_hang_up(&wire);
        assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, MQTT_REASON_NETWORK);
        assert_int_equal(mqtt_fd(peer.mqtt), -1);
    }
    assert_true(peer.wakeups <= 15);
    end(&wire, &peer);
}

static void mqtt__does_not_spin_while_a_tls_peer_is_silent(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    wire_open(&wire, "mqtts");
    peer_open(&peer, wire.url);
    peer_connect(&peer);
    wire_accept(&wire);
    uint8_t hello[5];
    wire_read(&wire, &peer, hello, sizeof hello);
    assert_int_equal(hello[0], 0x16);
    for (int i = 0; i < 100; i++)
        peer_step(&peer, 0);
    assert_true(peer.wakeups <= 5);
    skipped_s += 10;
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, MQTT_REASON_TIMEOUT);
    end(&wire, &peer);
}

static void mqtt__tells_when_the_other_side_speaks_no_tls(void **state)
{
    (void)state;
    struct wire wire;
    struct peer peer;
    wire_open(&wire, "mqtts");
    peer_open(&peer, wire.url);
    peer_connect(&peer);
    wire_accept(&wire);
    WIRE_SEND(&wire, 0x20, 3, 0, 0, 0, 0, 0, 0);
    const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
    assert_int_equal(down->reason, MQTT_REASON_TLS);
    assert_memory_equal(down->text, "TLS: ", 5);
    end(&wire, &peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mqtt__asks_for_a_clean_v5_session_with_a_limit),
        cmocka_unit_test(mqtt__tells_why_it_was_not_let_in),
        cmocka_unit_test(mqtt__reads_what_the_broker_can_do),
        cmocka_unit_test(mqtt__is_down_after_nonsense),
        cmocka_unit_test(mqtt__says_that_the_other_side_is_no_mqtt_v5),
        cmocka_unit_test(mqtt__gives_up_a_broker_that_says_nothing),
        cmocka_unit_test(mqtt__comes_back_after_any_number_of_attempts),
        cmocka_unit_test(mqtt__tells_why_the_broker_closes),
        cmocka_unit_test(mqtt__prefers_a_reason_to_a_broken_pipe),
        cmocka_unit_test(mqtt__pings_and_gives_up_a_broker_that_fell_silent),
        cmocka_unit_test(mqtt__tells_what_a_suback_refuses),
        cmocka_unit_test(mqtt__ignores_an_acknowledgement_nobody_waits_for),
        cmocka_unit_test(mqtt__says_goodbye_last_and_waits_for_the_broker),
        cmocka_unit_test(mqtt__leaves_a_broker_that_reads_nothing),
        cmocka_unit_test(mqtt__does_not_spin_when_a_tls_peer_hangs_up),
        cmocka_unit_test(mqtt__does_not_spin_while_a_tls_peer_is_silent),
        cmocka_unit_test(mqtt__tells_when_the_other_side_speaks_no_tls),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
