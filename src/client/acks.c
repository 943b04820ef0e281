/*
 * acks: what the instances of this process say of themselves (docs/PROTOCOL.md §5, config.ack): one a service, retained, again whenever
 * something in it changes. Its last will is an empty body, and a connection has one will: so each of a few services has a connection. Many
 * share one: its will clears the topic of the first, and the others name that service as the one whose end is theirs too.
 *
 * The topic is listened to as well: a client of the same name that goes, or the last will of a connection that this one had before, clears
 * what is true of this one, and then it is said again.
 */
#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"

enum {
    AGAIN_MS = 1000,    /* whoever clears it again and again does not make us as busy */
    ON_THEIR_WAY = LINKS_MAX, /* at once: of many the rest goes as answers come, not into libmosquitto's memory */
};

int acks_init(epoch_client *client, struct error *err)
{
    const struct client_settings *settings = &client->settings;
    /* Above that the process is an observer (libepoch(3)). */
    if (settings->is_silent || settings->url == NULL || settings->services_len > ACKS_MAX)
        return 0;
    client->acks = calloc(settings->services_len + 1, sizeof *client->acks);
    if (client->acks == NULL)
        return error_memory(err);
    client->acks_len = settings->services_len;
    for (size_t i = 0; i < client->acks_len; i++)
        client->acks[i].service = settings->services[i];
    return 0;
}

static void forget_restarts(struct ack *ack)
{
    for (size_t i = 0; i < ack->restarts_len; i++)
        free(ack->restarts[i]);
    ack->restarts_len = 0;
}

void acks_fini(epoch_client *client)
{
    for (size_t i = 0; i < client->acks_len; i++)
        forget_restarts(&client->acks[i]);
    free(client->acks);
    client->acks = NULL;
    client->acks_len = 0;
}

static int by_service(const void *service, const void *ack)
{
    return strcmp(service, ((const struct ack *)ack)->service);
}

struct ack *acks_find(const epoch_client *client, const char *service)
{
    return client->acks_len == 0 ? NULL : bsearch(service, client->acks, client->acks_len, sizeof *client->acks, by_service);
}

static void write_topic(const struct ack *ack, char out[static TOPIC_MAX + 1])
{
    const struct client_settings *settings = &ack->link->client->settings;
    topic_write_ack(out, settings->prefix, ack->service, settings->instance);
}

/* Of many: the one whose topic the last will of their connection clears. NULL: its own does. */
static const struct ack *carrier_of(const struct ack *ack)
{
    return ack->link->ack == ack ? NULL : ack->link->ack;
}

/* It speaks also where it has no configuration: its end is to be seen. */
static bool is_carrier(const epoch_client *client, const struct ack *ack)
{
    return client->acks_len > client->links_len && ack == ack->link->ack;
}

static void add_restarts(struct ack *ack, const struct epoch_update *update)
{
    for (size_t i = 0; i < update->restarts_len && ack->restarts_len < ACK_POINTERS_MAX; i++) {
        bool is_there = false;
        for (size_t k = 0; k < ack->restarts_len && !is_there; k++)
            is_there = strcmp(ack->restarts[k], update->restarts[i]) == 0;
        char *copy = is_there ? NULL : strdup(update->restarts[i]);
        if (copy != NULL)
            ack->restarts[ack->restarts_len++] = copy;
    }
}

void acks_answer(epoch_client *client, const char *service, const struct epoch_config *config,
                 const struct epoch_update *update, bool is_refused)
{
    struct ack *ack = acks_find(client, service);
    if (ack == NULL || (config == NULL && !is_refused && !is_carrier(client, ack)))
        return;
    uint64_t version = config == NULL ? 0 : config->version;
    bool is_same = ack->exists && ack->generation == client->state.applied.generation && ack->version == version &&
                   ack->is_refused == is_refused && update == NULL;
    /* Of many only those speak that have more to say than the number of the epoch. */
    ack->is_dirty |= !is_same || carrier_of(ack) == NULL;
    ack->exists = true;
    ack->generation = client->state.applied.generation;
    ack->epoch = client->state.applied.epoch;
    ack->version = version;
    ack->is_refused = is_refused;
    if (update == NULL)
        return;
    snprintf(ack->reason, sizeof ack->reason, "%s",
             !is_refused ? "" : update->reason[0] != '\0' ? update->reason : "refused by the application");
    if (!is_refused)
        add_restarts(ack, update);
}

