/*
 * client: opening, closing, and what any thread may ask. No globals: what a process has of the library are its clients.
 */
#include "client/client.h"

#include <fcntl.h>

#include "model/codes.h"
#include "util/clock.h"
#include "verify/key_file.h"
#include "verify/keyring.h"

#define DEFAULT_ROOTS "/var/lib/epochd/keys/root.pub"

const char *epoch_version(void)
{
    return EPOCHD_VERSION;
}

int client_error(struct epoch_error *out, const struct error *err)
{
    if (out == NULL)
        return -1;
    *out = (struct epoch_error){.code = err->code, .sys = err->sys};
    snprintf(out->message, sizeof out->message, "%s", err->message);
    return -1;
}

int client_check(const epoch_client *client, struct epoch_error *error)
{
    struct error err;
    if (client->pid == getpid())
        return 0;
    error_set(&err, CODE_FORKED, 0, "the client was opened by process %d", (int)client->pid);
    return client_error(error, &err);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int read_roots(epoch_client *client, const struct epoch_options *options, struct error *err)
{
    if (options->root_text != NULL)
        return keyring_parse_roots(span_of(options->root_text), "root_text", &client->roots, err);
    return key_file_read_roots(options->root_file == NULL ? DEFAULT_ROOTS : options->root_file, &client->roots, err);
}

static int read_keys(epoch_client *client, const struct epoch_options *options, struct error *err)
{
    if (read_roots(client, options, err) != 0)
        return error_wrap(err, "the pinned root keys");
    if (options->instance_key == NULL)
        return 0;
    if (key_file_read_signing(options->instance_key, &client->instance_key, err) != 0)
        return error_wrap(err, "the key of the instance");
    client->has_instance_key = true;
    return 0;
}

static int init_threads(epoch_client *client, struct error *err)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int rc = pthread_mutex_init(&client->lock, NULL);
    if (rc == 0)
        rc = pthread_mutex_init(&client->driving, NULL);
    if (rc == 0)
        rc = pthread_cond_init(&client->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return rc == 0 ? 0 : error_set(err, ERR_SYSTEM, rc, "no lock");
}

/* Fits every size that an older or newer header knows: what it has not is 0. */
static struct epoch_options whole_options(const struct epoch_options *given)
{
    struct epoch_options options = {0};
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    return options;
}

static int open_cache(epoch_client *client, struct error *err)
{
    struct error damage;
    if (client->settings.cache == NULL)
        return 0;
    if (cache_open(&client->cache, client->settings.cache, client->settings.source, &damage, err) != 0)
        return -1;
    if (damage.code != NULL)
        alarm_tell(client, client->settings.cache, &damage);
    return 0;
}

static int open_parts(epoch_client *client, const struct epoch_options *options, struct error *err)
{
    if (client_settings_init(&client->settings, options, err) != 0 || read_keys(client, options, err) != 0 ||
        overrides_read(&client->overrides, options->env, options->env_len, err) != 0)
        return -1;
    state_init(&client->state, &client->roots, client->settings.source, client->settings.follows_all);
    if (open_cache(client, err) != 0)
        return -1;
    if (acks_init(client, err) != 0 || links_open(client, err) != 0)
        return -1;
    return restore_all(client, err);
}

/* What was found is answered with the first connection. */
static void answer_found(epoch_client *client)
{
    for (size_t i = 0; i < client->acks_len; i++) {
        const char *service = client->acks[i].service;
        const struct cache_kept *kept = apply_kept(client, service, false);
        struct epoch_config *config = apply_in_force(client, service);
        acks_answer(client, service, config, NULL, kept != NULL && kept->is_refused);
        if (kept != NULL && kept->is_refused)
            snprintf(client->acks[i].reason, sizeof client->acks[i].reason, "%s", kept->reason);
    }
}

static int open_client(epoch_client *client, const struct epoch_options *options, struct error *err)
{
    if (crypto_init(err) != 0 || init_threads(client, err) != 0 || run_open(client, err) != 0)
        return -1;
    client->pid = getpid();
    client->is_opening = true;
    client->driver = pthread_self();
    client->is_driven = true;
    client->heard_ms = INT64_MIN;
    client->opened_ms = clock_boot_ms();
    client->status = (struct epoch_status)EPOCH_STATUS_INIT;
    client->status.freshness_name = "UNKNOWN";
    client->status.reason = "";
    client->fetch.again_at_ms = client->fetch.services_at_ms = INT64_MAX;
    if (open_parts(client, options, err) != 0)
        return -1;
    status_settle(client, clock_boot_ms());
    answer_found(client);
    run_wake(client); /* the first pass connects */
    client->is_driven = client->is_opening = false;
    return 0;
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

static void release_table(epoch_client *client)
{
    for (size_t i = 0; i < client->table_len; i++)
        epoch_config_unref(client->table[i].config);
    free(client->table);
    for (size_t i = 0; i < client->kept_len; i++)
        letter_unref(client->kept[i].letter);
    free(client->kept);
}

static void release(epoch_client *client, bool politely)
{
    struct pipe_guard guard;
    run_guard_begin(&guard);
    links_close(client, politely);
    run_guard_end(&guard);
    acks_fini(client);
    run_close(client);
    release_table(client);
    state_fini(&client->state);
    cache_close(&client->cache);
    overrides_unref(client->overrides);
    client_settings_fini(&client->settings);
    crypto_wipe(&client->instance_key, sizeof client->instance_key);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->driving);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

/*
 * In a child: its copies of the descriptors are closed, and the memory that belongs to connections is left to the end of
 * the process. To say anything on them, the end of a TLS session too, would be to speak for the parent; and locks may be held by threads
 * that are not here.
 */
static void release_in_child(epoch_client *client)
{
    for (size_t i = 0; i < client->links_len; i++) {
        int fd = mqtt_fd(client->links[i].mqtt);
        if (fd >= 0)
            close(fd);
    }
    run_close(client);
    release_table(client);
    state_fini(&client->state);
    cache_close(&client->cache);
    overrides_unref(client->overrides);
    client_settings_fini(&client->settings);
    crypto_wipe(&client->instance_key, sizeof client->instance_key);
}

int epoch_open(epoch_client **out, const struct epoch_options *options, struct epoch_error *error)
{
    struct error err;
    if (options->size < sizeof options->size) {
        error_set(&err, CODE_SETTINGS, 0, "the options have no size: EPOCH_OPTIONS_INIT sets it");
        return client_error(error, &err);
    }
    const struct epoch_options whole = whole_options(options);
    epoch_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        error_memory(&err);
        return client_error(error, &err);
    }
    client->cache = (struct cache){.dir = -1, .log = -1};
    client->epoll = client->timer = client->wake = -1;
    if (open_client(client, &whole, &err) != 0) {
        release(client, false);
        return client_error(error, &err);
    }
    *out = client;
    return 0;
}

void epoch_close(epoch_client *client)
{
    if (client == NULL)
        return;
    if (client_check(client, NULL) != 0) {
        release_in_child(client);
        return;
    }
    if (epoch_stop(client, NULL) != 0)
        return; /* from inside of a callback */
    release(client, true);
}

/* --- what any thread may ask -------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_followed(const epoch_client *client, const char *service)
{
    if (client->settings.follows_all)
        return layout_name_is_good(span_of(service));
    const struct client_settings *settings = &client->settings;
    return settings->services_len > 0 &&
           bsearch(&service, settings->services, settings->services_len, sizeof *settings->services, by_name) != NULL;
}

static int unknown(const char *service, struct epoch_error *error)
{
    struct error err;
    error_set(&err, CODE_SERVICE_UNKNOWN, 0, "'%s' is not followed", service == NULL ? "" : service);
    return client_error(error, &err);
}

int epoch_get_configs(epoch_client *client, const char *const *services, size_t len, struct epoch_config **out,
                      struct epoch_error *error)
{
    if (client_check(client, error) != 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (services[i] == NULL || !is_followed(client, services[i]))
            return unknown(services[i], error);
    pthread_mutex_lock(&client->lock);
    for (size_t i = 0; i < len; i++)
        out[i] = epoch_config_ref(apply_in_force(client, services[i]));
    pthread_mutex_unlock(&client->lock);
    return 0;
}

struct epoch_config *epoch_get_config(epoch_client *client, const char *service, struct epoch_error *error)
{
    struct epoch_config *config = NULL;
    struct error err;
    if (client_check(client, error) != 0)
        return NULL;
    if (service == NULL && client->settings.services_len == 1)
        service = client->settings.services[0];
    if (epoch_get_configs(client, &service, 1, &config, error) != 0)
        return NULL;
    if (config == NULL) {
        error_set(&err, CODE_NO_CONFIGURATION, 0, "there is no configuration of %s", service);
        client_error(error, &err);
    }
    return config;
}

int epoch_each_service(epoch_client *client, void (*each)(void *context, const char *service), void *context,
                       struct epoch_error *error)
{
    struct error err;
    if (client_check(client, error) != 0)
        return -1;
    pthread_mutex_lock(&client->lock);
    size_t len = client->table_len;
    AUTO_FREE struct in_force *copy = calloc(len + 1, sizeof *copy);
    if (copy != NULL && len > 0)
        memcpy(copy, client->table, len * sizeof *copy);
    pthread_mutex_unlock(&client->lock);
    if (copy == NULL) {
        error_memory(&err);
        return client_error(error, &err);
    }
    for (size_t i = 0; i < len; i++)
        each(context, copy[i].name);
    return 0;
}

int epoch_get_status(epoch_client *client, struct epoch_status *status, struct epoch_error *error)
{
    struct epoch_status now;
    size_t size = status->size;
    int64_t boot_ms = clock_boot_ms();
    if (client_check(client, error) != 0)
        return -1;
    pthread_mutex_lock(&client->lock);
    now = client->status;
    now.age_ms = client->told_heard_ms == INT64_MIN ? -1 : boot_ms - client->told_heard_ms;
    bool is_over = now.freshness == EPOCH_FRESH && boot_ms >= client->fresh_until_ms;
    pthread_mutex_unlock(&client->lock);
    if (is_over) { /* and nobody drove the client since */
        now.freshness = EPOCH_STALE;
        now.freshness_name = "STALE";
        now.reason = "silent";
    }
    memcpy(status, &now, size < sizeof now ? size : sizeof now);
    status->size = size;
    return 0;
}
