/*
 * libepoch with a thread of its own, asked by others meanwhile: for ThreadSanitizer, and for what only a thread can get wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <epoch/epoch.h>
#include <pthread.h>

#include "broker.h"
#include "publishing.h"

enum { READERS = 3, EPOCHS = 30, PATIENCE = 20000 };

struct scene {
    struct broker *broker;
    struct peer publisher;
    struct publishing what;
    epoch_client *client;
    unsigned updates; /* atomic */
    bool is_over;     /* atomic */
};

static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    struct scene *scene = context;
    struct epoch_error error;
    const char *const names[] = {"a", "b"};
    struct epoch_config *both[2];
    (void)update;
    /* From inside of a callback: what reads may be called, what waits says so. */
    if (epoch_get_configs(client, names, 2, both, NULL) == 0) {
        epoch_config_unref(both[0]);
        epoch_config_unref(both[1]);
    }
    if (epoch_wait(client, EPOCH_UNTIL_FRESH, -1, &error) == 0 || strcmp(error.code, "busy") != 0 ||
        epoch_stop(client, &error) == 0)
        return -1;
    epoch_close(client);
    __atomic_add_fetch(&scene->updates, 1, __ATOMIC_RELAXED);
    return 0;
}

/* Both services have the number of one epoch, whatever the moment, and it only rises. */
static void *reader_main(void *context)
{
    static char failed[] = "a question failed", half[] = "half an epoch", backward[] = "backward";
    struct scene *scene = context;
    const char *const names[] = {"a", "b"};
    int64_t highest = 0;
    while (!__atomic_load_n(&scene->is_over, __ATOMIC_ACQUIRE)) {
        struct epoch_config *both[2] = {NULL, NULL};
        struct epoch_status status = EPOCH_STATUS_INIT;
        if (epoch_get_configs(scene->client, names, 2, both, NULL) != 0 || epoch_get_status(scene->client, &status, NULL) != 0)
            return failed;
        int64_t a = epoch_integer(both[0], "/n", 0, NULL), b = epoch_integer(both[1], "/n", 0, NULL);
        epoch_config_unref(both[0]);
        epoch_config_unref(both[1]);
        if (a != b)
            return half;
        if (a < highest)
            return backward;
        highest = a;
    }
    return NULL;
}

static void put(struct scene *scene, const char *topic, const struct buf *payload)
{
    struct error err;
    int id;
    must(mqtt_publish(scene->publisher.mqtt, topic, buf_span(payload), 1, true, &id, &err), &err);
    while (peer_next(&scene->publisher, MQTT_EVENT_ACK)->message_id != id)
        continue;
}

static void publish(struct scene *scene, int n)
{
    char config[32];
    snprintf(config, sizeof config, "{\"n\":%d}", n);
    COMMIT_OF(&scene->what, "a", config, "b", config);
    put(scene, "system/keys/" SOURCE, &scene->what.keyset);
    for (size_t i = 0; i < scene->what.len; i++) {
        char topic[sizeof "system/config/" + LAYOUT_NAME_MAX];
        snprintf(topic, sizeof topic, "system/config/%s", scene->what.services[i].name);
        put(scene, topic, &scene->what.services[i].message);
    }
    put(scene, "system/index/" SOURCE, &scene->what.index);
    put(scene, "system/epoch/" SOURCE, &scene->what.head);
}

static void open_client(struct scene *scene)
{
    static struct buf roots;
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    struct signing_key root = key_of_seed(ROOT_SEED);
    const char *const names[] = {"a", "b"};
    buf_printf(&roots, "epochd-ed25519-public:%s:", root.id);
    crypto_base64_encode(root.public_key, PUBLIC_KEY_LEN, &roots);
    buf_puts(&roots, "\n");
    buf_putc(&roots, '\0');
    options.services = names;
    options.services_len = 2;
    options.root_text = roots.data;
    options.url = scene->broker->unix_url;
    options.lkg_file = "";
    options.context = scene;
    options.on_update = on_update;
    if (epoch_open(&scene->client, &options, &error) != 0)
        fail_msg("%s", error.message);
    buf_fini(&roots);
}

static void f80__threads_read_one_epoch_while_another_one_comes(void **state)
{
    struct scene scene = {.broker = *state};
    struct epoch_error error;
    pthread_t readers[READERS];
    void *complaint;
    publishing_init(&scene.what);
    peer_up(&scene.publisher, scene.broker->unix_url);
    publish(&scene, 1);
    open_client(&scene);
    assert_int_equal(epoch_start(scene.client, &error), 0);
    assert_int_equal(epoch_dispatch(scene.client, &error), -1);
    assert_string_equal(error.code, "busy");
    assert_int_equal(epoch_wait(scene.client, EPOCH_UNTIL_CURRENT, PATIENCE, &error), 0);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader_main, &scene), 0);
    for (int n = 2; n <= EPOCHS; n++)
        publish(&scene, n);
    struct epoch_status status = EPOCH_STATUS_INIT;
    while (status.epoch < EPOCHS) {
        assert_int_equal(epoch_get_status(scene.client, &status, &error), 0);
        sched_yield();
    }
    __atomic_store_n(&scene.is_over, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i], &complaint);
        if (complaint != NULL)
            fail_msg("%s", (const char *)complaint);
    }
    assert_int_equal(epoch_stop(scene.client, &error), 0);
    assert_int_equal(epoch_stop(scene.client, &error), 0);
    assert_int_equal(epoch_dispatch(scene.client, &error), 0); /* the connection stayed, for whoever drives next */
    assert_true(scene.updates >= 4);
    struct epoch_config *held = epoch_get_config(scene.client, "a", &error);
    epoch_close(scene.client);
    assert_int_equal(epoch_integer(held, "/n", 0, NULL), EPOCHS); /* it outlives the client */
    epoch_config_unref(held);
    peer_close(&scene.publisher);
    publishing_fini(&scene.what);
}

static int start_broker(void **state)
{
    static struct broker broker;
    broker_prepare(&broker);
    broker_start(&broker, "", NULL);
    *state = &broker;
    return 0;
}

static int stop_broker(void **state)
{
    broker_stop(*state);
    return 0;
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f80__threads_read_one_epoch_while_another_one_comes),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
