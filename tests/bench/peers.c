/*
 * peers: the same event in what people use today: one client changes a value of 430 bytes, another one, who
 * waits, has it.
 *
 *   bench publish --port N …          mosquitto, QoS 1, retained
 *   bench redis --port N …            SET, then PUBLISH; the server says how durable SET is
 *   bench etcd --port N … [--fill K]  put → watch over gRPC; --fill puts K keys and measures nothing
 *
 * The clock runs from before the first byte is written to when the waiting one has all bytes. One thread does
 * both, so that no scheduling of ours is measured. gRPC is written out here as far as two calls need it:
 * HTTP/2 frames, headers as literals.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <string.h>

enum { VALUE = 430, PATIENCE_MS = 10000 };

static void value_make(char out[static VALUE], long i)
{
    memset(out, 'x', VALUE);
    snprintf(out, VALUE, "value %ld", i);
    out[strlen(out)] = 'x';
}

/* --- mosquitto ------------------------------------------------------------------------------------------ */

static void count_message(void *context, const char *topic, const void *payload, size_t len, bool retained)
{
    (void)topic, (void)payload, (void)len, (void)retained;
    ++*(long *)context;
}

void bench_publish(void)
{
    struct samples list = {.name = "publish"};
    long received = 0, size = option_number("size", 900);
    struct link subscriber = {.received = count_message, .context = &received}, publisher = {0};
    char *AUTO_FREE payload = malloc((size_t)size);
    if (payload == NULL)
        die("out of memory");
    memset(payload, 'x', (size_t)size);
    link_open(&subscriber, "bench-subscriber", option_number("port", 1883));
    link_open(&publisher, "bench-publisher", option_number("port", 1883));
    link_subscribe(&subscriber, "bench/value");
    link_rest(&subscriber, 50);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        link_rest(&publisher, option_number("gap", 20));
        received = 0;
        int64_t start = now_ns();
        if (mosquitto_publish(publisher.mosquitto, NULL, "bench/value", (int)size, payload, 1, true) !=
            MOSQ_ERR_SUCCESS)
            die("cannot publish");
        while (received == 0)
            link_turn(&subscriber, PATIENCE_MS);
        samples_add(&list, now_ns() - start);
    }
    link_close(&subscriber);
    link_close(&publisher);
    samples_print(&list, 1);
}

/* --- Redis ---------------------------------------------------------------------------------------------- */

/* Reads until the bytes hold `end` so many times. */
static void redis_await(int fd, const char *end, int times)
{
    char text[8192];
    size_t len = 0;
    for (int seen = 0; seen < times;) {
        ssize_t n = wait_readable(fd, PATIENCE_MS) ? read(fd, text + len, sizeof text - 1 - len) : 0;
        if (n <= 0)
            die("Redis does not answer");
        len += (size_t)n;
        text[len] = '\0';
        seen = 0;
        for (const char *at = text; (at = strstr(at, end)) != NULL; at += strlen(end))
            seen++;
    }
}

void bench_redis(void)
{
    struct samples list = {.name = "redis"};
    AUTO_CLOSE int subscriber = tcp_connect(option_number("port", 6379));
    AUTO_CLOSE int writer = tcp_connect(option_number("port", 6379));
    char value[VALUE + 1], request[4 * VALUE];
    write_all(subscriber, "SUBSCRIBE news\r\n", 16);
    redis_await(subscriber, ":1\r\n", 1);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        value_make(value, i);
        value[VALUE] = '\0';
        int len = snprintf(
            request, sizeof request,
            "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%d\r\n%s\r\n*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%s\r\n",
            VALUE, value, VALUE, value);
        int64_t start = now_ns();
        write_all(writer, request, (size_t)len);
        redis_await(subscriber, "x\r\n", 1);
        samples_add(&list, now_ns() - start);
        redis_await(writer, "\r\n", 2);
    }
    samples_print(&list, 1);
}

/* --- etcd ----------------------------------------------------------------------------------------------- */

enum {
    DATA = 0,
    HEADERS = 1,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    END_STREAM = 1,
    ACK = 1,
    END_HEADERS = 4
};

