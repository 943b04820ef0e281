/*
 * serve: the broker's side. It is trusted with nothing and may have forgotten everything: after every connection the
 * floor is read, then all is asserted from the journaled bytes.
 */
#include <string.h>

#include "daemon/daemon.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "verify/message.h"

#define UNIT "serve"

enum { INDEX_EVERY_MS = 1000, INDEX_SOON_MS = 5, RETRY_REFUSED_MS = 10000 };

/* --- what is due -------------------------------------------------------------------------------------------------- */

/* Three heartbeats; a long one does not make it longer. */
static int64_t acknowledge_within_ms(const struct daemon *d)
{
    return 3 * (int64_t)(d->settings->mqtt.heartbeat_s < 10 ? d->settings->mqtt.heartbeat_s : 10) * 1000;
}

void serve_sync(struct daemon *d)
{
    broker_sync(&d->broker);
    int64_t overdue = outbox_overdue_ms(&d->outbox);
    if (overdue < 0)
        loop_timer_disarm(&d->overdue);
    else
        loop_timer_arm_by(&d->loop, &d->overdue, acknowledge_within_ms(d) - overdue);
}

/* An acknowledgement that does not come never will: another connection and everything again. */
static void on_overdue(void *context)
{
    struct daemon *d = context;
    if (outbox_overdue_ms(&d->outbox) >= acknowledge_within_ms(d))
        broker_give_up(&d->broker, "the broker did not acknowledge a message in time");
    serve_sync(d);
    report_settle(d);
}

/* --- assertion ---------------------------------------------------------------------------------------------------- */

/* Everything that is in force, in one batch; config/update only where its PUBACK is missing. */
static int fill_assertion(struct daemon *d, struct outbox_batch *batch, struct error *err)
{
    const struct force *force = &d->pipeline.force;
    const struct service **AUTO_FREE all = NULL;
    batch->with_keyset = true;
    batch->commit = force->commit;
    batch->epoch = force->epoch;
    if (!force->exists)
        return 0;
    buf_append_span(&batch->head, buf_span(&force->head));
    if (buf_check(&batch->head, err) != 0 || catalog_sorted(force->catalog, &all, err) != 0)
        return -1;
    for (size_t i = 0; i < catalog_count(force->catalog); i++)
        if (outbox_batch_add(batch, all[i], all[i]->version > d->announced, false, err) != 0)
            return -1;
    for (size_t i = 0; i < d->tombstones.len; i++)
        if (outbox_batch_add(batch, d->tombstones.services[i], d->tombstones.services[i]->version > d->announced, true,
                             err) != 0)
            return -1;
    return 0;
}

void serve_everything(struct daemon *d)
{
    struct outbox_batch batch CLEANUP(outbox_batch_fini) = {0};
    struct error err;
    /* A head far beyond ours is evidence, and clients that saw it would not follow us below it. */
    if (d->broker.state != BROKER_OPEN || d->is_incomplete || conditions_is_on(&d->conditions, CONDITION_EPOCH_JUMP))
        return;
    if (!home_is_sound(d) && d->foreign.floor > d->pipeline.force.epoch)
        return; /* what the broker retains is newer than what a damaged journal let us keep */
    if (FAILPOINT("publish.assert", &err) != 0 || fill_assertion(d, &batch, &err) != 0) {
        log_error_object(LOG_LEVEL_ERROR, UNIT, "assertion_failed", &err);
        loop_timer_arm(&d->loop, &d->reassert, RETRY_REFUSED_MS);
        return;
    }
    outbox_put(&d->outbox, &batch);
    serve_sync(d);
}

static void on_reassert(void *context)
{
    struct daemon *d = context;
    serve_everything(d);
    report_settle(d);
}

void serve_hurry(struct daemon *d)
{
    broker_hurry(&d->broker);
    if (d->broker.state == BROKER_OPEN && !d->acks.listener.is_listening)
        listener_open(&d->acks.listener);
    if (loop_timer_is_armed(&d->reassert))
        loop_timer_arm(&d->loop, &d->reassert, 0);
}

/* --- an epoch ----------------------------------------------------------------------------------------------------- */

static int fill_epoch(struct daemon *d, const struct pipeline_result *result, struct outbox_batch *batch,
                      struct error *err)
{
    const struct force *force = &d->pipeline.force;
    batch->commit = force->commit;
    batch->epoch = force->epoch;
    buf_append_span(&batch->head, buf_span(&force->head));
    if (buf_check(&batch->head, err) != 0)
        return -1;
    for (size_t i = 0; i < result->changes_len; i++)
        if (outbox_batch_add(batch, result->changes[i].service, true, result->changes[i].is_removed, err) != 0)
            return -1;
    return 0;
}

