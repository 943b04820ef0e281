/*
 * settings_table: see settings_table.h. A new setting is a line here, a field in settings.h and a paragraph
 * in docs/man/epochd.yaml.5.scd.
 */
#include "config/settings_table.h"

#include <stddef.h>

/* The key is the field's own name. */
#define SETTING(name, variable_, kind_, fallback_, about_, ...)                                              \
    {                                                                                                        \
        .key = #name, .variable = "EPOCHD_" variable_, .kind = SETTING_##kind_,                              \
        .offset = offsetof(struct settings, name), .fallback = (fallback_), .about = (about_),               \
        __VA_ARGS__                                                                                          \
    }

/* clang-format off */
const struct setting settings_table[] = {
    SETTING(repository.path, "REPOSITORY_PATH", PATH, "/srv/config",
            "Where the git repository is: the top of a work tree, its .git, or a bare repository."),
    SETTING(repository.branch, "REPOSITORY_BRANCH", BRANCH, "main",
            "The branch that is served."),
    SETTING(repository.rewrite, "REPOSITORY_REWRITE", CHOICE, "auto",
            "What happens when the branch no longer contains the last accepted commit.", .choices = {"auto", "amend", "deny", "allow"}),
    SETTING(repository.trusted_uids, "REPOSITORY_TRUSTED_UIDS", UIDS, "",
            "Users besides our own that may own the repository."),
    SETTING(repository.poll_s, "REPOSITORY_POLL_S", INTEGER, "5",
            "Seconds between two looks at the branch when inotify says nothing", .min = 1, .max = 3600),

    SETTING(state, "STATE", PATH, "/var/lib/epochd",
            "The folder of the journal, the snapshot and the lock."),
    SETTING(keys, "KEYS", OPTIONAL_PATH, "",
            "The folder of the keys, made at the first start."),
    SETTING(run, "RUN", PATH, "/run/epochd",
            "The folder of status.json and the metrics, which do not outlive the process."),

    SETTING(mqtt.url, "MQTT_URL", URL, "mqtt://localhost:1883",
            "The broker, or off for none"),
    SETTING(mqtt.source, "MQTT_SOURCE", NAME, "config-manager",
            "Who we are in topics and messages."),
    SETTING(mqtt.prefix, "MQTT_PREFIX", PREFIX, "",
            "In front of all topics, without a slash at either end."),
    SETTING(mqtt.heartbeat_s, "MQTT_HEARTBEAT_S", INTEGER, "10",
            "Seconds between two signed keepalives.", .min = 1, .max = 3600),
    SETTING(mqtt.client_id, "MQTT_CLIENT_ID", TEXT, "",
            "The MQTT client id."),
    SETTING(mqtt.username, "MQTT_USERNAME", TEXT, "",
            "The user at the broker."),
    SETTING(mqtt.password_file, "MQTT_PASSWORD_FILE", OPTIONAL_PATH, "",
            "A file that holds the password, at most 1024 bytes"),
    SETTING(mqtt.ca_file, "MQTT_CA_FILE", OPTIONAL_PATH, "",
            "The certificates, PEM, of those who may have signed the broker's."),
    SETTING(mqtt.cert_file, "MQTT_CERT_FILE", OPTIONAL_PATH, "",
            "Our own certificate, PEM, for a broker that asks for one."),
    SETTING(mqtt.key_file, "MQTT_KEY_FILE", OPTIONAL_PATH, "",
            "The private key of mqtt.cert_file, PEM, without a passphrase."),
    SETTING(mqtt.backoff_min_ms, "MQTT_BACKOFF_MIN_MS", INTEGER, "250",
            "Milliseconds to the first attempt to connect again.", .min = 10, .max = 600000),
    SETTING(mqtt.backoff_max_ms, "MQTT_BACKOFF_MAX_MS", INTEGER, "30000",
            "The longest such wait, not below mqtt.backoff_min_ms.", .min = 10, .max = 600000),

    SETTING(log.level, "LOG_LEVEL", CHOICE, "info",
            "The least that is logged.", .choices = {"debug", "info", "warn", "error"}),
    SETTING(log.format, "LOG_FORMAT", CHOICE, "auto",
            "text for people, json for programs: one line each event.", .choices = {"auto", "text", "json"}),
};
/* clang-format on */

const char *const settings_sections[] = {"repository", "mqtt", "log", NULL};
const size_t settings_table_len = ARRAY_LEN(settings_table);
_Static_assert(ARRAY_LEN(settings_table) == SETTINGS_COUNT, "SETTINGS_COUNT tells another number");

static void put_choices(const struct setting *setting, struct buf *out)
{
    buf_puts(out, "one of");
    for (size_t i = 0; setting->choices[i] != NULL; i++)
        buf_printf(out, "%s %s", i == 0 ? "" : ",", setting->choices[i]);
}

void setting_put_form(const struct setting *setting, struct buf *out)
{
    switch (setting->kind) {
    case SETTING_TEXT:
        buf_printf(out, "one line of at most %d bytes, or \"\"", SETTING_TEXT_MAX);
        break;
    case SETTING_PATH:
        buf_puts(out, "an absolute path");
        break;
    case SETTING_OPTIONAL_PATH:
        buf_puts(out, "an absolute path, or \"\"");
        break;
    case SETTING_URL:
        buf_puts(out, "off, mqtt://[user[:password]@]host[:port], mqtts://… or unix:///path");
        break;
    case SETTING_NAME:
        buf_puts(out, "lower-case letters, digits and '-', a letter first, at most 63");
        break;
    case SETTING_PREFIX:
        buf_puts(
            out,
            "levels of letters, digits, '.', '_' and '-' with '/' between them, at most 128 bytes, or \"\"");
        break;
    case SETTING_BRANCH:
        buf_puts(out, "the name of a branch, without refs/heads/");
        break;
    case SETTING_INTEGER:
        buf_printf(out, "an integer from %d to %d", setting->min, setting->max);
        break;
    case SETTING_CHOICE:
        put_choices(setting, out);
        break;
    case SETTING_UIDS:
        buf_printf(out, "a list of at most %d user ids", SETTING_UIDS_MAX);
        break;
    }
}
