/*
 * acks: what the instances of this process say of themselves (docs/PROTOCOL.md §5, config.ack): one a service, retained, again whenever
 * something in it changes. Its last will is an empty body, and a connection has one will: so each service has a connection.
 *
 * The topic is listened to as well: a client of the same name that goes, or the last will of a connection that this one had before, clears
 * what is true of this one, and then it is said again.
 */
#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"

enum { AGAIN_MS = 1000 /* whoever clears it again and again does not make us as busy */ };

int acks_init(epoch_client *client, struct error *err)
{
    const struct client_settings *settings = &client->settings;
    /* Above that the process is an observer: what a connection each would cost is told in libepoch(3). */
    if (settings->is_silent || settings->url == NULL || settings->services_len > LINKS_MAX)
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

struct ack *acks_find(const epoch_client *client, const char *service)
{
    for (size_t i = 0; i < client->acks_len; i++)
        if (strcmp(client->acks[i].service, service) == 0)
            return &client->acks[i];
    return NULL;
}

void acks_topic(const epoch_client *client, const char *service, char out[static TOPIC_MAX + 1])
{
    const char *prefix = client->settings.prefix;
    snprintf(out, TOPIC_MAX + 1, "%s%ssystem/ack/%s/%s", prefix, prefix[0] == '\0' ? "" : "/", service,
             client->settings.instance);
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
    if (ack == NULL)
        return;
    ack->exists = true;
    ack->is_dirty = true;
    ack->generation = client->state.applied.generation;
    ack->epoch = client->state.applied.epoch;
    ack->version = config == NULL ? 0 : config->version;
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
    };
    message_compose_ack(out, &stamp, &body);
    if (buf_check(out, err) != 0)
        return -1;
    return client->has_instance_key ? crypto_sign_object(&client->instance_key, out, err) : 0;
}

static int publish(epoch_client *client, struct link *link, struct error *err)
{
    struct ack *ack = link->ack;
    struct buf body AUTO_BUF = {0};
    char topic[TOPIC_MAX + 1];
    if (compose(client, ack, &body, err) != 0)
        return -1;
    acks_topic(client, ack->service, topic);
    if (mqtt_publish(link->mqtt, topic, buf_span(&body), 1, true, &ack->message_id, err) != 0)
        return -1;
    ack->is_dirty = ack->is_cleared = false;
    ack->published_ms = clock_boot_ms();
    return 0;
}

void acks_work(epoch_client *client, int64_t now_ms)
{
    for (size_t i = 0; i < client->links_len; i++) {
        struct link *link = &client->links[i];
        struct error err;
        if (link->ack == NULL || !link->ack->exists || link->ack->message_id != 0 || !mqtt_is_up(link->mqtt))
            continue;
        link->ack->is_dirty |= link->ack->is_cleared && now_ms >= link->ack->published_ms + AGAIN_MS;
        if (!link->ack->is_dirty)
            continue;
        if (publish(client, link, &err) != 0 && strcmp(err.code, CODE_BROKER_AWAY) != 0) {
            link->ack->is_dirty = link->ack->is_cleared = false; /* until it changes, or the next connection */
            alarm_tell(client, "acknowledging", &err);
        }
    }
}

void acks_acked(struct link *link, int message_id, int reason, const char *text)
{
    struct error err;
    if (link->ack == NULL || message_id != link->ack->message_id)
        return;
    link->ack->message_id = 0;
    if (reason < MQTT_REASON_REFUSED)
        return;
    error_set(&err, CODE_PUBLISH_REFUSED, 0, "the broker took the acknowledgement of %s not: %s", link->ack->service, text);
    alarm_tell(link->client, "acknowledging", &err);
}

int64_t acks_deadline_ms(const epoch_client *client)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < client->links_len; i++) {
        const struct ack *ack = client->links[i].ack;
        if (ack != NULL && ack->is_cleared && ack->message_id == 0 && ack->published_ms + AGAIN_MS < deadline)
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
    char topic[TOPIC_MAX + 1];
    struct error err;
    if (link->ack == NULL)
        return;
    acks_topic(link->client, link->ack->service, topic);
    (void)!mqtt_subscribe(link->mqtt, topic, false, &link->listen_id, &err);
}

/* Our own words never come back. Those of another one are left there until it goes: two that overwrite each other would never end. */
bool acks_heard(struct link *link, const struct mqtt_event *event)
{
    char topic[TOPIC_MAX + 1];
    struct error err;
    if (link->ack == NULL)
        return false;
    acks_topic(link->client, link->ack->service, topic);
    if (strcmp(event->topic, topic) != 0)
        return false;
    if (event->payload.len == 0) {
        link->ack->is_cleared = link->ack->exists;
        return true;
    }
    error_set(&err, CODE_INSTANCE_SHARED, 0, "somebody else acknowledges as %s@%s: every client of a service needs an instance name of its own",
              link->ack->service, link->client->settings.instance);
    alarm_tell(link->client, topic, &err);
    return true;
}
