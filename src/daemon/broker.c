/*
 * broker: see broker.h.
 */
#include "daemon/broker.h"

#include <string.h>
#include <sys/epoll.h>

#include "io/crypto.h"
#include "util/clock.h"

enum {
    MQTT_KEEPALIVE_MIN_S = 5, /* of the protocol's library */
    MQTT_KEEPALIVE_S = 10, /* a broker that fell silent is given up after two of them, at most one tick late each */
    CONNECT_TICK_MS = 1000,
    OPEN_TICK_MS = 6000, /* a little more than the usual poll, which ticks too: so mostly this wakes nobody */
    FLOOR_WITHIN_MS = 10000,
    TAKEN_AWAY_OFTEN = 3,
};

static void set_state(struct broker *broker, enum broker_state state, const char *reason)
{
    broker->state = state;
    snprintf(broker->reason, sizeof broker->reason, "%s", reason);
}

/* Half of the delay is drawn, so that a fleet does not come back in one instant. */
static void arm_retry(struct broker *broker)
{
    uint32_t draw;
    crypto_random(&draw, sizeof draw);
    int half = broker->backoff_ms / 2;
    broker->retry_ms = half + (int)(draw % (uint32_t)(half + 1));
    loop_timer_arm(broker->loop, &broker->retry, broker->retry_ms);
    broker->backoff_ms =
        broker->backoff_ms > broker->backoff_max_ms / 2 ? broker->backoff_max_ms : broker->backoff_ms * 2;
}

/*
 * A broker that lets us in only to throw us out again is not hurried. When it does so again and again, without a word
 * and without being away in between, it may be that another client has our id: not every broker says so (0x8E).
 */
static bool is_taken_away(struct broker *broker, int reason)
{
    if (broker->state == BROKER_OPEN && !broker_is_steady(broker) && reason == MQTT_REASON_NETWORK)
        broker->taken_away++;
    else
        broker->taken_away = 0;
    return broker->has_client_id && broker->taken_away >= TAKEN_AWAY_OFTEN;
}

static void go_away(struct broker *broker, int reason, const char *text)
{
    char kept[sizeof broker->reason];
    if (broker->state == BROKER_AWAY)
        return;
    if (is_taken_away(broker, reason)) {
        reason = BROKER_REASON_TAKEN_AWAY;
        snprintf(kept, sizeof kept,
                 "%.120s, each time soon after it let us in: another client may have the same mqtt.client_id", text);
    } else {
        snprintf(kept, sizeof kept, "%s", text);
    }
    broker->disconnects += broker->state == BROKER_OPEN;
    if (broker_is_steady(broker))
        broker->backoff_ms = broker->backoff_min_ms;
    loop_timer_disarm(&broker->watchdog);
    set_state(broker, BROKER_AWAY, kept);
    arm_retry(broker);
    broker->events.closed(broker->events.context, reason, kept);
}

/* --- the floor ---------------------------------------------------------------------------------------------------- */

static void read_floor(struct broker *broker)
{
    struct error err;
    broker->has_fence = false;
    broker->floor_ms = clock_boot_ms();
    set_state(broker, BROKER_FLOOR, "reading what the broker retains");
    if (mqtt_subscribe(broker->mqtt, broker->topic_keys, true, &broker->keys, &err) != 0 ||
        mqtt_subscribe(broker->mqtt, broker->topic_epoch, true, &broker->first, &err) != 0)
        go_away(broker, MQTT_REASON_NETWORK, err.message);
}

static void on_message(struct broker *broker, const struct mqtt_event *event)
{
    const char *services = broker->topics[TOPIC_SERVICE];
    size_t len = strlen(services);
    if (strncmp(event->topic, services, len) == 0) {
        broker->events.foreign(broker->events.context, TOPIC_SERVICE, event->topic + len, event->payload,
                               event->is_retained);
        return;
    }
    for (enum topic_kind kind = 0; kind < ARRAY_LEN(broker->topics); kind++)
        if (kind != TOPIC_SERVICE && strcmp(event->topic, broker->topics[kind]) == 0)
            broker->events.foreign(broker->events.context, kind, broker->settings->mqtt.source, event->payload,
                                   event->is_retained);
}

/* What somebody else writes on the topics that only we read back for this. A broker that does not let us look is no
   fault. */
static void listen(struct broker *broker)
{
    static const enum topic_kind kinds[] = {TOPIC_SERVICE, TOPIC_INDEX, TOPIC_HEALTH, TOPIC_KEEPALIVE};
    char topic[TOPIC_MAX + 2];
    struct error err;
    int id;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && broker->state == BROKER_OPEN; i++) {
        snprintf(topic, sizeof topic, "%s%s", broker->topics[kinds[i]], kinds[i] == TOPIC_SERVICE ? "+" : "");
        if (mqtt_subscribe(broker->mqtt, topic, false, &id, &err) != 0)
            go_away(broker, MQTT_REASON_NETWORK, err.message);
    }
}

