/*
 * consumers: see consumers.h. Two levels of sorted arrays: services by name, their instances by name.
 */
#include "daemon/consumers.h"

#include <stdlib.h>
#include <string.h>

#include "model/codes.h"
#include "util/array.h"

/* --- sorted arrays ------------------------------------------------------------------------------------------------ */

static int compare(struct span wanted, const char *name)
{
    size_t len = strlen(name);
    int order = memcmp(wanted.data, name, wanted.len < len ? wanted.len : len);
    return order != 0 ? order : (wanted.len > len) - (wanted.len < len);
}

/* Where it is, or belongs: *found tells which. */
static size_t place_service(const struct consumers *c, struct span name, bool *found)
{
    size_t low = 0, high = c->len;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, c->services[middle]->name);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return *found ? high : low;
}

static size_t place_consumer(const struct consumer_service *service, struct span instance, bool *found)
{
    size_t low = 0, high = service->len;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = compare(instance, service->items[middle]->instance);
        *found = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return *found ? high : low;
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

enum consumer_state consumers_state(const struct consumers *c, const struct consumer_service *service,
                                    const struct consumer *consumer)
{
    if (consumer->is_gone)
        return CONSUMER_GONE;
    if (!service->is_in_force)
        return CONSUMER_STRAY;
    if (consumer->version > service->version || consumer->epoch > c->epoch || consumer->generation > c->generation)
        return CONSUMER_AHEAD;
    if (consumer->version < service->version)
        return CONSUMER_BEHIND;
    return consumer->status == ACK_REFUSED ? CONSUMER_REFUSED : CONSUMER_APPLIED;
}

uint64_t consumers_missing(const struct consumer_service *service)
{
    size_t here = service->len - service->counts[CONSUMER_GONE];
    return service->expected > here ? service->expected - here : 0;
}

/* What a service adds to the totals is taken out before something of it changes, and put in again after. */
static void take_out(struct consumers *c, const struct consumer_service *service)
{
    for (size_t i = 0; i < CONSUMER_STATES; i++)
        c->totals.counts[i] -= service->counts[i];
    c->totals.expected -= service->expected;
    c->totals.missing -= consumers_missing(service);
}

static void put_in(struct consumers *c, const struct consumer_service *service)
{
    for (size_t i = 0; i < CONSUMER_STATES; i++)
        c->totals.counts[i] += service->counts[i];
    c->totals.expected += service->expected;
    c->totals.missing += consumers_missing(service);
}

static void count_one(struct consumers *c, struct consumer_service *service, const struct consumer *consumer, int by)
{
    size_t *count = &service->counts[consumers_state(c, service, consumer)];
    *count = by > 0 ? *count + 1 : *count - 1;
}

static void count_all(struct consumers *c, struct consumer_service *service)
{
    memset(service->counts, 0, sizeof service->counts);
    for (size_t i = 0; i < service->len; i++)
        count_one(c, service, service->items[i], 1);
}

/* --- coming and going --------------------------------------------------------------------------------------------- */

static void free_consumer(struct consumers *c, struct consumer_service *service, struct consumer *consumer)
{
    c->text -= consumer->text_len;
    service->text -= consumer->text_len;
    c->instances--;
    free(consumer->text);
    free(consumer);
}

static void remove_consumer(struct consumers *c, struct consumer_service *service, size_t at)
{
    take_out(c, service);
    count_one(c, service, service->items[at], -1);
    free_consumer(c, service, service->items[at]);
    service->len--;
    memmove(service->items + at, service->items + at + 1, (service->len - at) * sizeof(struct consumer *));
    put_in(c, service);
}

/* Of whom nobody speaks and who is not expected needs no entry. */
static bool drop_if_empty(struct consumers *c, size_t at)
{
    struct consumer_service *service = c->services[at];
    if (service->len > 0 || service->expected > 0)
        return false;
    c->strangers -= !service->is_in_force;
    free(service->items);
    free(service);
    c->len--;
    memmove(c->services + at, c->services + at + 1, (c->len - at) * sizeof(struct consumer_service *));
    return true;
}

void consumers_fini(struct consumers *c)
{
    for (size_t i = 0; i < c->len; i++) {
        for (size_t k = 0; k < c->services[i]->len; k++)
            free_consumer(c, c->services[i], c->services[i]->items[k]);
        free(c->services[i]->items);
        free(c->services[i]);
    }
    free(c->services);
    *c = (struct consumers){0};
}

static int add_service(struct consumers *c, const struct catalog *catalog, struct span name, size_t at,
                       struct consumer_service **out, struct error *err)
{
    struct consumer_service **services = array_grow(c->services, c->len, &c->cap, sizeof *services);
    if (services == NULL)
        return error_memory(err);
    c->services = services;
    struct consumer_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return error_memory(err);
    memcpy(service->name, name.data, name.len);
    const struct service *known = catalog_find(catalog, service->name);
    service->is_in_force = known != NULL;
    service->version = known == NULL ? 0 : known->version;
    if (known == NULL && c->strangers >= CONSUMERS_STRANGERS_MAX) {
        free(service);
        return error_set(err, CODE_ACK_LIMIT, 0, "acknowledgements of more than %d services that are not in force",
                         CONSUMERS_STRANGERS_MAX);
    }
    c->strangers += known == NULL;
    memmove(c->services + at + 1, c->services + at, (c->len - at) * sizeof(struct consumer_service *));
    c->services[at] = *out = service;
    c->len++;
    return 0;
}

static int find_service(struct consumers *c, const struct catalog *catalog, struct span name,
                        struct consumer_service **out, struct error *err)
{
    bool found;
    size_t at = place_service(c, name, &found);
    if (!found)
        return add_service(c, catalog, name, at, out, err);
    *out = c->services[at];
    return 0;
}

/* One that is gone makes room for one that is here. */
static bool make_way(struct consumers *c, struct consumer_service *service)
{
    for (size_t i = 0; service->counts[CONSUMER_GONE] > 0 && i < service->len; i++) {
        if (service->items[i]->is_gone) {
            remove_consumer(c, service, i);
            return true;
        }
    }
    return false;
}

static int over_limit(struct error *err)
{
    return error_set(err, CODE_ACK_LIMIT, 0,
                     "more acknowledgements than are kept: %d and %d bytes of a service, %d and %d bytes in all",
                     CONSUMERS_OF_SERVICE_MAX, CONSUMERS_OF_SERVICE_TEXT_MAX, CONSUMERS_MAX, CONSUMERS_TEXT_MAX);
}

static int check_text(const struct consumers *c, const struct consumer_service *service, size_t more, size_t less,
                      struct error *err)
{
    bool fits_all = c->text - less + more <= CONSUMERS_TEXT_MAX;
    bool fits_service = service->text - less + more <= CONSUMERS_OF_SERVICE_TEXT_MAX;
    return fits_all && fits_service ? 0 : over_limit(err);
}

static int check_room(struct consumers *c, struct consumer_service *service, struct error *err)
{
    size_t most = service->is_in_force ? CONSUMERS_OF_SERVICE_MAX : CONSUMERS_OF_STRANGER_MAX;
    if (service->len < most && c->instances < CONSUMERS_MAX)
        return 0;
    return make_way(c, service) ? 0 : over_limit(err);
}

/* --- one acknowledgement ------------------------------------------------------------------------------------------ */

static int find_consumer(struct consumers *c, struct consumer_service *service, struct span instance, size_t text_len,
                         struct consumer **out, struct error *err)
{
    bool found;
    size_t at = place_consumer(service, instance, &found);
    if (found) {
        *out = service->items[at];
        return check_text(c, service, text_len, (*out)->text_len, err);
    }
    if (check_room(c, service, err) != 0 || check_text(c, service, text_len, 0, err) != 0)
        return -1;
    struct consumer **items = array_grow(service->items, service->len, &service->cap, sizeof *items);
    if (items == NULL)
        return error_memory(err);
    service->items = items;
    at = place_consumer(service, instance, &found); /* somebody may have made way */
    struct consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL)
        return error_memory(err);
    memcpy(consumer->instance, instance.data, instance.len);
    consumer->is_gone = true; /* counted as such until what it says is noted */
    take_out(c, service);
    memmove(service->items + at + 1, service->items + at, (service->len - at) * sizeof(struct consumer *));
    service->items[at] = *out = consumer;
    service->len++;
    service->counts[CONSUMER_GONE]++;
    c->instances++;
    put_in(c, service);
    return 0;
}

