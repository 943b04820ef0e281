/*
 * link: see link.h.
 */
#include "cli/link.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "io/crypto.h"
#include "model/codes.h"
#include "util/clock.h"

enum { TICK_MS = 1000, KEEPALIVE_S = 30, ID_BYTES = 6 };

int link_open(struct link *link, const struct settings *settings, mqtt_handler handler, void *context,
              struct error *err)
{
    struct buf password AUTO_SECRET_BUF = {0}, id AUTO_BUF = {0};
    uint8_t random[ID_BYTES];
    *link = (struct link){0};
    if (settings_read_password(settings, &password, err) != 0)
        return -1;
    crypto_random(random, sizeof random);
    buf_puts(&id, "epochctl-");
    buf_put_hex(&id, random, sizeof random);
    buf_putc(&id, '\0');
    if (buf_check(&id, err) != 0)
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
    if (rc == 0)
        link->on_sigpipe = signal(SIGPIPE, SIG_IGN);
    return rc;
}

void link_close(struct link *link)
{
    if (link->mqtt == NULL)
        return;
    mqtt_disconnect(link->mqtt);
    mqtt_free(TAKE(link->mqtt));
    signal(SIGPIPE, link->on_sigpipe);
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

const char *link_code(int reason)
{
    return reason == MQTT_REASON_TLS ? CODE_BROKER_TLS : reason >= MQTT_REASON_REFUSED ? CODE_BROKER_REFUSED : CODE_BROKER_AWAY;
}

/* NULL: nothing that its code does not say. */
static const char *fix_of(enum mqtt_trouble trouble)
{
    switch (trouble) {
    case MQTT_TROUBLE_OTHER:
        return NULL;
    case MQTT_TROUBLE_EXPIRED:
        return "renew the broker's certificate; if it is a good one, set the clock of this host: date -u; ";
    case MQTT_TROUBLE_NOT_YET_VALID:
        return "set the clock of this host: date -u; if it is right, the broker's certificate was made with a wrong one; ";
    case MQTT_TROUBLE_UNKNOWN_CA:
        return "let mqtt.ca_file name the CA that signed the broker's certificate; ";
    case MQTT_TROUBLE_OTHER_NAME:
        return "let mqtt.url name the broker as its certificate does, or give it one with this name; ";
    case MQTT_TROUBLE_CA_FILE:
        return "put the CA's certificate, in PEM, into the file of mqtt.ca_file; ";
    case MQTT_TROUBLE_CLIENT_MISSING:
        return "mqtt.cert_file and mqtt.key_file, if the broker wants a client certificate; mqtt:// if that port speaks no TLS; ";
    case MQTT_TROUBLE_CLIENT_REFUSED:
        return "mqtt.cert_file and mqtt.key_file: the broker does not take the certificate that was shown to it, or wants one; ";
    case MQTT_TROUBLE_RESET:
        return "mqtts:// is for a port that speaks TLS, mqtt:// for one that does not; ";
    case MQTT_TROUBLE_TLS:
        return "";
    }
    return NULL;
}

void link_fix(const struct settings *settings, const char *message, char *out, size_t size)
{
    struct mqtt_url url = {0};
    struct error ignored;
    const char *ca = settings->mqtt.ca_file, *fix = fix_of(mqtt_trouble_of(message));
    out[0] = '\0';
    if (fix == NULL || mqtt_url_parse(settings->mqtt.url, &url, &ignored) != 0)
        return;
    if (!url.is_unix)
        snprintf(out, size, "%sto see it: openssl s_client -connect %s:%d -verify_hostname %s%s%s </dev/null", fix, url.host,
                 url.port, url.host, ca[0] == '\0' ? "" : " -CAfile ", ca);
    mqtt_url_fini(&url);
}
