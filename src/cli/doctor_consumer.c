/*
 * doctor_consumer: the road of one consumer, link by link, as the user it runs as. What a consumer does itself is done by the
 * library it would use; what the library keeps to itself, why the broker refused, is asked of the broker directly.
 *
 * Nothing stays behind: the acknowledgement that is tried is an empty one, of an instance that does not exist.
 */
#include <epoch/epoch.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "io/crypto.h"
#include "model/codes.h"
#include "model/topics.h"
#include "util/clock.h"

enum { WITHIN_MS = 12000, ROOT_FILE_MAX = 64 * 1024, INDEX_WITHIN_MS = 2500, WAIT_SLICE_MS = 250 };

/* What the library complained of last. */
struct complaint {
    char text[1024];
    const char *code;
};

static void on_alarm(void *context, epoch_client *client, const struct epoch_alarm *alarm)
{
    struct complaint *complaint = context;
    (void)client;
    snprintf(complaint->text, sizeof complaint->text, "%s: %s", alarm->where, alarm->message);
    complaint->code = alarm->code;
}

static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* As the service would, and silent: neither broker nor files unless they are put in. */
static struct epoch_options options_of(const struct doctor *doctor, struct complaint *complaint)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    const struct settings *settings = &doctor->local.settings;
    options.service = doctor->consumer.service;
    options.source = settings->mqtt.source;
    options.prefix = settings->mqtt.prefix;
    options.root_file = doctor->consumer.root_file;
    options.lkg_file = "";
    options.is_silent = true;
    options.context = complaint;
    options.on_alarm = on_alarm;
    return options;
}

static enum doctor_state broken_by_library(struct doctor_finding *finding, const struct epoch_error *error)
{
    const struct code *code = code_find(error->code);
    buf_puts(&finding->detail, error->message);
    finding->code = error->code;
    if (code != NULL)
        doctor_fix(finding, "%s", code->remedy);
    return DOCTOR_BROKEN;
}

static void put_version(epoch_client *client, struct buf *out)
{
    struct epoch_status status = EPOCH_STATUS_INIT;
    struct epoch_config *config = epoch_get_config(client, NULL, NULL);
    if (config != NULL && epoch_get_status(client, &status, NULL) == 0)
        buf_printf(out, "epoch %" PRIu64 ", version %" PRIu64 " of the service", status.epoch, epoch_config_version(config));
    epoch_config_unref(config);
}

/* --- files ------------------------------------------------------------------------------------------------------------------ */

/* Where the daemon's own settings are not for this user, or of another host, what the environment says has to do. */
static int load_settings(struct doctor *doctor, struct findings *findings, struct error *err)
{
    struct findings first AUTO_FINDINGS = {0};
    if (settings_load(doctor->cli->config, environ, &doctor->local.settings, &first, err) == 0 && first.errors == 0)
        return 0;
    return settings_load("/dev/null", environ, &doctor->local.settings, findings, err);
}

enum doctor_state doctor_consumer_settings(struct doctor *doctor, struct doctor_finding *finding)
{
    struct findings findings AUTO_FINDINGS = {0};
    struct doctor_consumer *consumer = &doctor->consumer;
    const struct settings *settings = &doctor->local.settings;
    struct error err;
    if (crypto_init(&err) != 0 || load_settings(doctor, &findings, &err) != 0)
        return doctor_fail(finding, &err);
    if (findings.errors > 0) {
        finding_format(&findings.items[0], &finding->detail);
        finding->code = findings.items[0].code;
        return DOCTOR_BROKEN;
    }
    snprintf(consumer->instance, sizeof consumer->instance, "doctor-%ld", (long)getpid());
    snprintf(consumer->root_file, sizeof consumer->root_file, "%s/root.pub", settings->keys);
    if (strcmp(settings->mqtt.url, "off") == 0) {
        buf_puts(&finding->detail, "no broker is named");
        doctor_fix(finding, "EPOCHD_MQTT_URL=mqtt://HOST names it; epochctl consumer %s prints the line, on the publisher's host",
                   consumer->service);
        return DOCTOR_BROKEN;
    }
    buf_printf(&finding->detail, "%s, %s%s at the broker, source %s%s%s", consumer->service,
               settings->mqtt.username[0] == '\0' ? "without a name" : "as ", settings->mqtt.username, settings->mqtt.source,
               settings->mqtt.prefix[0] == '\0' ? "" : ", prefix ", settings->mqtt.prefix);
    return DOCTOR_FINE;
}

