/*
 * message: the bodies that are signed, and back (docs/PROTOCOL.md §Signed messages).
 *
 * Composing writes the canonical JSON object without its signature; io/crypto.h signs it and appends the
 * tail. Parsing takes the object without the tail and gives its members; it never verifies (verify/message.h
 * does, before parsing).
 */
#ifndef MODEL_MESSAGE_H
#define MODEL_MESSAGE_H

#include "model/catalog.h"
#include "model/doc.h"
#include "model/oid.h"
#include "util/buf.h"

enum {
    MESSAGE_FORMAT = 1,
    MESSAGE_MAX = 320 * 1024,    /* bytes of a signed message, checked before verifying */
    MESSAGE_CHANGED_MAX = 1000,  /* more names make `changed` null */
    KEYSET_MAX = 8,              /* keys */
    KEY_ID_LEN = 16,             /* hex digits */
    PUBLIC_KEY_LEN = 32,
    SOURCE_MAX = 63,             /* mqtt.source, the same form as a service's name */
    CORRELATION_MAX = 64,        /* [A-Za-z0-9._-]{1,64} */
    ACK_MAX = 40 * 1024,         /* bytes of an acknowledgement, signed or not */
    ACK_INSTANCE_MAX = 63,       /* [a-z0-9][a-z0-9.-]{0,62} */
    ACK_REASON_MAX = 500,        /* bytes */
    ACK_LIBRARY_MAX = 64,        /* bytes */
    ACK_POINTERS_MAX = 64,       /* of each list */
    ACK_POINTER_MAX = 128,       /* bytes */
};

/* The common members. All strings terminated and borrowed. */
struct message_stamp {
    const char *source;
    uint64_t generation;
    const char *key_id;
    const char *timestamp; /* clock_format */
};

struct message_update {
    const char *service;
    uint64_t version;
    struct span config; /* canonical JSON; data NULL: a tombstone */
    const char *config_epoch; /* 40 hex */
    const char *correlation_id;
    const char *schema; /* 64 hex, or NULL */
};

struct message_changed {
    const char *name;
    uint64_t version; /* of the tombstone for a removed service */
};

struct message_head {
    uint64_t epoch;
    const char *config_epoch;
    const char *correlation_id;
    bool has_parent;
    uint64_t parent_epoch;
    uint8_t parent_digest[HASH_LEN];
    const struct message_changed *changed; /* sorted by name */
    size_t changed_len;                    /* above MESSAGE_CHANGED_MAX: null is written */
    uint64_t services;
    uint8_t index[HASH_LEN];
    uint64_t offset;
};

struct message_keepalive {
    uint64_t epoch;
    uint8_t head[HASH_LEN]; /* SHA-256 of the head's message */
    uint64_t sequence;
    uint64_t ttl_s;
};

enum ack_status { ACK_APPLIED, ACK_REFUSED };
enum freshness { FRESHNESS_FRESH, FRESHNESS_STALE, FRESHNESS_LKG, FRESHNESS_UNKNOWN };

/* What one consumer says of the epoch it was given last. */
struct message_ack {
    const char *service;
    const char *instance;
    uint64_t epoch;
    uint64_t version;
    enum ack_status status;
    const char *reason; /* one sentence for people; NULL: none */
    const char *const *restart_pending; /* JSON Pointers: changed, in effect after the next restart */
    size_t restart_pending_len;
    const char *const *overridden; /* JSON Pointers: held by the environment */
    size_t overridden_len;
    enum freshness freshness;
    const char *library; /* program and version */
    const char *will;    /* of which service the end is its own too; NULL: only its own */
};

struct message_key {
    char id[KEY_ID_LEN + 1];
    uint8_t public_key[PUBLIC_KEY_LEN];
};

struct message_keyset {
    struct message_key keys[KEYSET_MAX]; /* sorted by id */
    size_t len;
};

void message_compose_update(struct buf *out, const struct message_stamp *stamp,
                            const struct message_update *update);
