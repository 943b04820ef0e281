/*
 * consumer: what libepoch costs, one verb a figure; tests/bench/consumer.py runs them in rounds and judges. Prints one JSON object of
 * figures, in microseconds unless the name says otherwise.
 *
 *   consumer open FOLDER        epoch_open from a snapshot of 100 services, and from a cache of its own
 *   consumer get                one getter, in nanoseconds, and the bytes that 1,000,000 of them took from the heap
 *   consumer apply FOLDER       a head and its service arrive: until the new configuration is in force, the cache synced
 *   consumer fleet N            N services: keyset, head, index and messages taken, against N signatures verified
 *   consumer fanout PORT N      the last of N subscribers: a bare one, and one that applies
 */
#include <epoch/epoch.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "client/client.h"
#include "io/snapshot.h"
#include "util/fs.h"

enum { ROOT_SEED = 100, SIGNER_SEED = 7, RUNS = 60, TEXT = 300 };

#define COMMIT "4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc"
#define SOURCE "config-manager"
#define TIMESTAMP "2026-11-21T03:23:22.123Z"

static struct signing_key root, signer;
static struct root_keys roots;
static struct buf root_text;

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "consumer: %s: %s\n", what, why);
    exit(1);
}

static void must(int rc, const struct error *err)
{
    if (rc != 0)
        die(err->code, err->message);
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, size_t len)
{
    qsort(list, len, sizeof *list, by_size);
    return list[len / 2];
}

/* --- a publisher -------------------------------------------------------------------------------------------------- */

struct publisher {
    uint64_t epoch;
    size_t len;
    struct catalog *catalog;
    struct buf keyset, head, index, update; /* update: of the service that changed last */
};

static void make_keys(void)
{
    uint8_t seed[SEED_LEN];
    memset(seed, ROOT_SEED, sizeof seed);
    crypto_signing_key_from_seed(seed, &root);
    memset(seed, SIGNER_SEED, sizeof seed);
    crypto_signing_key_from_seed(seed, &signer);
    memcpy(roots.keys[0].id, root.id, sizeof root.id);
    memcpy(roots.keys[0].public_key, root.public_key, PUBLIC_KEY_LEN);
    roots.len = 1;
    buf_printf(&root_text, "epochd-ed25519-public:%s:", root.id);
    crypto_base64_encode(root.public_key, PUBLIC_KEY_LEN, &root_text);
    buf_puts(&root_text, "\n");
    buf_putc(&root_text, '\0');
}

static void name_of(size_t at, char out[static 32])
{
    snprintf(out, 32, "s%05zu", at);
}

static struct service *make_service(struct publisher *p, size_t at)
{
    struct error err;
    char name[32], config[TEXT + 64], text[TEXT + 1];
    memset(text, 'x', TEXT);
    text[TEXT] = '\0';
    name_of(at, name);
    snprintf(config, sizeof config, "{\"n\":%llu,\"text\":\"%s\"}", (unsigned long long)p->epoch, text);
    const struct message_stamp stamp = {SOURCE, 1, signer.id, TIMESTAMP};
    const struct message_update update = {.service = name, .version = p->epoch, .config = span_of(config), .config_epoch = COMMIT,
                                          .correlation_id = "bench"};
    buf_reset(&p->update);
    message_compose_update(&p->update, &stamp, &update);
    must(crypto_sign_object(&signer, &p->update, &err), &err);
    return service_new(name, "", p->epoch, buf_span(&p->update), (struct span){0});
}

static void seal(struct publisher *p, const struct message_changed *changed, size_t len)
{
    struct error err;
    const struct message_stamp stamp = {SOURCE, 1, signer.id, TIMESTAMP};
    struct message_head head = {.epoch = p->epoch, .config_epoch = COMMIT, .correlation_id = "bench", .has_parent = p->head.len > 0,
                                .parent_epoch = p->epoch - 1, .changed = changed, .changed_len = len,
                                .services = catalog_count(p->catalog)};
    hash_sha256(p->head.data, p->head.len, head.parent_digest);
    catalog_digest(p->catalog, head.index);
    buf_reset(&p->head);
    message_compose_head(&p->head, &stamp, &head);
    must(crypto_sign_object(&signer, &p->head, &err), &err);
    buf_reset(&p->index);
    must(message_compose_index(&p->index, SOURCE, p->epoch, COMMIT, p->catalog, &err), &err);
}

