/*
 * mqtt: see mqtt.h. The states of a connection and its end.
 *
 * What ends a connection is noted as its fault and told once, as DOWN, when no call of the library is on the
 * stack any more: only then its object may be destroyed, and the caller may connect again.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "io/mqtt_priv.h"
#include "model/codes.h"
#include "util/clock.h"

enum { CONNECT_MS = 10000, GOODBYE_MS = 500 };

/* --- the end of a connection -------------------------------------------------------------------------- */

void mqtt_fault_note(struct mqtt_fault *fault, int reason, const char *text)
{
    if (fault->exists)
        return;
    fault->exists = true;
    fault->reason = reason;
    snprintf(fault->text, sizeof fault->text, "%.*s", (int)sizeof fault->text - 1, text);
}

static void note_network(struct mqtt *mqtt, const char *text)
{
    if (text != NULL)
        mqtt_fault_note(&mqtt->fault, MQTT_REASON_NETWORK, text);
}

static void note_broken(struct mqtt *mqtt)
{
    if (mqtt->broken.exists)
        mqtt_fault_note(&mqtt->fault, mqtt->broken.reason, mqtt->broken.text);
}

/* Without a link there may be an opening. One whose resolver has not answered yet is kept for the next attempt: there
   is one at a time, and no call stops it. */
static void drop(struct mqtt *mqtt)
{
    mqtt_link_close(mqtt);
    if (mqtt->opening != NULL && later_is_done(mqtt->opening))
        later_drop(TAKE(mqtt->opening));
    mqtt->state = MQTT_IDLE;
    mqtt->is_leaving = false;
    mqtt->was_writable = false;
    mqtt->max_packet = 0;
    mqtt->fault.exists = false;
    mqtt->broken.exists = false;
    mqtt->tls_text[0] = '\0';
    memset(mqtt->awaited, 0, sizeof mqtt->awaited);
}

static void try_other_addresses(struct mqtt *mqtt)
{
    if (!mqtt->config.url.is_unix)
        mqtt->family = (mqtt->family + 1) % MQTT_FAMILIES;
}

/* Says DISCONNECT and sees that it is read. The library would close at once, perhaps with something unread. */
static void leave(struct mqtt *mqtt)
{
    int64_t deadline = clock_boot_ms() + GOODBYE_MS;
    int copy = mqtt_socket_copy(mqtt_link_fd(mqtt));
    mqtt->is_leaving = false;
    mqtt->is_inside = true;
    mqtt->state = MQTT_CLOSING;
    mqtt_link_disconnect(mqtt);
    while (!mqtt->fault.exists && mqtt_socket_wait_writable(mqtt_link_fd(mqtt), deadline))
        mqtt_link_write(mqtt);
    mqtt->is_inside = false;
    mqtt_fault_note(&mqtt->fault, MQTT_REASON_TIMEOUT, mqtt_reason_text(MQTT_REASON_TIMEOUT));
    if (copy >= 0)
        mqtt_socket_finish(copy, deadline);
}

/* Ends the connection if it is to end, and tells. Nothing is touched after the handler. */
static void settle(struct mqtt *mqtt)
{
    if (mqtt->is_inside)
        return;
    if (mqtt->is_leaving && !mqtt->fault.exists)
        leave(mqtt);
    struct mqtt_fault fault = mqtt->fault;
    if (!fault.exists)
        return;
    if (mqtt->state == MQTT_CONNECTING &&
        (fault.reason == MQTT_REASON_NETWORK || fault.reason == MQTT_REASON_TIMEOUT))
        try_other_addresses(mqtt);
    drop(mqtt);
    struct mqtt_event event = {.kind = MQTT_EVENT_DOWN, .reason = fault.reason, .text = fault.text};
    mqtt->handler(mqtt->context, &event);
}

void mqtt_tell(struct mqtt *mqtt, struct mqtt_event event)
{
    if (!mqtt->fault.exists)
        mqtt->handler(mqtt->context, &event);
}

/* --- the client --------------------------------------------------------------------------------------- */

int mqtt_new(struct mqtt **out, const struct mqtt_options *options, mqtt_handler handler, void *context,
             struct error *err)
{
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (mqtt == NULL)
        return error_memory(err);
    mqtt_link_library_init();
    mqtt->handler = handler;
    mqtt->context = context;
    if (mqtt_config_init(&mqtt->config, options, err) != 0) {
        mqtt_free(mqtt);
        return -1;
    }
    *out = mqtt;
    return 0;
}

int mqtt_set_password(struct mqtt *mqtt, const char *password, struct error *err)
{
    return mqtt_config_set_password(&mqtt->config, password, err);
}