static void note(struct consumers *c, struct consumer_service *service, struct consumer *consumer,
                 const struct message *message, int64_t now_ms)
{
    const struct message_ack *ack = &message->u.ack;
    bool is_same = !consumer->is_gone && consumer->version == ack->version && consumer->status == ack->status;
    take_out(c, service);
    count_one(c, service, consumer, -1);
    if (!is_same)
        consumer->since_ms = message->timestamp_ms < now_ms ? message->timestamp_ms : now_ms;
    consumer->seen_ms = now_ms;
    consumer->is_gone = false;
    consumer->is_heard = true;
    consumer->generation = message->generation;
    consumer->epoch = ack->epoch;
    consumer->version = ack->version;
    consumer->status = ack->status;
    snprintf(consumer->will, sizeof consumer->will, "%s", ack->will == NULL ? "" : ack->will);
    count_one(c, service, consumer, 1);
    put_in(c, service);
}

static int take_message(struct consumers *c, const struct catalog *catalog, const struct message *message,
                        enum ack_trust trust, int64_t now_ms, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    struct consumer_service *service;
    struct consumer *consumer = NULL;
    consumers_put_ack(&text, message, trust);
    if (buf_check(&text, err) != 0 || find_service(c, catalog, span_of(message->u.ack.service), &service, err) != 0)
        return -1;
    char *copy = malloc(text.len);
    int rc = copy == NULL ? error_memory(err)
                          : find_consumer(c, service, span_of(message->u.ack.instance), text.len, &consumer, err);
    if (rc != 0) {
        bool found;
        free(copy);
        drop_if_empty(c, place_service(c, span_of(message->u.ack.service), &found));
        return -1;
    }
    memcpy(copy, text.data, text.len);
    c->text += text.len - consumer->text_len;
    service->text += text.len - consumer->text_len;
    free(consumer->text);
    consumer->text = copy;
    consumer->text_len = text.len;
    note(c, service, consumer, message, now_ms);
    return 0;
}