void acks_all_dirty(epoch_client *client)
{
    for (size_t i = 0; i < client->acks_len; i++)
        client->acks[i].is_dirty |= client->acks[i].exists;
}

/* --- going out ---------------------------------------------------------------------------------------------------- */

static enum freshness freshness_of(enum epoch_freshness freshness)
{
    static const enum freshness same[] = {[EPOCH_UNKNOWN] = FRESHNESS_UNKNOWN, [EPOCH_LKG] = FRESHNESS_LKG,
                                          [EPOCH_FRESH] = FRESHNESS_FRESH, [EPOCH_STALE] = FRESHNESS_STALE};
    return same[freshness];
}

static size_t list_overridden(const struct epoch_config *config, const char *out[static ACK_POINTERS_MAX])
{
    size_t len = 0;
    for (; config != NULL && len < config->overlay.len && len < ACK_POINTERS_MAX; len++)
        out[len] = config->overlay.done[len]->text;
    return len;
}

static int compose(const epoch_client *client, const struct ack *ack, struct buf *out, struct error *err)
{
    const char *overridden[ACK_POINTERS_MAX], *restarts[ACK_POINTERS_MAX];
    char now[CLOCK_TEXT_LEN + 1];
    for (size_t i = 0; i < ack->restarts_len; i++)
        restarts[i] = ack->restarts[i];
    clock_format(clock_wall_ms(), now);
    const struct message_stamp stamp = {.source = client->settings.source,
                                        .generation = ack->generation,
                                        .key_id = client->has_instance_key ? client->instance_key.id : NULL,
                                        .timestamp = now};
    const struct message_ack body = {
        .service = ack->service,
        .instance = client->settings.instance,
        .epoch = ack->epoch,
        .version = ack->version,
        .status = ack->is_refused ? ACK_REFUSED : ACK_APPLIED,
        .reason = ack->is_refused ? ack->reason : NULL,
        .restart_pending = restarts,
        .restart_pending_len = ack->restarts_len,
        .overridden = overridden,
        .overridden_len = list_overridden(apply_in_force(client, ack->service), overridden),
        .freshness = freshness_of(client->status.freshness),
        .library = "libepoch " EPOCHD_VERSION,
        .will = carrier_of(ack) == NULL ? NULL : carrier_of(ack)->service,
    };
    message_compose_ack(out, &stamp, &body);
    if (buf_check(out, err) != 0)
        return -1;
    return client->has_instance_key ? crypto_sign_object(&client->instance_key, out, err) : 0;
}

static int publish(const epoch_client *client, struct ack *ack, struct error *err)
{
    struct buf body AUTO_BUF = {0};
    char topic[TOPIC_MAX + 1];
    if (compose(client, ack, &body, err) != 0)
        return -1;
    write_topic(ack, topic);
    if (mqtt_publish(ack->link->mqtt, topic, buf_span(&body), 1, true, &ack->message_id, err) != 0)
        return -1;
    ack->is_dirty = ack->is_cleared = false;
    ack->published_ms = clock_boot_ms();
    return 0;
}

static size_t count_on_their_way(const epoch_client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < client->acks_len; i++)
        count += client->acks[i].message_id != 0;
    return count;
}

/* Of a shared connection the carrier speaks first: where it is not there, nobody is. */
void acks_work(epoch_client *client, int64_t now_ms)
{
    size_t count = count_on_their_way(client);
    for (size_t i = 0; i < client->acks_len && count < ON_THEIR_WAY; i++) {
        struct ack *ack = &client->acks[i];
        struct error err;
        if (!ack->exists || ack->message_id != 0 || !mqtt_is_up(ack->link->mqtt))
            continue;
        ack->is_dirty |= ack->is_cleared && now_ms >= ack->published_ms + AGAIN_MS;
        if (!ack->is_dirty)
            continue;
        if (publish(client, ack, &err) == 0) {
            count++;
        } else if (!error_is(&err, CODE_BROKER_AWAY)) {
            ack->is_dirty = ack->is_cleared = false; /* until it changes, or the next connection */
            alarm_tell(client, "acknowledging", &err);
        }
    }
}

