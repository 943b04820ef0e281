/*
 * settings_schema: see settings_schema.h. It is a little wider than what epochd takes where JSON Schema has no words for
 * it: bytes of a text, the names of branches.
 */
#include "config/settings_schema.h"

#include <string.h>

#include "config/settings_table.h"
#include "model/json_text.h"
#include "util/num.h"

/* --- one setting ---------------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *pattern, int most)
{
    buf_puts(out, "\"type\": \"string\", \"pattern\": ");
    json_put_text(out, pattern);
    buf_printf(out, ", \"maxLength\": %d", most);
}

static void put_choices(struct buf *out, const struct setting *setting)
{
    buf_puts(out, "\"enum\": [");
    for (size_t i = 0; setting->choices[i] != NULL; i++) {
        buf_puts(out, i == 0 ? "" : ", ");
        json_put_text(out, setting->choices[i]);
    }
    buf_putc(out, ']');
}

static void put_form(struct buf *out, const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_TEXT:
        put_text(out, "^[^\\n]*$", SETTING_TEXT_MAX);
        break;
    case SETTING_PATH:
        put_text(out, "^/", SETTING_PATH_MAX);
        break;
    case SETTING_OPTIONAL_PATH:
        put_text(out, "^(/|$)", SETTING_PATH_MAX);
        break;
    case SETTING_URL:
        put_text(out, "^(off$|mqtts?://.|unix:///.)", SETTING_PATH_MAX);
        break;
    case SETTING_NAME:
        put_text(out, "^[a-z][a-z0-9-]{0,62}$", 63);
        break;
    case SETTING_PREFIX:
        put_text(out, "^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$", 128);
        break;
    case SETTING_BRANCH:
        put_text(out, "^[^/ ~^:?*\\[\\\\]", SETTING_TEXT_MAX);
        break;
    case SETTING_INTEGER:
        buf_printf(out, "\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d", setting->min, setting->max);
        break;
    case SETTING_CHOICE:
        put_choices(out, setting);
        break;
    case SETTING_UIDS:
        buf_printf(out, "\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": 0}, \"maxItems\": %d", SETTING_UIDS_MAX);
        break;
    }
}

static void put_default(struct buf *out, const struct setting *setting)
{
    if (setting->kind == SETTING_INTEGER)
        buf_puts(out, setting->fallback);
    else if (setting->kind == SETTING_UIDS)
        buf_puts(out, "[]");
    else
        json_put_text(out, setting->fallback);
}

static void put_setting(struct buf *out, const struct setting *setting, const char *name, const char *indent)
{
    struct buf form AUTO_BUF = {0}, about AUTO_BUF = {0};
    buf_printf(&about, "%s%s ", setting->about, setting->about[strlen(setting->about) - 1] == '.' ? "" : ".");
    size_t start = about.len;
    setting_put_form(setting, &about);
    if (about.len > start && about.data[start] >= 'a' && about.data[start] <= 'z' && setting->kind != SETTING_URL)
        about.data[start] = (char)(about.data[start] - 'a' + 'A');
    buf_putc(&about, '.');
    put_form(&form, setting);
    buf_printf(out, "%s\"%s\": {%.*s,\n%s  \"description\": ", indent, name, (int)form.len, form.data, indent);
    json_put_string(out, buf_span(&about));
    buf_printf(out, ",\n%s  \"default\": ", indent);
    put_default(out, setting);
    buf_printf(out, ", \"x-env\": \"%s\"}", setting->variable);
    out->failed |= form.failed || about.failed;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static const char *dot_of(const struct setting *setting)
{
    return strchr(setting->key, '.');
}

/* The settings of the section that `first` begins; gives the one behind. */
static size_t put_section(struct buf *out, size_t first)
{
    const char *section = settings_table[first].key;
    size_t len = (size_t)(dot_of(&settings_table[first]) - section) + 1, i = first;
    /* A section without lines is fine. */
    buf_printf(out, "    \"%.*s\": {\n      \"type\": [\"object\", \"null\"],\n      \"additionalProperties\": false,\n"
                    "      \"properties\": {\n", (int)len - 1, section);
    for (; i < settings_table_len && strncmp(settings_table[i].key, section, len) == 0; i++) {
        buf_puts(out, i == first ? "" : ",\n");
        put_setting(out, &settings_table[i], settings_table[i].key + len, "        ");
    }
    buf_puts(out, "\n      }\n    }");
    return i;
}

void settings_put_schema(struct buf *out)
{
    buf_puts(out, "{\n"
                  "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                  "  \"title\": \"epochd.yaml\",\n"
                  "  \"description\": \"Settings of epochd: man epochd.yaml\",\n"
                  "  \"type\": [\"object\", \"null\"],\n"
                  "  \"additionalProperties\": false,\n"
                  "  \"properties\": {\n");
    for (size_t i = 0; i < settings_table_len;) {
        buf_puts(out, i == 0 ? "" : ",\n");
        if (dot_of(&settings_table[i]) != NULL) {
            i = put_section(out, i);
        } else {
            put_setting(out, &settings_table[i], settings_table[i].key, "    ");
            i++;
        }
    }
    buf_puts(out, "\n  }\n}\n");
}
