/*
 * link: see link.h.
 */
#include "cli/link.h"

#include <poll.h>
#include <string.h>

#include "io/crypto.h"
#include "util/clock.h"

enum { TICK_MS = 1000, KEEPALIVE_S = 30, ID_BYTES = 6 };

int link_open(struct link *link, const struct settings *settings, mqtt_handler handler, void *context,
              struct error *err)
{
    struct buf password AUTO_BUF = {0}, id AUTO_BUF = {0};
    uint8_t random[ID_BYTES];
    *link = (struct link){0};
    if (settings_read_password(settings, &password, err) != 0)
        return -1;
    crypto_random(random, sizeof random);
    buf_puts(&id, "epochctl-");
    buf_put_hex(&id, random, sizeof random);
    buf_putc(&id, '\0');
    buf_putc(&password, '\0');
    if (buf_check(&id, err) != 0 || buf_check(&password, err) != 0)
        return -1;
    const struct mqtt_options options = {
        .url = settings->mqtt.url,
        .client_id = id.data,
        .username = settings->mqtt.username,
        .password = password.data,
        .ca_file = settings->mqtt.ca_file,
        .cert_file = settings->mqtt.cert_file,
        .key_file = settings->mqtt.key_file,
        .keepalive_s = KEEPALIVE_S,
    };
    int rc = mqtt_new(&link->mqtt, &options, handler, context, err);
    explicit_bzero(password.data, password.len);
    return rc;
}

void link_close(struct link *link)
{
    if (link->mqtt != NULL)
        mqtt_disconnect(link->mqtt);
    mqtt_free(link->mqtt);
    link->mqtt = NULL;
}

void link_turn(struct link *link, int64_t most_ms)
{
    int64_t now = clock_boot_ms(), left = link->ticked_ms + TICK_MS - now;
    int wait = (int)(left < 0 ? 0 : left > TICK_MS ? TICK_MS : left);
    /* The bits of poll and of epoll are the same. */
    struct pollfd fd = {.fd = mqtt_fd(link->mqtt), .events = (short)mqtt_wants(link->mqtt)};
    if (most_ms >= 0 && most_ms < wait)
        wait = (int)most_ms;
    if (poll(&fd, 1, wait) > 0 && fd.revents != 0)
        mqtt_io(link->mqtt, (uint32_t)fd.revents);
    if (clock_boot_ms() < link->ticked_ms + TICK_MS)
        return;
    link->ticked_ms = clock_boot_ms();
    mqtt_tick(link->mqtt);
}