static void leave(struct consumers *c, struct consumer_service *service, struct consumer *consumer, int64_t now_ms)
{
    if (consumer->is_gone)
        return;
    take_out(c, service);
    count_one(c, service, consumer, -1);
    consumer->is_gone = true;
    consumer->since_ms = now_ms;
    count_one(c, service, consumer, 1);
    put_in(c, service);
}

/* The connection of many has one last will (docs/PROTOCOL.md §8): who named another service goes with it. */
static void leave_orphan(struct consumers *c, struct consumer_service *service, struct consumer *consumer,
                         int64_t now_ms)
{
    bool found;
    size_t at = place_service(c, span_of(consumer->will), &found), which = 0;
    if (consumer->is_gone || consumer->will[0] == '\0')
        return;
    if (found)
        which = place_consumer(c->services[at], span_of(consumer->instance), &found);
    if (found && !c->services[at]->items[which]->is_gone)
        return;
    leave(c, service, consumer, now_ms);
    if (c->on_orphan != NULL)
        c->on_orphan(c->context, service->name, consumer->instance);
}

static void take_leave(struct consumers *c, struct span service, struct span instance, int64_t now_ms)
{
    bool found;
    size_t at = place_service(c, service, &found),
           which = found ? place_consumer(c->services[at], instance, &found) : 0;
    if (!found || c->services[at]->items[which]->is_gone)
        return;
    leave(c, c->services[at], c->services[at]->items[which], now_ms);
    for (at = 0; at < c->len; at++) {
        which = place_consumer(c->services[at], instance, &found);
        if (found && span_is(service, c->services[at]->items[which]->will))
            leave_orphan(c, c->services[at], c->services[at]->items[which], now_ms);
    }
}

