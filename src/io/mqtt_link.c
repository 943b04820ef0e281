/*
 * mqtt_link: one connection of libmosquitto (2.0.11 to 2.0.21), driven by an external loop.
 *
 * Every connection has a `struct mosquitto` of its own: the library has no call that empties its queue or
 * closes its socket, destroying the object does both. So nothing stale is ever sent again, and no dead
 * descriptor is ever watched.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

#include "io/mqtt_priv.h"
#include "model/codes.h"

enum {
    PACKET_IN_MAX = 4 * 1024 * 1024, /* announced to the broker; an index of 20,000 services fits */
    SEND_MAXIMUM = 65535,
};

#define SYSTEM_CA_FOLDER "/etc/ssl/certs"

/* --- how it ends -------------------------------------------------------------------------------------- */

/* mosquitto 2.0.21 answers what is above its message_size_limit with a reason that MQTT v5 does not allow there, and
   its own library then hangs up. */
static const char *not_mqtt(const struct mqtt *mqtt)
{
    return mqtt->state == MQTT_UP
               ? "the broker sent something that is not MQTT v5 (is there a message above its message_size_limit?)"
               : "the broker sent something that is not MQTT v5";
}

/* What the library says when it gives up: an error number of its own, with errno behind one of them. MOSQ_ERR_TLS
   without a word of OpenSSL's is a socket that failed (2.0.21). */
static void note(struct mqtt_fault *fault, const struct mqtt *mqtt, int rc, int sys)
{
    const char *cause = sys == 0 || sys == EAGAIN || sys == EPROTO ? NULL : strerrordesc_np(sys);
    if (rc == MOSQ_ERR_KEEPALIVE)
        mqtt_fault_note(fault, MQTT_REASON_TIMEOUT, "the broker did not answer a ping in time");
    else if (mqtt->tls_text[0] != '\0')
        mqtt_fault_note(fault, MQTT_REASON_TLS, mqtt->tls_text);
    else if (rc == MOSQ_ERR_NOMEM)
        mqtt_fault_note(fault, MQTT_REASON_NETWORK, "out of memory");
    else if (rc == MOSQ_ERR_ERRNO && cause != NULL)
        mqtt_fault_note(fault, MQTT_REASON_NETWORK, cause);
    else if (rc == MOSQ_ERR_PROTOCOL || rc == MOSQ_ERR_MALFORMED_PACKET || rc == MOSQ_ERR_MALFORMED_UTF8 ||
             rc == MOSQ_ERR_DUPLICATE_PROPERTY)
        mqtt_fault_note(fault, MQTT_REASON_NETWORK, not_mqtt(mqtt));
    else if (mqtt->config.url.is_tls && mqtt->state < MQTT_UP)
        mqtt_fault_note(fault, MQTT_REASON_NETWORK,
                        "the broker closed the connection before it answered: it may want a client certificate, or "
                        "speak no TLS at that port");
    else
        mqtt_fault_note(fault, MQTT_REASON_NETWORK, "the broker closed the connection");
}

/* Looks at a call's outcome: the library does not always call back. */
static void judge(struct mqtt *mqtt, int rc, int sys)
{
    if (rc != MOSQ_ERR_SUCCESS || mosquitto_socket(mqtt->link) < 0)
        note(&mqtt->fault, mqtt, rc, sys);
}

/* --- what the library calls --------------------------------------------------------------------------- */

static void on_connect(struct mosquitto *mosq, void *object, int reason, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt *mqtt = object;
    uint8_t retain_available = 1, max_qos = 2;
    (void)mosq;
    (void)flags;
    mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &retain_available, false);
    mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &max_qos, false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &mqtt->max_packet, false);
    if (reason == MQTT_RC_SUCCESS && retain_available == 0)
        reason = MQTT_RC_RETAIN_NOT_SUPPORTED;
    else if (reason == MQTT_RC_SUCCESS && max_qos == 0)
        reason = MQTT_RC_QOS_NOT_SUPPORTED;
    if (reason != MQTT_RC_SUCCESS) {
        mqtt_fault_note(&mqtt->fault, reason, mqtt_reason_text(reason));
        return;
    }
    mqtt->state = MQTT_UP;
    mqtt_tell(mqtt, (struct mqtt_event){.kind = MQTT_EVENT_UP,
                                        .max_packet = mqtt->max_packet,
                                        .text = mqtt_reason_text(0)});
}

