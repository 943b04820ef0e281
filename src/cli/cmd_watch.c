/*
 * watch: follows what the broker delivers, and believes only what the pinned root's keyset vouches for. A service's
 * message is shown when a head has come that it belongs to, so what is shown was in force.
 */
#include <signal.h>
#include <string.h>

#include "cli/followed.h"
#include "cli/link.h"
#include "cli/local.h"
#include "cli/verbs.h"
#include "cli/watch_print.h"
#include "model/codes.h"
#include "model/topics.h"
#include "util/clock.h"
#include "util/fs.h"
#include "verify/view.h"

enum { OPT_ROOT, OPT_JSON };

enum { RETRY_MIN_MS = 250, RETRY_MAX_MS = 30000, REFUSED = 0x80, ROOT_FILE_MAX = 65536 };

struct watcher {
    struct local local;
    struct link link;
    struct root_keys roots;
    struct view view;
    struct followed followed;
    struct watch_print print;
    const char *service; /* NULL: all */
    char keys[TOPIC_MAX + 1], epoch[TOPIC_MAX + 1], keepalive[TOPIC_MAX + 1], services[TOPIC_MAX + 1];
    size_t folder_len;   /* of a service's topic, up to its name */
    bool is_fresh, was_said, is_down, is_refused; /* refused: the broker lets us not subscribe */
    bool has_told_down; /* once for each time that the broker is away, also when it was from the beginning */
    int64_t retry_ms, retry_at_ms;
    int rc;              /* of the printing */
};

static void note(struct watcher *w, int rc)
{
    if (rc != CLI_OK)
        w->rc = rc;
}

/* --- what a head vouches for ---------------------------------------------------------------------------- */

static bool is_due(const struct watcher *w, const struct followed_service *service)
{
    return service->waiting_version != 0 && service->waiting_generation == w->view.generation &&
           service->waiting_version <= w->view.epoch;
}

static void show_waiting(struct watcher *w, struct followed_service *service)
{
    struct message update AUTO_MESSAGE = {0};
    struct error err;
    if (!is_due(w, service))
        return;
    service->waiting_version = 0;
    if (view_read_update(&w->view, buf_span(&service->waiting), service->name, &update, &err) != 0) {
        note(w, watch_print_refused(&w->print, service->name, &err));
        return;
    }
    bool is_news = update.u.update.version > service->version;
    if (is_news)
        note(w, watch_print_update(&w->print, &update, buf_span(&service->shown), w->view.epoch));
    service->generation = update.generation;
    service->version = update.u.update.version;
    message_fini(&update);
    update = (struct message){0};
    struct buf before = service->shown;
    service->shown = service->waiting;
    service->waiting = before;
}

static int take_head(struct watcher *w, struct span raw, struct error *err)
{
    struct message head AUTO_MESSAGE = {0};
    enum view_outcome outcome;
    if (view_take_head(&w->view, raw, &outcome, &head, err) != 0)
        return -1;
    for (size_t i = 0; i < w->followed.len; i++)
        show_waiting(w, w->followed.services[i]);
    return 0;
}

/* --- messages ------------------------------------------------------------------------------------------- */

static int take_update(struct watcher *w, struct span raw, const char *name, struct error *err)
{
    struct message update AUTO_MESSAGE = {0};
    struct followed_service *service;
    if (view_read_update(&w->view, raw, name, &update, err) != 0 ||
        followed_get(&w->followed, update.u.update.service, &service, err) != 0)
        return -1;
    if (update.generation < service->generation ||
        (update.generation == service->generation && update.u.update.version < service->version))
        return error_set(err, CODE_MESSAGE_OLDER, 0, "version %llu, and %llu was seen",
                         (unsigned long long)update.u.update.version, (unsigned long long)service->version);
    if (service->version == update.u.update.version && span_equal(raw, buf_span(&service->shown)))
        return 0;
    buf_reset(&service->waiting);
    buf_append_span(&service->waiting, raw);
    if (buf_check(&service->waiting, err) != 0)
        return -1;
    service->waiting_generation = update.generation;
    service->waiting_version = update.u.update.version;
    show_waiting(w, service);
    return 0;
}

