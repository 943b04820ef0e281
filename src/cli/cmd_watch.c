/*
 * watch: follows what the broker delivers, through libepoch as any consumer: what is shown was in force, and nothing of it is kept.
 */
#include <epoch/epoch.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "cli/local.h"
#include "cli/verbs.h"
#include "cli/watch_print.h"
#include "io/crypto.h"
#include "io/mqtt.h"
#include "model/codes.h"

enum { OPT_ROOT, OPT_JSON };

struct watcher {
    struct local local;
    const char *service; /* NULL: all */
    epoch_client *client;
    struct mqtt_url url; /* to be shown: without the user */
    struct watch_print print;
    bool is_fresh, was_said, is_connected, has_told_absence;
    bool has_told_down; /* once for each time that the broker is away, also when it was from the beginning */
    int rc;             /* of the printing */
};

static void note(struct watcher *w, int rc)
{
    if (rc != CLI_OK)
        w->rc = rc;
}

static int fail(const struct epoch_error *error)
{
    struct error err;
    error_set(&err, error->code, 0, "%s", error->message);
    return cli_fail(&err);
}

/* --- what the library tells ----------------------------------------------------------------------------- */

static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    struct watcher *w = context;
    (void)client;
    note(w, watch_print_update(&w->print, update));
    return 0;
}

static void tell_connection(struct watcher *w, const struct epoch_status *status)
{
    if (status->is_connected && !w->is_connected)
        note(w, watch_print_state(&w->print, "connected", w->url.display));
    else if (!status->is_connected && status->detail[0] != '\0' && !w->has_told_down)
        note(w, watch_print_state(&w->print, "disconnected", status->detail));
    w->is_connected = status->is_connected;
    w->has_told_down = !status->is_connected && status->detail[0] != '\0';
}

static void tell_freshness(struct watcher *w, const struct epoch_status *status)
{
    bool is_fresh = status->freshness == EPOCH_FRESH;
    if (status->epoch == 0 || (w->was_said && is_fresh == w->is_fresh) || (!w->was_said && !is_fresh))
        return;
    w->was_said = true;
    w->is_fresh = is_fresh;
    note(w, watch_print_state(&w->print, is_fresh ? "fresh" : "stale",
                              is_fresh ? "" : "no keepalive vouches for this epoch"));
}

static void on_status(void *context, epoch_client *client, const struct epoch_status *status)
{
    (void)client;
    tell_connection(context, status);
    tell_freshness(context, status);
}

static void on_alarm(void *context, epoch_client *client, const struct epoch_alarm *alarm)
{
    struct watcher *w = context;
    (void)client;
    if (strcmp(alarm->code, CODE_BROKER_AWAY) == 0) { /* it lets us not subscribe */
        note(w, fail(&(struct epoch_error){.code = CODE_BROKER_AWAY, .message = "the broker lets us not subscribe"}));
        return;
    }
    note(w, watch_print_refused(&w->print, alarm));
}

/* An epoch was taken, and it has no such service. */
static void tell_absence(struct watcher *w)
{
    struct epoch_status status = EPOCH_STATUS_INIT;
    char text[96 + LAYOUT_NAME_MAX];
    if (w->service == NULL || w->has_told_absence || epoch_get_status(w->client, &status, NULL) != 0 || status.epoch == 0)
        return;
    struct epoch_config *config = epoch_get_config(w->client, w->service, NULL);
    w->has_told_absence = true; /* one that goes later is told as removed */
    if (config == NULL) {
        snprintf(text, sizeof text, "there is no service '%s' in epoch %" PRIu64 "; waiting for it", w->service, status.epoch);
        note(w, watch_print_state(&w->print, "absent", text));
    }
    epoch_config_unref(config);
}

