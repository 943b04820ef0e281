/*
 * link: a connection of the command line to the broker, to look and never to publish. With a client id of its own, so
 * that it takes nobody's place.
 */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "config/settings.h"
#include "io/mqtt.h"

struct link {
    struct mqtt *mqtt;
    int64_t ticked_ms;
};

/* Makes the client as the settings say, and connects nothing. */
int link_open(struct link *link, const struct settings *settings, mqtt_handler handler, void *context,
              struct error *err) MUST_CHECK;
void link_close(struct link *link);

/* Waits for the broker, at most so long and at most a second, and handles what it sent. */
void link_turn(struct link *link, int64_t most_ms);

#endif
