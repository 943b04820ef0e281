/*
 * broker: the life of the connection: connect, read the floor, open; and after it ended, back off and connect again.
 *
 *   away ─▶ connecting ─▶ reading the floor ─▶ open ─▶ away …
 *
 * The floor is what the broker retains of our own source: keyset and head. Nothing is published before it has been
 * read: SUBSCRIBE to both, and a second SUBSCRIBE as a fence; a broker answers one client in order, so when the
 * fence's SUBACK is here, so is what was retained. Whatever arrives later on any of our topics comes from somebody
 * else (no_local) and is reported the same way.
 */
#ifndef DAEMON_BROKER_H
#define DAEMON_BROKER_H

#include "config/settings.h"
#include "daemon/loop.h"
#include "io/mqtt.h"
#include "model/topics.h"

/* Of closed, beside those of io/mqtt.h: probably another client with our id. */
enum { BROKER_REASON_TAKEN_AWAY = -100 };

struct broker_events {
    void *context;
    /* A message on one of our topics: what the broker retains (keyset and head alone), or what somebody else
       published. `name` is the service's or our source. */
    void (*foreign)(void *context, enum topic_kind topic, const char *name, struct span payload, bool is_retained);
    /* The floor has been read; mqtt is usable until closed. */
    void (*opened)(void *context, struct mqtt *mqtt);
    /* There is no (usable) connection any more: MQTT v5 reason code (0x80 and more: the broker said no) or one of
       io/mqtt.h's. */
    void (*closed)(void *context, int reason, const char *text);
    void (*acknowledged)(void *context, int message_id, int reason, const char *text);
};

enum broker_state { BROKER_OFF, BROKER_AWAY, BROKER_CONNECTING, BROKER_FLOOR, BROKER_OPEN };

struct broker {
    enum broker_state state;
    struct loop *loop;
    struct mqtt *mqtt;
    struct broker_events events;
    struct loop_source source;
    struct loop_timer retry, watchdog; /* watchdog: pings and time-outs, when nobody calls broker_tick */
    int backoff_ms, backoff_min_ms, backoff_max_ms;
    int retry_ms; /* the delay that was drawn last */
    int taken_away; /* connections in a row that ended without a reason soon after they had opened */
    bool has_client_id;
    int64_t floor_ms;  /* clock_boot_ms when it was asked for */
    int64_t opened_ms; /* clock_boot_ms of the last opening */
    int fence; /* message id of its SUBSCRIBE */
    int keys, first; /* of the SUBSCRIBEs before it, to the keyset and to the head */
    bool has_fence;
    char topic_keys[TOPIC_MAX + 1], topic_epoch[TOPIC_MAX + 1];
    char topics[TOPIC_KEEPALIVE + 1][TOPIC_MAX + 1]; /* by kind; the services' up to the name */
    const struct settings *settings; /* borrowed */
    char reason[256]; /* why it is not open, for status; "" if it is */
    uint64_t connects, disconnects;
};

/*
 * Makes the client and arms the first attempt; with mqtt.url "off" the state stays BROKER_OFF and nothing ever happens.
 * `settings` and `will` are borrowed while it runs. CODE_SETTINGS for what is wrong with the settings.
 */
int broker_start(struct broker *broker, struct loop *loop, const struct settings *settings, struct span will,
                 const struct broker_events *events, struct error *err) MUST_CHECK;

/* What broker_start would complain of: password, CA, certificate. Connects nothing. CODE_SETTINGS, file errors. */
int broker_check(const struct settings *settings, struct error *err) MUST_CHECK;

/* A client as the settings say; the password is read anew. Of several of them only one has the id as it is set. */
struct broker_client {
    const char *id_suffix;
    const char *will_topic; /* NULL: none */
    struct span will;
    mqtt_handler handler;
    void *context;
};
int broker_make_client(const struct settings *settings, const struct broker_client *client, struct mqtt **out,
                       struct error *err) MUST_CHECK;

/* After every call that may have written: keeps the loop's registration what the library wants. */
void broker_sync(struct broker *broker);

/* With the heartbeat and the poll: pings and time-outs. */
void broker_tick(struct broker *broker);

/* Open for longer than any backoff: twice the largest. */
bool broker_is_steady(const struct broker *broker);

/* This connection is of no use any more: it is closed without a goodbye, and the next one tried after the backoff. */
void broker_give_up(struct broker *broker, const char *text);

/* Tries now what would be tried after the backoff. */
void broker_hurry(struct broker *broker);

/* Disconnects without a will, frees everything. */
void broker_stop(struct broker *broker);

const char *broker_state_name(enum broker_state state);
/* "mqtt://host:port", "off". */
const char *broker_display(const struct broker *broker);

#endif
