/*
 * fetch: what is asked of the broker, and what is missing.
 *
 * A few services are subscribed at once. Many are not: a stock broker drops silently what it cannot queue (1,000 messages), so keyset,
 * head and index come first, then the services in batches, each ended by a fence: a broker answers one client in order, and when the SUBACK
 * of the last SUBSCRIBE is here, so is what it retains. What the index names and did not come is asked for again.
 */
#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"

enum {
    AT_ONCE = 16,          /* services that are subscribed with the rest */
    BATCH = 250,           /* with what is on its way besides far below what a broker queues */
    AGAIN_MIN_MS = 1000,
    AGAIN_MAX_MS = 30000,
    WITHOUT_INDEX_MS = 5000,
    BATCH_MS = 1000,       /* a batch may take so long before the next one is asked for all the same */
};

static struct mqtt *broker(const epoch_client *client)
{
    return client->links[0].mqtt;
}

static int subscribe(epoch_client *client, enum topic_kind kind, const char *name, int *id, struct error *err)
{
    char topic[TOPIC_MAX + 1];
    topic_write(topic, client->settings.prefix, kind, name);
    return mqtt_subscribe(broker(client), topic, true, id, err);
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static bool is_few(const epoch_client *client)
{
    return !client->settings.follows_all && client->state.len <= AT_ONCE;
}

static int subscribe_rows(epoch_client *client, size_t most, struct error *err)
{
    struct state *state = &client->state;
    int id = 0;
    for (size_t i = 0, sent = 0; i < state->len && sent < most; i++) {
        struct state_service *row = state->rows[i];
        if (row->is_subscribed)
            continue;
        if (subscribe(client, TOPIC_SERVICE, row->name, &id, err) != 0)
            return -1;
        row->is_subscribed = true;
        sent++;
    }
    client->fetch.is_all_asked = id == 0;
    client->fetch.rows_asked = state->len;
    if (id != 0)
        client->fetch.fence_id = id;
    return 0;
}

/* The keyset first: what is retained is delivered in the order of the subscriptions. */
static int begin(epoch_client *client, struct error *err)
{
    const char *source = client->settings.source;
    int id;
    if (subscribe(client, TOPIC_KEYS, source, &id, err) != 0 || subscribe(client, TOPIC_EPOCH, source, &id, err) != 0 ||
        subscribe(client, TOPIC_INDEX, source, &id, err) != 0 || subscribe(client, TOPIC_KEEPALIVE, source, &id, err) != 0)
        return -1;
    client->fetch.fence_id = id;
    return is_few(client) ? subscribe_rows(client, AT_ONCE, err) : 0;
}

static void tell(epoch_client *client, struct error *err)
{
    if (!error_is(err, CODE_BROKER_AWAY))
        alarm_tell(client, "subscribing", err);
}

void fetch_begin(epoch_client *client)
{
    struct error err;
    int64_t now = clock_boot_ms();
    client->fetch = (struct fetch){.is_begun = true,
                                   .again_ms = AGAIN_MIN_MS,
                                   .again_at_ms = INT64_MAX,
                                   .services_at_ms = now + WITHOUT_INDEX_MS};
    for (size_t i = 0; i < client->state.len; i++)
        client->state.rows[i]->is_subscribed = false;
    if (begin(client, &err) != 0)
        tell(client, &err);
}

void fetch_down(epoch_client *client)
{
    client->fetch = (struct fetch){.again_at_ms = INT64_MAX, .services_at_ms = INT64_MAX};
}

/* --- what comes --------------------------------------------------------------------------------------------------- */

void fetch_subscribed(epoch_client *client, const struct mqtt_event *event)
{
    struct error err;
    if (event->reason >= MQTT_REASON_REFUSED) {
        error_set(&err, CODE_BROKER_AWAY, 0, "the broker lets us not subscribe: %s", event->text);
        alarm_tell(client, "subscribing", &err);
    }
    if (event->message_id == client->fetch.fence_id)
        client->fetch.fence_id = 0;
}

struct place {
    enum topic_kind kind;
    const char *service;
    bool is_ours;
};

static struct place place_of(const epoch_client *client, const char *topic)
{
    static const enum topic_kind kinds[] = {TOPIC_KEYS, TOPIC_EPOCH, TOPIC_INDEX, TOPIC_KEEPALIVE};
    char known[TOPIC_MAX + 1];
    topic_write(known, client->settings.prefix, TOPIC_SERVICE, "");
    size_t len = strlen(known);
    if (strncmp(topic, known, len) == 0)
        return (struct place){TOPIC_SERVICE, topic + len, true};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        topic_write(known, client->settings.prefix, kinds[i], client->settings.source);
        if (strcmp(topic, known) == 0)
            return (struct place){kinds[i], NULL, true};
    }
    return (struct place){.is_ours = false};
}

/* What a keepalive tells may be newer than what we have: then it is sent once more. */
static void ask_again_soon(epoch_client *client, int64_t now_ms)
{
    if (client->fetch.again_at_ms == INT64_MAX)
        client->fetch.again_at_ms = now_ms + client->fetch.again_ms;
}