static void put(struct publisher *p, struct catalog_change *changes, size_t len)
{
    struct error err;
    struct catalog *with;
    must(catalog_with(p->catalog, changes, len, &with, &err), &err);
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    catalog_unref(p->catalog);
    p->catalog = with;
}

static void publisher_init(struct publisher *p, size_t len)
{
    struct error err;
    struct message_keyset keys = {.len = 1};
    const struct message_stamp stamp = {SOURCE, 1, root.id, TIMESTAMP};
    struct catalog_change *changes = calloc(len, sizeof *changes);
    *p = (struct publisher){.epoch = 1, .len = len, .catalog = catalog_new()};
    memcpy(keys.keys[0].id, signer.id, sizeof signer.id);
    memcpy(keys.keys[0].public_key, signer.public_key, PUBLIC_KEY_LEN);
    message_compose_keyset(&p->keyset, &stamp, &keys);
    must(crypto_sign_object(&root, &p->keyset, &err), &err);
    for (size_t i = 0; i < len; i++) {
        struct service *service = make_service(p, i);
        changes[i] = (struct catalog_change){service->name, service};
    }
    put(p, changes, len);
    free(changes);
    seal(p, NULL, MESSAGE_CHANGED_MAX + 1);
}

/* One service changes. */
static void publisher_commit(struct publisher *p, size_t at)
{
    char name[32];
    p->epoch++;
    struct service *service = make_service(p, at);
    put(p, &(struct catalog_change){service->name, service}, 1);
    name_of(at, name);
    seal(p, &(struct message_changed){name, p->epoch}, 1);
}

static void write_snapshot(struct publisher *p, const char *folder)
{
    struct error err;
    struct mac_key key;
    uint8_t bytes[MAC_KEY_LEN] = {1};
    char host[SNAPSHOT_HOST_MAX + 1];
    struct buf text AUTO_BUF = {0};
    int dir;
    crypto_mac_key_from_bytes(bytes, &key);
    snapshot_host(host);
    must(fs_open_dir(folder, &dir, &err), &err);
    const struct snapshot_view view = {.epoch = p->epoch, .generation = 1, .config_epoch = COMMIT, .source = SOURCE, .host = host,
                                       .head = buf_span(&p->head), .keyset = buf_span(&p->keyset), .catalog = p->catalog};
    must(snapshot_write(dir, &view, &key, &err), &err);
    buf_printf(&text, "epochd-hmac-sha256:%s:", key.id);
    crypto_base64_encode(bytes, sizeof bytes, &text);
    buf_puts(&text, "\n");
    must(fs_replace(dir, "lkg.key", buf_span(&text), 0600, &err), &err);
    close(dir);
}

/* --- the figures -------------------------------------------------------------------------------------------------- */

static epoch_client *open_client(const struct epoch_options *options)
{
    struct epoch_error error;
    epoch_client *client;
    if (epoch_open(&client, options, &error) != 0)
        die(error.code, error.message);
    return client;
}

static struct epoch_options options_for(const char *service)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    options.service = service;
    options.root_text = root_text.data;
    options.lkg_file = "";
    return options;
}

static double time_open(const struct epoch_options *options)
{
    double list[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        double begin = now_us();
        epoch_client *client = open_client(options);
        list[i] = now_us() - begin;
        struct epoch_config *config = epoch_get_config(client, "s00042", NULL);
        if (epoch_integer(config, "/n", 0, NULL) != 1)
            die("open", "there is no configuration");
        epoch_config_unref(config);
        epoch_close(client);
    }
    return median(list, RUNS);
}