/* false: the journal did not take it. The epoch stays only committed, and is told with the next keepalive or
   publication. */
static bool tell_overtaken(struct daemon *d, const struct oid *commit, uint64_t epoch)
{
    struct buf members AUTO_BUF = {0};
    record_write_overtaken(&members, commit, epoch, &d->pipeline.force.commit);
    if (!home_journal_later(d, RECORD_SUPERSEDED, &members))
        return false;
    verdicts_move(&d->verdicts, epoch, VERDICT_SUPERSEDED);
    d->metrics.overtaken++;
    log_info(UNIT, "epoch_overtaken", LOG_N("epoch", epoch), LOG_N("by", d->pipeline.force.epoch));
    return true;
}

static void on_overtaken(void *context, const struct oid *commit, uint64_t epoch)
{
    struct daemon *d = context;
    if (epoch > d->published)
        (void)tell_overtaken(d, commit, epoch);
}

/* Epochs below this one that are still only committed will never be published by themselves. */
static void overtake_below(struct daemon *d, uint64_t epoch)
{
    const struct verdict *before;
    for (size_t i = 0; i < VERDICTS_KEPT && (before = verdicts_oldest_committed(&d->verdicts, epoch)) != NULL; i++) {
        struct oid commit = before->commit;
        if (!tell_overtaken(d, &commit, before->epoch))
            return;
    }
}

void serve_epoch(struct daemon *d, const struct pipeline_result *result)
{
    struct outbox_batch batch CLEANUP(outbox_batch_fini) = {0};
    struct error err;
    if (d->broker.state == BROKER_OFF)
        return; /* committed is all that an epoch can become */
    if (d->broker.state != BROKER_OPEN) {
        overtake_below(d, d->pipeline.force.epoch);
        return;
    }
    if (FAILPOINT("publish.epoch", &err) != 0 || fill_epoch(d, result, &batch, &err) != 0) {
        log_error_object(LOG_LEVEL_ERROR, UNIT, "publish_failed", &err);
        loop_timer_arm(&d->loop, &d->reassert, RETRY_REFUSED_MS);
        return;
    }
    outbox_put(&d->outbox, &batch);
    serve_sync(d);
}

static void on_published(void *context, const struct oid *commit, uint64_t epoch)
{
    struct daemon *d = context;
    struct buf members AUTO_BUF = {0};
    char hex[OID_HEX_LEN + 1];
    conditions_off(&d->conditions, CONDITION_PUBLISH_REFUSED);
    int64_t wait = d->index_sent_ms + INDEX_EVERY_MS - clock_boot_ms();
    loop_timer_arm_by(&d->loop, &d->index, wait > INDEX_SOON_MS ? wait : INDEX_SOON_MS);
    d->announced = epoch > d->announced ? epoch : d->announced;
    overtake_below(d, epoch);
    if (epoch <= d->published)
        return; /* an assertion of what was published before */
    d->published = epoch;
    d->metrics.published++;
    oid_format(commit, hex);
    record_write_published(&members, commit, epoch);
    FAILPOINT_PASS("publish.done");
    if (home_journal_later(d, RECORD_PUBLISHED, &members)) /* else the next one overtakes it, for the journal */
        verdicts_move(&d->verdicts, epoch, VERDICT_PUBLISHED);
    if (epoch == d->pipeline.force.epoch) {
        int64_t micros = d->seen_us == 0 ? 0 : clock_mono_us() - d->seen_us; /* 0: it was seen by an earlier run */
        if (micros > 0)
            metrics_observe(&d->metrics.publish_time, (uint64_t)micros);
        log_info(UNIT, "update_config_complete", LOG_S("correlation_id", d->pipeline.force.correlation_id),
                 LOG_S("config_epoch", hex), LOG_N("epoch", epoch), LOG_N("micros", micros));
    } else {
        log_info(UNIT, "update_config_complete", LOG_S("config_epoch", hex), LOG_N("epoch", epoch));
    }
    report_health(d, HEALTH_EPOCH, NULL);
    report_soon(d);
}

static void on_cleared(void *context, const char *name)
{
    struct daemon *d = context;
    tombstones_drop(&d->tombstones, name);
}

