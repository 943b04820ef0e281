/*
 * topics: the names of what goes over MQTT (docs/PROTOCOL.md §Topics), under the optional prefix.
 */
#ifndef MODEL_TOPICS_H
#define MODEL_TOPICS_H

#include "model/layout.h"
#include "model/message.h"

enum { TOPIC_PREFIX_MAX = 128, TOPIC_MAX = TOPIC_PREFIX_MAX + 1 + 32 + 2 * 64 };

enum topic_kind { TOPIC_UPDATE, TOPIC_SERVICE, TOPIC_EPOCH, TOPIC_INDEX, TOPIC_KEYS, TOPIC_HEALTH, TOPIC_KEEPALIVE };

/*
 * Writes the topic: `name` is the service for TOPIC_SERVICE, the source for the others, not used for TOPIC_UPDATE. `prefix` is "" or
 * a valid prefix.
 */
void topic_write(char out[static TOPIC_MAX + 1], const char *prefix, enum topic_kind kind, const char *name);

/* system/ack/<service>/<instance>, and back: false for any other topic, and for names that are none. */
void topic_write_ack(char out[static TOPIC_MAX + 1], const char *prefix, const char *service, const char *instance);
bool topic_read_ack(const char *topic, const char *prefix, struct span *service, struct span *instance);

/* "" or levels of [A-Za-z0-9._-]+ with '/' between them, at most TOPIC_PREFIX_MAX. */
bool topic_prefix_is_good(struct span prefix);

#endif
