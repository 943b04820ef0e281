/*
 * health: see health.h.
 */
#include "daemon/health.h"

#include "io/crypto.h"
#include "model/members.h"
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

enum health_event health_event_of(const struct daemon_state *state)
{
    return state->is_ok ? HEALTH_RECOVERED : state->is_hold ? HEALTH_HOLD : HEALTH_DEGRADED;
}

static bool is_bad_news(enum health_event event)
{
    return event == HEALTH_REJECTED || event == HEALTH_HOLD || event == HEALTH_SHUTDOWN || event == HEALTH_LOST;
}

static void put_epoch(struct members *data, const struct force *force)
{
    char commit[OID_HEX_LEN + 1];
    if (!force->exists) {
        members_put_null(data, "epoch");
        members_put_null(data, "config_epoch");
        return;
    }
    oid_format(&force->commit, commit);
    members_put_u64(data, "epoch", force->epoch);
    members_put_text(data, "config_epoch", commit);
}

void health_compose(struct buf *out, const char *source, enum health_event event, const struct daemon_state *state,
                    const struct force *force, const struct findings *findings, const char *error)
{
    uint8_t raw[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    uint64_t seconds = (uint64_t)clock_wall_ms() / 1000;
    struct members m = members_object(out);
    crypto_random(raw, sizeof raw);
    hex_encode(raw, sizeof raw, id);
    members_put_text(&m, "id", id);
    members_put_text(&m, "type", "health.status");
    members_put_u64(&m, "ts", seconds);
    members_put_text(&m, "source", source);
    members_put_name(&m, "data");
    struct members data = members_object(out);
    members_put_text(&data, "message_id", id);
    members_put_json(&data, "ok", state->is_hold || is_bad_news(event) ? SPAN("false") : SPAN("true"));
    members_put_text(&data, "event", health_event_name(event));
    members_put_u64(&data, "timestamp", seconds);
    members_put_text(&data, "error", error);
    members_put_text(&data, "state", state->text);
    put_epoch(&data, force);
    members_put_u64(&data, "service_count", catalog_count(force->catalog));
    members_put_name(&data, "findings");
    if (findings == NULL)
        buf_puts(out, "[]");
    else
        findings_write_json(findings, HEALTH_FINDINGS_MAX, out);
    members_end(&data);
    members_end(&m);
}
