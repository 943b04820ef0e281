/*
 * link: the connections: the first one listens, and each carries the last will of one service (or of one that speaks for all, acks.c).
 * Retries come with backoff and jitter, and a connection that ends leaves nothing behind.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/fs.h"

enum {
    RETRY_MIN_MS = 250,
    RETRY_MAX_MS = 30000,
    TICK_CONNECTING_MS = 1000,
    TICK_UP_MS = 5000,
    KEEPALIVE_S = 30,
    PASSWORD_MAX = 4096,
};

/* --- going down --------------------------------------------------------------------------------------------------- */

/* Half of it is chance, so that a thousand clients do not come back at once. */
static int64_t jittered(int64_t ms)
{
    uint32_t random;
    crypto_random(&random, sizeof random);
    return ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
}

static void go_down(struct link *link, const char *text)
{
    link->is_down = true;
    link->retry_at_ms = clock_boot_ms() + jittered(link->retry_ms);
    link->retry_ms = link->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : link->retry_ms * 2;
    acks_down(link);
    if (!link->is_main)
        return;
    fetch_down(link->client);
    status_detail(link->client, text);
}

static void on_event(void *context, const struct mqtt_event *event)
{
    struct link *link = context;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        link->retry_ms = RETRY_MIN_MS;
        if (link->is_main)
            fetch_begin(link->client);
        acks_listen(link);
        return;
    case MQTT_EVENT_DOWN:
        go_down(link, event->text);
        return;
    case MQTT_EVENT_ACK:
        acks_acked(link, event->message_id, event->reason, event->text);
        return;
    case MQTT_EVENT_SUBSCRIBED:
        if (link->is_main && !acks_are_listening(link, event->message_id))
            fetch_subscribed(link->client, event);
        return;
    case MQTT_EVENT_MESSAGE:
        if (!acks_heard(link, event) && link->is_main)
            fetch_message(link->client, event);
        return;
    }
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* Two connections of one name end each other, so each has some chance in its own. */
static void name_client(const epoch_client *client, const struct link *link, size_t at, char *out, size_t size)
{
    const struct client_settings *settings = &client->settings;
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    const char *service = link->ack != NULL ? link->ack->service : settings->services_len > 0 ? settings->services[0] : "all";
    crypto_random(random, sizeof random);
    hex_encode(random, sizeof random, hex);
    if (settings->client_id == NULL)
        snprintf(out, size, "libepoch-%s-%s", service, hex);
    else if (at == 0)
        snprintf(out, size, "%s", settings->client_id);
    else
        snprintf(out, size, "%s-%zu", settings->client_id, at);
}

static int open_link(epoch_client *client, size_t at, struct error *err)
{
    const struct client_settings *settings = &client->settings;
    struct link *link = &client->links[at];
    char id[256], topic[TOPIC_MAX + 1] = "";
    *link = (struct link){.client = client, .is_main = at == 0, .is_down = true, .retry_ms = RETRY_MIN_MS};
    if (at < client->acks_len) {
        link->ack = &client->acks[at];
        topic_write_ack(topic, settings->prefix, link->ack->service, settings->instance);
    }
    name_client(client, link, at, id, sizeof id);
    const struct mqtt_options options = {
        .url = settings->url,
        .client_id = id,
        .username = settings->username,
        .password = settings->password,
        .ca_file = settings->ca_file,
        .cert_file = settings->cert_file,
        .key_file = settings->key_file,
        .keepalive_s = KEEPALIVE_S,
        .will_topic = topic[0] == '\0' ? NULL : topic,
    };
    return mqtt_new(&link->mqtt, &options, on_event, link, err);
}

int links_open(epoch_client *client, struct error *err)
{
    size_t len = client->acks_len > 1 && client->acks_len <= LINKS_MAX ? client->acks_len : 1;
    if (client->settings.url == NULL)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (open_link(client, i, err) != 0)
            return -1;
        client->links_len++;
    }
    for (size_t i = 0; i < client->acks_len; i++)
        client->acks[i].link = &client->links[i < len ? i : 0];
    return 0;
}

void links_close(epoch_client *client, bool politely)
{
    for (size_t i = 0; i < client->links_len; i++) {
        struct link *link = &client->links[i];
        if (politely) {
            acks_goodbye(link);
            mqtt_disconnect(link->mqtt);
        }
        mqtt_free(link->mqtt);
        link->mqtt = NULL;
    }
    client->links_len = 0;
}

/* --- working ------------------------------------------------------------------------------------------------------ */

/* Read each time, so that one that was changed counts at once. */
static int read_password(const epoch_client *client, struct link *link, struct error *err)
{
    const char *path = client->settings.password_file, *name;
    struct buf text AUTO_SECRET_BUF = {0};
    AUTO_CLOSE int dir = -1;
    if (path == NULL)
        return 0;
    if (buf_reserve(&text, PASSWORD_MAX + 2) == NULL)
        return error_memory(err);
    if (fs_open_folder_of(path, &dir, &name, err) != 0 ||
        fs_read(dir, name, FS_ANY_OWNER, PASSWORD_MAX, &text, NULL, err) != 0)
        return -1;
    const char *end = memchr(text.data, '\n', text.len);
    text.data[end == NULL ? text.len : (size_t)(end - text.data)] = '\0';
    return mqtt_set_password(link->mqtt, text.data, err);
}

static void connect_link(epoch_client *client, struct link *link)
{
    struct error err;
    link->is_down = false;
    link->tick_at_ms = clock_boot_ms() + TICK_CONNECTING_MS;
    if (read_password(client, link, &err) != 0 || mqtt_connect(link->mqtt, &err) != 0)
        go_down(link, err.message);
}

void links_work(epoch_client *client, int64_t now_ms)
{
    for (size_t i = 0; i < client->links_len; i++) {
        struct link *link = &client->links[i];
        if (link->is_down && now_ms >= link->retry_at_ms) {
            connect_link(client, link);
        } else if (!link->is_down && now_ms >= link->tick_at_ms) {
            link->tick_at_ms = now_ms + (mqtt_is_up(link->mqtt) ? TICK_UP_MS : TICK_CONNECTING_MS);
            mqtt_tick(link->mqtt);
        }
    }
}

int64_t links_deadline_ms(const epoch_client *client)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < client->links_len; i++) {
        const struct link *link = &client->links[i];
        int64_t at = link->is_down ? link->retry_at_ms : link->tick_at_ms;
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

/* A descriptor that the library closed has left the set by itself, and its number may be another's by now. */
static void watch(epoch_client *client, const struct link *link, size_t at)
{
    int fd = mqtt_fd(link->mqtt);
    uint32_t wants = fd < 0 ? 0 : mqtt_wants(link->mqtt);
    struct epoll_event event = {.events = wants, .data.u64 = at};
    if (fd >= 0 && epoll_ctl(client->epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event);
}

void links_watch(epoch_client *client)
{
    for (size_t i = 0; i < client->links_len; i++)
        watch(client, &client->links[i], i);
}
