/*
 * settings: the options of epoch_open, copied and checked, so that a wrong one is an error at once and not a client that never
 * hears anything.
 */
#include <unistd.h>

#include "client/client.h"
#include "model/codes.h"

#define DEFAULT_SOURCE "config-manager"
#define DEFAULT_LKG "/var/lib/epochd/config.lkg.json"
#define DEFAULT_LKG_KEY "/var/lib/epochd/keys/lkg.key"

static int copy(char **out, const char *text, struct error *err)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    *out = strdup(text);
    return *out == NULL ? error_memory(err) : 0;
}

static int copy_or(char **out, const char *text, const char *otherwise, struct error *err)
{
    return copy(out, text == NULL ? otherwise : text, err);
}

/* --- services ----------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_service(struct client_settings *settings, const char *name, struct error *err)
{
    if (name == NULL || !layout_name_is_good(span_of(name)))
        return error_set(err, CODE_SETTINGS, 0, "'%s' is no name of a service", name == NULL ? "" : name);
    if (copy(&settings->services[settings->services_len], name, err) != 0)
        return -1;
    settings->services_len++;
    return 0;
}

static int copy_services(struct client_settings *settings, const struct epoch_options *options, struct error *err)
{
    size_t len = options->services_len + 1, kept = 0;
    int ways = (options->service != NULL) + (options->services_len > 0) + options->follow_all;
    if (ways != 1)
        return error_set(err, CODE_SETTINGS, 0, "one of service, services and follow_all says what is followed");
    if (len > STATE_SERVICES_MAX)
        return error_set(err, CODE_SETTINGS, 0, "more than %d services", STATE_SERVICES_MAX);
    settings->follows_all = options->follow_all;
    settings->services = calloc(len, sizeof *settings->services);
    if (settings->services == NULL)
        return error_memory(err);
    if (options->service != NULL)
        return add_service(settings, options->service, err);
    for (size_t i = 0; i < options->services_len; i++)
        if (add_service(settings, options->services[i], err) != 0)
            return -1;
    if (settings->services_len > 0)
        qsort(settings->services, settings->services_len, sizeof *settings->services, by_name);
    for (size_t i = 0; i < settings->services_len; i++) {
        if (kept > 0 && strcmp(settings->services[i], settings->services[kept - 1]) == 0)
            free(settings->services[i]);
        else
            settings->services[kept++] = settings->services[i];
    }
    settings->services_len = kept;
    return 0;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

/* The host's name made to fit. */
static int default_instance(char **out, struct error *err)
{
    char name[ACK_INSTANCE_MAX + 1];
    if (gethostname(name, sizeof name) != 0)
        name[0] = '\0';
    name[sizeof name - 1] = '\0';
    for (char *c = name; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", *c) == NULL)
            *c = '-';
    }
    return copy(out, message_instance_is_good(span_of(name)) ? name : "localhost", err);
}

static int copy_names(struct client_settings *settings, const struct epoch_options *options, struct error *err)
{
    if (copy_or(&settings->source, options->source, DEFAULT_SOURCE, err) != 0 ||
        copy(&settings->instance, options->instance, err) != 0)
        return -1;
    if (settings->source == NULL || !layout_name_is_good(span_of(settings->source)))
        return error_set(err, CODE_SETTINGS, 0, "the source is no name");
    const char *prefix = options->prefix == NULL ? "" : options->prefix;
    settings->prefix = strdup(prefix);
    if (settings->prefix == NULL)
        return error_memory(err);
    if (!topic_prefix_is_good(span_of(prefix)))
        return error_set(err, CODE_SETTINGS, 0, "the prefix is not levels of [A-Za-z0-9._-]+ with / between them");
    if (settings->instance == NULL)
        return default_instance(&settings->instance, err);
    return message_instance_is_good(span_of(settings->instance))
               ? 0
               : error_set(err, CODE_SETTINGS, 0, "the instance is not [a-z0-9][a-z0-9.-]{0,62}");
}

static int copy_broker(struct client_settings *settings, const struct epoch_options *options, struct error *err)
{
    if (options->url != NULL && strcmp(options->url, "off") != 0 && copy(&settings->url, options->url, err) != 0)
        return -1;
    if (copy(&settings->username, options->username, err) != 0 || copy(&settings->password, options->password, err) != 0 ||
        copy(&settings->password_file, options->password_file, err) != 0 ||
        copy(&settings->ca_file, options->ca_file, err) != 0 || copy(&settings->cert_file, options->cert_file, err) != 0 ||
        copy(&settings->key_file, options->key_file, err) != 0 || copy(&settings->client_id, options->client_id, err) != 0)
        return -1;
    if (settings->password != NULL && settings->password_file != NULL)
        return error_set(err, CODE_SETTINGS, 0, "password and password_file: one of them");
    return 0;
}

int client_settings_init(struct client_settings *settings, const struct epoch_options *options, struct error *err)
{
    if (options->policy != EPOCH_KEEP_GOING && options->policy != EPOCH_UNUSABLE_OFFLINE)
        return error_set(err, CODE_SETTINGS, 0, "there is no such policy");
    if (options->policy == EPOCH_UNUSABLE_OFFLINE && options->max_offline_s == 0)
        return error_set(err, CODE_SETTINGS, 0, "the policy needs max_offline_s");
    settings->policy = options->policy;
    settings->max_offline_ms = (int64_t)options->max_offline_s * 1000;
    settings->is_silent = options->is_silent || options->follow_all;
    settings->context = options->context;
    settings->on_update = options->on_update;
    settings->on_status = options->on_status;
    settings->on_alarm = options->on_alarm;
    if (copy_services(settings, options, err) != 0 || copy_names(settings, options, err) != 0 ||
        copy_broker(settings, options, err) != 0 || copy_or(&settings->lkg_file, options->lkg_file, DEFAULT_LKG, err) != 0 ||
        copy_or(&settings->lkg_key_file, options->lkg_key_file, DEFAULT_LKG_KEY, err) != 0)
        return -1;
    return copy(&settings->cache, options->cache, err);
}

void client_settings_fini(struct client_settings *settings)
{
    for (size_t i = 0; i < settings->services_len; i++)
        free(settings->services[i]);
    if (settings->password != NULL)
        crypto_wipe(settings->password, strlen(settings->password));
    char *const strings[] = {
        settings->url,      settings->username, settings->password, settings->password_file, settings->ca_file,
        settings->cert_file, settings->key_file, settings->client_id, settings->source,       settings->prefix,
        settings->instance, settings->lkg_file, settings->lkg_key_file, settings->cache,
    };
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(strings[i]);
    free(settings->services);
    *settings = (struct client_settings){0};
}