void mqtt_free(struct mqtt *mqtt)
{
    if (mqtt == NULL)
        return;
    mqtt_link_close(mqtt);
    later_drop(mqtt->opening);
    mqtt_config_fini(&mqtt->config);
    free(mqtt);
    mqtt_link_library_fini();
}

const char *mqtt_display(const struct mqtt *mqtt)
{
    return mqtt->config.url.display;
}

/* What goes wrong with all addresses says more than what does with some; that a host has no IPv6 says nothing. */
static void keep_refusal(struct mqtt *mqtt, const struct error *err)
{
    const struct error *kept = &mqtt->refusal;
    bool is_family = err->sys == EAFNOSUPPORT || err->sys == EADDRNOTAVAIL;
    bool was_family = kept->sys == EAFNOSUPPORT || kept->sys == EADDRNOTAVAIL;
    if (kept->code == NULL || (!is_family && (was_family || mqtt->family == MQTT_FAMILY_ANY)))
        mqtt->refusal = *err;
}

/* Tries one address family after the other until something is on its way. */
static int open_next(struct mqtt *mqtt)
{
    struct error attempt;
    for (; mqtt->attempts > 0; mqtt->attempts--) {
        if (mqtt_link_open(mqtt, &attempt) == 0) {
            mqtt->state = MQTT_CONNECTING;
            return 0;
        }
        keep_refusal(mqtt, &attempt);
        if (attempt.sys == 0 || mqtt->config.url.is_unix)
            break;
        try_other_addresses(mqtt);
    }
    return -1;
}

/* The resolver answered: there is a link now, or the next addresses are tried. */
static void finish_opening(struct mqtt *mqtt)
{
    struct error err;
    if (mqtt_link_opened(mqtt, &err) == 0)
        return;
    keep_refusal(mqtt, &err);
    bool is_last = err.sys == 0 || --mqtt->attempts <= 0;
    if (!is_last) {
        try_other_addresses(mqtt);
        if (open_next(mqtt) == 0)
            return;
    }
    mqtt_fault_note(&mqtt->fault, mqtt_reason_of(&mqtt->refusal), mqtt->refusal.message);
}

int mqtt_reason_of(const struct error *err)
{
    return error_is(err, CODE_BROKER_TLS) ? MQTT_REASON_TLS : MQTT_REASON_NETWORK;
}

int mqtt_connect(struct mqtt *mqtt, struct error *err)
{
    if (mqtt->is_inside)
        return error_set(err, CODE_BROKER_AWAY, 0,
                         "a connection is not replaced from inside of its own event");
    if (mqtt->opening != NULL && !later_is_done(mqtt->opening))
        return error_set(err, CODE_BROKER_AWAY, 0, "still waiting for the resolver to answer about %s",
                         mqtt->config.url.host);
    drop(mqtt);
    mqtt->attempts = MQTT_FAMILIES;
    mqtt->deadline_ms = clock_boot_ms() + CONNECT_MS;
    mqtt->refusal = (struct error){0};
    if (open_next(mqtt) == 0)
        return 0;
    *err = mqtt->refusal;
    return -1;
}

bool mqtt_is_up(const struct mqtt *mqtt)
{
    return mqtt->state == MQTT_UP && !mqtt->is_leaving && !mqtt->fault.exists && !mqtt->broken.exists;
}

void mqtt_disconnect(struct mqtt *mqtt)
{
    if (mqtt->state == MQTT_IDLE || mqtt->is_leaving)
        return;
    if (mqtt_is_up(mqtt))
        mqtt->is_leaving = true;
    else
        mqtt_fault_note(&mqtt->fault, 0, "disconnected");
    settle(mqtt);
}

/* --- the loop ----------------------------------------------------------------------------------------- */

int mqtt_fd(const struct mqtt *mqtt)
{
    if (mqtt->link == NULL)
        return mqtt->state == MQTT_CONNECTING ? later_fd(mqtt->opening) : -1;
    return mqtt_link_fd(mqtt);
}