static int take_keepalive(struct watcher *w, const struct mqtt_event *event, struct error *err)
{
    enum view_vouch vouch;
    return view_take_keepalive(&w->view, event->payload, NULL, clock_wall_ms(), clock_boot_ms(), &vouch, err);
}

static int take_message(struct watcher *w, const struct mqtt_event *event, struct error *err)
{
    enum view_outcome outcome;
    if (strcmp(event->topic, w->keys) == 0)
        return view_take_keyset(&w->view, event->payload, &outcome, err);
    if (strcmp(event->topic, w->epoch) == 0)
        return take_head(w, event->payload, err);
    if (strcmp(event->topic, w->keepalive) == 0)
        return take_keepalive(w, event, err);
    if (strncmp(event->topic, w->services, w->folder_len) == 0)
        return take_update(w, event->payload, event->topic + w->folder_len, err);
    return 0;
}

/* --- the connection ------------------------------------------------------------------------------------- */

/* The keyset first: what is retained is delivered in the order of the subscriptions. */
static int subscribe(struct watcher *w, struct error *err)
{
    const char *topics[] = {w->keys, w->services, w->epoch, w->keepalive};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (mqtt_subscribe(w->link.mqtt, topics[i], true, NULL, err) != 0)
            return -1;
    return 0;
}

static void on_down(struct watcher *w, const char *text)
{
    if (!w->has_told_down)
        note(w, watch_print_state(&w->print, "disconnected", text));
    w->has_told_down = true;
    w->is_down = true;
    w->retry_at_ms = clock_boot_ms() + w->retry_ms;
    w->retry_ms = w->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : w->retry_ms * 2;
}

static void on_event(void *context, const struct mqtt_event *event)
{
    struct watcher *w = context;
    struct error err;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        w->is_down = w->has_told_down = false;
        w->retry_ms = RETRY_MIN_MS;
        note(w, watch_print_state(&w->print, "connected", mqtt_display(w->link.mqtt)));
        if (subscribe(w, &err) != 0)
            note(w, cli_fail(&err));
        return;
    case MQTT_EVENT_DOWN:
        on_down(w, event->text);
        return;
    case MQTT_EVENT_SUBSCRIBED:
        if (event->reason >= REFUSED) {
            w->is_refused = true;
            error_set(&err, CODE_BROKER_AWAY, 0, "the broker lets us not subscribe: %s", event->text);
            note(w, cli_fail(&err));
        }
        return;
    case MQTT_EVENT_MESSAGE:
        /* An empty payload means nothing by itself. */
        if (event->payload.len > 0 && take_message(w, event, &err) != 0)
            note(w, watch_print_refused(&w->print, event->topic, &err));
        return;
    case MQTT_EVENT_ACK:
        return;
    }
}

static void tell_freshness(struct watcher *w)
{
    bool is_fresh = view_is_fresh(&w->view, clock_boot_ms());
    if (w->view.epoch == 0 || (w->was_said && is_fresh == w->is_fresh) || (!w->was_said && !is_fresh))
        return;
    w->was_said = true;
    w->is_fresh = is_fresh;
    note(w, watch_print_state(&w->print, is_fresh ? "fresh" : "stale",
                              is_fresh ? "" : "no keepalive vouches for this epoch"));
}

static int follow(struct watcher *w)
{
    struct error err;
    w->retry_ms = RETRY_MIN_MS;
    w->is_down = true;
    while (w->rc == CLI_OK) {
        if (w->is_down && clock_boot_ms() >= w->retry_at_ms) {
            w->retry_at_ms = INT64_MAX; /* until it goes down */
            if (mqtt_connect(w->link.mqtt, &err) != 0)
                on_down(w, err.message);
        }
        link_turn(&w->link, w->is_down && w->retry_at_ms != INT64_MAX ? w->retry_at_ms - clock_boot_ms() : -1);
        tell_freshness(w);
    }
    return w->rc;
}

/* --- before it ------------------------------------------------------------------------------------------ */

