/*
 * driver: libepoch as tests/conformance drives it: settings from the environment, commands on stdin, events on stdout.
 * It runs the client in its own loop, and uses nothing of epochd but <epoch/epoch.h>.
 */
#include <epoch/epoch.h>

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVICES_MAX = 16, LINE_MAX_BYTES = 1024 };

struct driver {
    epoch_client *client;
    char names[LINE_MAX_BYTES];
    const char *services[SERVICES_MAX];
    size_t services_len;
    char refused_service[64], reason[256]; /* "" : nothing is to be refused */
    char told[64];                         /* the freshness that was told last */
};

static const char *setting(const char *name)
{
    char variable[64];
    snprintf(variable, sizeof variable, "CONFORMANCE_%s", name);
    return getenv(variable);
}

/* A static text: 64 hex digits of the configuration in force. */
static const char *digest(const struct epoch_config *config)
{
    static char hex[2 * crypto_hash_sha256_BYTES + 1];
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t len;
    const char *json = epoch_config_json(config, &len);
    crypto_hash_sha256(hash, (const unsigned char *)json, len);
    return sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
}

static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    struct driver *driver = context;
    const struct epoch_config *config = epoch_update_config(update);
    const char *service = epoch_config_service(config);
    (void)client;
    if (epoch_config_is_removed(config)) {
        printf("{\"event\":\"removed\",\"service\":\"%s\"}\n", service);
        return 0;
    }
    if (strcmp(driver->refused_service, service) == 0) {
        driver->refused_service[0] = '\0';
        return epoch_update_refuse(update, driver->reason);
    }
    printf("{\"event\":\"applied\",\"service\":\"%s\",\"version\":%llu,\"epoch\":%llu,\"sha256\":\"%s\"}\n", service,
           (unsigned long long)epoch_config_version(config), (unsigned long long)epoch_config_epoch(config), digest(config));
    return 0;
}

static void on_status(void *context, epoch_client *client, const struct epoch_status *status)
{
    struct driver *driver = context;
    char now[sizeof driver->told];
    (void)client;
    snprintf(now, sizeof now, "%s/%s", status->freshness_name, status->reason);
    if (strcmp(now, driver->told) != 0)
        printf("{\"event\":\"freshness\",\"state\":\"%s\",\"reason\":\"%s\"}\n", status->freshness_name, status->reason);
    memcpy(driver->told, now, sizeof now);
}

static void on_alarm(void *context, epoch_client *client, const struct epoch_alarm *alarm)
{
    (void)context;
    (void)client;
    printf("{\"event\":\"refused\",\"code\":\"%s\"}\n", alarm->code);
    fprintf(stderr, "%s: %s [%s]\n", alarm->where, alarm->message, alarm->code);
}

static void tell_state(struct driver *driver, const char *event)
{
    struct epoch_status status = EPOCH_STATUS_INIT;
    const char *comma = "";
    epoch_get_status(driver->client, &status, NULL);
    printf("{\"event\":\"%s\",\"freshness\":\"%s\",\"generation\":%llu,\"epoch\":%llu,\"services\":{", event, status.freshness_name,
           (unsigned long long)status.generation, (unsigned long long)status.epoch);
    for (size_t i = 0; i < driver->services_len; i++) {
        struct epoch_config *config = epoch_get_config(driver->client, driver->services[i], NULL);
        if (config == NULL)
            continue;
        printf("%s\"%s\":\"%s\"", comma, driver->services[i], digest(config));
        comma = ",";
        epoch_config_unref(config);
    }
    printf("}}\n");
}

static void split_services(struct driver *driver)
{
    char *rest = NULL;
    snprintf(driver->names, sizeof driver->names, "%s", setting("SERVICES"));
    for (char *name = strtok_r(driver->names, ",", &rest); name != NULL && driver->services_len < SERVICES_MAX;
         name = strtok_r(NULL, ",", &rest))
        driver->services[driver->services_len++] = name;
}

static int open_client(struct driver *driver)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    options.services = driver->services;
    options.services_len = driver->services_len;
    options.url = setting("BROKER");
    options.prefix = setting("PREFIX");
    options.source = setting("SOURCE");
    options.root_file = setting("ROOTS");
    options.cache = setting("CACHE");
    options.lkg_file = setting("SNAPSHOT") ? setting("SNAPSHOT") : "";
    options.lkg_key_file = setting("SNAPSHOT_KEY");
    options.instance = setting("INSTANCE");
    options.context = driver;
    options.on_update = on_update;
    options.on_status = on_status;
    options.on_alarm = on_alarm;
    if (epoch_open(&driver->client, &options, &error) == 0)
        return 0;
    fprintf(stderr, "%s [%s]\n", error.message, error.code);
    return -1;
}

/* False at "quit". */
static int obey(struct driver *driver, char *line)
{
    if (strcmp(line, "state") == 0)
        tell_state(driver, "state");
    else if (sscanf(line, "refuse-next %63s %255[^\n]", driver->refused_service, driver->reason) != 2)
        return strcmp(line, "quit") != 0;
    return 1;
}

/* False at the end of the commands: what is there of them, line by line. */
static int read_commands(struct driver *driver)
{
    static char text[LINE_MAX_BYTES];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (got <= 0)
        return 0;
    len += (size_t)got;
    text[len] = '\0';
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (!obey(driver, line))
            return 0;
    }
    len -= (size_t)(line - text);
    memmove(text, line, len);
    return 1;
}

int main(void)
{
    static struct driver driver;
    setvbuf(stdout, NULL, _IOLBF, 0);
    split_services(&driver);
    if (sodium_init() < 0 || open_client(&driver) != 0)
        return 1;
    tell_state(&driver, "opened");
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = epoch_fd(driver.client), .events = POLLIN}};
    for (;;) {
        poll(ready, 2, epoch_timeout_ms(driver.client));
        if (ready[0].revents != 0 && !read_commands(&driver))
            break;
        epoch_dispatch(driver.client, NULL);
    }
    epoch_close(driver.client);
    return 0;
}