static int read_roots(const struct doctor_consumer *consumer, struct root_keys *out, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    char folder[sizeof consumer->root_file];
    AUTO_CLOSE int dir = -1;
    snprintf(folder, sizeof folder, "%s", consumer->root_file);
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    if (fs_open_dir(folder[0] == '\0' ? "/" : folder, &dir, err) != 0 ||
        fs_read(dir, slash + 1, FS_ANY_OWNER, ROOT_FILE_MAX, &text, NULL, err) != 0)
        return -1;
    return keyring_parse_roots(buf_span(&text), consumer->root_file, out, err);
}

enum doctor_state doctor_consumer_pin(struct doctor *doctor, struct doctor_finding *finding)
{
    struct root_keys roots = {0};
    struct error err;
    if (read_roots(&doctor->consumer, &roots, &err) != 0) {
        doctor_fail(finding, &err);
        doctor_fix(finding, "put root.pub of the publisher there, readable for this user: epochctl consumer %s prints it, on the "
                            "publisher's host; EPOCHD_KEYS names another folder", doctor->consumer.service);
        return DOCTOR_BROKEN;
    }
    buf_printf(&finding->detail, "%s: %zu key%s, %s", doctor->consumer.root_file, roots.len, plural(roots.len), roots.keys[0].id);
    return DOCTOR_FINE;
}

enum doctor_state doctor_consumer_cache(struct doctor *doctor, struct doctor_finding *finding)
{
    struct complaint complaint = {0};
    struct epoch_options options = options_of(doctor, &complaint);
    struct epoch_error error;
    epoch_client *client;
    if (doctor->consumer.cache == NULL) {
        buf_puts(&finding->detail, "not looked at: --cache names its folder. Without one a restart knows no floor");
        return DOCTOR_NOTE;
    }
    options.cache = doctor->consumer.cache;
    if (access(options.cache, F_OK) != 0 && errno == ENOENT) { /* opening would make it */
        buf_printf(&finding->detail, "%s: not there yet; the consumer makes it", options.cache);
        return DOCTOR_NOTE;
    }
    if (epoch_open(&client, &options, &error) != 0) {
        if (strcmp(error.code, CODE_CACHE_BUSY) != 0)
            return broken_by_library(finding, &error);
        buf_printf(&finding->detail, "%s: in use, by the consumer itself", options.cache);
        return DOCTOR_FINE;
    }
    buf_printf(&finding->detail, "%s: ", options.cache);
    if (complaint.code != NULL)
        buf_puts(&finding->detail, complaint.text);
    else
        put_version(client, &finding->detail);
    if (finding->detail.len == strlen(options.cache) + strlen(": "))
        buf_puts(&finding->detail, "empty");
    epoch_close(client);
    finding->code = complaint.code;
    return complaint.code == NULL ? DOCTOR_FINE : DOCTOR_NOTE;
}

enum doctor_state doctor_consumer_snapshot(struct doctor *doctor, struct doctor_finding *finding)
{
    struct complaint complaint = {0};
    struct epoch_options options = options_of(doctor, &complaint);
    const struct settings *settings = &doctor->local.settings;
    char file[1024], key[1024];
    struct epoch_error error;
    epoch_client *client;
    snprintf(file, sizeof file, "%s/config.lkg.json", settings->state);
    snprintf(key, sizeof key, "%s/lkg.key", settings->keys);
    options.lkg_file = file;
    options.lkg_key_file = key;
    if (epoch_open(&client, &options, &error) != 0)
        return broken_by_library(finding, &error);
    size_t before = finding->detail.len;
    put_version(client, &finding->detail);
    epoch_close(client);
    if (finding->detail.len > before)
        return DOCTOR_FINE;
    buf_printf(&finding->detail, "%s", complaint.code != NULL ? complaint.text : "none that this user may read: without the broker the "
                                                                                 "service starts from its cache alone");
    if (complaint.code == NULL && access(file, F_OK) == 0)
        doctor_fix(finding, "usermod -aG epoch USER, if it may read all configurations of this host");
    finding->code = complaint.code;
    return DOCTOR_NOTE;
}

/* --- the broker ------------------------------------------------------------------------------------------------------------- */

