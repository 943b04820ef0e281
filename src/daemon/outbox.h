/*
 * outbox: what is to be published over the connection that is up now, in which order, and what came of it.
 *
 * An epoch is a batch: its services (their retained topic, and config/update for those who follow everything), then,
 * when all of them are acknowledged, its head; where a service of the epoch was refused there is no head. One batch
 * is on its way; at most one waits, and a newer epoch is merged into it, so memory is bounded by what exists, however
 * long the broker stalls. Off that path: the index (at most once a second), clearing the topics of removed services
 * once the index without them is acknowledged, health and keepalives. Nothing survives the connection: after a new
 * one everything is put in again.
 */
#ifndef DAEMON_OUTBOX_H
#define DAEMON_OUTBOX_H

#include "io/mqtt.h"
#include "model/catalog.h"
#include "model/oid.h"
#include "model/topics.h"
#include "util/buf.h"

enum {
    OUTBOX_WINDOW = 64, /* messages of epochs sent and not yet acknowledged */
    OUTBOX_SLOTS = OUTBOX_WINDOW + 4, /* a goodbye must find room behind a stalled epoch */
};

struct outbox_item {
    struct service *service; /* one reference */
    bool announce;           /* on config/update too */
    bool is_removed;         /* a tombstone */
};

/* An epoch to publish, or the whole state to assert. */
struct outbox_batch {
    bool exists;
    uint64_t epoch;
    struct oid commit;
    struct outbox_item *items;
    size_t len, cap;
    bool with_keyset;    /* an assertion begins with the keyset */
    struct buf head;
    /* progress: the keyset, then for each item its two topics, then the head */
    size_t step;
    size_t unacked;
    bool is_refused;     /* something of it was */
    bool is_held_back;   /* a service of this very epoch was: its head would name what is not there */
};

struct outbox_events {
    void *context;
    void (*published)(void *context, const struct oid *commit, uint64_t epoch);
    void (*overtaken)(void *context, const struct oid *commit, uint64_t epoch);
    /* The topic of a removed service is empty now. */
    void (*cleared)(void *context, const char *name);
    /* A message was refused (topic, reason for people). */
    void (*refused)(void *context, const char *topic, int reason, const char *text);
};

enum outbox_sent_kind { OUTBOX_FREE, OUTBOX_EPOCH, OUTBOX_SIDE, OUTBOX_MENDED };

struct outbox_sent {
    enum outbox_sent_kind kind;
    int message_id;
    uint64_t order;
    enum topic_kind topic;
    char name[LAYOUT_NAME_MAX + 1]; /* of the service or source */
};

struct outbox {
    struct mqtt *mqtt;          /* borrowed; NULL while there is no connection */
    const char *prefix, *source; /* borrowed */
    struct span keyset;         /* borrowed */
    struct outbox_events events;
    struct outbox_batch current, waiting;
    struct outbox_sent sent[OUTBOX_SLOTS];
    size_t in_flight;
    uint64_t last_order;
    int64_t oldest_ms; /* clock_boot_ms since when the oldest of `sent` is the oldest */
    /* topics of removed services to clear once an index without them is acknowledged */
    char (*to_clear)[LAYOUT_NAME_MAX + 1];
    size_t clear_len, clear_cap;
    size_t clearable;           /* the first so many of to_clear are covered by the index on its way */
    bool is_index_on_its_way;
    bool is_dirty; /* something was refused: no epoch counts as published before a whole assertion went through */
    uint64_t published, refused; /* messages, totals */
};

void outbox_init(struct outbox *outbox, const char *prefix, const char *source, struct span keyset,
                 const struct outbox_events *events);
void outbox_fini(struct outbox *outbox);

/* The connection is up and the floor known: from now on things are sent. */
void outbox_open(struct outbox *outbox, struct mqtt *mqtt);
/* The connection ended: everything that was not acknowledged is forgotten; epochs that were waiting are overtaken or
   come again with the next assertion. */
void outbox_close(struct outbox *outbox);

/* Fills a batch, any order, each name once. Takes a reference to the service. Failure leaves the batch as it was. */
int outbox_batch_add(struct outbox_batch *batch, const struct service *service, bool announce, bool is_removed,
                     struct error *err) MUST_CHECK;
void outbox_batch_fini(struct outbox_batch *batch);

/* Hands a filled batch over (taken, zeroed) and sends what fits the window. */
void outbox_put(struct outbox *outbox, struct outbox_batch *batch);

/* Sends the index; the tombstones published so far are cleared when it is acknowledged. False: not now, ask again. */
bool outbox_put_index(struct outbox *outbox, struct span index);
/* One service once more, because somebody overwrote its topic. False: not now. */
bool outbox_put_service(struct outbox *outbox, const struct service *service);
void outbox_put_health(struct outbox *outbox, struct span health);
/* QoS 0, not retained. */
void outbox_put_keepalive(struct outbox *outbox, struct span keepalive);

/* A PUBACK. */
void outbox_acknowledged(struct outbox *outbox, int message_id, int reason, const char *text);

/* How long the acknowledgement that is due next has been due; -1 if none is. A broker acknowledges in order, so one
   that it forgot stays due. */
int64_t outbox_overdue_ms(const struct outbox *outbox);

/* Nothing is on its way and nothing waits. */
bool outbox_is_idle(const struct outbox *outbox);

#endif