void acks_acked(struct link *link, int message_id, int reason, const char *text)
{
    epoch_client *client = link->client;
    struct error err;
    for (size_t i = 0; i < client->acks_len; i++) {
        struct ack *ack = &client->acks[i];
        if (ack->link != link || ack->message_id != message_id)
            continue;
        ack->message_id = 0;
        if (reason < MQTT_REASON_REFUSED)
            return;
        error_set(&err, CODE_PUBLISH_REFUSED, 0, "the broker took the acknowledgement of %s not: %s", ack->service, text);
        alarm_tell(client, "acknowledging", &err);
    }
}

void acks_down(struct link *link)
{
    epoch_client *client = link->client;
    for (size_t i = 0; i < client->acks_len; i++) {
        struct ack *ack = &client->acks[i];
        if (ack->link != link)
            continue;
        ack->message_id = ack->listen_id = 0;
        ack->is_cleared = false;
        ack->is_dirty = ack->exists;
    }
}

/* QoS 0: what waits for an answer goes out only while few others do. The broker has read it before mqtt_disconnect returns, which comes next on
   the same connection. */
void acks_goodbye(struct link *link)
{
    const epoch_client *client = link->client;
    char topic[TOPIC_MAX + 1];
    struct error err;
    if (!mqtt_is_up(link->mqtt))
        return;
    for (size_t i = 0; i < client->acks_len; i++) {
        const struct ack *ack = &client->acks[i];
        if (ack->link != link || !ack->exists)
            continue;
        write_topic(ack, topic);
        (void)!mqtt_publish(link->mqtt, topic, (struct span){"", 0}, 0, true, NULL, &err);
    }
}

int64_t acks_deadline_ms(const epoch_client *client)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < client->acks_len; i++) {
        const struct ack *ack = &client->acks[i];
        if (ack->is_cleared && ack->message_id == 0 && ack->published_ms + AGAIN_MS < deadline)
            deadline = ack->published_ms + AGAIN_MS;
    }
    return deadline;
}

bool acks_are_out(const epoch_client *client)
{
    for (size_t i = 0; i < client->acks_len; i++)
        if (client->acks[i].exists && (client->acks[i].is_dirty || client->acks[i].message_id != 0))
            return false;
    return true;
}

/* --- who else speaks there ---------------------------------------------------------------------------------------- */

/* What is retained there now may be of whoever bore the name before: that is no news. A broker that does not let us listen costs this
   and nothing else. */
void acks_listen(struct link *link)
{
    epoch_client *client = link->client;
    char topic[TOPIC_MAX + 1];
    struct error err;
    for (size_t i = 0; i < client->acks_len; i++) {
        struct ack *ack = &client->acks[i];
        if (ack->link != link)
            continue;
        write_topic(ack, topic);
        (void)!mqtt_subscribe(link->mqtt, topic, false, &ack->listen_id, &err);
    }
}

bool acks_are_listening(const struct link *link, int message_id)
{
    const epoch_client *client = link->client;
    for (size_t i = 0; i < client->acks_len; i++)
        if (client->acks[i].link == link && client->acks[i].listen_id == message_id)
            return true;
    return false;
}

/* Where the carrier is gone, so are all that it carries, to whoever reads them. */
static void cleared(const struct link *link, struct ack *ack)
{
    epoch_client *client = link->client;
    for (size_t i = 0; i < client->acks_len; i++) {
        struct ack *other = &client->acks[i];
        if (other == ack || (other->link == link && ack == link->ack))
            other->is_cleared = other->exists;
    }
}

/* Our own words never come back. Those of another one are left there until it goes: two that overwrite each other would never end. */
bool acks_heard(struct link *link, const struct mqtt_event *event)
{
    const struct client_settings *settings = &link->client->settings;
    char service_name[LAYOUT_NAME_MAX + 1];
    struct span service, instance;
    struct error err;
    if (!topic_read_ack(event->topic, settings->prefix, &service, &instance) || !span_is(instance, settings->instance))
        return false;
    snprintf(service_name, sizeof service_name, "%.*s", (int)service.len, service.data);
    struct ack *ack = acks_find(link->client, service_name);
    if (ack == NULL || ack->link != link)
        return false;
    if (event->payload.len == 0) {
        cleared(link, ack);
        return true;
    }
    error_set(&err, CODE_INSTANCE_SHARED, 0, "somebody else acknowledges as %s@%s: every client of a service needs an instance name of its own",
              ack->service, settings->instance);
    alarm_tell(link->client, event->topic, &err);
    return true;
}