static void take_keepalive(epoch_client *client, const struct mqtt_event *event)
{
    struct error err;
    enum view_vouch vouch;
    int64_t now = clock_boot_ms();
    if (state_take_keepalive(&client->state, event->payload, clock_wall_ms(), now, &vouch, &err) != 0) {
        /* Before the keyset is here, nothing can be said of it. */
        if (client->state.view.keyset.generation != 0)
            alarm_tell(client, event->topic, &err);
        return;
    }
    client->is_clock_wrong = vouch == VIEW_CLOCK;
    if (vouch == VIEW_VOUCHES)
        status_heard(client, now);
    else if (vouch == VIEW_OTHER_HEAD)
        ask_again_soon(client, now);
}

void fetch_message(epoch_client *client, const struct mqtt_event *event)
{
    struct place place = place_of(client, event->topic);
    enum state_outcome outcome;
    struct error err;
    /* An empty payload means nothing by itself. */
    if (!place.is_ours || event->payload.len == 0)
        return;
    if (place.kind == TOPIC_KEEPALIVE) {
        take_keepalive(client, event);
        return;
    }
    if (state_take(&client->state, place.kind, place.service, event->payload, &outcome, &err) != 0) {
        alarm_tell(client, event->topic, &err);
        return;
    }
    if (outcome == STATE_KEYSET)
        apply_keyset(client);
    if (outcome == STATE_NEWS || outcome == STATE_KEYSET)
        apply_complete(client);
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

/* A batch is asked for when most of the one before has come: the broker's answers queue up faster than they are read. */
static bool is_batch_done(const epoch_client *client, int64_t now_ms)
{
    return client->state.missing <= client->fetch.enough_missing || now_ms >= client->fetch.batch_until_ms;
}

static void ask_batch(epoch_client *client, int64_t now_ms)
{
    struct fetch *fetch = &client->fetch;
    struct error err;
    if (!is_batch_done(client, now_ms))
        return;
    fetch->batch_until_ms = now_ms + BATCH_MS;
    fetch->enough_missing = client->state.missing < BATCH / 2 ? 0 : client->state.missing - BATCH / 2;
    if (subscribe_rows(client, BATCH, &err) != 0)
        tell(client, &err);
}

static bool is_all_asked(const epoch_client *client)
{
    return client->fetch.is_all_asked && client->fetch.rows_asked == client->state.len;
}

/* Many services are asked for when the head and its index are here, or when waiting for them was long enough. */
static bool may_fetch_services(const epoch_client *client, int64_t now_ms)
{
    const struct state *state = &client->state;
    return is_few(client) || state_index_fits(state) || (state->applied.exists && !state->waiting.exists) ||
           now_ms >= client->fetch.services_at_ms;
}

/* Everything that is still wanted is sent once more by the broker. */
static void ask_again(epoch_client *client, int64_t now_ms)
{
    struct state *state = &client->state;
    struct fetch *fetch = &client->fetch;
    struct error err;
    int id;
    fetch->again_ms = fetch->again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : fetch->again_ms * 2;
    fetch->again_at_ms = state->waiting.exists ? now_ms + fetch->again_ms : INT64_MAX;
    for (size_t i = 0; i < state->len; i++)
        if (state_is_missing(state, state->rows[i]))
            state->rows[i]->is_subscribed = fetch->is_all_asked = false;
    if (subscribe(client, TOPIC_EPOCH, client->settings.source, &id, &err) != 0 ||
        (state_wants_index(state) && subscribe(client, TOPIC_INDEX, client->settings.source, &id, &err) != 0)) {
        tell(client, &err);
        return;
    }
    fetch->fence_id = id;
}

void fetch_work(epoch_client *client, int64_t now_ms)
{
    struct fetch *fetch = &client->fetch;
    if (client->links_len == 0 || !fetch->is_begun || fetch->fence_id != 0 || !mqtt_is_up(broker(client)))
        return;
    if (may_fetch_services(client, now_ms) && !is_all_asked(client)) {
        ask_batch(client, now_ms);
        return;
    }
    fetch->is_whole = may_fetch_services(client, now_ms) || client->state.applied.exists;
    if (!client->state.waiting.exists) {
        fetch->again_ms = AGAIN_MIN_MS;
    } else if (now_ms < fetch->again_at_ms) {
        ask_again_soon(client, now_ms);
        return;
    }
    if (now_ms >= fetch->again_at_ms)
        ask_again(client, now_ms);
}

int64_t fetch_deadline_ms(const epoch_client *client)
{
    const struct fetch *fetch = &client->fetch;
    if (!fetch->is_begun || fetch->fence_id != 0)
        return INT64_MAX;
    if (is_all_asked(client))
        return fetch->again_at_ms;
    return may_fetch_services(client, fetch->services_at_ms - 1) ? fetch->batch_until_ms : fetch->services_at_ms;
}
