/*
 * consumers: what the consumers say of the epochs they were given: who runs what, since when, who refused and why,
 * who is gone.
 *
 * Everybody who may write to the broker's topics can say something here, so all of it is bounded: instances, text,
 * those of one service, those of services that nobody knows. What is refused is counted and forgotten. Nothing here
 * changes what is published.
 *
 * An acknowledgement costs two searches and its own text, an epoch costs what its changed services' instances cost:
 * never a walk over all services.
 */
#ifndef DAEMON_CONSUMERS_H
#define DAEMON_CONSUMERS_H

#include "model/catalog.h"
#include "model/message.h"
#include "util/buf.h"
#include "verify/ack.h"

enum {
    CONSUMERS_FORMAT = 1,
    CONSUMERS_MAX = 32768,            /* instances, gone ones too */
    CONSUMERS_TEXT_MAX = 16 * 1024 * 1024,
    CONSUMERS_OF_SERVICE_MAX = 4096,  /* instances: whoever may write for one service does not crowd out the others */
    CONSUMERS_OF_SERVICE_TEXT_MAX = 2 * 1024 * 1024,
    CONSUMERS_STRANGERS_MAX = 256,    /* services that are not in force */
    CONSUMERS_OF_STRANGER_MAX = 16,   /* their instances, each */
    CONSUMERS_LISTED_MAX = 4096,      /* in the file */
    CONSUMERS_HEARD_SURELY = 1000,    /* what a stock broker queues */
    CONSUMERS_GONE_KEPT_S = 24 * 3600,
};

enum consumer_state {
    CONSUMER_APPLIED,    /* it runs the version in force */
    CONSUMER_BEHIND,     /* it acknowledged an older version, and nothing since */
    CONSUMER_REFUSED,    /* it said no to the version in force */
    CONSUMER_AHEAD,      /* it speaks of an epoch that does not exist (yet, or any more) */
    CONSUMER_STRAY, /* of a service that is not in force */
    CONSUMER_GONE,       /* its topic was cleared: it ended, or its last will says so */
};
enum { CONSUMER_STATES = CONSUMER_GONE + 1 };

static inline const char *consumer_state_name(enum consumer_state state)
{
    static const char *const names[CONSUMER_STATES] = {"applied", "behind", "refused", "ahead", "stray", "gone"};
    return names[state];
}

struct consumer {
    char instance[ACK_INSTANCE_MAX + 1];
    uint64_t generation, epoch, version;
    enum ack_status status;
    int64_t since_ms, seen_ms; /* wall: as it says, in this version and status; when we last heard of it */
    bool is_gone;
    bool is_heard;             /* over this connection */
    char will[LAYOUT_NAME_MAX + 1]; /* the service whose instance of that name ends with it; "": it has its own end */
    char *text;                /* what it said, as JSON members */
    size_t text_len;
};

struct consumer_service {
    char name[LAYOUT_NAME_MAX + 1];
    bool is_in_force;
    uint64_t version;
    uint64_t expected; /* epoch.yaml: consumers */
    struct consumer **items; /* sorted by instance */
    size_t len, cap, text;
    size_t counts[CONSUMER_STATES];
};

struct consumers_totals {
    uint64_t counts[CONSUMER_STATES];
    uint64_t expected, missing; /* missing: expected and not there, gone or never seen */
};

/* A zeroed struct with `source` is empty. */
struct consumers {
    const char *source; /* borrowed */
    /* It is gone with another, and what it said is still retained. NULL: nobody is told. */
    void (*on_orphan)(void *context, const char *service, const char *instance);
    void *context;
    uint64_t generation, epoch;
    struct consumer_service **services; /* sorted by name */
    size_t len, cap, instances, strangers, text;
    struct consumers_totals totals;
    size_t heard;              /* since the last subscription */
    uint64_t taken, discarded; /* acknowledgements */
    const char *last_code;     /* why the last one was discarded; static */
};

void consumers_fini(struct consumers *c);

/*
 * One acknowledgement of that topic; an empty one says that the instance is gone. -1: discarded, with the codes of
 * ack_open, CODE_ACK_LIMIT or ERR_MEMORY; what was known of the instance stays.
 */
int consumers_take(struct consumers *c, const struct catalog *catalog, struct span service, struct span instance,
                   struct span payload, int64_t now_ms, struct error *err) MUST_CHECK;

/* What another epoch changed: that service has another version now, or is removed; then, once, which epoch it is. */
void consumers_change(struct consumers *c, const char *service, uint64_t version, bool is_removed);
void consumers_advance(struct consumers *c, uint64_t generation, uint64_t epoch);

/* How many instances of a service there should be. */
int consumers_expect(struct consumers *c, const struct catalog *catalog, const char *service, uint64_t count,
                     struct error *err) MUST_CHECK;
void consumers_expect_none(struct consumers *c);

/*
 * A new subscription brings all that is retained; who is not among it is gone. Of more than CONSUMERS_HEARD_SURELY
 * that does not follow: a broker lets go of what it cannot queue. Then who was not heard stays as it was.
 */
void consumers_begin_hearing(struct consumers *c);
void consumers_end_hearing(struct consumers *c, int64_t now_ms);

/* False: there is none of that name. */
bool consumers_forget(struct consumers *c, struct span service, struct span instance);
/* Those that have been gone for long. */
void consumers_prune(struct consumers *c, int64_t now_ms);

enum consumer_state consumers_state(const struct consumers *c, const struct consumer_service *service,
                                    const struct consumer *consumer);
/* Expected, and not there. */
uint64_t consumers_missing(const struct consumer_service *service);

/* What is told besides the table itself. */
struct consumers_view {
    int64_t written_ms;
    bool is_listening;
    const char *reason; /* why not; NULL */
};
void consumers_write_totals(const struct consumers_totals *totals, struct buf *out); /* members, without braces */
void consumers_write(const struct consumers *c, const struct consumers_view *view, struct buf *out);

/* The members of a consumer's `text`. */
void consumers_put_ack(struct buf *out, const struct message *message, enum ack_trust trust);

#endif