static void on_subscribed(struct broker *broker, const struct mqtt_event *event)
{
    struct error err;
    if (broker->state != BROKER_FLOOR)
        return;
    if (event->reason >= MQTT_REASON_REFUSED) {
        const char *topic = event->message_id == broker->keys ? broker->topic_keys : broker->topic_epoch;
        char text[sizeof broker->topic_epoch + 200];
        snprintf(text, sizeof text, "may not subscribe to %s: %.160s", topic, event->text);
        go_away(broker, event->reason, text);
        return;
    }
    if (!broker->has_fence && event->message_id == broker->first) {
        broker->has_fence = true;
        if (mqtt_subscribe(broker->mqtt, broker->topic_epoch, false, &broker->fence, &err) != 0)
            go_away(broker, MQTT_REASON_NETWORK, err.message);
    } else if (broker->has_fence && event->message_id == broker->fence) {
        set_state(broker, BROKER_OPEN, "");
        broker->opened_ms = clock_boot_ms();
        broker->connects++;
        loop_timer_arm(broker->loop, &broker->watchdog, OPEN_TICK_MS);
        broker->events.opened(broker->events.context, broker->mqtt);
        listen(broker);
    }
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static void on_event(void *context, const struct mqtt_event *event)
{
    struct broker *broker = context;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        if (broker->state == BROKER_CONNECTING)
            read_floor(broker);
        break;
    case MQTT_EVENT_DOWN:
        go_away(broker, event->reason, event->text);
        break;
    case MQTT_EVENT_ACK:
        if (broker->state == BROKER_OPEN)
            broker->events.acknowledged(broker->events.context, event->message_id, event->reason, event->text);
        break;
    case MQTT_EVENT_SUBSCRIBED:
        on_subscribed(broker, event);
        break;
    case MQTT_EVENT_MESSAGE:
        on_message(broker, event);
        break;
    }
}

static void on_ready(void *context, uint32_t events)
{
    struct broker *broker = context;
    mqtt_io(broker->mqtt, events);
    broker_sync(broker);
}

/* Read anew for each attempt: a password that was changed on both sides needs no restart. */
static int renew_password(struct broker *broker, struct error *err)
{
    struct buf password AUTO_SECRET_BUF = {0};
    if (settings_read_password(broker->settings, &password, err) != 0)
        return -1;
    return mqtt_set_password(broker->mqtt, password.data, err);
}

static void on_retry(void *context)
{
    struct broker *broker = context;
    struct error err;
    broker->state = BROKER_CONNECTING; /* the reason stays: it is why the last attempt failed */
    loop_timer_arm(broker->loop, &broker->watchdog, CONNECT_TICK_MS);
    if (renew_password(broker, &err) != 0 || mqtt_connect(broker->mqtt, &err) != 0)
        go_away(broker, mqtt_reason_of(&err), err.message);
    broker_sync(broker);
}

static void on_watchdog(void *context)
{
    struct broker *broker = context;
    mqtt_tick(broker->mqtt);
    if (broker->state == BROKER_FLOOR && clock_boot_ms() - broker->floor_ms > FLOOR_WITHIN_MS)
        go_away(broker, MQTT_REASON_NETWORK, "the broker does not answer a subscription");
    if (broker->state != BROKER_AWAY)
        loop_timer_arm(broker->loop, &broker->watchdog, broker->state == BROKER_OPEN ? OPEN_TICK_MS : CONNECT_TICK_MS);
    broker_sync(broker);
}

/* "" stays "": the protocol's module makes one up. */
static int put_client_id(const struct settings *settings, const char *suffix, struct buf *out, struct error *err)
{
    buf_puts(out, settings->mqtt.client_id);
    if (out->len > 0)
        buf_puts(out, suffix);
    buf_putc(out, '\0');
    return buf_check(out, err);
}

static int keepalive_s(const struct settings *settings)
{
    int heartbeat_s = settings->mqtt.heartbeat_s;
    return heartbeat_s < MQTT_KEEPALIVE_MIN_S ? MQTT_KEEPALIVE_MIN_S
           : heartbeat_s > MQTT_KEEPALIVE_S   ? MQTT_KEEPALIVE_S
                                              : heartbeat_s;
}

int broker_make_client(const struct settings *settings, const struct broker_client *client, struct mqtt **out,
                       struct error *err)
{
    struct buf password AUTO_SECRET_BUF = {0}, id AUTO_BUF = {0};
    if (settings_read_password(settings, &password, err) != 0 ||
        put_client_id(settings, client->id_suffix, &id, err) != 0)
        return -1;
    struct mqtt_options options = {
        .url = settings->mqtt.url,
        .client_id = id.data,
        .username = settings->mqtt.username[0] == '\0' ? NULL : settings->mqtt.username,
        .password = password.data,
        .ca_file = settings->mqtt.ca_file,
        .cert_file = settings->mqtt.cert_file,
        .key_file = settings->mqtt.key_file,
        .keepalive_s = keepalive_s(settings),
        .will_topic = client->will_topic,
        .will_payload = client->will,
    };
    return mqtt_new(out, &options, client->handler, client->context, err);
}

