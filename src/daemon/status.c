/*
 * status: see status.h.
 */
#include "daemon/status.h"

#include <unistd.h>

#include "model/json.h"
#include "util/clock.h"

static void put_time(struct buf *out, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_LEN + 1];
    clock_format(ms, text);
    buf_printf(out, "\"%s\":\"%s\",", name, text);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_put_text(out, text);
    buf_putc(out, ',');
}

static void put_epoch(struct buf *out, const char *name, uint64_t epoch)
{
    if (epoch == 0)
        buf_printf(out, "\"%s\":null,", name);
    else
        buf_printf(out, "\"%s\":%llu,", name, (unsigned long long)epoch);
}

static void put_tip(struct buf *out, const struct status_view *view)
{
    char commit[OID_HEX_LEN + 1];
    if (view->tip == NULL) {
        buf_puts(out, "\"tip\":null,");
        return;
    }
    oid_format(view->tip, commit);
    buf_puts(out, "\"tip\":{");
    put_text(out, "code", view->tip_code);
    put_text(out, "commit", commit);
    buf_puts(out, "\"verdict\":");
    json_put_text(out, view->tip_verdict);
    buf_puts(out, "},");
}

static void put_consumers(struct buf *out, const struct status_view *view)
{
    buf_printf(out, "\"consumers\":{\"listening\":%s,", view->is_listening ? "true" : "false");
    put_text(out, "reason", view->listening_reason);
    consumers_write_totals(&view->consumers, out);
    buf_puts(out, "},");
}

void status_write(const struct status_view *view, struct buf *out)
{
    const struct force *force = view->force;
    struct daemon_state state;
    char commit[OID_HEX_LEN + 1];
    conditions_state(view->conditions, &state);
    oid_format(&force->commit, commit);
    buf_printf(out, "{\"format\":%d,\"pid\":%lld,", STATUS_FORMAT, (long long)getpid());
    put_text(out, "version", EPOCHD_VERSION);
    put_time(out, "started", view->started_ms);
    put_time(out, "written", clock_wall_ms());
    put_text(out, "state", state.text);
    put_text(out, "reason", state.reason);
    put_text(out, "message", state.message);
    put_time(out, "since", state.since_ms);
    put_text(out, "source", view->settings->mqtt.source);
    put_text(out, "repository", view->settings->repository.path);
    put_text(out, "branch", view->settings->repository.branch);
    put_tip(out, view);
    put_epoch(out, "epoch", force->epoch);
    put_text(out, "config_epoch", force->exists ? commit : NULL);
    put_text(out, "correlation_id", force->exists ? force->correlation_id : NULL);
    buf_printf(out, "\"generation\":%llu,\"offset\":%llu,", (unsigned long long)force->generation,
               (unsigned long long)force->offset);
    put_epoch(out, "committed", force->epoch);
    put_epoch(out, "published", view->published);
    put_epoch(out, "snapshot", view->snapshot_epoch);
    buf_puts(out, "\"broker\":{");
    put_text(out, "url", view->broker_url);
    put_text(out, "state", view->broker_state);
    buf_puts(out, "\"reason\":");
    json_put_text(out, view->broker_reason[0] == '\0' ? NULL : view->broker_reason);
    buf_puts(out, "},");
    put_consumers(out, view);
    buf_printf(out, "\"service_count\":%zu,\"recent\":", catalog_count(force->catalog));
    verdicts_write_json(view->verdicts, out);
    buf_puts(out, "}\n");
}