/* `rc` is a reason of the broker's DISCONNECT, 0x80 and more, or an error number of the library, all below. */
static void on_disconnect(struct mosquitto *mosq, void *object, int rc, const mosquitto_property *properties)
{
    struct mqtt *mqtt = object;
    int sys = errno;
    (void)mosq;
    (void)properties;
    if (rc == MOSQ_ERR_SUCCESS && mqtt->state == MQTT_CLOSING)
        mqtt_fault_note(&mqtt->fault, 0, "disconnected");
    else if (rc >= MQTT_RC_UNSPECIFIED)
        mqtt_fault_note(&mqtt->fault, rc, mqtt_reason_text(rc));
    else
        note(&mqtt->fault, mqtt, rc, sys);
}

/* Called for QoS 0 as well, when it went out, and then perhaps with a lock held that publishing takes. Those
   are not awaited and not told. */
static void on_publish(struct mosquitto *mosq, void *object, int id, int reason,
                       const mosquitto_property *properties)
{
    struct mqtt *mqtt = object;
    unsigned bit = 1u << (id & 7);
    (void)mosq;
    (void)properties;
    if (id <= 0 || id >= MQTT_MESSAGE_IDS || (mqtt->awaited[id / 8] & bit) == 0)
        return;
    mqtt->awaited[id / 8] = (uint8_t)(mqtt->awaited[id / 8] & ~bit);
    mqtt_tell(mqtt, (struct mqtt_event){.kind = MQTT_EVENT_ACK,
                                        .message_id = id,
                                        .reason = reason,
                                        .text = mqtt_reason_text(reason)});
}

static void on_subscribe(struct mosquitto *mosq, void *object, int id, int count, const int *granted,
                         const mosquitto_property *properties)
{
    int reason =
        count > 0 ? granted[0] : MQTT_RC_UNSPECIFIED; /* one filter in SUBSCRIBE, one reason in SUBACK */
    (void)mosq;
    (void)properties;
    mqtt_tell(object, (struct mqtt_event){.kind = MQTT_EVENT_SUBSCRIBED,
                                          .message_id = id,
                                          .reason = reason,
                                          .text = mqtt_reason_text(reason)});
}

static void on_message(struct mosquitto *mosq, void *object, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct mqtt_event event = {
        .kind = MQTT_EVENT_MESSAGE,
        .text = "",
        .topic = message->topic,
        .payload = {message->payload, (size_t)message->payloadlen},
        .is_retained = message->retain,
    };
    (void)mosq;
    (void)properties;
    mqtt_tell(object, event);
}

static void on_log(struct mosquitto *mosq, void *object, int level, const char *text)
{
    struct mqtt *mqtt = object;
    if (level == MOSQ_LOG_ERR && mqtt->tls_text[0] == '\0')
        mqtt_tls_text(text, mosquitto_ssl_get(mosq), mqtt->tls_text, sizeof mqtt->tls_text);
}

/* For a key file with a passphrase: without this OpenSSL would ask at the terminal. */
static int no_passphrase(char *out, int size, int for_writing, void *context)
{
    (void)out;
    (void)size;
    (void)for_writing;
    (void)context;
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------ */

void mqtt_link_library_init(void)
{
    mosquitto_lib_init();
}

void mqtt_link_library_fini(void)
{
    mosquitto_lib_cleanup();
}

/* mosquitto_new ignores SIGPIPE for the whole process; what it did before is put back. */
static struct mosquitto *new_mosquitto(struct mqtt *mqtt)
{
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    struct mosquitto *mosq = mosquitto_new(mqtt->config.client_id, true, mqtt);
    sigaction(SIGPIPE, &before, NULL);
    return mosq;
}

static int set_tls(struct mosquitto *mosq, const struct mqtt_config *config)
{
    const char *folder = config->ca_file == NULL ? SYSTEM_CA_FOLDER : NULL;
    int rc =
        mosquitto_tls_set(mosq, config->ca_file, folder, config->cert_file, config->key_file, no_passphrase);
    if (rc == MOSQ_ERR_SUCCESS && config->ca_file == NULL)
        rc = mosquitto_int_option(mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_opts_set(mosq, 1, "tlsv1.2", NULL); /* 1: the peer is verified, its name too */
    return rc;
}

/*
 * Announces the largest packet we accept. Only the connect call that blocks takes properties; it keeps them
 * before it looks at the host, so without one it refuses and connects nothing, and the call that does not
 * block sends them.
 */
static int set_properties(struct mosquitto *mosq, const struct mqtt_config *config)
{
    mosquitto_property *properties = NULL;
    int rc = mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, PACKET_IN_MAX);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(mosq, NULL, 0, config->keepalive_s, NULL, properties);
    mosquitto_property_free_all(&properties);
    return rc == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : rc;
}

static int set_up(struct mosquitto *mosq, const struct mqtt_config *config)
{
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    int rc = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    /* High, so that the library holds no message back of itself; the broker's own maximum still counts. */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, SEND_MAXIMUM);
    if (rc == MOSQ_ERR_SUCCESS && !config->url.is_unix)
        rc = mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_username_pw_set(mosq, config->username, config->password);
    if (rc == MOSQ_ERR_SUCCESS && config->will_topic != NULL)
        rc = mosquitto_will_set_v5(mosq, config->will_topic, config->will_len, config->will_payload, 1, true,
                                   NULL);
    if (rc == MOSQ_ERR_SUCCESS && config->url.is_tls)
        rc = set_tls(mosq, config);
    return rc == MOSQ_ERR_SUCCESS ? set_properties(mosq, config) : rc;
}