static void on_refused(void *context, const char *topic, int reason, const char *text)
{
    struct daemon *d = context;
    char message[400];
    if (reason == 0) /* it was never sent */
        snprintf(message, sizeof message, "%s: %s", topic, text);
    else
        snprintf(message, sizeof message, "%s: %s (reason code 0x%02x)", topic, text, (unsigned)reason);
    if (conditions_on(&d->conditions, CONDITION_PUBLISH_REFUSED, message))
        log_error(UNIT, "publish_refused", LOG_S("topic", topic), LOG_N("reason", reason), LOG_S("message", text));
    loop_timer_arm_by(&d->loop, &d->reassert, RETRY_REFUSED_MS);
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

static void on_index(void *context)
{
    struct daemon *d = context;
    const struct force *force = &d->pipeline.force;
    struct buf index AUTO_BUF = {0};
    struct error err;
    char commit[OID_HEX_LEN + 1];
    if (!force->exists || d->broker.state != BROKER_OPEN)
        return;
    oid_format(&force->commit, commit);
    if (message_compose_index(&index, d->settings->mqtt.source, force->epoch, commit, force->catalog, &err) != 0) {
        log_error_object(LOG_LEVEL_ERROR, UNIT, "index_failed", &err);
        return;
    }
    FAILPOINT_PASS("publish.index");
    d->index_sent_ms = clock_boot_ms();
    if (!outbox_put_index(&d->outbox, buf_span(&index)))
        loop_timer_arm(&d->loop, &d->index, INDEX_EVERY_MS);
    serve_sync(d);
}

/* --- the heartbeat ------------------------------------------------------------------------------------------------ */

static int compose_keepalive(struct daemon *d, struct buf *out, struct error *err)
{
    const struct force *force = &d->pipeline.force;
    char timestamp[CLOCK_TEXT_LEN + 1];
    int64_t now = clock_wall_ms();
    clock_format(now, timestamp);
    d->sequence = (uint64_t)now > d->sequence ? (uint64_t)now : d->sequence + 1;
    struct message_stamp stamp = {d->settings->mqtt.source, d->keyring.verified.generation, d->keyring.signing.id,
                                  timestamp};
    struct message_keepalive keepalive = {
        .epoch = force->epoch,
        .sequence = d->sequence,
        .ttl_s = 3 * (uint64_t)d->settings->mqtt.heartbeat_s,
    };
    memcpy(keepalive.head, force->head_digest, HASH_LEN);
    message_compose_keepalive(out, &stamp, &keepalive);
    return buf_check(out, err) != 0 ? -1 : crypto_sign_object(&d->keyring.signing, out, err);
}

/* A minute of peace ends the hold; what the other one left on the broker is raised above once more. */
static void make_peace(struct daemon *d)
{
    int64_t last = d->foreign.raises[FLOOR_RAISES_A_MINUTE - 1];
    if (!conditions_is_on(&d->conditions, CONDITION_TWO_PUBLISHERS) || clock_boot_ms() - last < MINUTE_MS)
        return;
    conditions_off(&d->conditions, CONDITION_TWO_PUBLISHERS);
    if (d->foreign.floor >= d->pipeline.force.epoch)
        branch_raise_floor(d, d->foreign.floor);
    branch_look(d);
}

void serve_heartbeat(struct daemon *d)
{
    struct buf keepalive AUTO_BUF = {0};
    struct error err;
    make_peace(d);
    if (broker_is_steady(&d->broker))
        conditions_off(&d->conditions, CONDITION_CLIENT_ID_CONFLICT);
    if (clock_boot_ms() - d->foreign.seen_ms >= MINUTE_MS)
        conditions_off(&d->conditions, CONDITION_TOPIC_CONFLICT);
    if (d->broker.state != BROKER_OPEN || !d->pipeline.force.exists)
        return;
    overtake_below(d, d->published);
    if (FAILPOINT("publish.keepalive", &err) != 0 || compose_keepalive(d, &keepalive, &err) != 0) {
        log_error_object(LOG_LEVEL_ERROR, UNIT, "keepalive_failed", &err);
        return;
    }
    outbox_put_keepalive(&d->outbox, buf_span(&keepalive));
    serve_sync(d);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static enum condition condition_of_close(int reason)
{
    if (reason == MQTT_REASON_TAKEN_OVER || reason == BROKER_REASON_TAKEN_AWAY)
        return CONDITION_CLIENT_ID_CONFLICT;
    if (reason == MQTT_REASON_TLS)
        return CONDITION_BROKER_TLS;
    return reason >= MQTT_REASON_REFUSED ? CONDITION_BROKER_REFUSED : CONDITION_BROKER_AWAY;
}

/* That another client has our id is not over because it is our turn. */
static void broker_is_fine(struct daemon *d)
{
    conditions_off(&d->conditions, CONDITION_BROKER_AWAY);
    conditions_off(&d->conditions, CONDITION_BROKER_REFUSED);
    conditions_off(&d->conditions, CONDITION_BROKER_TLS);
    if (d->broker.state != BROKER_OPEN || broker_is_steady(&d->broker))
        conditions_off(&d->conditions, CONDITION_CLIENT_ID_CONFLICT);
}

/* The broker's retained head tells how far the lost state had got. What is still in memory knows better, and waits
   for its folder. */
static void end_state_lost(struct daemon *d)
{
    struct error err;
    if (!conditions_is_on(&d->conditions, CONDITION_STATE_LOST) || d->foreign.floor == 0 || d->pipeline.force.exists)
        return;
    if (home_begin_again(d, d->foreign.floor, NULL, &err) != 0)
        log_error_object(LOG_LEVEL_ERROR, UNIT, "journal_not_begun", &err);
}

static void on_opened(void *context, struct mqtt *mqtt)
{
    struct daemon *d = context;
    broker_is_fine(d);
    conditions_off(&d->conditions, CONDITION_TOPIC_CONFLICT);
    if (!d->foreign.has_jump)
        conditions_off(&d->conditions, CONDITION_EPOCH_JUMP);
    log_info(UNIT, "broker_connected", LOG_S("broker", broker_display(&d->broker)));
    outbox_open(&d->outbox, mqtt);
    serve_everything(d);
    listener_open(&d->acks.listener);
    end_state_lost(d);
    report_settle(d);
    report_health(d, d->has_been_open ? HEALTH_RECOVERED : HEALTH_READY, NULL);
    /* What was said of a refused tip may have gone down with the connection. */
    if (d->has_been_open && d->pipeline.accounted_code[0] != '\0')
        report_health(d, HEALTH_REJECTED, d->pipeline.accounted_code);
    d->has_been_open = true;
    serve_heartbeat(d);
    report_soon(d);
}

static void on_closed(void *context, int reason, const char *text)
{
    struct daemon *d = context;
    enum condition condition = condition_of_close(reason);
    outbox_close(&d->outbox);
    listener_close(&d->acks.listener);
    d->foreign.has_jump = false;
    if (d->is_stopping) {
        loop_stop(&d->loop);
        return;
    }
    if (!conditions_is_on(&d->conditions, condition))
        broker_is_fine(d); /* of another reason than before */
    if (conditions_on(&d->conditions, condition, text))
        log_warn(UNIT, "broker_away", LOG_S("broker", broker_display(&d->broker)), LOG_S("message", text));
    log_debug(UNIT, "broker_retry", LOG_N("millis", d->broker.retry_ms), LOG_S("message", text));
    loop_timer_disarm(&d->reassert);
    report_settle(d);
}

static void on_acknowledged(void *context, int message_id, int reason, const char *text)
{
    struct daemon *d = context;
    outbox_acknowledged(&d->outbox, message_id, reason, text);
    serve_sync(d);
    if (d->is_stopping && outbox_is_idle(&d->outbox))
        loop_stop(&d->loop);
    report_settle(d);
}

int serve_start(struct daemon *d, struct error *err)
{
    struct broker_events broker = {d, foreign_take, on_opened, on_closed, on_acknowledged};
    struct outbox_events outbox = {d, on_published, on_overtaken, on_cleared, on_refused};
    struct daemon_state lost = {.text = "lost"};
    loop_timer_init(&d->loop, &d->index, on_index, d);
    loop_timer_init(&d->loop, &d->reassert, on_reassert, d);
    loop_timer_init(&d->loop, &d->overdue, on_overdue, d);
    outbox_init(&d->outbox, d->settings->mqtt.prefix, d->settings->mqtt.source, buf_span(&d->keyring.keyset), &outbox);
    health_compose(&d->will, d->settings->mqtt.source, HEALTH_LOST, &lost, &d->pipeline.force, NULL,
                   "the connection ended without a goodbye");
    if (buf_check(&d->will, err) != 0)
        return -1;
    return broker_start(&d->broker, &d->loop, d->settings, buf_span(&d->will), &broker, err);
}
