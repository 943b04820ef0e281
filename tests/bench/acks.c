/*
 * acks: what the consumers cost the daemon. `acks --consumers N`: N of them, one a service, all acknowledge an epoch (read, judged,
 * noted: a figure each), and an epoch that changes one service is told to the table that holds them.
 */
#include "bench.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/consumers.h"

#define SOURCE "config-manager"

enum { ROUNDS = 5 };

static void must(int rc, const struct error *err)
{
    if (rc != 0)
        die("%s", err->message);
}

static struct catalog *make_catalog(size_t len)
{
    struct catalog *empty = catalog_new(), *out;
    struct catalog_change *changes = calloc(len, sizeof *changes);
    struct error err;
    if (empty == NULL || changes == NULL)
        die("out of memory");
    for (size_t i = 0; i < len; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%05zu", i);
        struct service *service = service_new(name, "", 1, SPAN("{}"), (struct span){0});
        if (service == NULL)
            die("out of memory");
        changes[i] = (struct catalog_change){service->name, service};
    }
    must(catalog_with(empty, changes, len, &out, &err), &err);
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    free(changes);
    catalog_unref(empty);
    return out;
}

static void compose(struct buf *out, const char *service, uint64_t version)
{
    const struct message_stamp stamp = {.source = SOURCE, .generation = 1, .timestamp = "2026-11-21T03:23:22.123Z"};
    const struct message_ack ack = {.service = service,
                                    .instance = "pi3",
                                    .epoch = version,
                                    .version = version,
                                    .status = ACK_APPLIED,
                                    .freshness = FRESHNESS_FRESH,
                                    .library = "libepoch 0.1.0"};
    buf_reset(out);
    message_compose_ack(out, &stamp, &ack);
    if (out->failed)
        die("out of memory");
}

/* One epoch of all: the table is told what changed, and each consumer answers. */
static void acknowledge(struct consumers *table, const struct catalog *catalog, size_t len, uint64_t epoch, struct samples *take)
{
    struct buf said AUTO_BUF = {0};
    struct error err;
    for (size_t i = 0; i < len; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%05zu", i);
        consumers_change(table, name, epoch, false);
        compose(&said, name, epoch);
        int64_t begin = now_ns();
        must(consumers_take(table, catalog, span_of(name), SPAN("pi3"), buf_span(&said), 0, &err), &err);
        samples_add(take, now_ns() - begin);
    }
    consumers_advance(table, 1, epoch);
}

void bench_acks(void)
{
    size_t len = (size_t)option_number("consumers", 10000);
    struct samples lists[] = {{.name = "take"}, {.name = "epoch"}};
    struct catalog *catalog = make_catalog(len);
    struct consumers table = {.source = SOURCE};
    consumers_advance(&table, 1, 1);
    for (uint64_t epoch = 1; epoch <= ROUNDS; epoch++)
        acknowledge(&table, catalog, len, epoch, &lists[0]);
    for (uint64_t epoch = ROUNDS + 1; epoch <= 1000; epoch++) {
        int64_t begin = now_ns();
        consumers_change(&table, "s00000", epoch, false);
        consumers_advance(&table, 1, epoch);
        samples_add(&lists[1], now_ns() - begin);
    }
    samples_print(lists, ARRAY_LEN(lists));
    consumers_fini(&table);
    catalog_unref(catalog);
}
