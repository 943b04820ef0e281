/*
 * outbox: see outbox.h.
 */
#include "daemon/outbox.h"

#include <string.h>

#include "util/array.h"
#include "util/clock.h"
#include "util/failpoint.h"

void outbox_init(struct outbox *outbox, const char *prefix, const char *source, struct span keyset,
                 const struct outbox_events *events)
{
    *outbox = (struct outbox){.prefix = prefix, .source = source, .keyset = keyset, .events = *events};
}

void outbox_batch_fini(struct outbox_batch *batch)
{
    for (size_t i = 0; i < batch->len; i++)
        service_unref(batch->items[i].service);
    free(batch->items);
    buf_fini(&batch->head);
    *batch = (struct outbox_batch){0};
}

void outbox_fini(struct outbox *outbox)
{
    outbox_batch_fini(&outbox->current);
    outbox_batch_fini(&outbox->waiting);
    free(outbox->to_clear);
    outbox->to_clear = NULL;
}

int outbox_batch_add(struct outbox_batch *batch, const struct service *service, bool announce, bool is_removed,
                     struct error *err)
{
    struct outbox_item *items = array_grow(batch->items, batch->len, &batch->cap, sizeof *items);
    if (items == NULL)
        return error_memory(err);
    batch->items = items;
    batch->items[batch->len++] = (struct outbox_item){service_ref(service), announce, is_removed};
    return 0;
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static struct outbox_sent *free_slot(struct outbox *outbox)
{
    for (size_t i = 0; i < OUTBOX_SLOTS; i++)
        if (outbox->sent[i].kind == OUTBOX_FREE)
            return &outbox->sent[i];
    return NULL;
}

enum send_outcome {
    SENT,
    NOT_NOW, /* no room in the window, or the connection is going down */
    NEVER,   /* this broker will not take it; it was reported */
};

static enum send_outcome send(struct outbox *outbox, enum outbox_sent_kind kind, enum topic_kind topic,
                              const char *name, struct span payload)
{
    char text[TOPIC_MAX + 1];
    struct error err;
    int id;
    struct outbox_sent *slot = free_slot(outbox);
    if (slot == NULL || outbox->mqtt == NULL)
        return NOT_NOW;
    topic_write(text, outbox->prefix, topic, name);
    bool retain = topic != TOPIC_UPDATE;
    if (mqtt_publish(outbox->mqtt, text, payload, 1, retain, &id, &err) != 0) {
        if (!mqtt_is_up(outbox->mqtt))
            return NOT_NOW;
        outbox->refused++;
        outbox->events.refused(outbox->events.context, text, 0, err.message);
        return NEVER;
    }
    *slot = (struct outbox_sent){.kind = kind, .message_id = id, .order = ++outbox->last_order, .topic = topic};
    snprintf(slot->name, sizeof slot->name, "%s", name);
    if (outbox->in_flight++ == 0)
        outbox->oldest_ms = clock_boot_ms();
    return SENT;
}

/* The steps of a batch: 0 is the keyset, then two for each item, the last is the head. */
static size_t batch_steps(const struct outbox_batch *batch)
{
    return 1 + 2 * batch->len + 1;
}

/* A head is never retained over a service of its own epoch that the broker refused; what an earlier epoch could not
   place holds no later one back. */
static void note_refused(struct outbox_batch *batch, const struct service *service)
{
    batch->is_refused = true;
    batch->is_held_back |= service != NULL && service->version == batch->epoch;
}

/* Sends one step; true if the batch may go on to the next one. */
static bool send_step(struct outbox *outbox, struct outbox_batch *batch)
{
    size_t step = batch->step;
    enum send_outcome outcome;
    const struct service *placed = NULL;
    if (step == 0) {
        if (!batch->with_keyset)
            return true;
        outcome = send(outbox, OUTBOX_EPOCH, TOPIC_KEYS, outbox->source, outbox->keyset);
    } else if (step == batch_steps(batch) - 1) {
        if (batch->unacked > 0)
            return false;
        if (batch->head.len == 0 || batch->is_held_back)
            return true; /* no epoch yet: the keyset alone */
        FAILPOINT_PASS("publish.head");
        outcome = send(outbox, OUTBOX_EPOCH, TOPIC_EPOCH, outbox->source, buf_span(&batch->head));
    } else {
        const struct outbox_item *item = &batch->items[(step - 1) / 2];
        bool is_announcement = (step - 1) % 2 == 1;
        if (is_announcement && !item->announce)
            return true;
        placed = is_announcement ? NULL : item->service;
        FAILPOINT_PASS("publish.service");
        outcome = send(outbox, OUTBOX_EPOCH, is_announcement ? TOPIC_UPDATE : TOPIC_SERVICE, item->service->name,
                       item->service->message);
    }
    batch->unacked += outcome == SENT;
    if (outcome == NEVER)
        note_refused(batch, placed);
    return outcome != NOT_NOW;
}

static bool batch_is_done(const struct outbox_batch *batch)
{
    return batch->exists && batch->unacked == 0 && batch->step == batch_steps(batch);
}

static void finish_current(struct outbox *outbox);
static void send_clears(struct outbox *outbox);

static void pump(struct outbox *outbox)
{
    struct outbox_batch *batch = &outbox->current;
    while (outbox->mqtt != NULL && batch->exists) {
        while (batch->step < batch_steps(batch) && outbox->in_flight < OUTBOX_WINDOW) {
            if (!send_step(outbox, batch))
                break;
            batch->step++;
        }
        if (!batch_is_done(batch))
            break;
        finish_current(outbox); /* every message was refused before it left */
    }
    send_clears(outbox);
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

static void overtake(struct outbox *outbox, const struct outbox_batch *batch)
{
    outbox->events.overtaken(outbox->events.context, &batch->commit, batch->epoch);
}

static int compare_items(const void *a, const void *b)
{
    const struct outbox_item *x = a, *y = b;
    return strcmp(x->service->name, y->service->name);
}

/* Items are sorted by name. */
static const struct outbox_item *batch_find(const struct outbox_batch *batch, size_t len, const char *name)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(batch->items[middle].service->name, name);
        if (order == 0)
            return &batch->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool batch_has_alive(const struct outbox_batch *batch, const char *name)
{
    const struct outbox_item *item = batch_find(batch, batch->len, name);
    return item != NULL && !item->is_removed;
}

/* Moves what the newer batch does not say itself from the waiting one into it. */
static void merge(struct outbox *outbox, struct outbox_batch *newer, const struct outbox_batch *older)
{
    struct error err;
    size_t own = newer->len;
    for (size_t i = 0; i < older->len; i++) {
        const struct outbox_item *item = &older->items[i];
        if (batch_find(newer, own, item->service->name) != NULL)
            continue;
        /* Without memory the service is missing on the broker until the next assertion; a client sees it incomplete
           and waits. */
        if (outbox_batch_add(newer, item->service, item->announce, item->is_removed, &err) != 0) {
            newer->is_refused = true;
            /* asks for that assertion */
            outbox->events.refused(outbox->events.context, item->service->name, 0, err.message);
        }
    }
    if (newer->len > own)
        qsort(newer->items, newer->len, sizeof *newer->items, compare_items);
    newer->with_keyset |= older->with_keyset;
}

/* A name that is in use again must not be cleared. */
static void keep_alive(struct outbox *outbox, const struct outbox_batch *batch)
{
    size_t kept = 0, clearable = outbox->clearable;
    for (size_t i = 0; i < outbox->clear_len; i++) {
        if (batch_has_alive(batch, outbox->to_clear[i])) {
            outbox->clearable -= i < clearable;
            continue;
        }
        memmove(outbox->to_clear[kept++], outbox->to_clear[i], LAYOUT_NAME_MAX + 1);
    }
    outbox->clear_len = kept;
}

void outbox_put(struct outbox *outbox, struct outbox_batch *batch)
{
    batch->exists = true;
    if (batch->len > 1)
        qsort(batch->items, batch->len, sizeof *batch->items, compare_items);
    keep_alive(outbox, batch);
    if (!outbox->current.exists) {
        outbox->current = *batch;
    } else {
        if (outbox->waiting.exists) {
            merge(outbox, batch, &outbox->waiting);
            if (outbox->waiting.epoch != batch->epoch)
                overtake(outbox, &outbox->waiting);
            outbox_batch_fini(&outbox->waiting);
        }
        outbox->waiting = *batch;
    }
    *batch = (struct outbox_batch){0};
    pump(outbox);
}

static void remember_to_clear(struct outbox *outbox, const struct outbox_batch *batch)
{
    for (size_t i = 0; i < batch->len; i++) {
        const char *name = batch->items[i].service->name;
        if (!batch->items[i].is_removed || batch_has_alive(&outbox->current, name))
            continue;
        void *grown = array_grow(outbox->to_clear, outbox->clear_len, &outbox->clear_cap, sizeof *outbox->to_clear);
        if (grown == NULL)
            return; /* the tombstone stays retained: harmless, signed, and it says what is true */
        outbox->to_clear = grown;
        memcpy(outbox->to_clear[outbox->clear_len++], name, LAYOUT_NAME_MAX + 1);
    }
}

static void finish_current(struct outbox *outbox)
{
    struct outbox_batch done = outbox->current;
    outbox->current = outbox->waiting;
    outbox->waiting = (struct outbox_batch){0};
    /* What an earlier epoch could not place is still missing: only an assertion of everything makes up for it. */
    outbox->is_dirty = done.is_refused || (outbox->is_dirty && !done.with_keyset);
    if (!outbox->is_dirty) {
        remember_to_clear(outbox, &done);
        outbox->events.published(outbox->events.context, &done.commit, done.epoch);
    } else if (outbox->current.exists && outbox->current.epoch != done.epoch) {
        overtake(outbox, &done);
    }
    outbox_batch_fini(&done);
}

/* --- connection --------------------------------------------------------------------------------------------------- */

void outbox_open(struct outbox *outbox, struct mqtt *mqtt)
{
    outbox->mqtt = mqtt;
    pump(outbox);
}

void outbox_close(struct outbox *outbox)
{
    outbox->mqtt = NULL;
    memset(outbox->sent, 0, sizeof outbox->sent);
    outbox->in_flight = 0;
    outbox->is_index_on_its_way = false;
    outbox->is_dirty = false;
    outbox->clear_len = 0; /* the next assertion brings their tombstones again */
    outbox->clearable = 0;
    if (outbox->waiting.exists && outbox->waiting.epoch != outbox->current.epoch)
        overtake(outbox, &outbox->current);
    outbox_batch_fini(&outbox->current);
    outbox_batch_fini(&outbox->waiting);
}

bool outbox_is_idle(const struct outbox *outbox)
{
    return outbox->in_flight == 0 && !outbox->current.exists && !outbox->waiting.exists;
}

/* --- beside the epochs -------------------------------------------------------------------------------------------- */

bool outbox_put_index(struct outbox *outbox, struct span index)
{
    if (outbox->is_index_on_its_way || send(outbox, OUTBOX_SIDE, TOPIC_INDEX, outbox->source, index) != SENT)
        return false;
    outbox->is_index_on_its_way = true;
    outbox->clearable = outbox->clear_len;
    return true;
}

bool outbox_put_service(struct outbox *outbox, const struct service *service)
{
    return send(outbox, OUTBOX_MENDED, TOPIC_SERVICE, service->name, service->message) != NOT_NOW;
}

void outbox_put_health(struct outbox *outbox, struct span health)
{
    send(outbox, OUTBOX_SIDE, TOPIC_HEALTH, outbox->source, health);
}

void outbox_put_keepalive(struct outbox *outbox, struct span keepalive)
{
    char topic[TOPIC_MAX + 1];
    struct error ignored;
    int id;
    if (outbox->mqtt == NULL)
        return;
    topic_write(topic, outbox->prefix, TOPIC_KEEPALIVE, outbox->source);
    /* A keepalive that cannot be sent now is worth nothing later. */
    if (mqtt_publish(outbox->mqtt, topic, keepalive, 0, false, &id, &ignored) != 0)
        return;
}

/* Clears the topics of removed services that the acknowledged index no longer names: `clearable` of them, and only
   then. */
static void send_clears(struct outbox *outbox)
{
    while (!outbox->is_index_on_its_way && outbox->clearable > 0) {
        const char *name = outbox->to_clear[0];
        FAILPOINT_PASS("publish.clear");
        if (send(outbox, OUTBOX_SIDE, TOPIC_SERVICE, name, SPAN("")) == NOT_NOW)
            return;
        outbox->clear_len--;
        outbox->clearable--;
        memmove(outbox->to_clear, outbox->to_clear + 1, outbox->clear_len * sizeof *outbox->to_clear);
    }
}

/* --- acknowledgements --------------------------------------------------------------------------------------------- */

static void acknowledge_side(struct outbox *outbox, const struct outbox_sent *sent, bool is_refused)
{
    if (sent->topic == TOPIC_SERVICE && sent->kind == OUTBOX_SIDE && !is_refused)
        outbox->events.cleared(outbox->events.context, sent->name);
    if (sent->topic != TOPIC_INDEX)
        return;
    outbox->is_index_on_its_way = false;
    if (is_refused)
        outbox->clearable = 0;
}

static bool is_oldest(const struct outbox *outbox, const struct outbox_sent *sent)
{
    for (size_t i = 0; i < OUTBOX_SLOTS; i++)
        if (outbox->sent[i].kind != OUTBOX_FREE && outbox->sent[i].order < sent->order)
            return false;
    return true;
}

int64_t outbox_overdue_ms(const struct outbox *outbox)
{
    return outbox->in_flight == 0 ? -1 : clock_boot_ms() - outbox->oldest_ms;
}

static const struct service *service_of(const struct outbox_batch *batch, const char *name)
{
    const struct outbox_item *item = batch_find(batch, batch->len, name);
    return item == NULL ? NULL : item->service;
}

void outbox_acknowledged(struct outbox *outbox, int message_id, int reason, const char *text)
{
    struct outbox_sent *slot = NULL;
    for (size_t i = 0; i < OUTBOX_SLOTS && slot == NULL; i++)
        if (outbox->sent[i].kind != OUTBOX_FREE && outbox->sent[i].message_id == message_id)
            slot = &outbox->sent[i];
    if (slot == NULL)
        return; /* a keepalive, or a broker that acknowledges twice */
    struct outbox_sent sent = *slot;
    FAILPOINT_PASS("publish.acknowledged");
    if (is_oldest(outbox, slot))
        outbox->oldest_ms = clock_boot_ms();
    slot->kind = OUTBOX_FREE;
    outbox->in_flight--;
    bool is_refused = reason >= MQTT_REASON_REFUSED;
    if (is_refused) {
        char topic[TOPIC_MAX + 1];
        topic_write(topic, outbox->prefix, sent.topic, sent.name);
        outbox->refused++;
        outbox->events.refused(outbox->events.context, topic, reason, text);
    } else {
        outbox->published++;
    }
    if (sent.kind != OUTBOX_EPOCH) {
        acknowledge_side(outbox, &sent, is_refused);
    } else {
        struct outbox_batch *batch = &outbox->current;
        if (is_refused)
            note_refused(batch, sent.topic == TOPIC_SERVICE ? service_of(batch, sent.name) : NULL);
        batch->unacked--;
        if (batch_is_done(batch))
            finish_current(outbox);
    }
    pump(outbox);
}
