/*
 * topics: see topics.h. Topics are built from validated names only, so no wildcard or NUL can get in.
 */
#include "model/topics.h"

#include <stdio.h>
#include <string.h>

#define ACK_STEM "system/ack/"

void topic_write(char out[static TOPIC_MAX + 1], const char *prefix, enum topic_kind kind, const char *name)
{
    static const char *const stems[] = {
        [TOPIC_UPDATE] = "config/update",   [TOPIC_SERVICE] = "system/config/", [TOPIC_EPOCH] = "system/epoch/",
        [TOPIC_INDEX] = "system/index/",    [TOPIC_KEYS] = "system/keys/",      [TOPIC_HEALTH] = "system/health/",
        [TOPIC_KEEPALIVE] = "system/keepalive/",
    };
    snprintf(out, TOPIC_MAX + 1, "%s%s%s%s", prefix, prefix[0] == '\0' ? "" : "/", stems[kind],
             kind == TOPIC_UPDATE ? "" : name);
}

void topic_write_ack(char out[static TOPIC_MAX + 1], const char *prefix, const char *service, const char *instance)
{
    snprintf(out, TOPIC_MAX + 1, "%s%s" ACK_STEM "%s/%s", prefix, prefix[0] == '\0' ? "" : "/", service, instance);
}

bool topic_read_ack(const char *topic, const char *prefix, struct span *service, struct span *instance)
{
    char stem[TOPIC_MAX + 1];
    topic_write_ack(stem, prefix, "", "");
    size_t len = strlen(stem) - 1; /* without the last slash */
    if (strncmp(topic, stem, len) != 0)
        return false;
    const char *slash = strchr(topic + len, '/');
    if (slash == NULL)
        return false;
    *service = (struct span){topic + len, (size_t)(slash - topic) - len};
    *instance = span_of(slash + 1);
    return layout_name_is_good(*service) && message_instance_is_good(*instance);
}

static bool is_level_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

bool topic_prefix_is_good(struct span prefix)
{
    if (prefix.len > TOPIC_PREFIX_MAX)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        bool is_edge = i == 0 || i + 1 == prefix.len || prefix.data[i - 1] == '/';
        if (prefix.data[i] == '/' ? is_edge : !is_level_char(prefix.data[i]))
            return false;
    }
    return true;
}
