/*
 * health: see health.h.
 */
#include "daemon/health.h"

#include <string.h>

#include "io/crypto.h"
#include "model/json.h"
#include "util/clock.h"

enum { ID_BYTES = 16 };

const char *health_event_name(enum health_event event)
{
    switch (event) {
    case HEALTH_READY:
        return "ready";
    case HEALTH_EPOCH:
        return "epoch";
    case HEALTH_REJECTED:
        return "rejected";
    case HEALTH_HOLD:
        return "hold";
    case HEALTH_DEGRADED:
        return "degraded";
    case HEALTH_RECOVERED:
        return "recovered";
    case HEALTH_SHUTDOWN:
        return "shutdown";
    case HEALTH_LOST:
        return "lost";
    }
    return "";
}

static bool is_bad_news(enum health_event event)
{
    return event == HEALTH_REJECTED || event == HEALTH_HOLD || event == HEALTH_SHUTDOWN || event == HEALTH_LOST;
}

void health_compose(struct buf *out, const char *source, enum health_event event, const struct daemon_state *state,
                    const struct force *force, const struct findings *findings, const char *error)
{
    uint8_t raw[ID_BYTES];
    char id[2 * ID_BYTES + 1], commit[OID_HEX_LEN + 1];
    int64_t seconds = clock_wall_ms() / 1000;
    bool is_hold = strncmp(state->text, "hold:", 5) == 0;
    crypto_random(raw, sizeof raw);
    hex_encode(raw, sizeof raw, id);
    oid_format(&force->commit, commit);
    buf_printf(out, "{\"id\":\"%s\",\"type\":\"health.status\",\"ts\":%lld,\"source\":", id, (long long)seconds);
    json_put_text(out, source);
    buf_printf(out, ",\"data\":{\"message_id\":\"%s\",\"ok\":%s,\"event\":\"%s\",\"timestamp\":%lld,\"error\":", id,
               is_hold || is_bad_news(event) ? "false" : "true", health_event_name(event), (long long)seconds);
    json_put_text(out, error);
    buf_printf(out, ",\"state\":\"%s\",\"epoch\":", state->text);
    if (force->exists)
        buf_printf(out, "%llu,\"config_epoch\":\"%s\"", (unsigned long long)force->epoch, commit);
    else
        buf_puts(out, "null,\"config_epoch\":null");
    buf_printf(out, ",\"service_count\":%zu,\"findings\":", catalog_count(force->catalog));
    if (findings == NULL)
        buf_puts(out, "[]");
    else
        findings_write_json(findings, HEALTH_FINDINGS_MAX, out);
    buf_puts(out, "}}");
}