static void frame(int fd, uint8_t type, uint8_t flags, uint32_t stream, const void *data, size_t len)
{
    unsigned char *AUTO_FREE bytes = malloc(9 + len);
    if (bytes == NULL)
        die("out of memory");
    memcpy(bytes, (uint8_t[]){(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags}, 5);
    memcpy(bytes + 5, &(uint32_t){htonl(stream)}, 4);
    if (len > 0)
        memcpy(bytes + 9, data, len);
    write_all(fd, bytes, 9 + len);
}

static void literal(struct buf *out, const char *name, const char *value)
{
    buf_putc(out, 0);
    buf_putc(out, (char)strlen(name));
    buf_puts(out, name);
    buf_putc(out, (char)strlen(value));
    buf_puts(out, value);
}

static void call_begin(int fd, uint32_t stream, const char *path)
{
    struct buf block AUTO_BUF = {0};
    literal(&block, ":method", "POST");
    literal(&block, ":scheme", "http");
    literal(&block, ":path", path);
    literal(&block, ":authority", "localhost");
    literal(&block, "content-type", "application/grpc");
    literal(&block, "te", "trailers");
    frame(fd, HEADERS, END_HEADERS, stream, block.data, block.len);
}

static void put_varint(struct buf *out, size_t value)
{
    for (; value >= 128; value >>= 7)
        buf_putc(out, (char)((value & 127) | 128));
    buf_putc(out, (char)value);
}

static void put_field(struct buf *out, int number, const void *data, size_t len)
{
    put_varint(out, (size_t)number << 3 | 2);
    put_varint(out, len);
    buf_append(out, data, len);
}

/* A gRPC message: not compressed, its length, itself. */
static void message(int fd, uint32_t stream, uint8_t flags, const struct buf *body)
{
    struct buf text AUTO_BUF = {0};
    buf_putc(&text, 0);
    buf_append(&text, (const char *)&(uint32_t){htonl((uint32_t)body->len)}, 4);
    buf_append(&text, body->data, body->len);
    frame(fd, DATA, flags, stream, text.data, text.len);
}

static int etcd_connect(void)
{
    int fd = tcp_connect(option_number("port", 2379));
    const uint8_t window[6] = {0, 4, 0x3f, 0xff, 0xff, 0xff}, more[4] = {0x3f, 0, 0, 0};
    write_all(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    frame(fd, SETTINGS, 0, 0, window, sizeof window);
    frame(fd, WINDOW_UPDATE, 0, 0, more, sizeof more);
    return fd;
}

static void read_exactly(int fd, void *data, size_t len)
{
    for (char *at = data; len > 0;) {
        ssize_t n = wait_readable(fd, PATIENCE_MS) ? read(fd, at, len) : 0;
        if (n <= 0)
            die("etcd does not answer");
        at += n;
        len -= (size_t)n;
    }
}

struct frame_head {
    size_t len;
    uint8_t type, flags;
};

/* The next frame, answered where HTTP/2 asks for an answer. */
static struct frame_head next_frame(int fd, char *payload, size_t size)
{
    uint8_t head[9];
    read_exactly(fd, head, sizeof head);
    struct frame_head frame_head = {(size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2], head[3], head[4]};
    if (frame_head.len > size)
        die("etcd sends a frame of %zu bytes", frame_head.len);
    read_exactly(fd, payload, frame_head.len);
    if (frame_head.type == SETTINGS && (frame_head.flags & ACK) == 0)
        frame(fd, SETTINGS, ACK, 0, NULL, 0);
    else if (frame_head.type == PING && (frame_head.flags & ACK) == 0)
        frame(fd, PING, ACK, 0, payload, frame_head.len);
    else if (frame_head.type == GOAWAY)
        die("etcd hangs up");
    return frame_head;
}

static void await_data(int fd, size_t at_least)
{
    char payload[65536];
    struct frame_head head;
    do
        head = next_frame(fd, payload, sizeof payload);
    while (head.type != DATA || head.len < at_least);
}

static void await_end(int fd)
{
    char payload[65536];
    struct frame_head head;
    do
        head = next_frame(fd, payload, sizeof payload);
    while (head.type != HEADERS || (head.flags & END_STREAM) == 0);
}

static void etcd_put(int fd, uint32_t stream, const char *key, long i)
{
    char value[VALUE];
    struct buf put AUTO_BUF = {0};
    value_make(value, i);
    put_field(&put, 1, key, strlen(key));
    put_field(&put, 2, value, VALUE);
    call_begin(fd, stream, "/etcdserverpb.KV/Put");
    message(fd, stream, END_STREAM, &put);
}

static int etcd_watch(const char *key)
{
    int fd = etcd_connect();
    struct buf create AUTO_BUF = {0}, request AUTO_BUF = {0};
    put_field(&create, 1, key, strlen(key));
    put_field(&request, 1, create.data, create.len);
    call_begin(fd, 1, "/etcdserverpb.Watch/Watch");
    message(fd, 1, 0, &request);
    await_data(fd, 1); /* "created" */
    return fd;
}

static void etcd_fill(int fd, long keys)
{
    char key[32];
    for (long i = 0; i < keys; i++) {
        snprintf(key, sizeof key, "service-%05ld", i);
        etcd_put(fd, (uint32_t)(2 * i + 1), key, i);
        await_end(fd);
    }
}

void bench_etcd(void)
{
    struct samples list = {.name = "etcd"};
    AUTO_CLOSE int writer = etcd_connect();
    if (option_number("fill", 0) > 0) {
        etcd_fill(writer, option_number("fill", 0));
        return;
    }
    AUTO_CLOSE int watcher = etcd_watch("key");
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        int64_t start = now_ns();
        etcd_put(writer, (uint32_t)(2 * i + 1), "key", i);
        await_data(watcher, VALUE);
        samples_add(&list, now_ns() - start);
        await_end(writer);
    }
    samples_print(&list, 1);
}
