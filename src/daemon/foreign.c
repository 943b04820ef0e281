/*
 * foreign: what stands on our topics and is not from this connection: the floor, which the broker retains of our own
 * source, and what somebody else wrote, which is told and put right. Nobody is fought more often than once a second.
 */
#include <string.h>

#include "daemon/daemon.h"
#include "model/codes.h"
#include "util/clock.h"
#include "verify/message.h"

#define UNIT "serve"

/* --- the floor ---------------------------------------------------------------------------------------------------- */

/* More than three times a minute is somebody who does the same to us. */
static bool raises_too_often(struct daemon *d)
{
    int64_t now = clock_boot_ms();
    bool too_often = d->foreign.raises[0] != 0 && now - d->foreign.raises[0] < MINUTE_MS;
    memmove(d->foreign.raises, d->foreign.raises + 1, sizeof d->foreign.raises - sizeof d->foreign.raises[0]);
    d->foreign.raises[FLOOR_RAISES_A_MINUTE - 1] = now;
    return too_often;
}

static void found_higher(struct daemon *d, uint64_t epoch)
{
    char text[200];
    const struct force *force = &d->pipeline.force;
    if (force->exists && epoch > force->epoch + EPOCH_JUMP_MAX) {
        d->foreign.has_jump = true;
        snprintf(text, sizeof text, "the broker holds a head of ours with epoch %llu, ours is %llu",
                 (unsigned long long)epoch, (unsigned long long)force->epoch);
        conditions_on(&d->conditions, CONDITION_EPOCH_JUMP, text);
        return;
    }
    if (epoch > d->foreign.floor)
        d->foreign.floor = epoch;
    if (!force->exists || !home_is_sound(d))
        return; /* the first epoch will be above it, and so will what is in force once it can be written down again */
    if (raises_too_often(d)) {
        conditions_on(&d->conditions, CONDITION_TWO_PUBLISHERS,
                      "another publisher with our key raised the head more than three times in a minute");
        return;
    }
    branch_raise_floor(d, epoch);
}

static void judge_foreign_head(struct daemon *d, struct span payload, bool is_retained)
{
    const struct force *force = &d->pipeline.force;
    struct message head AUTO_MESSAGE = {0};
    struct error err;
    struct expectation expected = {MESSAGE_HEAD, d->settings->mqtt.source, NULL};
    if (force->exists && span_equal(payload, buf_span(&force->head)))
        return; /* what the broker should have */
    if (message_verify(payload, &d->keyring.verified, &expected, &head, &err) != 0) {
        if (conditions_on(&d->conditions, CONDITION_TOPIC_CONFLICT, err.message))
            log_error_object(LOG_LEVEL_WARN, UNIT, "foreign_head", &err);
    } else if (head.u.head.epoch > force->epoch ||
               (head.u.head.epoch == force->epoch && force->exists)) {
        log_warn(UNIT, "higher_head_found", LOG_N("epoch", head.u.head.epoch), LOG_N("ours", force->epoch),
                 LOG_S("config_epoch", head.u.head.config_epoch));
        found_higher(d, head.u.head.epoch);
        return;
    }
    /* While open it has just overwritten ours. */
    if (!is_retained && d->broker.state == BROKER_OPEN)
        loop_timer_arm_by(&d->loop, &d->reassert, REASSERT_MS);
}

/* --- what somebody else wrote ------------------------------------------------------------------------------------- */

static void alarm_conflict(struct daemon *d, enum topic_kind kind, const char *name, const char *what)
{
    char topic[TOPIC_MAX + 1], text[TOPIC_MAX + 100];
    topic_write(topic, d->settings->mqtt.prefix, kind, name);
    snprintf(text, sizeof text, "%s: %s", topic, what);
    d->foreign.seen_ms = clock_boot_ms();
    if (conditions_on(&d->conditions, CONDITION_TOPIC_CONFLICT, text))
        log_warn(UNIT, "foreign_message", LOG_S("topic", topic), LOG_S("message", what));
}

