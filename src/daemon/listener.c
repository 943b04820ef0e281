/*
 * listener: see listener.h.
 */
#include "daemon/listener.h"

#include <string.h>
#include <sys/epoll.h>

#include "daemon/broker.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/log.h"

#define UNIT "acks"

enum {
    RETRY_MS = 5000,
    AGAIN_AFTER_MS = 3000, /* of quiet: what is retained is read once more */
    TICK_MS = 1000,
    OPEN_TICK_MS = 6000, /* pings alone: as the publisher's own */
    SECOND_US = 1000000,
    SHARE_US = SECOND_US / 4,
};

static void sync_source(struct listener *l)
{
    struct error err;
    int fd = l->mqtt == NULL ? -1 : mqtt_fd(l->mqtt);
    uint32_t wants = fd < 0 ? 0 : mqtt_wants(l->mqtt);
    if (l->is_resting)
        wants &= ~(uint32_t)EPOLLIN;
    if (loop_watch(l->loop, &l->source, fd, wants, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "acks_not_watched", &err);
}

static void told(struct listener *l, bool is_listening, const char *reason)
{
    bool is_new = l->is_listening != is_listening || strcmp(l->reason, reason) != 0;
    l->is_listening = is_listening;
    snprintf(l->reason, sizeof l->reason, "%s", reason);
    if (is_new)
        l->events.changed(l->events.context);
}

static void arm_tick(struct listener *l)
{
    loop_timer_arm(l->loop, &l->tick, l->is_up ? OPEN_TICK_MS : TICK_MS);
}

static void went_down(struct listener *l, const char *text)
{
    if (l->is_listening)
        log_info(UNIT, "acks_not_heard", LOG_S("message", text));
    l->is_up = false;
    told(l, false, text);
    loop_timer_disarm(&l->tick);
    loop_timer_arm(l->loop, &l->retry, RETRY_MS);
}

/* --- listening ---------------------------------------------------------------------------------------------------- */

static void subscribe(struct listener *l)
{
    char topic[TOPIC_MAX + 1];
    struct error err;
    topic_write_ack(topic, l->settings->mqtt.prefix, "+", "+");
    l->events.began(l->events.context);
    if (mqtt_subscribe_lightly(l->mqtt, topic, true, &l->first, &err) != 0 ||
        mqtt_subscribe_lightly(l->mqtt, topic, false, &l->fence, &err) != 0)
        log_error_object(LOG_LEVEL_WARN, UNIT, "acks_not_subscribed", &err); /* DOWN follows */
}

static void on_subscribed(struct listener *l, const struct mqtt_event *event)
{
    char text[200];
    if (event->reason >= MQTT_REASON_REFUSED) {
        snprintf(text, sizeof text, "may not subscribe to system/ack/+/+: %.120s", event->text);
        told(l, false, text);
    } else if (event->message_id == l->fence) {
        told(l, true, "");
        l->events.caught_up(l->events.context);
    }
}

static void on_message(struct listener *l, const struct mqtt_event *event)
{
    struct span service, instance;
    if (topic_read_ack(event->topic, l->settings->mqtt.prefix, &service, &instance))
        l->events.heard(l->events.context, service, instance, event->payload);
}

static void on_event(void *context, const struct mqtt_event *event)
{
    struct listener *l = context;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        l->is_up = true;
        subscribe(l);
        break;
    case MQTT_EVENT_DOWN:
        went_down(l, event->text);
        break;
    case MQTT_EVENT_ACK:
        if (event->reason >= MQTT_REASON_REFUSED)
            log_warn(UNIT, "ack_not_cleared", LOG_N("reason", event->reason), LOG_S("message", event->text));
        break;
    case MQTT_EVENT_SUBSCRIBED:
        on_subscribed(l, event);
        break;
    case MQTT_EVENT_MESSAGE:
        on_message(l, event);
        break;
    }
}

/* --- its share of the time ---------------------------------------------------------------------------------------- */

static void on_rested(void *context)
{
    struct listener *l = context;
    l->is_resting = false;
    sync_source(l);
}

/* The broker may have let go of what came with the flood. */
static void on_again(void *context)
{
    struct listener *l = context;
    if (l->is_listening)
        subscribe(l);
    sync_source(l);
}

static void account(struct listener *l, int64_t began_us)
{
    int64_t now = clock_mono_us();
    if (now - l->second_us >= SECOND_US) {
        l->second_us = began_us;
        l->spent_us = 0;
    }
    l->spent_us += now - began_us;
    if (l->spent_us < SHARE_US || l->is_resting)
        return;
    l->is_resting = true;
    l->rests++;
    loop_timer_arm(l->loop, &l->again, AGAIN_AFTER_MS);
    loop_timer_arm(l->loop, &l->rest, (l->second_us + SECOND_US - now) / 1000 + 1);
}

static void on_ready(void *context, uint32_t events)
{
    struct listener *l = context;
    int64_t began_us = clock_mono_us();
    mqtt_io(l->mqtt, events);
    account(l, began_us);
    sync_source(l);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static void on_tick(void *context)
{
    struct listener *l = context;
    arm_tick(l);
    mqtt_tick(l->mqtt);
    sync_source(l);
}

static void on_retry(void *context)
{
    struct listener *l = context;
    const struct broker_client client = {"-acks", NULL, {0}, on_event, l};
    struct error err;
    mqtt_free(TAKE(l->mqtt));
    l->is_resting = false;
    loop_timer_disarm(&l->rest);
    loop_timer_disarm(&l->again);
    if (broker_make_client(l->settings, &client, &l->mqtt, &err) != 0 || mqtt_connect(l->mqtt, &err) != 0)
        went_down(l, err.message);
    else
        arm_tick(l);
    sync_source(l);
}

void listener_init(struct listener *l, struct loop *loop, const struct settings *settings,
                   const struct listener_events *events)
{
    *l = (struct listener){.loop = loop, .settings = settings, .events = *events, .reason = "not connected"};
    if (strcmp(settings->mqtt.url, "off") == 0)
        snprintf(l->reason, sizeof l->reason, "there is no broker");
    loop_source_init(&l->source, on_ready, l);
    loop_timer_init(loop, &l->retry, on_retry, l);
    loop_timer_init(loop, &l->tick, on_tick, l);
    loop_timer_init(loop, &l->rest, on_rested, l);
    loop_timer_init(loop, &l->again, on_again, l);
}

void listener_open(struct listener *l)
{
    loop_timer_arm(l->loop, &l->retry, 0);
}

void listener_close(struct listener *l)
{
    if (l->loop == NULL)
        return;
    loop_timer_disarm(&l->retry);
    loop_timer_disarm(&l->tick);
    loop_timer_disarm(&l->rest);
    loop_timer_disarm(&l->again);
    l->is_up = l->is_resting = false;
    mqtt_free(TAKE(l->mqtt));
    sync_source(l);
    told(l, false, "the broker is away");
}

int listener_clear(struct listener *l, const char *service, const char *instance, struct error *err)
{
    char topic[TOPIC_MAX + 1];
    if (l->mqtt == NULL)
        return error_set(err, CODE_BROKER_AWAY, 0, "acknowledgements are not heard now: %s", l->reason);
    topic_write_ack(topic, l->settings->mqtt.prefix, service, instance);
    int rc = mqtt_publish(l->mqtt, topic, (struct span){"", 0}, 1, true, NULL, err);
    sync_source(l);
    return rc;
}
