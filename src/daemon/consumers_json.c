/*
 * consumers_json: the table as <run>/consumers.json (docs/PROTOCOL.md §Status). Of a small fleet everybody stands in
 * it, of a large one those that need somebody's eye first; the counts are always of all.
 */
#include "daemon/consumers.h"

#include <unistd.h>

#include "model/json.h"
#include "model/members.h"

static void put_pointers(struct members *m, const char *name, const char *const *pointers, size_t len)
{
    members_put_name(m, name);
    buf_putc(m->out, '[');
    for (size_t i = 0; i < len; i++) {
        if (i > 0)
            buf_putc(m->out, ',');
        json_put_text(m->out, pointers[i]);
    }
    buf_putc(m->out, ']');
}

void consumers_put_ack(struct buf *out, const struct message *message, enum ack_trust trust)
{
    static const char *const trusts[] = {
        [ACK_UNSIGNED] = "unsigned", [ACK_UNKNOWN_KEY] = "unknown-key", [ACK_SIGNED] = "signed"};
    const struct message_ack *ack = &message->u.ack;
    struct members m = members_bare(out);
    members_put_u64(&m, "epoch", ack->epoch);
    members_put_text(&m, "freshness", freshness_name(ack->freshness));
    members_put_u64(&m, "generation", message->generation);
    members_put_text(&m, "key_id", message->key_id[0] == '\0' ? NULL : message->key_id);
    members_put_text(&m, "library", ack->library);
    put_pointers(&m, "overridden", ack->overridden, ack->overridden_len);
    members_put_text(&m, "reason", ack->reason);
    put_pointers(&m, "restart_pending", ack->restart_pending, ack->restart_pending_len);
    members_put_text(&m, "signature", trusts[trust]);
    members_put_text(&m, "status", ack_status_name(ack->status));
    members_put_u64(&m, "version", ack->version);
}

static void put_counts(struct members *m, const uint64_t counts[static CONSUMER_STATES], uint64_t expected,
                       uint64_t missing)
{
    for (enum consumer_state state = CONSUMER_APPLIED; state <= CONSUMER_GONE; state++)
        members_put_u64(m, consumer_state_name(state), counts[state]);
    members_put_u64(m, "expected", expected);
    members_put_u64(m, "missing", missing);
}

void consumers_write_totals(const struct consumers_totals *totals, struct buf *out)
{
    struct members m = members_bare(out);
    put_counts(&m, totals->counts, totals->expected, totals->missing);
}

static void put_consumer(const struct consumer *consumer, enum consumer_state state, struct buf *out)
{
    struct members m = members_object(out);
    members_put_text(&m, "instance", consumer->instance);
    members_put_text(&m, "state", consumer_state_name(state));
    members_put_time(&m, "since", consumer->since_ms);
    members_put_time(&m, "seen", consumer->seen_ms);
    buf_putc(out, ',');
    buf_append(out, consumer->text, consumer->text_len);
    members_end(&m);
}

/* How many may still be listed: first those that need somebody's eye, then those that are well, then those that are
   gone. */
struct quota {
    uint64_t trouble, applied, gone;
};

static struct quota quota_of(const struct consumers *c)
{
    uint64_t applied = c->totals.counts[CONSUMER_APPLIED], gone = c->totals.counts[CONSUMER_GONE],
             left = CONSUMERS_LISTED_MAX;
    uint64_t trouble = c->instances - applied - gone;
    struct quota quota = {.trouble = trouble < left ? trouble : left};
    left -= quota.trouble;
    quota.applied = applied < left ? applied : left;
    left -= quota.applied;
    quota.gone = gone < left ? gone : left;
    return quota;
}

static bool take_quota(struct quota *quota, enum consumer_state state)
{
    uint64_t *left = state == CONSUMER_APPLIED ? &quota->applied
                     : state == CONSUMER_GONE  ? &quota->gone
                                               : &quota->trouble;
    return *left > 0 && (*left)-- > 0;
}

static void put_service(const struct consumers *c, const struct consumer_service *service, struct quota *quota,
                        struct buf *out)
{
    struct members m = members_object(out);
    uint64_t counts[CONSUMER_STATES];
    for (size_t i = 0; i < CONSUMER_STATES; i++)
        counts[i] = service->counts[i];
    members_put_text(&m, "service", service->name);
    if (service->is_in_force)
        members_put_u64(&m, "version", service->version);
    else
        members_put_null(&m, "version");
    put_counts(&m, counts, service->expected, consumers_missing(service));
    members_put_name(&m, "instances");
    buf_putc(out, '[');
    size_t written = 0;
    for (size_t i = 0; i < service->len; i++) {
        enum consumer_state state = consumers_state(c, service, service->items[i]);
        if (!take_quota(quota, state))
            continue;
        if (written++ > 0)
            buf_putc(out, ',');
        put_consumer(service->items[i], state, out);
    }
    buf_putc(out, ']');
    members_end(&m);
}

void consumers_write(const struct consumers *c, const struct consumers_view *view, struct buf *out)
{
    struct members m = members_object(out);
    struct quota quota = quota_of(c);
    uint64_t listed = quota.trouble + quota.applied + quota.gone;
    members_put_u64(&m, "format", CONSUMERS_FORMAT);
    members_put_u64(&m, "pid", (uint64_t)getpid());
    members_put_time(&m, "written", view->written_ms);
    members_put_u64(&m, "generation", c->generation);
    members_put_u64(&m, "epoch", c->epoch);
    members_put_json(&m, "listening", view->is_listening ? SPAN("true") : SPAN("false"));
    members_put_text(&m, "reason", view->reason);
    members_put_u64(&m, "taken", c->taken);
    members_put_u64(&m, "discarded", c->discarded);
    members_put_text(&m, "last_discarded", c->last_code);
    members_put_name(&m, "totals");
    struct members totals = members_object(out);
    put_counts(&totals, c->totals.counts, c->totals.expected, c->totals.missing);
    members_end(&totals);
    members_put_name(&m, "services");
    buf_putc(out, '[');
    for (size_t i = 0; i < c->len; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_service(c, c->services[i], &quota, out);
    }
    buf_putc(out, ']');
    members_put_u64(&m, "omitted", c->instances - listed);
    members_end(&m);
    buf_putc(out, '\n');
}