uint32_t mqtt_wants(const struct mqtt *mqtt)
{
    if (mqtt->link == NULL)
        return mqtt->state == MQTT_CONNECTING ? EPOLLIN : 0;
    if (mqtt->broken.exists)
        return EPOLLIN | EPOLLOUT; /* a broken socket is ready at once, so that mqtt_io is called and tells */
    /* Until its handshake is over the library says "write" without end, whether it could or not. */
    if (mqtt->config.url.is_tls && mqtt->state == MQTT_CONNECTING)
        return mqtt->was_writable ? EPOLLIN : EPOLLIN | EPOLLOUT;
    return mqtt_link_wants_write(mqtt) ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

static void read_some(struct mqtt *mqtt)
{
    mqtt_link_read(mqtt);
    if (!mqtt->config.url.is_unix)
        mqtt_socket_acknowledge(mqtt_link_fd(mqtt));
}

void mqtt_io(struct mqtt *mqtt, uint32_t epoll_events)
{
    if (mqtt->state == MQTT_IDLE || mqtt->is_inside)
        return;
    if (mqtt->link == NULL) {
        if (later_is_done(mqtt->opening))
            finish_opening(mqtt);
        settle(mqtt);
        return;
    }
    mqtt->is_inside = true;
    if ((epoll_events & EPOLLOUT) != 0)
        mqtt->was_writable = true;
    /* Asked first: later it would be a socket that is merely not connected. */
    if (mqtt->state == MQTT_CONNECTING && (epoll_events & EPOLLERR) != 0)
        note_network(mqtt, mqtt_socket_connect_error(mqtt_link_fd(mqtt)));
    /* Reading comes before writing: a DISCONNECT that says why is better than the broken pipe after it. Once
       we said DISCONNECT ourselves, the library would take an acknowledgement that comes in for the end. */
    if (!mqtt->fault.exists && mqtt->state != MQTT_CLOSING)
        read_some(mqtt);
    note_broken(mqtt);
    if (!mqtt->fault.exists)
        mqtt_link_write(mqtt);
    /* A peer that hangs up during the TLS handshake is only a slow one to the library, for ever. */
    if (!mqtt->fault.exists &&
        (mqtt->state == MQTT_CONNECTING || (epoll_events & (EPOLLHUP | EPOLLERR)) != 0))
        note_network(mqtt, mqtt_socket_hangup(mqtt_link_fd(mqtt)));
    mqtt->is_inside = false;
    settle(mqtt);
}

void mqtt_tick(struct mqtt *mqtt)
{
    if (mqtt->state == MQTT_IDLE || mqtt->is_inside)
        return;
    if (mqtt->broken.exists) {
        mqtt_io(mqtt, 0); /* the broker's last words may still be there to read */
        return;
    }
    mqtt->is_inside = true;
    if (mqtt->state == MQTT_UP)
        mqtt_link_ping(mqtt);
    else if (clock_boot_ms() >= mqtt->deadline_ms)
        mqtt_fault_note(&mqtt->fault, MQTT_REASON_TIMEOUT,
                        mqtt->link == NULL ? "the resolver did not answer in time"
                                           : mqtt_reason_text(MQTT_REASON_TIMEOUT));
    mqtt->is_inside = false;
    settle(mqtt);
}

/* --- what goes out ------------------------------------------------------------------------------------ */

static int need_up(const struct mqtt *mqtt, struct error *err)
{
    return mqtt_is_up(mqtt) ? 0
                            : error_set(err, CODE_BROKER_AWAY, 0, "not connected to %s", mqtt_display(mqtt));
}

/* Bytes of a PUBLISH without properties. The library's own check forgets two of them; the broker hangs up
 * then. */
static size_t publish_size(size_t topic_len, size_t payload_len, int qos)
{
    size_t rest = 2 + topic_len + (qos > 0 ? 2 : 0) + 1 + payload_len, length_bytes = 1;
    for (size_t left = rest; left >= 128; left /= 128)
        length_bytes++;
    return 1 + length_bytes + rest;
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain,
                 int *message_id, struct error *err)
{
    int id = 0;
    if (need_up(mqtt, err) != 0)
        return -1;
    size_t size = publish_size(strlen(topic), payload.len, qos);
    if (mqtt->max_packet != 0 && size > mqtt->max_packet)
        return error_set(err, CODE_PUBLISH_REFUSED, 0,
                         "a packet of %zu bytes on %s, and the broker accepts %u", size, topic,
                         mqtt->max_packet);
    if (mqtt_link_publish(mqtt, topic, payload, qos, retain, &id, err) != 0)
        return -1;
    if (message_id != NULL)
        *message_id = qos > 0 ? id : 0;
    return 0;
}

static int subscribe(struct mqtt *mqtt, const char *topic, int qos, bool send_retained, int *message_id,
                     struct error *err)
{
    int id = 0;
    if (need_up(mqtt, err) != 0 || mqtt_link_subscribe(mqtt, topic, qos, send_retained, &id, err) != 0)
        return -1;
    if (message_id != NULL)
        *message_id = id;
    return 0;
}

int mqtt_subscribe(struct mqtt *mqtt, const char *topic, bool send_retained, int *message_id,
                   struct error *err)
{
    return subscribe(mqtt, topic, 1, send_retained, message_id, err);
}

int mqtt_subscribe_lightly(struct mqtt *mqtt, const char *topic, bool send_retained, int *message_id,
                           struct error *err)
{
    return subscribe(mqtt, topic, 0, send_retained, message_id, err);
}