int consumers_take(struct consumers *c, const struct catalog *catalog, struct span service, struct span instance,
                   struct span payload, int64_t now_ms, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    const struct ack_expectation expected = {c->source, service, instance, NULL, 0};
    enum ack_trust trust;
    c->heard++;
    if (payload.len == 0) {
        take_leave(c, service, instance, now_ms);
        return 0;
    }
    if (ack_open(payload, &expected, &message, &trust, err) == 0 &&
        take_message(c, catalog, &message, trust, now_ms, err) == 0) {
        c->taken++;
        return 0;
    }
    c->discarded++;
    c->last_code = err->code;
    return -1;
}

/* --- epochs ------------------------------------------------------------------------------------------------------- */

static void recount(struct consumers *c, struct consumer_service *service)
{
    take_out(c, service);
    count_all(c, service);
    put_in(c, service);
}

void consumers_change(struct consumers *c, const char *service, uint64_t version, bool is_removed)
{
    bool found;
    size_t at = place_service(c, span_of(service), &found);
    if (!found)
        return;
    struct consumer_service *entry = c->services[at];
    c->strangers += is_removed && entry->is_in_force;
    c->strangers -= !is_removed && !entry->is_in_force;
    entry->is_in_force = !is_removed;
    entry->version = version;
    recount(c, entry);
}

void consumers_advance(struct consumers *c, uint64_t generation, uint64_t epoch)
{
    c->generation = generation;
    c->epoch = epoch;
    /* What was of a future epoch may be of this one. Mostly nobody is. */
    for (size_t i = 0; c->totals.counts[CONSUMER_AHEAD] > 0 && i < c->len; i++)
        if (c->services[i]->counts[CONSUMER_AHEAD] > 0)
            recount(c, c->services[i]);
}

int consumers_expect(struct consumers *c, const struct catalog *catalog, const char *service, uint64_t count,
                     struct error *err)
{
    struct consumer_service *found;
    if (find_service(c, catalog, span_of(service), &found, err) != 0)
        return -1;
    take_out(c, found);
    found->expected = count;
    put_in(c, found);
    return 0;
}

void consumers_expect_none(struct consumers *c)
{
    for (size_t i = c->len; i-- > 0;) {
        take_out(c, c->services[i]);
        c->services[i]->expected = 0;
        put_in(c, c->services[i]);
        drop_if_empty(c, i);
    }
}

/* --- connections and time ----------------------------------------------------------------------------------------- */

void consumers_begin_hearing(struct consumers *c)
{
    c->heard = 0;
    for (size_t i = 0; i < c->len; i++)
        for (size_t k = 0; k < c->services[i]->len; k++)
            c->services[i]->items[k]->is_heard = false;
}

void consumers_end_hearing(struct consumers *c, int64_t now_ms)
{
    if (c->heard >= CONSUMERS_HEARD_SURELY)
        return;
    for (size_t i = 0; i < c->len; i++)
        for (size_t k = 0; k < c->services[i]->len; k++)
            if (!c->services[i]->items[k]->is_heard)
                leave(c, c->services[i], c->services[i]->items[k], now_ms);
    for (size_t i = 0; i < c->len; i++)
        for (size_t k = 0; k < c->services[i]->len; k++)
            leave_orphan(c, c->services[i], c->services[i]->items[k], now_ms);
}

bool consumers_forget(struct consumers *c, struct span service, struct span instance)
{
    bool found;
    size_t at = place_service(c, service, &found), which;
    if (!found)
        return false;
    which = place_consumer(c->services[at], instance, &found);
    if (!found)
        return false;
    remove_consumer(c, c->services[at], which);
    drop_if_empty(c, at);
    return true;
}

void consumers_prune(struct consumers *c, int64_t now_ms)
{
    for (size_t i = c->len; c->totals.counts[CONSUMER_GONE] > 0 && i-- > 0;) {
        struct consumer_service *service = c->services[i];
        for (size_t k = service->len; service->counts[CONSUMER_GONE] > 0 && k-- > 0;)
            if (service->items[k]->is_gone &&
                now_ms - service->items[k]->since_ms >= CONSUMERS_GONE_KEPT_S * INT64_C(1000))
                remove_consumer(c, service, k);
        drop_if_empty(c, i);
    }
}