static int open_failed(const struct mqtt *mqtt, int rc, int sys, struct error *err)
{
    const struct mqtt_url *url = &mqtt->config.url;
    if (rc == MOSQ_ERR_NOMEM)
        return error_memory(err);
    /* The library hands the resolver's number on in errno. */
    if (rc == MOSQ_ERR_EAI)
        return error_set(err, CODE_BROKER_AWAY, 0, "cannot resolve %s: %s", url->host, gai_strerror(sys));
    /* 2.0.21 already sends while it connects, and OpenSSL keeps to itself why the socket failed; another address may
       do. */
    if (rc == MOSQ_ERR_TLS && mqtt->tls_text[0] == '\0') {
        error_set(err, CODE_BROKER_AWAY, 0, "cannot connect to %s: refused, or ended before TLS began", url->display);
        err->sys = ECONNREFUSED;
        return -1;
    }
    if (rc == MOSQ_ERR_ERRNO && sys != EPROTO && mqtt->tls_text[0] == '\0')
        return error_set(err, CODE_BROKER_AWAY, sys, "cannot connect to %s", url->display);
    struct mqtt_fault fault = {0};
    note(&fault, mqtt, rc, sys);
    return error_set(err, fault.reason == MQTT_REASON_TLS ? CODE_BROKER_TLS : CODE_BROKER_AWAY, 0,
                     "cannot connect to %s: %s", url->display, fault.text);
}

/* The one call that asks the resolver, and blocks as long as that likes: with a name it is made on a thread. */
struct opening {
    struct mosquitto *mosq;
    char *host;
    const char *bind;
    int port, keepalive_s;
    int rc, sys;
    char tls_text[256];
};

static void opening_free(void *context)
{
    struct opening *opening = context;
    if (opening == NULL)
        return;
    mosquitto_destroy(opening->mosq);
    free(opening->host);
    free(opening);
}

static void opening_cleanup(struct opening **opening)
{
    opening_free(*opening);
}

static void log_opening(struct mosquitto *mosq, void *object, int level, const char *text)
{
    struct opening *opening = object;
    if (level == MOSQ_LOG_ERR && opening->tls_text[0] == '\0')
        mqtt_tls_text(text, mosquitto_ssl_get(mosq), opening->tls_text, sizeof opening->tls_text);
}

static void opening_call(void *context)
{
    struct opening *opening = context;
    errno = 0;
    opening->rc = mosquitto_connect_bind_async(opening->mosq, opening->host, opening->port, opening->keepalive_s,
                                               opening->bind);
    opening->sys = errno;
}

static struct opening *opening_new(struct mqtt *mqtt)
{
    /* A socket bound to any address of one family cannot reach the other, and the library skips those. */
    static const char *const binds[MQTT_FAMILIES] = {
        [MQTT_FAMILY_IPV4] = "0.0.0.0", [MQTT_FAMILY_IPV6] = "::"};
    const struct mqtt_config *config = &mqtt->config;
    struct opening *opening CLEANUP(opening_cleanup) = calloc(1, sizeof *opening);
    if (opening == NULL)
        return NULL;
    opening->bind = binds[mqtt->family];
    opening->port = config->url.port;
    opening->keepalive_s = config->keepalive_s;
    opening->host = strdup(config->url.host);
    opening->mosq = opening->host == NULL ? NULL : new_mosquitto(mqtt);
    return opening->mosq == NULL ? NULL : TAKE(opening);
}

/* The link is the client's, or the reason why there is none. */
static int adopt(struct mqtt *mqtt, struct opening *opening, struct error *err)
{
    mqtt->link = TAKE(opening->mosq);
    mosquitto_user_data_set(mqtt->link, mqtt);
    mosquitto_log_callback_set(mqtt->link, mqtt->config.url.is_tls ? on_log : NULL);
    memcpy(mqtt->tls_text, opening->tls_text, sizeof mqtt->tls_text);
    if (opening->rc == MOSQ_ERR_SUCCESS && mosquitto_socket(mqtt->link) >= 0)
        return 0;
    open_failed(mqtt, opening->rc, opening->sys, err);
    mqtt_link_close(mqtt);
    return -1;
}

