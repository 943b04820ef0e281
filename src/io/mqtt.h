/*
 * mqtt: one connection to a broker, MQTT v5, driven from outside; libmosquitto, and mqtt_link.c is the only
 * file that names it.
 *
 * The caller owns the loop: it watches mqtt_fd() for what mqtt_wants() says, calls mqtt_io when it is ready
 * and mqtt_tick once a second. Events come back through one callback, always from inside a call of this
 * module, never from a thread. Reconnecting is the caller's: after MQTT_EVENT_DOWN it calls mqtt_connect
 * again when it sees fit; of a host with IPv6 and IPv4 addresses the next attempt takes the other ones.
 * Nothing is queued while offline: mqtt_publish fails then, and no message of one connection is ever sent on
 * the next. TCP_NODELAY and TCP_QUICKACK are set.
 *
 * What SIGPIPE does is left as it was. The program ignores that signal itself: the library writes to sockets
 * that may be gone.
 */
#ifndef IO_MQTT_H
#define IO_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

/* Everything is copied. */
struct mqtt_options {
    const char *url;       /* mqtt://[user[:password]@]host[:1883], mqtts://…[:8883], unix:///path */
    const char *client_id; /* NULL or "": made up, epochd-<16 hex> */
    const char *username, *password;            /* NULL or "": those of the URL */
    const char *ca_file, *cert_file, *key_file; /* NULL or "": system CAs, no client certificate */
    int keepalive_s; /* MQTT's own, 5 to 65535; a silent broker is given up after twice that */
    /* The last will, retained, QoS 1; topic NULL: none. At most 65535 bytes. */
    const char *will_topic;
    struct span will_payload;
};

/* A parsed URL, for messages too: display never holds the user part. Owned strings, mqtt_url_fini frees. */
struct mqtt_url {
    bool is_tls, is_unix;
    char *host;                /* or the path of the socket */
    int port;                  /* 0 for a socket */
    char *username, *password; /* NULL if not in the URL; percent-decoded */
    char display[288];         /* mqtt://host:port, mqtts://…, unix:///path */
};
/* CODE_SETTINGS with a message that shows the form and repeats nothing of `text`. *out is written on success
 * only. */
int mqtt_url_parse(const char *text, struct mqtt_url *out, struct error *err) MUST_CHECK;
void mqtt_url_fini(struct mqtt_url *url); /* wipes the password */

enum mqtt_event_kind {
    MQTT_EVENT_UP,         /* CONNACK with success */
    MQTT_EVENT_DOWN,       /* the connection ended or was refused: reason, text */
    MQTT_EVENT_ACK,        /* PUBACK of message_id (QoS 1 only): reason (>= 0x80: refused), text */
    MQTT_EVENT_SUBSCRIBED, /* SUBACK of message_id: reason, text */
    MQTT_EVENT_MESSAGE,    /* topic, payload, is_retained */
};

/* Our own reasons of MQTT_EVENT_DOWN, and those of MQTT v5 that mean something to a caller. */
enum {
    MQTT_REASON_NETWORK = -1,
    MQTT_REASON_TLS = -2,
    MQTT_REASON_TIMEOUT = -4,
    MQTT_REASON_NOBODY = 0x10,     /* taken, and nobody is subscribed */
    MQTT_REASON_REFUSED = 0x80,    /* this and all above: the broker says no */
    MQTT_REASON_TAKEN_OVER = 0x8E, /* another client came with our id */
};

/* What the text of a DOWN, or of an error of mqtt_connect, tells beyond its reason. OpenSSL and the library beneath give words
   and no numbers for most of it; this module knows them, so that nobody else looks into a message. */
enum mqtt_trouble {
    MQTT_TROUBLE_OTHER,          /* nothing more than the reason does */
    MQTT_TROUBLE_EXPIRED,        /* the broker's certificate, or the clock here is ahead */
    MQTT_TROUBLE_NOT_YET_VALID,  /* the same, or the clock is behind */
    MQTT_TROUBLE_UNKNOWN_CA,     /* none of our CAs signed it */
    MQTT_TROUBLE_OTHER_NAME,     /* it is another host's */
    MQTT_TROUBLE_CA_FILE,        /* ours holds no certificate */
    MQTT_TROUBLE_CLIENT_MISSING, /* the broker hung up: it may want a client certificate, or speak no TLS at that port */
    MQTT_TROUBLE_CLIENT_REFUSED, /* it does not take the one it was shown, or wants one */
    MQTT_TROUBLE_RESET,          /* TLS at a port that speaks none, or the other way round */
    MQTT_TROUBLE_TLS,            /* something else of TLS */
};
enum mqtt_trouble mqtt_trouble_of(const char *text);

