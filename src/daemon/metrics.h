/*
 * metrics: counters, gauges and two histograms, written as Prometheus text for node_exporter's textfile collector
 * (docs/OPERATIONS.md lists them).
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <stdint.h>

#include "daemon/conditions.h"
#include "daemon/consumers.h"
#include "util/buf.h"

enum { METRICS_BUCKETS = 12 };

struct metrics_histogram {
    uint64_t buckets[METRICS_BUCKETS + 1]; /* not cumulative; the last is +Inf */
    uint64_t count, sum_us;
};

struct metrics {
    uint64_t committed, published, rejected, superseded, overtaken;
    uint64_t findings;
    struct metrics_histogram commit_time;  /* first sight to committed */
    struct metrics_histogram publish_time; /* first sight to every PUBACK */
};

void metrics_observe(struct metrics_histogram *histogram, uint64_t micros);

/* Gauges that live elsewhere. */
struct metrics_view {
    uint64_t epoch, published_epoch, generation, services;
    uint64_t snapshot_epoch, snapshot_writes, snapshot_failures, snapshot_micros;
    int64_t snapshot_written_ms;
    uint64_t messages_acknowledged, messages_refused, broker_connects, broker_disconnects;
    bool is_broker_open;
    struct consumers_totals consumers;
    uint64_t acks_taken, acks_discarded, acks_rests;
    bool is_listening;
};

void metrics_write(const struct metrics *metrics, const struct metrics_view *view, const struct conditions *conditions,
                   struct buf *out);

#endif