/* One service is put back at once; when it happens again within a second, somebody fights, and gets no more than a
   turn a second. */
static void mend_service(struct daemon *d, const struct service *service)
{
    int64_t now = clock_boot_ms();
    if (now - d->foreign.mended_ms < REASSERT_MS || !outbox_put_service(&d->outbox, service))
        loop_timer_arm_by(&d->loop, &d->reassert, REASSERT_MS);
    d->foreign.mended_ms = now;
}

static void judge_service(struct daemon *d, const char *name, struct span payload)
{
    const struct service *service = catalog_find(d->pipeline.force.catalog, name);
    bool is_cleared = payload.len == 0;
    if (service == NULL && is_cleared)
        return; /* nothing of ours was there */
    if (service != NULL && span_equal(payload, service->message))
        return;
    alarm_conflict(d, TOPIC_SERVICE, name, is_cleared ? "somebody cleared it" : "somebody else published there");
    if (service != NULL)
        mend_service(d, service);
}

/* A connection of ours that died late leaves its last will behind us: our own words, and no longer true. */
static bool is_late_will(struct span payload)
{
    static const char lost[] = "\"event\":\"lost\"";
    return memmem(payload.data, payload.len, lost, sizeof lost - 1) != NULL;
}

static void judge_health(struct daemon *d, struct span payload)
{
    struct daemon_state state;
    if (!is_late_will(payload))
        alarm_conflict(d, TOPIC_HEALTH, d->settings->mqtt.source, "somebody else published there");
    if (clock_boot_ms() - d->foreign.mended_ms < REASSERT_MS)
        return; /* told again with the next change, and with each heartbeat while the conflict lasts */
    d->foreign.mended_ms = clock_boot_ms();
    conditions_state(&d->conditions, &state);
    report_health(d, health_event_of(&state), NULL);
}

static void judge_keyset(struct daemon *d, struct span payload)
{
    if (span_equal(payload, buf_span(&d->keyring.keyset)))
        return;
    if (d->broker.state == BROKER_OPEN)
        loop_timer_arm_by(&d->loop, &d->reassert, REASSERT_MS);
    if (payload.len > 0 &&
        conditions_on(&d->conditions, CONDITION_TOPIC_CONFLICT, "the keyset on the broker is not ours"))
        log_warn(UNIT, "foreign_keyset", LOG_S("topic", d->broker.topic_keys));
}

static void judge_head(struct daemon *d, struct span payload, bool is_retained)
{
    if (payload.len > 0) {
        judge_foreign_head(d, payload, is_retained);
        return;
    }
    if (conditions_off(&d->conditions, CONDITION_EPOCH_JUMP))
        log_info(UNIT, "epoch_jump_cleared", LOG_S("topic", d->broker.topic_epoch));
    if (d->broker.state == BROKER_OPEN)
        loop_timer_arm_by(&d->loop, &d->reassert, REASSERT_MS);
}

void foreign_take(void *context, enum topic_kind topic, const char *name, struct span payload, bool is_retained)
{
    struct daemon *d = context;
    if (!is_retained)
        d->foreign.seen_ms = clock_boot_ms();
    switch (topic) {
    case TOPIC_KEYS:
        judge_keyset(d, payload);
        break;
    case TOPIC_EPOCH:
        judge_head(d, payload, is_retained);
        break;
    case TOPIC_SERVICE:
        judge_service(d, name, payload);
        break;
    case TOPIC_HEALTH:
        judge_health(d, payload);
        break;
    case TOPIC_INDEX:
        alarm_conflict(d, topic, name, payload.len == 0 ? "somebody cleared it" : "somebody else published there");
        loop_timer_arm_by(&d->loop, &d->index, REASSERT_MS);
        break;
    case TOPIC_KEEPALIVE:
        if (payload.len > 0)
            alarm_conflict(d, topic, name, "somebody else published there");
        break;
    case TOPIC_UPDATE:
        break;
    }
    report_settle(d);
}