static int read_roots(struct watcher *w, const char *file, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    const char *folder = w->local.settings.keys, *name = "root.pub", *slash = file == NULL ? NULL : strrchr(file, '/');
    AUTO_FREE char *above = NULL;
    AUTO_CLOSE int dir = -1;
    if (file != NULL) {
        above = slash == NULL ? strdup(".") : slash == file ? strdup("/") : strndup(file, (size_t)(slash - file));
        if (above == NULL)
            return error_memory(err);
        folder = above;
        name = slash == NULL ? file : slash + 1;
    }
    if (fs_open_dir(folder, &dir, err) != 0 || fs_read(dir, name, FS_ANY_OWNER, ROOT_FILE_MAX, &text, NULL, err) != 0)
        return error_wrap(err, "the pinned root keys");
    return keyring_parse_roots(buf_span(&text), name, &w->roots, err);
}

static void name_topics(struct watcher *w)
{
    const char *prefix = w->local.settings.mqtt.prefix, *source = w->local.settings.mqtt.source;
    topic_write(w->keys, prefix, TOPIC_KEYS, source);
    topic_write(w->epoch, prefix, TOPIC_EPOCH, source);
    topic_write(w->keepalive, prefix, TOPIC_KEEPALIVE, source);
    topic_write(w->services, prefix, TOPIC_SERVICE, "");
    w->folder_len = strlen(w->services);
    topic_write(w->services, prefix, TOPIC_SERVICE, w->service == NULL ? "+" : w->service);
}

static void watcher_fini(struct watcher *w)
{
    link_close(&w->link);
    followed_fini(&w->followed);
    local_fini(&w->local);
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct watcher w CLEANUP(watcher_fini) = {.local = {.state_dir = -1},
                                              .service = cli_operand(args, 0),
                                              .print = {&cli->term, cli_given(args, OPT_JSON)}};
    struct error err;
    int rc;
    if (w.service != NULL && !layout_name_is_good(span_of(w.service)))
        return cli_usage(args->verb, "'%s' is no name of a service", w.service);
    if (!local_load(cli, &w.local, &rc))
        return rc;
    if (strcmp(w.local.settings.mqtt.url, "off") == 0) {
        error_set(&err, CODE_SETTINGS, 0, "there is no broker: mqtt.url is off");
        return cli_fail(&err);
    }
    if (read_roots(&w, args->options[OPT_ROOT], &err) != 0)
        return local_fail(&w.local, &err);
    w.view = (struct view){.roots = &w.roots, .source = w.local.settings.mqtt.source};
    name_topics(&w);
    signal(SIGPIPE, SIG_IGN); /* a broker that goes away is told by an error */
    if (link_open(&w.link, &w.local.settings, on_event, &w, &err) != 0)
        return cli_fail(&err);
    return follow(&w);
}

const struct cli_verb verb_watch = {
    .name = "watch",
    .summary = "follow what the broker delivers, verified",
    .help = "Each change of a service as it comes, key by key, old → new, from the broker alone: the keyset\n"
            "is believed when a pinned root key signed it, everything else when a key of that keyset did.\n"
            "What is not believed is told as *REFUSED* with its code. *fresh*: a keepalive of the last\n"
            "seconds vouches for the epoch shown; *stale*: none does. Until interrupted; it connects again\n"
            "by itself. Needs the settings of the broker and _root.pub_, and nothing of the daemon's state.\n",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
    .options = {[OPT_ROOT] = {.name = "root",
                              .argument = "FILE",
                              .kind = CLI_FILE,
                              .help = "the pinned root keys; default: _root.pub_ of the setting *keys*"},
                [OPT_JSON] = {.name = "json",
                              .help = "one JSON object a line; *event* is *update* (*service*, *epoch*, *version*, "
                                      "*generation*, *config_epoch*, *config*, *initial*, *changes* of *key*, *before*, "
                                      "*after*), *refused* (*topic*, *code*, *message*), *fresh*, *stale*, *connected* "
                                      "or *disconnected* (*detail*)"}},
    .run = run,
};