static bool is_name(const struct mqtt_url *url)
{
    uint8_t address[sizeof(struct in6_addr)];
    return !url->is_unix && inet_pton(AF_INET, url->host, address) != 1 && inet_pton(AF_INET6, url->host, address) != 1;
}

int mqtt_link_open(struct mqtt *mqtt, struct error *err)
{
    struct opening *opening CLEANUP(opening_cleanup) = opening_new(mqtt);
    if (opening == NULL)
        return error_set(err, CODE_BROKER_AWAY, errno, "cannot make an MQTT client");
    opening->rc = set_up(opening->mosq, &mqtt->config);
    if (opening->rc != MOSQ_ERR_SUCCESS)
        return adopt(mqtt, opening, err);
    mosquitto_user_data_set(opening->mosq, opening);
    mosquitto_log_callback_set(opening->mosq, mqtt->config.url.is_tls ? log_opening : NULL);
    if (!is_name(&mqtt->config.url)) {
        opening_call(opening);
        return adopt(mqtt, opening, err);
    }
    if (later_start(&mqtt->opening, opening_call, opening_free, opening, err) != 0)
        return error_set(err, CODE_BROKER_AWAY, 0, "cannot resolve %s: no thread for it", mqtt->config.url.host);
    opening = NULL; /* the thread's */
    return 0;
}

int mqtt_link_opened(struct mqtt *mqtt, struct error *err)
{
    struct opening *opening CLEANUP(opening_cleanup) = later_take(TAKE(mqtt->opening));
    return adopt(mqtt, opening, err);
}

void mqtt_link_close(struct mqtt *mqtt)
{
    mosquitto_destroy(mqtt->link);
    mqtt->link = NULL;
}

/* --- driving ------------------------------------------------------------------------------------------ */

int mqtt_link_fd(const struct mqtt *mqtt)
{
    return mosquitto_socket(mqtt->link);
}

bool mqtt_link_wants_write(const struct mqtt *mqtt)
{
    return mosquitto_want_write(mqtt->link);
}

void mqtt_link_read(struct mqtt *mqtt)
{
    errno = 0; /* the library stops after one packet where an old EAGAIN is left */
    int rc = mosquitto_loop_read(mqtt->link, 1);
    judge(mqtt, rc, errno);
}

void mqtt_link_write(struct mqtt *mqtt)
{
    errno = 0;
    int rc = mosquitto_loop_write(mqtt->link, 1);
    judge(mqtt, rc, errno);
}

void mqtt_link_ping(struct mqtt *mqtt)
{
    errno = 0;
    int rc = mosquitto_loop_misc(mqtt->link);
    judge(mqtt, rc, errno);
}

void mqtt_link_disconnect(struct mqtt *mqtt)
{
    errno = 0;
    int rc = mosquitto_disconnect_v5(mqtt->link, MQTT_RC_NORMAL_DISCONNECTION, NULL);
    judge(mqtt, rc, errno);
}

static int send_failed(struct mqtt *mqtt, const char *verb, const char *topic, int rc, int sys,
                       struct error *err)
{
    if (rc == MOSQ_ERR_NOMEM)
        return error_memory(err);
    if (rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8 || rc == MOSQ_ERR_PAYLOAD_SIZE ||
        rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_QOS_NOT_SUPPORTED)
        return error_set(err, CODE_PUBLISH_REFUSED, 0, "cannot %s '%s': %s", verb, topic,
                         mosquitto_strerror(rc));
    note(&mqtt->broken, mqtt, rc, sys);
    return error_set(err, CODE_BROKER_AWAY, 0, "%s: %s", mqtt->config.url.display, mqtt->broken.text);
}

int mqtt_link_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain,
                      int *id, struct error *err)
{
    errno = 0;
    int len = payload.len > INT_MAX ? INT_MAX : (int)payload.len; /* far above what the library refuses */
    int rc = mosquitto_publish_v5(mqtt->link, id, topic, len, payload.data, qos, retain, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        return send_failed(mqtt, "publish on", topic, rc, errno, err);
    if (qos > 0)
        mqtt->awaited[*id / 8] = (uint8_t)(mqtt->awaited[*id / 8] | 1u << (*id & 7));
    return 0;
}

int mqtt_link_subscribe(struct mqtt *mqtt, const char *topic, int qos, bool send_retained, int *id, struct error *err)
{
    int options = MQTT_SUB_OPT_NO_LOCAL |
                  (send_retained ? MQTT_SUB_OPT_SEND_RETAIN_ALWAYS : MQTT_SUB_OPT_SEND_RETAIN_NEVER);
    errno = 0;
    int rc = mosquitto_subscribe_v5(mqtt->link, id, topic, qos, options, NULL);
    return rc == MOSQ_ERR_SUCCESS ? 0 : send_failed(mqtt, "subscribe to", topic, rc, errno, err);
}