static void on_event(void *context, const struct mqtt_event *event)
{
    struct doctor_consumer *consumer = context;
    switch (event->kind) {
    case MQTT_EVENT_UP:
        consumer->is_up = true;
        return;
    case MQTT_EVENT_DOWN:
        consumer->is_down = true;
        consumer->reason = event->reason;
        snprintf(consumer->text, sizeof consumer->text, "%s", event->text);
        return;
    case MQTT_EVENT_SUBSCRIBED:
    case MQTT_EVENT_ACK:
        if (event->message_id != consumer->awaited)
            return;
        consumer->reason = event->reason;
        snprintf(consumer->text, sizeof consumer->text, "%s", event->text);
        return;
    case MQTT_EVENT_MESSAGE:
        consumer->has_arrived |= consumer->topic != NULL && strcmp(event->topic, consumer->topic) == 0 && event->payload.len > 0;
        return;
    }
}

/* Until the broker answered what is awaited, or `is_up` alone. */
static int await(struct doctor_consumer *consumer, bool an_answer, struct error *err)
{
    int64_t end = clock_boot_ms() + WITHIN_MS;
    while (!consumer->is_down && !(an_answer ? consumer->reason >= 0 : consumer->is_up) && clock_boot_ms() < end)
        link_turn(&consumer->link, end - clock_boot_ms());
    if (consumer->is_down)
        return error_set(err, link_code(consumer->reason), 0, "%s: %s", mqtt_display(consumer->link.mqtt), consumer->text);
    if (an_answer ? consumer->reason < 0 : !consumer->is_up)
        return error_set(err, CODE_BROKER_AWAY, 0, "the broker did not answer within %d s", WITHIN_MS / 1000);
    return 0;
}

enum doctor_state doctor_consumer_connect(struct doctor *doctor, struct doctor_finding *finding)
{
    struct doctor_consumer *consumer = &doctor->consumer;
    struct error err;
    if (link_open(&consumer->link, &doctor->local.settings, on_event, consumer, &err) != 0 ||
        mqtt_connect(consumer->link.mqtt, &err) != 0 || await(consumer, false, &err) != 0)
        return doctor_fail_broker(doctor, finding, &err);
    buf_puts(&finding->detail, mqtt_display(consumer->link.mqtt));
    return DOCTOR_FINE;
}

static int subscribe_once(struct doctor_consumer *consumer, const char *topic, bool send_retained, struct error *err)
{
    consumer->reason = -1;
    if (mqtt_subscribe(consumer->link.mqtt, topic, send_retained, &consumer->awaited, err) != 0 || await(consumer, true, err) != 0)
        return -1;
    return consumer->reason < MQTT_REASON_REFUSED ? 0 : error_set(err, CODE_BROKER_REFUSED, 0, "%s: %s", topic, consumer->text);
}

/* A broker may take a subscription and deliver nothing (mosquitto's access list does): so twice, for what is retained comes before the
   answer to the second. `is_late`: it may come a moment after the head. */
static int subscribe_to(struct doctor_consumer *consumer, const char *topic, bool is_retained, bool is_late,
                        struct error *err)
{
    consumer->topic = topic;
    consumer->has_arrived = false;
    if (subscribe_once(consumer, topic, is_retained, err) != 0 || subscribe_once(consumer, topic, false, err) != 0)
        return -1;
    for (int64_t end = clock_boot_ms() + INDEX_WITHIN_MS; is_late && !consumer->has_arrived && clock_boot_ms() < end;)
        link_turn(&consumer->link, end - clock_boot_ms());
    if (is_retained && !consumer->has_arrived && consumer->silent[0] == '\0')
        snprintf(consumer->silent, sizeof consumer->silent, "%s", topic);
    return 0;
}

enum doctor_state doctor_consumer_subscribe(struct doctor *doctor, struct doctor_finding *finding)
{
    static const enum topic_kind kinds[] = {TOPIC_KEYS, TOPIC_EPOCH, TOPIC_INDEX, TOPIC_KEEPALIVE, TOPIC_SERVICE};
    const struct settings *settings = &doctor->local.settings;
    char topic[TOPIC_MAX + 1];
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        topic_write(topic, settings->mqtt.prefix, kinds[i],
                    kinds[i] == TOPIC_SERVICE ? doctor->consumer.service : settings->mqtt.source);
        if (subscribe_to(&doctor->consumer, topic, kinds[i] != TOPIC_KEEPALIVE, kinds[i] == TOPIC_INDEX, &err) == 0)
            continue;
        doctor_fail(finding, &err);
        doctor_fix(finding, "let the broker's ACL allow it: `topic read %s` for this user", topic);
        return DOCTOR_BROKEN;
    }
    doctor->consumer.topic = NULL;
    buf_puts(&finding->detail, "keyset, head, index, keepalives and the service's own topic");
    return DOCTOR_FINE;
}