static int follow(struct watcher *w)
{
    struct epoch_error error;
    while (w->rc == CLI_OK) {
        struct pollfd ready = {.fd = epoch_fd(w->client), .events = POLLIN};
        (void)poll(&ready, 1, epoch_timeout_ms(w->client));
        if (epoch_dispatch(w->client, &error) != 0)
            return fail(&error);
        tell_absence(w);
    }
    return w->rc;
}

/* --- before it ------------------------------------------------------------------------------------------ */

static int open_client(struct watcher *w, const char *service, const char *root, struct error *err)
{
    const struct settings *settings = &w->local.settings;
    struct buf path AUTO_BUF = {0}, password AUTO_SECRET_BUF = {0};
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    buf_printf(&path, "%s/root.pub", settings->keys);
    buf_putc(&path, '\0');
    if (buf_check(&path, err) != 0 || settings_read_password(settings, &password, err) != 0)
        return -1;
    options.service = service;
    options.follow_all = service == NULL;
    options.url = settings->mqtt.url;
    options.username = settings->mqtt.username;
    options.password = password.data;
    options.ca_file = settings->mqtt.ca_file;
    options.cert_file = settings->mqtt.cert_file;
    options.key_file = settings->mqtt.key_file;
    options.source = settings->mqtt.source;
    options.prefix = settings->mqtt.prefix;
    options.root_file = root == NULL ? path.data : root;
    options.lkg_file = "";
    options.is_silent = true;
    options.context = w;
    options.on_update = on_update;
    options.on_status = on_status;
    options.on_alarm = on_alarm;
    if (epoch_open(&w->client, &options, &error) == 0)
        return 0;
    error_set(err, error.code, 0, "%s", error.message); /* which ends in the cause already */
    err->sys = error.sys;
    return -1;
}

static void watcher_fini(struct watcher *w)
{
    epoch_close(w->client);
    mqtt_url_fini(&w->url);
    local_fini(&w->local);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct watcher w CLEANUP(watcher_fini) = {.local = {.state_dir = -1},
                                              .print = {&cli->term, cli_given(args, OPT_JSON)}};
    const char *service = w.service = cli_operand(args, 0);
    struct error err;
    int rc;
    if (service != NULL && !layout_name_is_good(span_of(service)))
        return cli_usage(args->verb, "'%s' is no name of a service", service);
    if (!local_load(cli, &w.local, &rc))
        return rc;
    if (strcmp(w.local.settings.mqtt.url, "off") == 0) {
        error_set(&err, CODE_SETTINGS, 0, "there is no broker: mqtt.url is off");
        return cli_fail(&err);
    }
    if (mqtt_url_parse(w.local.settings.mqtt.url, &w.url, &err) != 0 ||
        open_client(&w, service, args->options[OPT_ROOT], &err) != 0)
        return local_fail(&w.local, &err);
    return follow(&w);
}

const struct cli_verb verb_watch = {
    .name = "watch",
    .summary = "follow what the broker delivers, verified",
    .help = "Each change of a service as it comes, key by key, old → new, from the broker alone: the keyset\n"
            "is believed when a pinned root key signed it, everything else when a key of that keyset did.\n"
            "What is not believed is told as *REFUSED* with its code. *fresh*: a keepalive of the last\n"
            "seconds vouches for what is shown; *stale*: none does. Until interrupted; it connects again\n"
            "by itself. Needs the settings of the broker and _root.pub_, and nothing of the daemon's state.\n",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
    .options = {[OPT_ROOT] = {.name = "root",
                              .argument = "FILE",
                              .kind = CLI_FILE,
                              .help = "the pinned root keys; default: _root.pub_ of the setting *keys*"},
                [OPT_JSON] = {.name = "json",
                              .help = "one JSON object a line; *event* is *update* (*service*, *epoch*, *version*, "
                                      "*generation*, *config_epoch*, *config*, *initial*, *changes* of *key*, *before*, "
                                      "*after*), *refused* (*topic*, *code*, *message*), *fresh*, *stale*, *connected*, "
                                      "*disconnected* or *absent*, where there is no such service (*detail*)"}},
    .run = run,
};
