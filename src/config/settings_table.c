/*
 * settings_table: see settings_table.h. A new setting is a line here, a field in settings.h and a paragraph
 * in docs/man/epochd.yaml.5.scd.
 */
#include "config/settings_table.h"

#include <stddef.h>

/* The key is the field's own name. */
#define SETTING(name, variable_, kind_, fallback_, ...)                                                      \
    {                                                                                                        \
        .key = #name, .variable = "EPOCHD_" variable_, .kind = SETTING_##kind_,                              \
        .offset = offsetof(struct settings, name), .fallback = (fallback_), __VA_ARGS__                      \
    }

/* clang-format off */
const struct setting settings_table[] = {
    SETTING(repository.path, "REPOSITORY_PATH", PATH, "/srv/config"),
    SETTING(repository.branch, "REPOSITORY_BRANCH", BRANCH, "main"),
    SETTING(repository.rewrite, "REPOSITORY_REWRITE", CHOICE, "auto", .choices = {"auto", "amend", "deny", "allow"}),
    SETTING(repository.trusted_uids, "REPOSITORY_TRUSTED_UIDS", UIDS, ""),
    SETTING(repository.poll_s, "REPOSITORY_POLL_S", INTEGER, "5", .min = 1, .max = 3600),

    SETTING(state, "STATE", PATH, "/var/lib/epochd"),
    SETTING(keys, "KEYS", OPTIONAL_PATH, ""),
    SETTING(run, "RUN", PATH, "/run/epochd"),

    SETTING(mqtt.url, "MQTT_URL", URL, "mqtt://localhost:1883"),
    SETTING(mqtt.source, "MQTT_SOURCE", NAME, "config-manager"),
    SETTING(mqtt.prefix, "MQTT_PREFIX", PREFIX, ""),
    SETTING(mqtt.heartbeat_s, "MQTT_HEARTBEAT_S", INTEGER, "10", .min = 1, .max = 3600),
    SETTING(mqtt.client_id, "MQTT_CLIENT_ID", TEXT, ""),
    SETTING(mqtt.username, "MQTT_USERNAME", TEXT, ""),
    SETTING(mqtt.password_file, "MQTT_PASSWORD_FILE", OPTIONAL_PATH, ""),
    SETTING(mqtt.ca_file, "MQTT_CA_FILE", OPTIONAL_PATH, ""),
    SETTING(mqtt.cert_file, "MQTT_CERT_FILE", OPTIONAL_PATH, ""),
    SETTING(mqtt.key_file, "MQTT_KEY_FILE", OPTIONAL_PATH, ""),
    SETTING(mqtt.backoff_min_ms, "MQTT_BACKOFF_MIN_MS", INTEGER, "250", .min = 10, .max = 600000),
    SETTING(mqtt.backoff_max_ms, "MQTT_BACKOFF_MAX_MS", INTEGER, "30000", .min = 10, .max = 600000),

    SETTING(log.level, "LOG_LEVEL", CHOICE, "info", .choices = {"debug", "info", "warn", "error"}),
    SETTING(log.format, "LOG_FORMAT", CHOICE, "auto", .choices = {"auto", "text", "json"}),
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