/*
 * Where the message of an update has its configuration, which is the first member of the canonical form. `config` is the
 * one it was composed of or parsed to (a tombstone's has no data); the answer is borrowed from the message.
 */
struct span message_config(struct span message, struct span config);
/* Of a message that was verified, or that a line of the journal vouches for. */
bool message_is_tombstone(struct span message);

void message_compose_head(struct buf *out, const struct message_stamp *stamp,
                          const struct message_head *head);
void message_compose_keepalive(struct buf *out, const struct message_stamp *stamp,
                               const struct message_keepalive *keepalive);
void message_compose_keyset(struct buf *out, const struct message_stamp *stamp,
                            const struct message_keyset *keyset);
/*
 * What the composer writes, the parser takes, whatever the application gave as its reason: `reason` and `library` are
 * made printable and cut to their limits; of the pointers those above the limits, or not printable, are left out.
 * `stamp->key_id` NULL: the body is complete as it is, the unsigned form.
 */
void message_compose_ack(struct buf *out, const struct message_stamp *stamp, const struct message_ack *ack);

/* The index: not signed, bound by the head's digest, the same bytes for the same catalog, epoch, commit and
   source. */
int message_compose_index(struct buf *out, const char *source, uint64_t epoch, const char *config_epoch,
                          const struct catalog *catalog, struct error *err) MUST_CHECK;

enum message_type { MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE, MESSAGE_KEYSET, MESSAGE_ACK };

/* "config.update", "config.epoch", "config.keepalive", "config.keyset", "config.ack". */
const char *message_type_name(enum message_type type);

/* A parsed message. Strings are borrowed from `doc`. */
struct message {
    struct doc doc;
    enum message_type type;
    char source[SOURCE_MAX + 1];
    uint64_t generation;
    char key_id[KEY_ID_LEN + 1]; /* "": an acknowledgement that nobody signed */
    int64_t timestamp_ms;
    union {
        struct message_update update; /* config: borrowed from the text given to message_parse */
        struct message_head head;     /* changed: an array in doc's arena; changed_is_null tells "null" */
        struct message_keepalive keepalive;
        struct message_keyset keyset;
        struct message_ack ack; /* the lists: arrays in doc's arena */
    } u;
    bool changed_is_null; /* of a head */
};

#define AUTO_MESSAGE CLEANUP(message_fini)
void message_fini(struct message *message);

/*
 * Parses a body (the object without its tail, closed with `}`), of one type. CODE_MESSAGE_FORM for anything
 * that is not in the documented form (canonical JSON is required: RFC 8785), CODE_MESSAGE_TOO_LARGE,
 * CODE_FORMAT_NEWER naming the format needed, CODE_WRONG_TYPE. Unknown members are ignored. `out` is a zeroed
 * struct, empty again on failure; it borrows from `body`.
 */
int message_parse(struct span body, enum message_type type, struct message *out, struct error *err) MUST_CHECK;

/*
 * message_parse in its two halves, for whoever must judge the stamp before the rest: first the form, `format`
 * and the common members (not `type`), then `type` and its members, from the same `body`. After a failure of
 * either: message_fini.
 */
int message_parse_stamp(struct span body, struct message *out, struct error *err) MUST_CHECK;
int message_parse_members(struct span body, enum message_type type, struct message *out,
                          struct error *err) MUST_CHECK;

/* [A-Za-z0-9._-]{1,64} */
bool message_correlation_is_good(struct span text);
/* [a-z0-9][a-z0-9.-]{0,62} */
bool message_instance_is_good(struct span text);

/* A JSON Pointer (RFC 6901) of at most ACK_POINTER_MAX bytes that can be printed. */
bool message_pointer_is_good(struct span text);

/* "applied", "refused"; "FRESH", "STALE", "LKG", "UNKNOWN". */
const char *ack_status_name(enum ack_status status);
const char *freshness_name(enum freshness freshness);

#endif