static int make_client(struct broker *broker, const struct settings *settings, struct span will, struct error *err)
{
    char topic_health[TOPIC_MAX + 1];
    topic_write(topic_health, settings->mqtt.prefix, TOPIC_HEALTH, settings->mqtt.source);
    const struct broker_client client = {"", topic_health, will, on_event, broker};
    return broker_make_client(settings, &client, &broker->mqtt, err);
}

int broker_check(const struct settings *settings, struct error *err)
{
    struct broker broker = {0};
    if (strcmp(settings->mqtt.url, "off") == 0)
        return 0;
    int rc = make_client(&broker, settings, SPAN("{}"), err);
    mqtt_free(broker.mqtt);
    return rc;
}

int broker_start(struct broker *broker, struct loop *loop, const struct settings *settings, struct span will,
                 const struct broker_events *events, struct error *err)
{
    *broker = (struct broker){
        .loop = loop,
        .events = *events,
        .backoff_ms = settings->mqtt.backoff_min_ms,
        .backoff_min_ms = settings->mqtt.backoff_min_ms,
        .backoff_max_ms = settings->mqtt.backoff_max_ms,
        .has_client_id = settings->mqtt.client_id[0] != '\0',
        .settings = settings,
    };
    loop_source_init(&broker->source, on_ready, broker);
    loop_timer_init(loop, &broker->retry, on_retry, broker);
    loop_timer_init(loop, &broker->watchdog, on_watchdog, broker);
    if (strcmp(settings->mqtt.url, "off") == 0)
        return 0;
    for (enum topic_kind kind = 0; kind < ARRAY_LEN(broker->topics); kind++)
        topic_write(broker->topics[kind], settings->mqtt.prefix, kind,
                    kind == TOPIC_SERVICE ? "" : settings->mqtt.source);
    topic_write(broker->topic_keys, settings->mqtt.prefix, TOPIC_KEYS, settings->mqtt.source);
    topic_write(broker->topic_epoch, settings->mqtt.prefix, TOPIC_EPOCH, settings->mqtt.source);
    if (make_client(broker, settings, will, err) != 0)
        return -1;
    set_state(broker, BROKER_AWAY, "not connected yet");
    loop_timer_arm(loop, &broker->retry, 0);
    return 0;
}

/* Called after each message and acknowledgement, where mostly nothing has changed. A connection that is open has
   the descriptor that was watched when it was opened: another would come with another connection. */
void broker_sync(struct broker *broker)
{
    struct error err;
    if (broker->mqtt == NULL)
        return;
    int fd = broker->state == BROKER_AWAY ? -1 : mqtt_fd(broker->mqtt);
    uint32_t wanted = fd < 0 ? 0 : mqtt_wants(broker->mqtt);
    if (broker->state == BROKER_OPEN && fd == broker->source.fd && wanted == broker->source.events)
        return;
    if (loop_watch(broker->loop, &broker->source, fd, wanted, &err) != 0)
        go_away(broker, MQTT_REASON_NETWORK, err.message);
}

void broker_tick(struct broker *broker)
{
    if (broker->mqtt == NULL || broker->state == BROKER_AWAY)
        return;
    mqtt_tick(broker->mqtt);
    if (broker->state == BROKER_OPEN)
        loop_timer_arm(broker->loop, &broker->watchdog, OPEN_TICK_MS);
    broker_sync(broker);
}

bool broker_is_steady(const struct broker *broker)
{
    return broker->state == BROKER_OPEN && clock_boot_ms() - broker->opened_ms >= 2 * (int64_t)broker->backoff_max_ms;
}

void broker_give_up(struct broker *broker, const char *text)
{
    go_away(broker, MQTT_REASON_TIMEOUT, text);
    broker_sync(broker);
}

void broker_hurry(struct broker *broker)
{
    if (broker->mqtt != NULL && broker->state == BROKER_AWAY)
        loop_timer_arm(broker->loop, &broker->retry, 0);
}

void broker_stop(struct broker *broker)
{
    if (broker->mqtt == NULL)
        return;
    loop_timer_disarm(&broker->retry);
    loop_timer_disarm(&broker->watchdog);
    if (mqtt_is_up(broker->mqtt))
        mqtt_disconnect(broker->mqtt);
    broker->state = BROKER_AWAY;
    broker_sync(broker);
    mqtt_free(TAKE(broker->mqtt));
}

const char *broker_state_name(enum broker_state state)
{
    switch (state) {
    case BROKER_OFF:
        return "off";
    case BROKER_AWAY:
        return "away";
    case BROKER_CONNECTING:
        return "connecting";
    case BROKER_FLOOR:
        return "reading-floor";
    case BROKER_OPEN:
        return "connected";
    }
    return "";
}

const char *broker_display(const struct broker *broker)
{
    return broker->mqtt == NULL ? "off" : mqtt_display(broker->mqtt);
}