struct mqtt_event {
    enum mqtt_event_kind kind;
    int message_id;
    int reason;       /* MQTT v5 reason code; for DOWN also MQTT_REASON_*; 0 for DOWN after mqtt_disconnect */
    const char *text; /* static or borrowed for the call: what the reason means, for people */
    const char *topic;
    struct span payload;
    bool is_retained;
    uint32_t max_packet; /* of UP: what the broker accepts, 0 without a limit */
};

/*
 * From inside of it mqtt_publish, mqtt_subscribe, mqtt_disconnect and the questions may be called; on DOWN,
 * which is always the last thing a call does, mqtt_connect too. Never mqtt_free.
 */
typedef void (*mqtt_handler)(void *context, const struct mqtt_event *event);

struct mqtt;

/* Makes the client; connects nothing. CODE_SETTINGS for what is wrong with the options (URL, files that
 * cannot be read). */
int mqtt_new(struct mqtt **out, const struct mqtt_options *options, mqtt_handler handler, void *context,
             struct error *err) MUST_CHECK;
/* Without a DISCONNECT: the broker publishes the will. No event follows. NULL is fine. */
void mqtt_free(struct mqtt *mqtt);

/* Of the next connection. NULL or "": that of the URL. On failure the one before stays. */
int mqtt_set_password(struct mqtt *mqtt, const char *password, struct error *err) MUST_CHECK;

/* "mqtt://host:1883": never with user or password. Borrowed. */
const char *mqtt_display(const struct mqtt *mqtt);

/*
 * Starts to connect (clean start); a name is resolved on a thread of its own. UP or DOWN follows, DOWN after 10 s
 * without an answer; -1 (CODE_BROKER_AWAY, CODE_BROKER_TLS) if it failed at once, then no event follows. Calling it
 * again while a connection is up or on its way drops that one first, without an event.
 */
int mqtt_connect(struct mqtt *mqtt, struct error *err) MUST_CHECK;
/* The reason that DOWN would have told of such a failure. */
int mqtt_reason_of(const struct error *err);
/* Between UP and DOWN; false already when mqtt_publish found the connection broken and DOWN is about to come. */
bool mqtt_is_up(const struct mqtt *mqtt);

/* The descriptor to watch now, -1 if none: it changes, ask after every call of this module. */
int mqtt_fd(const struct mqtt *mqtt);
/* epoll events wanted now, level-triggered: EPOLLIN, and EPOLLOUT while there is something to write. */
uint32_t mqtt_wants(const struct mqtt *mqtt);
/* Handles what epoll reported. */
void mqtt_io(struct mqtt *mqtt, uint32_t epoll_events);
/* Once a second: pings, time-outs. */
void mqtt_tick(struct mqtt *mqtt);

/* *message_id (may be NULL) names the ACK to come; 0 for QoS 0, which has none. QoS is 0 or 1.
   CODE_BROKER_AWAY while not up, CODE_PUBLISH_REFUSED for what the broker's CONNACK forbids (packet too
   large) and for a topic that is none. */
int mqtt_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain,
                 int *message_id, struct error *err) MUST_CHECK;
/* QoS 1; no_local is always set: our own messages never come back. `send_retained`: deliver what is retained
   now, before the SUBACK of any later subscription. */
int mqtt_subscribe(struct mqtt *mqtt, const char *topic, bool send_retained, int *message_id,
                   struct error *err) MUST_CHECK;
/* The same with QoS 0: a stock broker queues 1,000 messages for a subscriber of QoS 1 and lets go of the rest; of QoS
   0 it sends as many as the sockets hold. For what is retained and will be said again. */
int mqtt_subscribe_lightly(struct mqtt *mqtt, const char *topic, bool send_retained, int *message_id,
                           struct error *err) MUST_CHECK;
/*
 * Leaves without a will: sends what is queued and DISCONNECT, and waits, at most a second, until the broker
 * has read it. DOWN comes from inside this call; called from an event, at the end of the call that brought
 * the event. A connection that is not up yet is dropped.
 */
void mqtt_disconnect(struct mqtt *mqtt);

#endif
