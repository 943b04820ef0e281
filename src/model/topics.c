/*
 * topics: see topics.h. Topics are built from validated names only, so no wildcard or NUL can get in.
 */
#include "model/topics.h"

#include <stdio.h>

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
