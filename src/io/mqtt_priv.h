/*
 * mqtt_priv: what the files of mqtt share.
 *
 *   mqtt.c          the public calls: the states of a connection, its end, its deadlines
 *   mqtt_link.c     one connection of libmosquitto, the only file that names it
 *   mqtt_config.c   the options, checked and copied
 *   mqtt_url.c      the URL
 *   mqtt_socket.c   what only the kernel knows
 *   mqtt_reasons.c  what reasons mean
 *   mqtt_tls.c      what was wrong with TLS
 */
#ifndef IO_MQTT_PRIV_H
#define IO_MQTT_PRIV_H

#include "io/mqtt.h"
#include "util/later.h"

enum { MQTT_MESSAGE_IDS = 65536 };

/* --- mqtt_config.c ------------------------------------------------------------------------------------ */

/* The options of a client; NULL is "none" everywhere. */
struct mqtt_config {
    struct mqtt_url url;
    char *client_id, *username, *password, *ca_file, *cert_file, *key_file, *will_topic, *will_payload;
    int will_len, keepalive_s;
};

/* After a failure too mqtt_config_fini must be called. */
int mqtt_config_init(struct mqtt_config *config, const struct mqtt_options *options,
                     struct error *err) MUST_CHECK;
int mqtt_config_set_password(struct mqtt_config *config, const char *password, struct error *err) MUST_CHECK;
void mqtt_config_fini(struct mqtt_config *config); /* wipes the password */

/* --- mqtt.c ------------------------------------------------------------------------------------------- */

enum mqtt_state { MQTT_IDLE, MQTT_CONNECTING, MQTT_UP, MQTT_CLOSING };

/* Which addresses of a name are tried: the library tries only the first of those it may. */
enum mqtt_family { MQTT_FAMILY_ANY, MQTT_FAMILY_IPV4, MQTT_FAMILY_IPV6, MQTT_FAMILIES };

/* Why a connection ends. The first fault noted is the one that is told. */
struct mqtt_fault {
    bool exists;
    int reason;
    char text[256];
};

void mqtt_fault_note(struct mqtt_fault *fault, int reason, const char *text);

struct mqtt {
    struct mqtt_config config;
    mqtt_handler handler;
    void *context;
    enum mqtt_family family; /* of the next attempt */

    /* Of the connection, all zero without one. */
    struct mosquitto *link;
    struct later *opening; /* instead of a link: its host's name is being resolved */
    int attempts;          /* address families left to try */
    struct error refusal;  /* of those tried: what is told where none is left */
    enum mqtt_state state;
    bool is_inside;           /* of the library: its callbacks may run, so nothing is destroyed */
    bool is_leaving;          /* mqtt_disconnect was called from inside */
    bool was_writable;        /* the TCP connection stands */
    int64_t deadline_ms;      /* of connecting */
    uint32_t max_packet;      /* of the broker, 0: without a limit */
    struct mqtt_fault fault;  /* to be told as DOWN by mqtt_io or mqtt_tick */
    struct mqtt_fault broken; /* found while publishing: told unless the broker says something better */
    char tls_text[256];       /* the first error the library logged: it has no other way to tell */
    uint8_t awaited[MQTT_MESSAGE_IDS / 8]; /* ids of QoS 1 messages sent and not acknowledged */
};

/* Hands an event to the caller, unless the connection is over already. Called by the link, from inside of the
 * library. */
void mqtt_tell(struct mqtt *mqtt, struct mqtt_event event);

/* --- mqtt_link.c: all but open and the last two need a link ------------------------------------------- */

/* Counted: once for each client. */
void mqtt_link_library_init(void);
void mqtt_link_library_fini(void);

/* Starts to connect: afterwards there is a link, or an opening where a name has to be resolved first.
   CODE_BROKER_AWAY or CODE_BROKER_TLS if that failed at once, then there is neither; with err->sys if another address
   may do better. */
int mqtt_link_open(struct mqtt *mqtt, struct error *err) MUST_CHECK;
/* The opening is over: as mqtt_link_open, but there is a link afterwards. */
int mqtt_link_opened(struct mqtt *mqtt, struct error *err) MUST_CHECK;
void mqtt_link_close(struct mqtt *mqtt); /* NULL is fine */
int mqtt_link_fd(const struct mqtt *mqtt);
bool mqtt_link_wants_write(const struct mqtt *mqtt);

/* These note a fault when the connection is over. */
void mqtt_link_read(struct mqtt *mqtt);
void mqtt_link_write(struct mqtt *mqtt);
void mqtt_link_ping(struct mqtt *mqtt);
void mqtt_link_disconnect(struct mqtt *mqtt);

/* These note what they find in `broken`, and return CODE_BROKER_AWAY then; CODE_PUBLISH_REFUSED as in mqtt.h. */
int mqtt_link_publish(struct mqtt *mqtt, const char *topic, struct span payload, int qos, bool retain,
                      int *id, struct error *err) MUST_CHECK;
int mqtt_link_subscribe(struct mqtt *mqtt, const char *topic, int qos, bool send_retained, int *id,
                        struct error *err) MUST_CHECK;

/* --- mqtt_socket.c ------------------------------------------------------------------------------------ */

/* The kernel forgets to acknowledge at once after a while, so this follows every read. Without it a burst of
   messages waits for our delayed acknowledgement: 40 ms. */
void mqtt_socket_acknowledge(int fd);
/* Why a connection could not be made; NULL if the kernel knows of nothing. Asking clears it. */
const char *mqtt_socket_connect_error(int fd);
/* How the peer ended it, NULL if it did not or if there is still something to read. */
const char *mqtt_socket_hangup(int fd);
/* A second descriptor of the connection: it stays when the library closes its own. -1 if there is none left. */
int mqtt_socket_copy(int fd);
bool mqtt_socket_wait_writable(int fd, int64_t deadline_ms);
/* Says that nothing more comes, reads to the end what the peer still has to say, and closes. A connection
   that is closed with something unread is reset, and what we said last may never be read. */
void mqtt_socket_finish(int fd, int64_t deadline_ms);

/* --- mqtt_reasons.c ----------------------------------------------------------------------------------- */

/* What a reason of an event means, for people: MQTT v5 codes and our own negative ones. Static, never NULL. */
const char *mqtt_reason_text(int reason);

/* --- mqtt_tls.c --------------------------------------------------------------------------------------- */

/* "TLS: certificate verify failed: certificate has expired" of a line the library logged about the session `ssl`
   (NULL: none); "" if it is not about a fault of TLS. */
void mqtt_tls_text(const char *logged, const void *ssl, char *out, size_t size);

#endif