static void figure_open(const char *folder)
{
    struct publisher p;
    char lkg[512], key[512], cache[512];
    publisher_init(&p, 100);
    write_snapshot(&p, folder);
    snprintf(lkg, sizeof lkg, "%s/" SNAPSHOT_FILE, folder);
    snprintf(key, sizeof key, "%s/lkg.key", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    struct epoch_options options = options_for("s00042");
    options.lkg_file = lkg;
    options.lkg_key_file = key;
    double one = time_open(&options);
    options.service = NULL;
    options.follow_all = true;
    double all = time_open(&options);
    options = options_for("s00042");
    options.lkg_file = lkg;
    options.lkg_key_file = key;
    options.cache = cache;
    epoch_close(open_client(&options)); /* fills the cache */
    options.lkg_file = "";
    printf("{\"open_snapshot_100\":%.0f,\"open_snapshot_100_all\":%.0f,\"open_cache\":%.0f}\n", one, all, time_open(&options));
}

static void figure_get(void)
{
    enum { TIMES = 1000000 };
    struct publisher p;
    struct error err;
    struct overrides *none;
    struct epoch_config *config;
    publisher_init(&p, 1);
    must(overrides_read(&none, NULL, 0, &err), &err);
    struct letter *letter = letter_new(buf_span(&p.update), 1, 1, false);
    must(config_new(&config, letter, 1, none, NULL, NULL, &err), &err);
    int64_t sum = 0;
    size_t heap = mallinfo2().uordblks;
    double begin = now_us();
    for (size_t i = 0; i < TIMES; i++)
        sum += epoch_integer(config, "/n", 0, NULL);
    double took = now_us() - begin;
    if (sum != TIMES)
        die("get", "wrong");
    printf("{\"get_ns\":%.1f,\"get_heap_bytes\":%zu}\n", took * 1000 / (double)TIMES, mallinfo2().uordblks - heap);
}

static void feed(epoch_client *client, const char *topic, const struct buf *payload)
{
    const struct mqtt_event event = {.kind = MQTT_EVENT_MESSAGE, .topic = topic, .payload = buf_span(payload), .text = ""};
    fetch_message(client, &event);
}

/* The same bytes appended to a file of zeros and synced: what the disk asks for it. */
static int open_raw(const char *folder)
{
    static const char zeros[256 * 1024];
    char path[512];
    snprintf(path, sizeof path, "%s/raw", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, zeros, sizeof zeros) != (ssize_t)sizeof zeros || fsync(fd) != 0)
        die("apply", "no file beside");
    return fd;
}

static double time_raw(int fd, const struct buf *bytes, size_t at)
{
    double begin = now_us();
    if (pwrite(fd, bytes->data, bytes->len, (off_t)(at * bytes->len)) < 0 || fdatasync(fd) != 0)
        die("apply", "cannot write beside");
    return now_us() - begin;
}

