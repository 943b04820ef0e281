/*
 * doctor_broker: the links behind the daemon: the broker, and what it retains. Looks with a client id of its own and
 * publishes nothing; whether the daemon may publish is told by the head that is there.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/link.h"
#include "model/codes.h"
#include "model/topics.h"
#include "util/clock.h"

enum { WITHIN_MS = 12000 }; /* a connection gives itself up after ten seconds */

struct look {
    struct doctor *doctor;
    struct link link;
    char keys[TOPIC_MAX + 1], epoch[TOPIC_MAX + 1];
    int fence; /* the subscription behind which everything retained has come */
    bool is_done, has_keys, has_head;
    struct error failed; /* code NULL: nothing */
};

static void fail(struct look *look, const char *code, const char *what, const char *text)
{
    if (look->failed.code == NULL)
        error_set(&look->failed, code, 0, "%s%s%s", what, what[0] == '\0' ? "" : ": ", text);
    look->is_done = true;
}

/* Retained messages come before the answer to a later subscription. */
static void subscribe(struct look *look)
{
    struct error err;
    if (mqtt_subscribe(look->link.mqtt, look->keys, true, NULL, &err) != 0 ||
        mqtt_subscribe(look->link.mqtt, look->epoch, true, NULL, &err) != 0 ||
        mqtt_subscribe(look->link.mqtt, look->epoch, false, &look->fence, &err) != 0)
        fail(look, CODE_BROKER_AWAY, "subscribing", err.message);
}

static void take(struct look *look, const struct mqtt_event *event)
{
    struct message head AUTO_MESSAGE = {0};
    enum view_outcome outcome;
    struct error err;
    bool is_keys = strcmp(event->topic, look->keys) == 0;
    int rc = event->payload.len == 0 ? 0
             : is_keys               ? view_take_keyset(&look->doctor->view, event->payload, &outcome, &err)
                                     : view_take_head(&look->doctor->view, event->payload, &outcome, &head, &err);
    if (rc != 0) {
        if (look->failed.code == NULL)
            look->failed = err;
        error_wrap(&look->failed, "what is retained on %s", event->topic);
        look->is_done = true;
        return;
    }
    look->has_keys |= is_keys && event->payload.len > 0;
    look->has_head |= !is_keys && event->payload.len > 0;
}

static void on_event(void *context, const struct mqtt_event *event)
{
    struct look *look = context;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        subscribe(look);
        return;
    case MQTT_EVENT_DOWN:
        if (!look->is_done)
            fail(look, link_code(event->reason), "", event->text);
        return;
    case MQTT_EVENT_SUBSCRIBED:
        if (event->reason >= MQTT_REASON_REFUSED)
            fail(look, CODE_BROKER_REFUSED, "subscribing to system/keys and system/epoch", event->text);
        else if (event->message_id == look->fence)
            look->is_done = true;
        return;
    case MQTT_EVENT_MESSAGE:
        take(look, event);
        return;
    case MQTT_EVENT_ACK:
        return;
    }
}

static int ask(struct look *look, struct error *err)
{
    const struct settings *settings = &look->doctor->local.settings;
    int64_t end = clock_boot_ms() + WITHIN_MS;
    topic_write(look->keys, settings->mqtt.prefix, TOPIC_KEYS, settings->mqtt.source);
    topic_write(look->epoch, settings->mqtt.prefix, TOPIC_EPOCH, settings->mqtt.source);
    if (link_open(&look->link, settings, on_event, look, err) != 0 || mqtt_connect(look->link.mqtt, err) != 0)
        return -1;
    while (!look->is_done && clock_boot_ms() < end)
        link_turn(&look->link, end - clock_boot_ms());
    if (!look->is_done)
        return error_set(err, CODE_BROKER_AWAY, 0, "the broker did not answer within %d s", WITHIN_MS / 1000);
    *err = look->failed;
    return look->failed.code == NULL ? 0 : -1;
}

enum doctor_state doctor_fail_broker(const struct doctor *doctor, struct doctor_finding *finding, const struct error *err)
{
    char fix[sizeof finding->fix];
    doctor_fail(finding, err);
    link_fix(&doctor->local.settings, err->message, fix, sizeof fix);
    if (fix[0] != '\0')
        doctor_fix(finding, "%s", fix);
    return DOCTOR_BROKEN;
}

enum doctor_state doctor_broker(struct doctor *doctor, struct doctor_finding *finding)
{
    struct look look = {.doctor = doctor};
    struct error err;
    if (strcmp(doctor->local.settings.mqtt.url, "off") == 0) {
        buf_puts(&finding->detail, "off: the snapshot alone is served");
        return DOCTOR_NOTE;
    }
    doctor->view = (struct view){.roots = &doctor->local.keyring.roots, .source = doctor->local.settings.mqtt.source};
    int rc = ask(&look, &err);
    if (look.link.mqtt != NULL && (rc == 0 || strstr(err.message, mqtt_display(look.link.mqtt)) == NULL))
        buf_printf(&finding->detail, "%s: ", mqtt_display(look.link.mqtt));
    link_close(&look.link);
    if (rc != 0)
        return doctor_fail_broker(doctor, finding, &err);
    doctor->has_broker = true;
    buf_printf(&finding->detail, "connected and subscribed; %s",
               look.has_head && look.has_keys ? "keyset and head verify" : "it retains no keyset and head of ours");
    return DOCTOR_FINE;
}

enum doctor_state doctor_retained(struct doctor *doctor, struct doctor_finding *finding)
{
    uint8_t digest[HASH_LEN];
    if (!doctor->has_broker || doctor->epoch == 0) {
        buf_puts(&finding->detail, doctor->has_broker ? "no epoch to compare with" : "the broker is off");
        return DOCTOR_FINE;
    }
    hash_sha256(doctor->head.data, doctor->head.len, digest);
    if (doctor->view.epoch == doctor->epoch && memcmp(digest, doctor->view.head, HASH_LEN) == 0) {
        buf_printf(&finding->detail, "the head of epoch %" PRIu64 ", as in the %s", doctor->epoch,
                   doctor->is_base ? "snapshot" : "journal");
        return DOCTOR_FINE;
    }
    finding->code = doctor->view.epoch == 0 ? CODE_PUBLISH_REFUSED : CODE_MESSAGE_OLDER;
    if (doctor->view.epoch == 0)
        buf_printf(&finding->detail, "no head, and the journal has epoch %" PRIu64, doctor->epoch);
    else
        buf_printf(&finding->detail, "the head of epoch %" PRIu64 " %s, and the journal has epoch %" PRIu64,
                   doctor->view.epoch, doctor->view.epoch == doctor->epoch ? "with other bytes" : "", doctor->epoch);
    doctor_fix(finding, "let the broker's ACL allow our user to publish under system/ and config/; systemctl reload "
                        "epochd asserts everything again");
    return DOCTOR_BROKEN;
}
