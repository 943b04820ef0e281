/*
 * mqtt_reasons: what a broker means by its reason codes (MQTT v5 §2.4), told so that an operator knows where
 * to look.
 */
#include <string.h>

#include "io/mqtt_priv.h"

struct reason {
    int code;
    const char *text;
};

static const struct reason table[] = {
    {MQTT_REASON_NETWORK, "the connection broke"},
    {MQTT_REASON_TLS, "TLS failed"},
    {MQTT_REASON_TIMEOUT, "the broker did not answer in time"},
    {0x00, "success"},
    {0x01, "granted QoS 1"},
    {0x02, "granted QoS 2"},
    {0x10, "accepted, nobody is subscribed"},
    {0x80, "the broker gives no reason"},
    {0x81, "malformed packet"},
    {0x82, "protocol error"},
    {0x83, "the broker refuses it for a reason of its own"},
    {0x84, "the broker does not speak MQTT v5"},
    {0x85, "the broker does not accept the client id"},
    {0x86, "bad user name or password"},
    {0x87, "not authorized"},
    {0x88, "the broker is not available"},
    {0x89, "the broker is busy"},
    {0x8A, "the broker has banned this client"},
    {0x8B, "the broker is shutting down"},
    {0x8C, "bad authentication method"},
    {0x8D, "the broker heard nothing from us for too long"},
    {0x8E, "another client took over the client id"},
    {0x8F, "topic filter not accepted"},
    {0x90, "topic name not accepted"},
    {0x91, "packet identifier in use"},
    {0x92, "packet identifier not found"},
    {0x93, "more messages in flight than the broker allows"},
    {0x94, "topic alias not accepted"},
    {0x95, "packet too large for the broker"},
    {0x96, "too many messages in too short a time"},
    {0x97, "a quota of the broker is exceeded"},
    {0x98, "closed by the broker's administrator"},
    {0x99, "payload format not accepted"},
    {0x9A, "the broker keeps no retained messages"},
    {0x9B, "the broker does not support QoS 1"},
    {0x9C, "use another broker for now"},
    {0x9D, "the broker has moved"},
    {0x9E, "shared subscriptions are not supported"},
    {0x9F, "too many connections in too short a time"},
    {0xA0, "the broker's maximum connect time is over"},
    {0xA1, "subscription identifiers are not supported"},
    {0xA2, "wildcard subscriptions are not supported"},
};

const char *mqtt_reason_text(int reason)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].code == reason)
            return table[i].text;
    return "a reason MQTT v5 does not define";
}
