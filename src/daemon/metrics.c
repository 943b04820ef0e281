/*
 * metrics: see metrics.h. Text exposition format 0.0.4.
 */
#include "daemon/metrics.h"

#include "util/clock.h"

static const uint64_t bucket_us[METRICS_BUCKETS] = {500,   1000,   2500,   5000,    10000,   25000,
                                                    50000, 100000, 250000, 1000000, 5000000, 30000000};

void metrics_observe(struct metrics_histogram *histogram, uint64_t micros)
{
    size_t i = 0;
    while (i < METRICS_BUCKETS && micros > bucket_us[i])
        i++;
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum_us += micros;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP epochd_%s %s\n# TYPE epochd_%s %s\n", name, help, name, type);
}

static void number(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    buf_printf(out, "epochd_%s %llu\n", name, (unsigned long long)value);
}

static void seconds(struct buf *out, const char *name, const char *help, int64_t ms)
{
    head(out, name, "gauge", help);
    buf_printf(out, "epochd_%s %lld.%03lld\n", name, (long long)(ms / 1000), (long long)(ms % 1000));
}

static void histogram(struct buf *out, const char *name, const char *help, const struct metrics_histogram *h)
{
    uint64_t below = 0;
    head(out, name, "histogram", help);
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        below += h->buckets[i];
        buf_printf(out, "epochd_%s_bucket{le=\"%llu.%06llu\"} %llu\n", name,
                   (unsigned long long)(bucket_us[i] / 1000000), (unsigned long long)(bucket_us[i] % 1000000),
                   (unsigned long long)below);
    }
    buf_printf(out, "epochd_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)h->count);
    buf_printf(out, "epochd_%s_sum %llu.%06llu\n", name, (unsigned long long)(h->sum_us / 1000000),
               (unsigned long long)(h->sum_us % 1000000));
    buf_printf(out, "epochd_%s_count %llu\n", name, (unsigned long long)h->count);
}

static void write_commits(struct buf *out, const struct metrics *m)
{
    head(out, "commits_total", "counter", "Commits by verdict.");
    buf_printf(out, "epochd_commits_total{verdict=\"committed\"} %llu\n", (unsigned long long)m->committed);
    buf_printf(out, "epochd_commits_total{verdict=\"published\"} %llu\n", (unsigned long long)m->published);
    buf_printf(out, "epochd_commits_total{verdict=\"rejected\"} %llu\n", (unsigned long long)m->rejected);
    buf_printf(out, "epochd_commits_total{verdict=\"superseded\"} %llu\n",
               (unsigned long long)m->superseded + m->overtaken);
    number(out, "findings_total", "counter", "Errors found in rejected commits.", m->findings);
    histogram(out, "commit_seconds", "From first sight of a commit to committed.", &m->commit_time);
    histogram(out, "publish_seconds", "From first sight of a commit to published.", &m->publish_time);
}

static void write_conditions(struct buf *out, const struct conditions *conditions)
{
    head(out, "condition", "gauge", "1 while the condition of this code is on.");
    for (enum condition c = 0; c < CONDITION_COUNT; c++)
        buf_printf(out, "epochd_condition{code=\"%s\",kind=\"%s\"} %d\n", condition_code(c),
                   condition_is_hold(c) ? "hold" : "degraded", conditions_is_on(conditions, c));
}

static void write_consumers(struct buf *out, const struct metrics_view *view)
{
    head(out, "consumers", "gauge", "Consumers by what they say of the epoch in force.");
    for (enum consumer_state state = CONSUMER_APPLIED; state <= CONSUMER_GONE; state++)
        buf_printf(out, "epochd_consumers{state=\"%s\"} %llu\n", consumer_state_name(state),
                   (unsigned long long)view->consumers.counts[state]);
    buf_printf(out, "epochd_consumers{state=\"missing\"} %llu\n", (unsigned long long)view->consumers.missing);
    number(out, "consumers_expected", "gauge", "Consumers that epoch.yaml names.", view->consumers.expected);
    number(out, "consumers_heard", "gauge", "1 while acknowledgements are heard.", view->is_listening);
    number(out, "acks_total", "counter", "Acknowledgements that were taken.", view->acks_taken);
    number(out, "acks_discarded_total", "counter", "Acknowledgements that were none, or too many.",
           view->acks_discarded);
    number(out, "acks_rests_total", "counter", "Seconds with more acknowledgements than there is time for.",
           view->acks_rests);
}

void metrics_write(const struct metrics *m, const struct metrics_view *view, const struct conditions *conditions,
                   struct buf *out)
{
    struct daemon_state state;
    conditions_state(conditions, &state);
    number(out, "up", "gauge", "1 while epochd runs; see epochd_written_timestamp_seconds.", 1);
    number(out, "healthy", "gauge", "1 while the state is ok or empty.", state.is_ok);
    seconds(out, "written_timestamp_seconds", "When this file was written.", clock_wall_ms());
    number(out, "epoch", "gauge", "The committed epoch.", view->epoch);
    number(out, "published_epoch", "gauge", "The newest published epoch.", view->published_epoch);
    number(out, "generation", "gauge", "The key generation.", view->generation);
    number(out, "services", "gauge", "Services in force.", view->services);
    write_commits(out, m);
    number(out, "snapshot_epoch", "gauge", "The epoch of the last-known-good snapshot.", view->snapshot_epoch);
    seconds(out, "snapshot_timestamp_seconds", "When the snapshot was written.", view->snapshot_written_ms);
    number(out, "snapshot_writes_total", "counter", "Snapshots written.", view->snapshot_writes);
    number(out, "snapshot_failures_total", "counter", "Snapshots that could not be written.", view->snapshot_failures);
    head(out, "snapshot_write_seconds", "gauge", "How long the last snapshot took.");
    buf_printf(out, "epochd_snapshot_write_seconds %llu.%06llu\n",
               (unsigned long long)(view->snapshot_micros / 1000000),
               (unsigned long long)(view->snapshot_micros % 1000000));
    number(out, "broker_connected", "gauge", "1 while the broker is connected and its floor known.",
           view->is_broker_open);
    number(out, "broker_connects_total", "counter", "Connections that opened.", view->broker_connects);
    number(out, "broker_disconnects_total", "counter", "Connections that ended.", view->broker_disconnects);
    number(out, "messages_acknowledged_total", "counter", "PUBACKs with success.", view->messages_acknowledged);
    number(out, "messages_refused_total", "counter", "Messages the broker refused.", view->messages_refused);
    write_consumers(out, view);
    write_conditions(out, conditions);
}
