/*
 * settings_print: the settings as the file would say them. Strings are always quoted, so that none turns into
 * something else.
 */
#include <string.h>

#include "config/settings_priv.h"
#include "io/mqtt.h"
#include "model/json_text.h"

static void put_url(const char *text, struct buf *out)
{
    struct mqtt_url url;
    struct error ignored;
    if (strcmp(text, "off") == 0) {
        json_put_text(out, text);
        return;
    }
    if (mqtt_url_parse(text, &url, &ignored) != 0) {
        out->failed = true; /* it was good when it was loaded, so memory is out; it may hold a password */
        return;
    }
    json_put_text(out, url.username != NULL ? url.display : text);
    mqtt_url_fini(&url);
}

static void put_uids(const struct settings *settings, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < settings->repository.trusted_len; i++)
        buf_printf(out, "%s%u", i == 0 ? "" : ", ", (unsigned)settings->repository.trusted_uids[i]);
    buf_putc(out, ']');
}

static void put_value(const struct setting *setting, const struct settings *settings, struct buf *out)
{
    const void *field = (const char *)settings + setting->offset;
    switch (setting->kind) {
    case SETTING_INTEGER:
        buf_printf(out, "%d", *(const int *)field);
        break;
    case SETTING_CHOICE:
        buf_puts(out, setting->choices[*(const unsigned *)field]);
        break;
    case SETTING_UIDS:
        put_uids(settings, out);
        break;
    case SETTING_URL:
        put_url(*(char *const *)field, out);
        break;
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_OPTIONAL_PATH:
    case SETTING_NAME:
    case SETTING_PREFIX:
    case SETTING_BRANCH:
        json_put_text(out, *(char *const *)field);
        break;
    }
}

void settings_print(const struct settings *settings, struct buf *out)
{
    const char *section = "";
    size_t section_len = 0;
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        const char *dot = strchr(setting->key, '.');
        size_t len = dot == NULL ? 0 : (size_t)(dot - setting->key);
        if (len > 0 && (len != section_len || memcmp(section, setting->key, len) != 0))
            buf_printf(out, "%.*s:\n", (int)len, setting->key);
        section = setting->key;
        section_len = len;
        buf_printf(out, "%s%s: ", dot == NULL ? "" : "  ", dot == NULL ? setting->key : dot + 1);
        put_value(setting, settings, out);
        buf_putc(out, '\n');
    }
}
