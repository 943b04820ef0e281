/*
 * link: one MQTT v5 connection as any careful client would have it: NODELAY, and acknowledgements that do not
 * wait.
 */
#include "bench.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static void on_connect(struct mosquitto *mosq, void *object, int reason, int flags,
                       const mosquitto_property *properties)
{
    struct link *link = object;
    (void)mosq, (void)flags, (void)properties;
    if (reason != 0)
        die("the broker refuses the connection: %d", reason);
    link->is_up = true;
}

static void on_subscribe(struct mosquitto *mosq, void *object, int id, int count, const int *granted)
{
    struct link *link = object;
    (void)mosq, (void)id;
    if (count < 1 || granted[0] >= 128)
        die("the broker refuses the subscription");
    link->subscribed++;
}

static void on_message(struct mosquitto *mosq, void *object, const struct mosquitto_message *message)
{
    struct link *link = object;
    (void)mosq;
    if (link->received != NULL)
        link->received(link->context, message->topic, message->payload, (size_t)message->payloadlen,
                       message->retain);
}

void link_open(struct link *link, const char *id, long port)
{
    mosquitto_lib_init();
    link->mosquitto = mosquitto_new(id, true, link);
    if (link->mosquitto == NULL)
        die("out of memory");
    mosquitto_int_option(link->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(link->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(link->mosquitto, on_connect);
    mosquitto_subscribe_callback_set(link->mosquitto, on_subscribe);
    mosquitto_message_callback_set(link->mosquitto, on_message);
    if (mosquitto_connect(link->mosquitto, "127.0.0.1", (int)port, 60) != MOSQ_ERR_SUCCESS)
        die("no broker on port %ld", port);
    while (!link->is_up)
        link_turn(link, 1000);
}

void link_subscribe(struct link *link, const char *topic)
{
    int before = link->subscribed;
    if (mosquitto_subscribe(link->mosquitto, NULL, topic, 1) != MOSQ_ERR_SUCCESS)
        die("cannot subscribe to %s", topic);
    while (link->subscribed == before)
        link_turn(link, 1000);
}

bool link_turn(struct link *link, int timeout_ms)
{
    int on = 1, fd = mosquitto_socket(link->mosquitto);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (mosquitto_want_write(link->mosquitto))
        wait.events |= POLLOUT;
    bool is_ready = poll(&wait, 1, timeout_ms) > 0;
    errno = 0;
    if ((wait.revents & POLLIN) != 0 && mosquitto_loop_read(link->mosquitto, 64) != MOSQ_ERR_SUCCESS)
        die("the broker hung up");
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (mosquitto_want_write(link->mosquitto))
        mosquitto_loop_write(link->mosquitto, 64);
    if (!is_ready)
        mosquitto_loop_misc(link->mosquitto);
    return is_ready;
}

void link_rest(struct link *link, long ms)
{
    int64_t end = now_ns() + ms * 1000000;
    while (link_turn(link, 0)) {
    }
    for (int64_t left; (left = end - now_ns()) > 0;) {
        struct timespec rest = {0, left % 1000000};
        if (left >= 1000000)
            link_turn(link, (int)(left / 1000000));
        else
            nanosleep(&rest, NULL);
    }
}

void link_close(struct link *link)
{
    mosquitto_disconnect(link->mosquitto);
    mosquitto_destroy(link->mosquitto);
    mosquitto_lib_cleanup();
}