/* From the head's arrival, its service being there; and the service's own share. */
static void figure_apply(const char *folder)
{
    struct publisher p;
    double service[RUNS], head[RUNS], raw[RUNS];
    char cache[512];
    publisher_init(&p, 100);
    int beside = open_raw(folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    struct epoch_options options = options_for("s00042");
    options.cache = cache;
    epoch_client *client = open_client(&options);
    struct service *first = service_ref(catalog_find(p.catalog, "s00042"));
    const struct buf message = {.data = (char *)(uintptr_t)first->message.data, .len = first->message.len};
    feed(client, "system/keys/" SOURCE, &p.keyset);
    feed(client, "system/config/s00042", &message);
    feed(client, "system/epoch/" SOURCE, &p.head);
    feed(client, "system/index/" SOURCE, &p.index);
    for (size_t i = 0; i < RUNS; i++) {
        publisher_commit(&p, 42);
        double begin = now_us();
        feed(client, "system/config/s00042", &p.update);
        double middle = now_us();
        feed(client, "system/epoch/" SOURCE, &p.head);
        service[i] = middle - begin;
        head[i] = now_us() - middle;
        if (client->state.applied.epoch != p.epoch)
            die("apply", "it was not applied");
        raw[i] = time_raw(beside, &p.head, i);
    }
    epoch_close(client);
    close(beside);
    printf("{\"arrive_service\":%.0f,\"apply_head\":%.0f,\"raw_sync\":%.0f}\n", median(service, RUNS), median(head, RUNS),
           median(raw, RUNS));
}

static void figure_fleet(size_t len)
{
    enum { VERIFIED = 1000 };
    struct publisher p;
    struct error err;
    enum state_outcome outcome;
    const struct service **sorted;
    struct state state;
    publisher_init(&p, len);
    must(catalog_sorted(p.catalog, &sorted, &err), &err);
    state_init(&state, &roots, SOURCE, true);
    double begin = cpu_us();
    must(state_take(&state, TOPIC_KEYS, NULL, buf_span(&p.keyset), &outcome, &err), &err);
    must(state_take(&state, TOPIC_EPOCH, NULL, buf_span(&p.head), &outcome, &err), &err);
    must(state_take(&state, TOPIC_INDEX, NULL, buf_span(&p.index), &outcome, &err), &err);
    for (size_t i = 0; i < len; i++)
        must(state_take(&state, TOPIC_SERVICE, sorted[i]->name, sorted[i]->message, &outcome, &err), &err);
    double took = cpu_us() - begin;
    if (!state_prepare(&state))
        die("fleet", "it is not complete");
    begin = cpu_us();
    for (size_t i = 0; i < VERIFIED; i++) {
        struct message message = {0};
        must(view_read_update(&state.view, sorted[i % len]->message, sorted[i % len]->name, &message, &err), &err);
        message_fini(&message);
    }
    double verify = (cpu_us() - begin) / (double)VERIFIED;
    printf("{\"fleet\":%.0f,\"verify\":%.2f,\"ratio\":%.4f}\n", took, verify, took / (verify * (double)len));
}

/* --- fan-out ------------------------------------------------------------------------------------------------------ */

struct bare {
    struct mqtt *mqtt;
    size_t messages, subscribed;
};

static void on_bare(void *context, const struct mqtt_event *event)
{
    struct bare *bare = context;
    if (event->kind == MQTT_EVENT_DOWN)
        die("fanout", event->text);
    bare->messages += event->kind == MQTT_EVENT_MESSAGE;
    bare->subscribed += event->kind == MQTT_EVENT_SUBSCRIBED;
}

static void turn(struct bare *bare, int timeout_ms)
{
    struct pollfd fd = {.fd = mqtt_fd(bare->mqtt), .events = (short)mqtt_wants(bare->mqtt)};
    if (poll(&fd, 1, timeout_ms) > 0)
        mqtt_io(bare->mqtt, (uint32_t)fd.revents);
}

static void bare_open(struct bare *bare, const char *url)
{
    struct error err;
    const struct mqtt_options options = {.url = url, .keepalive_s = 60};
    *bare = (struct bare){0};
    must(mqtt_new(&bare->mqtt, &options, on_bare, bare, &err), &err);
    must(mqtt_connect(bare->mqtt, &err), &err);
    while (!mqtt_is_up(bare->mqtt))
        turn(bare, 100);
}

static void bare_subscribe(struct bare *bare, const char *topic)
{
    struct error err;
    size_t before = bare->subscribed;
    must(mqtt_subscribe(bare->mqtt, topic, true, NULL, &err), &err);
    while (bare->subscribed == before)
        turn(bare, 100);
}

/* The others: they read and do nothing with it. */
static void crowd(const char *url, size_t len, int ready)
{
    struct bare *all = calloc(len, sizeof *all);
    struct pollfd *fds = calloc(len, sizeof *fds);
    const struct rlimit many = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &many);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < len; i++) {
        bare_open(&all[i], url);
        bare_subscribe(&all[i], "system/config/s00000");
        bare_subscribe(&all[i], "system/epoch/" SOURCE);
    }
    if (write(ready, "x", 1) != 1)
        _exit(1);
    for (;;) {
        for (size_t i = 0; i < len; i++)
            fds[i] = (struct pollfd){.fd = mqtt_fd(all[i].mqtt), .events = (short)mqtt_wants(all[i].mqtt)};
        poll(fds, len, -1);
        for (size_t i = 0; i < len; i++)
            if (fds[i].revents != 0)
                mqtt_io(all[i].mqtt, (uint32_t)fds[i].revents);
    }
}

