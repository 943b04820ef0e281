/*
 * mqtt: one connection to a broker, MQTT v5, driven from outside; libmosquitto, and mqtt.c is the only file that names it.
 *
 * The caller owns the loop: it watches mqtt_fd() for what mqtt_wants() says, calls mqtt_io when it is ready and mqtt_tick once
 * a second. Events come back through one callback, always from inside a call of this module, never from a thread. Reconnecting
 * is the caller's: after MQTT_EVENT_DOWN it calls mqtt_connect again when it sees fit. Nothing is queued while offline:
 * mqtt_publish fails then. TCP_NODELAY and TCP_QUICKACK are set. SIGPIPE is left as it was.
 */
#ifndef IO_MQTT_H
#define IO_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

struct mqtt_options {
    const char *url;       /* mqtt://[user[:password]@]host[:1883], mqtts://…[:8883], unix:///path */
    const char *client_id; /* NULL or "": made up, epochd-<16 hex> */
    const char *username, *password; /* NULL: those of the URL */
    const char *ca_file, *cert_file, *key_file; /* "" or NULL: system CAs, no client certificate */
    int keepalive_s;       /* MQTT's own; >= 5 */
    /* The last will, retained, QoS 1; topic NULL: none. Borrowed for the life of the connection. */
    const char *will_topic;
    struct span will_payload;
};

/* A parsed URL, for messages too: host_port never holds the user part. Owned strings, mqtt_url_fini frees. */
struct mqtt_url {
    bool is_tls, is_unix;
    char *host; /* or the path of the socket */
    int port;
    char *username, *password; /* NULL if not in the URL; percent-decoded */
    char display[288];         /* mqtt://host:port, mqtts://…, unix:///path */
};
int mqtt_url_parse(const char *text, struct mqtt_url *out, struct error *err) MUST_CHECK; /* CODE_SETTINGS */
void mqtt_url_fini(struct mqtt_url *url); /* wipes the password */

enum mqtt_event_kind {
    MQTT_EVENT_UP,         /* CONNACK with success */
    MQTT_EVENT_DOWN,       /* the connection ended or was refused: reason, text */
    MQTT_EVENT_ACK,        /* PUBACK of message_id: reason (>= 0x80: refused), text */
    MQTT_EVENT_SUBSCRIBED, /* SUBACK of message_id: the worst reason */
    MQTT_EVENT_MESSAGE,    /* topic, payload, is_retained */
};

struct mqtt_event {
    enum mqtt_event_kind kind;
    int message_id;
    int reason;       /* MQTT v5 reason code; for DOWN also our own: -1 network, -2 TLS, -3 resolve, -4 timeout */
    const char *text; /* static or borrowed for the call: what the reason means, for people */
    const char *topic;
    struct span payload;
    bool is_retained;
    uint32_t max_packet; /* of UP: what the broker accepts, 0 without a limit */
};

typedef void (*mqtt_handler)(void *context, const struct mqtt_event *event);

struct mqtt;

/* Makes the client; connects nothing. CODE_SETTINGS for what is wrong with the options (URL, files that cannot be read). */
int mqtt_new(struct mqtt **out, const struct mqtt_options *options, mqtt_handler handler, void *context, struct error *err) MUST_CHECK;
/* Without a DISCONNECT: the broker publishes the will. NULL is fine. */
void mqtt_free(struct mqtt *mqtt);

/* "mqtt://host:1883": never with user or password. Borrowed. */
const char *mqtt_display(const struct mqtt *mqtt);

/*
 * Starts to connect (clean start). Name resolution blocks. UP or DOWN follows; -1 (code CODE_BROKER_AWAY) if it failed at
 * once, then no event follows. Calling it again while a connection is up or on its way drops that one first.
 */
int mqtt_connect(struct mqtt *mqtt, struct error *err) MUST_CHECK;
bool mqtt_is_up(const struct mqtt *mqtt);

/* The descriptor to watch now, -1 if none: it changes, ask after every call of this module. */
int mqtt_fd(const struct mqtt *mqtt);
/* epoll events wanted now: EPOLLIN, and EPOLLOUT while there is something to write. */
uint32_t mqtt_wants(const struct mqtt *mqtt);
/* Handles what epoll reported. */
void mqtt_io(struct mqtt *mqtt, uint32_t epoll_events);
/* Once a second: pings, time-outs. */
void mqtt_tick(struct mqtt *mqtt);

/* *message_id names the ACK to come (QoS 1). QoS is 0 or 1. CODE_BROKER_AWAY while not up, CODE_PUBLISH_REFUSED for what the
   broker's CONNACK forbids (packet too large). */
int mqtt_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain, int *message_id,
                 struct error *err) MUST_CHECK;
/* no_local is always set: our own messages never come back. `send_retained`: deliver what is retained now. */
int mqtt_subscribe(struct mqtt *mqtt, const char *topic, bool send_retained, int *message_id, struct error *err) MUST_CHECK;
/* Sends DISCONNECT (normal, no will) and flushes what fits; DOWN follows. */
void mqtt_disconnect(struct mqtt *mqtt);

#endif