static enum doctor_state nothing_arrives(const struct doctor *doctor, struct doctor_finding *finding)
{
    const char *topic = doctor->consumer.silent, *service = doctor->consumer.service;
    buf_printf(&finding->detail, "nothing arrives on %s: nothing is there, or this user may not read it", topic);
    finding->code = CODE_BROKER_REFUSED;
    doctor_fix(finding, "on the publisher's host: epochctl show %s, epochctl doctor; and in the broker's ACL `topic read %s` for this user",
               service, topic);
    return DOCTOR_BROKEN;
}

/* As long as there is hope: what the library does not believe it will not believe later. */
static int wait_for_state(epoch_client *client, const struct complaint *complaint, struct epoch_error *error)
{
    int rc = -1;
    for (int64_t end = clock_boot_ms() + WITHIN_MS; rc != 0 && complaint->code == NULL && clock_boot_ms() < end;)
        rc = epoch_wait(client, EPOCH_UNTIL_CURRENT, WAIT_SLICE_MS, error);
    return rc;
}

/* Something is retained; whether it verifies the library tells. */
enum doctor_state doctor_consumer_retained(struct doctor *doctor, struct doctor_finding *finding)
{
    struct complaint complaint = {0};
    struct epoch_options options = options_of(doctor, &complaint);
    const struct settings *settings = &doctor->local.settings;
    struct epoch_error error;
    epoch_client *client;
    options.url = settings->mqtt.url;
    options.username = or_null(settings->mqtt.username);
    options.password_file = or_null(settings->mqtt.password_file);
    options.ca_file = or_null(settings->mqtt.ca_file);
    options.cert_file = or_null(settings->mqtt.cert_file);
    options.key_file = or_null(settings->mqtt.key_file);
    if (doctor->consumer.silent[0] != '\0')
        return nothing_arrives(doctor, finding);
    if (epoch_open(&client, &options, &error) != 0)
        return broken_by_library(finding, &error);
    int rc = wait_for_state(client, &complaint, &error);
    put_version(client, &finding->detail);
    bool has_config = finding->detail.len > 0;
    epoch_close(client);
    if (has_config) {
        buf_puts(&finding->detail, ", verified");
        return DOCTOR_FINE;
    }
    finding->code = complaint.code != NULL ? complaint.code : rc != 0 ? error.code : CODE_PUBLISH_REFUSED;
    buf_puts(&finding->detail, complaint.code != NULL ? complaint.text : rc != 0 ? error.message : "the publisher has no such service");
    if (complaint.code != NULL && code_find(complaint.code) != NULL)
        doctor_fix(finding, "%s", code_find(complaint.code)->remedy);
    else
        doctor_fix(finding, "epochctl doctor on the publisher's host; epochctl show %s says whether there is such a service",
                   doctor->consumer.service);
    return DOCTOR_BROKEN;
}

enum doctor_state doctor_consumer_acknowledge(struct doctor *doctor, struct doctor_finding *finding)
{
    struct doctor_consumer *consumer = &doctor->consumer;
    char topic[TOPIC_MAX + 1];
    struct error err;
    topic_write_ack(topic, doctor->local.settings.mqtt.prefix, consumer->service, consumer->instance);
    consumer->reason = -1;
    if (mqtt_publish(consumer->link.mqtt, topic, (struct span){"", 0}, 1, true, &consumer->awaited, &err) != 0 ||
        await(consumer, true, &err) != 0)
        return doctor_fail(finding, &err);
    if (consumer->reason >= MQTT_REASON_REFUSED) {
        buf_printf(&finding->detail, "%s: %s", topic, consumer->text);
        finding->code = CODE_BROKER_REFUSED;
        doctor_fix(finding, "let the broker's ACL allow it: `topic readwrite %.*s+` for this user", (int)(strrchr(topic, '/') + 1 - topic), topic);
        return DOCTOR_BROKEN;
    }
    if (consumer->reason == MQTT_REASON_NOBODY) {
        buf_puts(&finding->detail, "the broker takes acknowledgements, and nobody listens to them");
        doctor_fix(finding, "on the publisher's host: epochctl status says why epochd does not hear them");
        return DOCTOR_NOTE;
    }
    buf_puts(&finding->detail, "the broker takes acknowledgements, and somebody listens to them");
    return DOCTOR_FINE;
}
