/*
 * acks: the consumers' side of the daemon: hears them, keeps the table, tells it. Off the critical path: an epoch
 * tells the table what it changed after it was sent, and the file is written when there is time.
 */
#include <string.h>

#include "daemon/daemon.h"
#include "model/codes.h"
#include "model/run_files.h"
#include "util/clock.h"

#define UNIT "acks"

enum {
    WRITE_AFTER_MS = 50,
    NUMBER_EVERY_MS = 250, /* of the epoch, where nobody is known or expected: nothing else changed */
    WRITE_SHARE = 20, /* at most the 20th part of the time goes into the file: the larger, the rarer it is written */
    PRUNE_EVERY_MS = 60000,
};

/* --- the file ----------------------------------------------------------------------------------------------------- */

static void write_file(struct daemon *d)
{
    struct buf text AUTO_BUF = {0};
    const struct listener *listener = &d->acks.listener;
    const struct consumers_view view = {clock_wall_ms(), listener->is_listening,
                                        listener->is_listening ? NULL : listener->reason};
    consumers_write(&d->acks.consumers, &view, &text);
    report_file(d, CONSUMERS_FILE, &text);
}

static void on_write(void *context)
{
    struct daemon *d = context;
    struct acks *acks = &d->acks;
    int64_t began_us = clock_mono_us(), now_ms = clock_boot_ms();
    if (now_ms - acks->pruned_ms >= PRUNE_EVERY_MS) {
        consumers_prune(&acks->consumers, clock_wall_ms());
        acks->pruned_ms = now_ms;
    }
    write_file(d);
    acks->written_ms = now_ms;
    acks->quiet_until_ms = now_ms + (clock_mono_us() - began_us) * WRITE_SHARE / 1000;
}

static void write_within(struct daemon *d, int64_t after_ms)
{
    int64_t left = d->acks.quiet_until_ms - clock_boot_ms();
    loop_timer_arm_by(&d->loop, &d->acks.write, left > after_ms ? left : after_ms);
    if (memcmp(&d->acks.told, &d->acks.consumers.totals, sizeof d->acks.told) == 0)
        return;
    d->acks.told = d->acks.consumers.totals;
    report_soon(d);
}

static void write_soon(struct daemon *d)
{
    write_within(d, WRITE_AFTER_MS);
}

/* --- what is heard ------------------------------------------------------------------------------------------------ */

static void on_began(void *context)
{
    struct daemon *d = context;
    consumers_begin_hearing(&d->acks.consumers);
}

static void on_heard(void *context, struct span service, struct span instance, struct span payload)
{
    struct daemon *d = context;
    struct error err;
    if (consumers_take(&d->acks.consumers, d->pipeline.force.catalog, service, instance, payload, clock_wall_ms(),
                       &err) != 0)
        log_debug(UNIT, "ack_discarded", LOG_S("code", err.code), LOG_S("message", err.message));
    write_soon(d);
}

/* What the last will of a connection could not clear. */
static void on_orphan(void *context, const char *service, const char *instance)
{
    struct daemon *d = context;
    struct error err;
    if (listener_clear(&d->acks.listener, service, instance, &err) != 0)
        log_debug(UNIT, "ack_not_cleared", LOG_S("code", err.code), LOG_S("message", err.message));
}

static void on_caught_up(void *context)
{
    struct daemon *d = context;
    consumers_end_hearing(&d->acks.consumers, clock_wall_ms());
    log_info(UNIT, "acks_heard", LOG_N("consumers", d->acks.consumers.instances));
    write_soon(d);
}

static void on_changed(void *context)
{
    struct daemon *d = context;
    write_soon(d);
    report_soon(d);
}

/* --- who is expected ---------------------------------------------------------------------------------------------- */

static void expect(struct daemon *d, const struct rules *rules)
{
    struct consumers *consumers = &d->acks.consumers;
    struct error err, last = {0};
    consumers_expect_none(consumers);
    for (size_t i = 0; i < rules->consumers_len; i++)
        if (consumers_expect(consumers, d->pipeline.force.catalog, rules->consumers[i].service.name,
                             (uint64_t)rules->consumers[i].count, &err) != 0)
            last = err;
    if (last.code != NULL)
        log_error_object(LOG_LEVEL_WARN, UNIT, "consumer_not_expected", &last);
}

/* The rules of one text are one object, so nothing is read twice. */
void acks_judged(struct daemon *d)
{
    const struct environment *environment = d->pipeline.force.environment;
    struct rules *rules = environment == NULL ? NULL : environment->rules;
    if (rules == NULL || rules == d->acks.rules)
        return;
    rules_unref(d->acks.rules);
    d->acks.rules = rules_ref(rules);
    expect(d, rules);
    write_soon(d);
}

/* --- the daemon's turns ------------------------------------------------------------------------------------------- */

void acks_start(struct daemon *d)
{
    const struct listener_events events = {d, on_began, on_heard, on_caught_up, on_changed};
    struct consumers *consumers = &d->acks.consumers;
    *consumers = (struct consumers){.source = d->settings->mqtt.source, .on_orphan = on_orphan, .context = d};
    consumers_advance(consumers, d->pipeline.force.generation, d->pipeline.force.epoch);
    loop_timer_init(&d->loop, &d->acks.write, on_write, d);
    listener_init(&d->acks.listener, &d->loop, d->settings, &events);
    loop_timer_arm(&d->loop, &d->acks.write, 0);
}

void acks_epoch(struct daemon *d, const struct pipeline_result *result)
{
    for (size_t i = 0; i < result->changes_len; i++)
        consumers_change(&d->acks.consumers, result->changes[i].service->name, result->changes[i].service->version,
                         result->changes[i].is_removed);
    consumers_advance(&d->acks.consumers, d->pipeline.force.generation, d->pipeline.force.epoch);
    int64_t left = d->acks.consumers.len > 0 ? 0 : d->acks.written_ms + NUMBER_EVERY_MS - clock_boot_ms();
    write_within(d, left > WRITE_AFTER_MS ? left : WRITE_AFTER_MS);
}

int acks_forget(struct daemon *d, const char *service, const char *instance, struct error *err)
{
    bool is_known = consumers_forget(&d->acks.consumers, span_of(service), span_of(instance));
    write_soon(d);
    if (listener_clear(&d->acks.listener, service, instance, err) != 0)
        return -1;
    return is_known ? 0
                    : error_set(err, CODE_CONSUMER_UNKNOWN, 0, "nobody called %s@%s has acknowledged anything", service,
                                instance);
}

void acks_finish(struct daemon *d)
{
    listener_close(&d->acks.listener);
    consumers_fini(&d->acks.consumers);
    rules_unref(d->acks.rules);
}
