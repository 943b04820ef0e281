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
    void (*on_sigpipe)(int); /* as it was: while the link is open nobody dies of a broker that hung up */
};

/* Makes the client as the settings say, and connects nothing. */
int link_open(struct link *link, const struct settings *settings, mqtt_handler handler, void *context,
              struct error *err) MUST_CHECK;
void link_close(struct link *link);

/* Waits for the broker, at most so long and at most a second, and handles what it sent. */
void link_turn(struct link *link, int64_t most_ms);

/* The code of an end of the connection: CODE_BROKER_TLS, CODE_BROKER_REFUSED, CODE_BROKER_AWAY. */
const char *link_code(int reason);
/* What to type after such a failure, where its message tells more than its code; "" elsewhere. */
void link_fix(const struct settings *settings, const char *message, char *out, size_t size);

#endif
