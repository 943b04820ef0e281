/*
 * doctor: the road from the settings to what the broker retains, link by link. Each check looks at one link and takes
 * for granted that those before it hold; the first that is broken ends the walk.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/link.h"
#include "cli/told.h"
#include "model/topics.h"
#include "verify/view.h"

enum doctor_state { DOCTOR_FINE, DOCTOR_NOTE, DOCTOR_BROKEN }; /* a note: worth knowing, and no reason to stop */

/* What one link is like. */
struct doctor_finding {
    struct buf detail; /* what was found */
    const char *code;  /* NULL: none */
    char fix[1024];    /* what to type; "": nothing */
};

/* Of a consumer's road: what was asked for, and what was opened on the way. */
struct doctor_consumer {
    const char *service;
    const char *cache; /* folder; NULL: none was named */
    char instance[64];
    char root_file[512];
    struct link link;
    int awaited;       /* message id */
    int reason;        /* of its answer, -1: none yet */
    char text[256];    /* of a refusal, or of the connection's end */
    bool is_up, is_down;
    const char *topic; /* that is subscribed now */
    bool has_arrived;  /* something that is retained on it */
    char silent[TOPIC_MAX + 1]; /* the first topic that nothing arrived on; "": none */
};

struct doctor {
    const struct cli *cli;
    struct local local;
    struct repo *repo;
    struct told told;
    uint64_t epoch; /* the last one of the journal, 0: none */
    bool is_published; /* and the journal says so */
    uint64_t seq;       /* of its last line */
    int64_t written_ms; /* the time of that */
    bool is_base;       /* `epoch` and `head` are the snapshot's: the journal was begun anew above it */
    struct buf head; /* its message */
    bool has_broker; /* mqtt.url is not off, and it was asked */
    struct view view; /* what the broker retains */
    struct doctor_consumer consumer;
};

/* Each fills in `finding`, and may leave what it learned in `doctor`. */
enum doctor_state doctor_settings(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_repository(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_branch(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_hooks(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_keys(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_journal(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_clock(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_disk(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_daemon(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_snapshot(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_broker(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_retained(struct doctor *doctor, struct doctor_finding *finding);

/* doctor_consumer.c: the same for one consumer, as the user it runs as. */
enum doctor_state doctor_consumer_settings(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_pin(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_cache(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_snapshot(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_connect(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_subscribe(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_retained(struct doctor *doctor, struct doctor_finding *finding);
enum doctor_state doctor_consumer_acknowledge(struct doctor *doctor, struct doctor_finding *finding);

/* Says what went wrong and what its code says to do. DOCTOR_BROKEN. */
enum doctor_state doctor_fail(struct doctor_finding *finding, const struct error *err);
/* The same of a connection to the broker, as link_fix says. */
enum doctor_state doctor_fail_broker(const struct doctor *doctor, struct doctor_finding *finding, const struct error *err);
/* "What to do: …" by hand. */
void doctor_fix(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
