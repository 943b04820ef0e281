/*
 * broker: a private mosquitto for one test, and clients whose events are written down.
 *
 * It listens on a Unix socket in a folder of its own and, where asked, on a loopback port. The port stays
 * bound by us without listening, so nobody else can be given it while the broker starts. Waiting is for what
 * the broker prints and for events, never for time to pass.
 */
#ifndef TESTS_UNIT_BROKER_H
#define TESTS_UNIT_BROKER_H

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "io/mqtt.h"
#include "temp_folder.h"
#include "util/buf.h"
#include "util/clock.h"

enum { PATIENCE_MS = 20000, SEEN_MAX = 512 };

/* --- files -------------------------------------------------------------------------------------------- */

static inline void make_folder(char out[static 64])
{
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(out, 64, "%s/epochd-mqtt-XXXXXX", tmp == NULL || strlen(tmp) > 40 ? "/tmp" : tmp);
    assert_true(len > 0 && len < 64);
    assert_non_null(mkdtemp(out));
}

static inline void remove_folder(const char *folder)
{
    nftw(folder, temp_folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* --- sockets ------------------------------------------------------------------------------------------ */

/* A TCP socket bound to a free port of 127.0.0.1; it listens with a backlog of `backlog`, or not at all (0). */
static inline int bind_loopback(int backlog, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    if (backlog > 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* --- the broker --------------------------------------------------------------------------------------- */

struct broker {
    char folder[64];
    char unix_url[96], tcp_url[64];
    pid_t pid;
    int output, port_holder, port;
};

static inline void broker_wait_for(struct broker *broker, const char *word)
{
    char text[4096] = "";
    size_t len = 0;
    while (strstr(text, word) == NULL) {
        ssize_t got = read(broker->output, text + len, sizeof text - 1 - len);
        if (got <= 0)
            fail_msg("mosquitto did not start: %s", text);
        len += (size_t)got;
        text[len] = '\0';
    }
}

static inline void broker_spawn(struct broker *broker)
{
    char config[96];
    int ends[2];
    snprintf(config, sizeof config, "%s/broker.conf", broker->folder);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    broker->pid = fork();
    assert_true(broker->pid >= 0);
    if (broker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test is shot */
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        setenv("PATH", "/usr/sbin:/usr/bin:/usr/local/sbin:/sbin:/bin", 1);
        execlp("mosquitto", "mosquitto", "-c", config, (char *)NULL);
        dprintf(STDOUT_FILENO, "there is no mosquitto\n");
        _exit(127);
    }
    close(ends[1]);
    broker->output = ends[0];
    broker_wait_for(broker, " running");
}

/*
 * `of_all` are lines for the whole broker, `of_port` for a listener on a port: NULL for none. @ in them
 * becomes the folder. Files that they name are written before with write_file; so the folder is made by
 * broker_prepare.
 */
static inline void broker_prepare(struct broker *broker)
{
    *broker = (struct broker){.pid = -1, .output = -1, .port_holder = -1};
    make_folder(broker->folder);
    snprintf(broker->unix_url, sizeof broker->unix_url, "unix://%s/socket", broker->folder);
}

static inline void broker_put(struct buf *out, const char *lines, const char *folder)
{
    for (; *lines != '\0'; lines++)
        if (*lines == '@')
            buf_puts(out, folder);
        else
            buf_putc(out, *lines);
}

static inline void broker_start(struct broker *broker, const char *of_all, const char *of_port)
{
    struct buf config = {0};
    buf_puts(&config,
             "user root\nlog_dest stderr\nlog_type information\nlog_type error\npersistence false\n");
    if (strstr(of_all, "allow_anonymous") == NULL)
        buf_puts(&config, "allow_anonymous true\n");
    broker_put(&config, of_all, broker->folder);
    buf_printf(&config, "listener 0 %s/socket\n", broker->folder);
    if (of_port != NULL) {
        broker->port_holder = bind_loopback(0, &broker->port);
        snprintf(broker->tcp_url, sizeof broker->tcp_url, "mqtt://127.0.0.1:%d", broker->port);
        buf_printf(&config, "listener %d 127.0.0.1\n", broker->port);
        broker_put(&config, of_port, broker->folder);
    }
    buf_putc(&config, '\0');
    write_file(broker->folder, "broker.conf", config.data);
    buf_fini(&config);
    broker_spawn(broker);
}

static inline void broker_kill(struct broker *broker, int signal_number)
{
    if (broker->pid <= 0)
        return;
    kill(broker->pid, signal_number);
    waitpid(broker->pid, NULL, 0);
    close(broker->output);
    broker->pid = -1;
}

static inline void broker_stop(struct broker *broker)
{
    broker_kill(broker, SIGKILL);
    if (broker->port_holder >= 0)
        close(broker->port_holder);
    remove_folder(broker->folder);
}

/* --- clients ------------------------------------------------------------------------------------------ */

struct seen {
    enum mqtt_event_kind kind;
    int message_id, reason;
    char text[256], topic[64], payload[64];
    size_t payload_len;
    bool is_retained;
    uint32_t max_packet;
};

struct peer {
    struct mqtt *mqtt;
    struct seen seen[SEEN_MAX];
    size_t len, read; /* events that came, and those the test has looked at */
    size_t wakeups;
    void (*in_handler)(struct peer *peer, const struct mqtt_event *event); /* NULL: nothing more */
};

static inline void peer_handler(void *context, const struct mqtt_event *event)
{
    struct peer *peer = context;
    assert_true(peer->len < SEEN_MAX);
    struct seen *seen = &peer->seen[peer->len++];
    *seen = (struct seen){.kind = event->kind,
                          .message_id = event->message_id,
                          .reason = event->reason,
                          .payload_len = event->payload.len,
                          .is_retained = event->is_retained,
                          .max_packet = event->max_packet};
    snprintf(seen->text, sizeof seen->text, "%s", event->text);
    snprintf(seen->topic, sizeof seen->topic, "%s", event->topic == NULL ? "" : event->topic);
    snprintf(seen->payload, sizeof seen->payload, "%.*s", (int)event->payload.len,
             event->payload.len == 0 ? "" : event->payload.data);
    if (peer->in_handler != NULL)
        peer->in_handler(peer, event);
}

static inline void peer_open_with(struct peer *peer, struct mqtt_options options)
{
    struct error err;
    *peer = (struct peer){0};
    if (options.keepalive_s == 0)
        options.keepalive_s = 30;
    if (mqtt_new(&peer->mqtt, &options, peer_handler, peer, &err) != 0)
        fail_msg("%s", err.message);
}

static inline void peer_open(struct peer *peer, const char *url)
{
    peer_open_with(peer, (struct mqtt_options){.url = url});
}

/* One round of the loop a caller has: a tick, and if that brought nothing, at most `timeout_ms` of waiting. */
static inline void peer_step(struct peer *peer, int timeout_ms)
{
    size_t before = peer->len;
    mqtt_tick(peer->mqtt);
    if (peer->len != before)
        return;
    struct pollfd wanted = {.fd = mqtt_fd(peer->mqtt), .events = (short)mqtt_wants(peer->mqtt)};
    if (poll(&wanted, 1, timeout_ms) > 0) {
        peer->wakeups++;
        mqtt_io(peer->mqtt, (uint32_t)wanted.revents);
    }
}

static inline const char *kind_name(enum mqtt_event_kind kind)
{
    static const char *const names[] = {"UP", "DOWN", "ACK", "SUBSCRIBED", "MESSAGE"};
    return names[kind];
}

/* The next event that was not looked at, which must be of this kind. */
static inline const struct seen *peer_next(struct peer *peer, enum mqtt_event_kind kind)
{
    int64_t deadline = clock_boot_ms() + PATIENCE_MS;
    while (peer->read == peer->len) {
        if (clock_boot_ms() >= deadline)
            fail_msg("no %s came", kind_name(kind));
        peer_step(peer, 1000);
    }
    const struct seen *seen = &peer->seen[peer->read++];
    if (seen->kind != kind)
        fail_msg("%s came instead of %s: %d %s", kind_name(seen->kind), kind_name(kind), seen->reason,
                 seen->text);
    return seen;
}

static inline void peer_connect(struct peer *peer)
{
    struct error err;
    if (mqtt_connect(peer->mqtt, &err) != 0)
        fail_msg("%s", err.message);
}

static inline void peer_up(struct peer *peer, const char *url)
{
    peer_open(peer, url);
    peer_connect(peer);
    peer_next(peer, MQTT_EVENT_UP);
    assert_true(mqtt_is_up(peer->mqtt));
}

static inline int peer_publish(struct peer *peer, const char *topic, const char *payload, int qos,
                               bool retain)
{
    struct error err;
    int id = -1;
    if (mqtt_publish(peer->mqtt, topic, span_of(payload), qos, retain, &id, &err) != 0)
        fail_msg("%s", err.message);
    return id;
}

static inline void peer_publish_acked(struct peer *peer, const char *topic, const char *payload, bool retain)
{
    int id = peer_publish(peer, topic, payload, 1, retain);
    const struct seen *ack = peer_next(peer, MQTT_EVENT_ACK);
    assert_int_equal(ack->message_id, id);
    assert_true(ack->reason < 0x80);
}

static inline void peer_subscribe(struct peer *peer, const char *topic, bool send_retained)
{
    struct error err;
    int id = -1;
    assert_int_equal(mqtt_subscribe(peer->mqtt, topic, send_retained, &id, &err), 0);
    const struct seen *seen = peer_next(peer, MQTT_EVENT_SUBSCRIBED);
    assert_int_equal(seen->message_id, id);
    assert_true(seen->reason < 0x80);
}

static inline void peer_expect_message(struct peer *peer, const char *topic, const char *payload,
                                       bool is_retained)
{
    const struct seen *seen = peer_next(peer, MQTT_EVENT_MESSAGE);
    assert_string_equal(seen->topic, topic);
    assert_string_equal(seen->payload, payload);
    assert_int_equal(seen->is_retained, is_retained);
}

static inline void peer_close(struct peer *peer)
{
    assert_int_equal(peer->read, peer->len);
    mqtt_free(peer->mqtt);
    peer->mqtt = NULL;
}

#endif