static void send_out(struct bare *publisher, const char *topic, const struct buf *payload, bool retain)
{
    struct error err;
    must(mqtt_publish(publisher->mqtt, topic, buf_span(payload), 1, retain, NULL, &err), &err);
    while ((mqtt_wants(publisher->mqtt) & POLLOUT) != 0)
        turn(publisher, 10);
}

static void publish(struct bare *publisher, struct publisher *p)
{
    send_out(publisher, "system/config/s00000", &p->update, true);
    send_out(publisher, "system/epoch/" SOURCE, &p->head, true);
}

static void figure_fanout(const char *port, size_t len)
{
    char url[64];
    int ready[2];
    char byte;
    struct publisher p;
    struct bare publisher, last;
    double bare[RUNS], applied[RUNS];
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%s", port);
    publisher_init(&p, 1);
    if (pipe(ready) != 0)
        die("fanout", "no pipe");
    pid_t child = fork();
    if (child == 0)
        crowd(url, len - 2, ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        die("fanout", "the others did not come");
    bare_open(&publisher, url);
    send_out(&publisher, "system/keys/" SOURCE, &p.keyset, true);
    send_out(&publisher, "system/index/" SOURCE, &p.index, true);
    publish(&publisher, &p);
    /* The broker tells the subscribers of a topic one after the other, so who came last hears it last: both are among them. */
    bare_open(&last, url);
    bare_subscribe(&last, "system/config/s00000");
    bare_subscribe(&last, "system/epoch/" SOURCE);
    struct epoch_options options = options_for("s00000");
    struct epoch_error error;
    options.url = url;
    options.is_silent = true;
    epoch_client *client = open_client(&options);
    if (epoch_wait(client, EPOCH_UNTIL_CURRENT, 20000, &error) != 0)
        die(error.code, error.message);
    for (size_t i = 0; i < RUNS; i++) {
        publisher_commit(&p, 0);
        size_t heard = last.messages;
        double begin = now_us();
        publish(&publisher, &p);
        bare[i] = applied[i] = 0;
        while (bare[i] == 0 || applied[i] == 0) {
            struct pollfd fds[] = {{.fd = mqtt_fd(last.mqtt), .events = (short)mqtt_wants(last.mqtt)},
                                   {.fd = epoch_fd(client), .events = POLLIN},
                                   {.fd = mqtt_fd(publisher.mqtt), .events = (short)mqtt_wants(publisher.mqtt)}};
            poll(fds, 3, 1000);
            if (fds[0].revents != 0)
                mqtt_io(last.mqtt, (uint32_t)fds[0].revents);
            if (bare[i] == 0 && last.messages >= heard + 2)
                bare[i] = now_us() - begin;
            if (fds[1].revents != 0)
                epoch_dispatch(client, NULL);
            if (applied[i] == 0 && client->state.applied.epoch == p.epoch)
                applied[i] = now_us() - begin;
            if (fds[2].revents != 0)
                mqtt_io(publisher.mqtt, (uint32_t)fds[2].revents);
        }
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    epoch_close(client);
    printf("{\"fanout_bare\":%.0f,\"fanout_applied\":%.0f}\n", median(bare, RUNS), median(applied, RUNS));
}

int main(int argc, char **argv)
{
    struct error err;
    must(crypto_init(&err), &err);
    make_keys();
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        figure_open(argv[2]);
    else if (argc == 2 && strcmp(argv[1], "get") == 0)
        figure_get();
    else if (argc == 3 && strcmp(argv[1], "apply") == 0)
        figure_apply(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "fleet") == 0)
        figure_fleet((size_t)atol(argv[2]));
    else if (argc == 4 && strcmp(argv[1], "fanout") == 0)
        figure_fanout(argv[2], (size_t)atol(argv[3]));
    else
        die("usage", "open FOLDER | get | apply FOLDER | fleet N | fanout PORT N");
    return 0;
}
