/*
 * status: see status.h.
 */
#include "daemon/status.h"

#include <unistd.h>

#include "model/members.h"
#include "util/clock.h"

static void put_epoch(struct members *m, const char *name, uint64_t epoch)
{
    if (epoch == 0)
        members_put_null(m, name);
    else
        members_put_u64(m, name, epoch);
}

static void put_tip(struct members *m, const struct status_view *view)
{
    char commit[OID_HEX_LEN + 1];
    if (view->tip == NULL) {
        members_put_null(m, "tip");
        return;
    }
    oid_format(view->tip, commit);
    members_put_name(m, "tip");
    struct members tip = members_object(m->out);
    members_put_text(&tip, "code", view->tip_code);
    members_put_text(&tip, "commit", commit);
    members_put_text(&tip, "verdict", view->tip_verdict);
    members_end(&tip);
}

static void put_force(struct members *m, const struct status_view *view)
{
    const struct force *force = view->force;
    char commit[OID_HEX_LEN + 1];
    oid_format(&force->commit, commit);
    put_epoch(m, "epoch", force->epoch);
    members_put_text(m, "config_epoch", force->exists ? commit : NULL);
    members_put_text(m, "correlation_id", force->exists ? force->correlation_id : NULL);
    members_put_u64(m, "generation", force->generation);
    members_put_u64(m, "offset", force->offset);
    put_epoch(m, "committed", force->epoch);
    put_epoch(m, "published", view->published);
    put_epoch(m, "snapshot", view->snapshot_epoch);
}

static void put_broker(struct members *m, const struct status_view *view)
{
    members_put_name(m, "broker");
    struct members broker = members_object(m->out);
    members_put_text(&broker, "url", view->broker_url);
    members_put_text(&broker, "state", view->broker_state);
    members_put_text(&broker, "reason", view->broker_reason[0] == '\0' ? NULL : view->broker_reason);
    members_end(&broker);
}

static void put_consumers(struct members *m, const struct status_view *view)
{
    members_put_name(m, "consumers");
    struct members consumers = members_object(m->out);
    members_put_json(&consumers, "listening", view->is_listening ? SPAN("true") : SPAN("false"));
    members_put_text(&consumers, "reason", view->listening_reason);
    buf_putc(m->out, ',');
    consumers_write_totals(&view->consumers, m->out);
    members_end(&consumers);
}

void status_write(const struct status_view *view, struct buf *out)
{
    struct members m = members_object(out);
    struct daemon_state state;
    conditions_state(view->conditions, &state);
    members_put_u64(&m, "format", STATUS_FORMAT);
    members_put_u64(&m, "pid", (uint64_t)getpid());
    members_put_text(&m, "version", EPOCHD_VERSION);
    members_put_time(&m, "started", view->started_ms);
    members_put_time(&m, "written", clock_wall_ms());
    members_put_text(&m, "state", state.text);
    members_put_text(&m, "reason", state.reason);
    members_put_text(&m, "message", state.message);
    members_put_time(&m, "since", state.since_ms);
    members_put_text(&m, "source", view->settings->mqtt.source);
    members_put_text(&m, "repository", view->settings->repository.path);
    members_put_text(&m, "branch", view->settings->repository.branch);
    put_tip(&m, view);
    put_force(&m, view);
    put_broker(&m, view);
    put_consumers(&m, view);
    members_put_u64(&m, "service_count", catalog_count(view->force->catalog));
    members_put_name(&m, "recent");
    verdicts_write_json(view->verdicts, out);
    members_end(&m);
    buf_putc(out, '\n');
}
