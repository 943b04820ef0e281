/*
 * settings_table: every setting of epochd, once. The file, the environment, the errors, --print-settings and
 * the test of the manual page go by it.
 */
#ifndef CONFIG_SETTINGS_TABLE_H
#define CONFIG_SETTINGS_TABLE_H

#include "config/settings.h"

enum setting_kind {
    SETTING_TEXT,          /* one line of UTF-8, at most SETTING_TEXT_MAX bytes, may be "" */
    SETTING_PATH,          /* absolute */
    SETTING_OPTIONAL_PATH, /* absolute, or "" */
    SETTING_URL,           /* "off", or what mqtt_url_parse takes */
    SETTING_NAME,          /* like a service's */
    SETTING_PREFIX,        /* topic_prefix_is_good */
    SETTING_BRANCH,        /* as git allows it, without refs/heads/ */
    SETTING_INTEGER,       /* min to max */
    SETTING_CHOICE,        /* the enum's value is the index in `choices` */
    SETTING_UIDS,          /* a list of user ids */
};

enum { SETTING_TEXT_MAX = 256, SETTING_PATH_MAX = 4095, SETTING_UIDS_MAX = 64, SETTING_CHOICES_MAX = 4 };

struct setting {
    const char *key;      /* "mqtt.url": its place in the file */
    const char *variable; /* "EPOCHD_MQTT_URL" */
    enum setting_kind kind;
    size_t offset;                                /* of its field in struct settings */
    const char *fallback;                         /* the default, as the environment would say it */
    const char *about;                            /* how the manual page begins to tell of it, without its marks */
    int min, max;                                 /* of SETTING_INTEGER */
    const char *choices[SETTING_CHOICES_MAX + 1]; /* of SETTING_CHOICE, NULL behind the last */
};

extern const struct setting settings_table[]; /* in the order of the manual page: sections together */
extern const size_t settings_table_len;
extern const char *const settings_sections[]; /* "repository", "mqtt", …; NULL behind the last */

/* What would be right: "an integer from 1 to 3600". For messages and the manual page. */
void setting_put_form(const struct setting *setting, struct buf *out);

#endif
