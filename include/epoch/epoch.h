/*
 * epoch.h: read the configuration that epochd publishes. SPDX-License-Identifier: MIT
 *
 *     struct epoch_options options = EPOCH_OPTIONS_INIT;
 *     options.service = "stt-worker";
 *     options.url = "mqtt://localhost:1883";
 *     epoch_client *client;
 *     struct epoch_error error;
 *     if (epoch_open(&client, &options, &error) != 0) …       the last known good is there now, without network
 *     struct epoch_config *config = epoch_get_config(client, NULL, NULL);
 *     double threshold = epoch_number(config, "/vad_threshold", 0.5, NULL);
 *     epoch_config_unref(config);
 *
 * What the library promises: every byte it gives out was signed by a key that a pinned root key vouches for; it
 * never goes back to an older epoch, across restarts too; what it gives out of several services is of one
 * epoch; it says how fresh it is and never takes a configuration away (libepoch(3), and docs/PROTOCOL.md §8 for
 * the rules).
 *
 * Rules that hold for all of it
 *
 *  - Errors. A function that can fail returns int, 0 or -1 with *error filled in, or a pointer, NULL with *error
 *    filled in. `error` may be NULL everywhere. Outputs are written on success only. Nothing prints, exits or
 *    aborts.
 *  - Threads. Every function may be called from any thread where nothing else is said. A client is driven by
 *    one thread at a time: the application's (epoch_dispatch, epoch_wait) or the library's (epoch_start).
 *    Callbacks run on that thread, one at a time, and never from inside another function. Configurations are
 *    immutable: read them anywhere.
 *  - Signals. No handler is installed, no mask is changed for good, and SIGPIPE never comes of what the library
 *    writes. (libmosquitto before 2.0.15 sets SIGPIPE to "ignored" while it makes a connection; what was there
 *    is put back at once.) Nothing here may be called from a signal handler.
 *  - fork. A child may go on reading and releasing the configurations it holds. Every call on the client fails
 *    with the code "forked", but epoch_close, which releases it there and leaves the connection to the parent.
 *    Open anew in the child.
 *  - dlopen. The shared library stays loaded after dlclose, for a thread of it may still be looking up a host's name.
 *  - Strings given out are UTF-8 with a NUL behind them, and belong to the object they came from; those given in
 *    are copied.
 *  - Times carry their unit in the name. Ages count the time that a machine was suspended.
 *  - Structs begin with their size, set by their INIT macro: members may be added at their end.
 */
#ifndef EPOCH_EPOCH_H
#define EPOCH_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EPOCH_API __attribute__((visibility("default")))

/* "0.1.0": of the library in use, not of this header. Static. */
EPOCH_API const char *epoch_version(void);

/* ---- errors ------------------------------------------------------------------------------------------ */

/* What went wrong. Holds no pointer but a static one, needs no release. */
struct epoch_error {
    const char *code;  /* stable name, static: "settings", "broker-away", "forked", … (libepoch(3) lists them) */
    int sys;           /* errno of the cause, 0 where there is none */
    char message[768]; /* one sentence for people; never a value of a configuration, never a password */
};

/* ---- opening ----------------------------------------------------------------------------------------- */

/* An opened connection to a configuration; see epoch_open. */
typedef struct epoch_client epoch_client;

/* A configuration; see epoch_get_config. */
struct epoch_config;
/* One change on its way; see epoch_options.on_update. */
struct epoch_update;
struct epoch_status;
struct epoch_alarm;

/* What kinds of values there are. */
enum epoch_type {
    EPOCH_NONE = 0, /* there is none; in struct epoch_env: the type of the value that is overridden */
    EPOCH_NULL,
    EPOCH_BOOLEAN,
    EPOCH_INTEGER, /* within ±(2^53-1); 1.0 is one */
    EPOCH_NUMBER,  /* any other finite number */
    EPOCH_STRING,
    EPOCH_ARRAY,
    EPOCH_OBJECT
};

/*
 * One variable of the environment that overrides one value (`x-env` of the schema; `epochctl schema env
 * SERVICE` prints the table). It is read once, in epoch_open. A variable that is not set overrides nothing; nor
 * does one whose text is not of the type (alarm "environment"), then the repository's value stays.
 */
struct epoch_env {
    const char *service;  /* whose; NULL: of every service that is followed */
    const char *pointer;  /* JSON Pointer; objects on the way are made where they are missing */
    const char *variable; /* name of the variable */
    enum epoch_type type; /* EPOCH_STRING: the text itself. EPOCH_BOOLEAN: true, false, 1, 0, yes, no, on, off.
                             Others: JSON */
};

/* What may happen to the client when the publisher was not heard for max_offline_s. */
enum epoch_policy {
    EPOCH_KEEP_GOING = 0,  /* nothing: freshness tells */
    EPOCH_UNUSABLE_OFFLINE /* status.is_unusable is set, and told through on_status; configurations stay readable */
};

/*
 * How to open. NULL, 0 and false mean the default named; everything is copied by epoch_open.
 * The callbacks run on the thread that drives the client. From inside of them every function that reads
 * (configurations, values, status) may be called; epoch_dispatch, epoch_wait, epoch_start, epoch_stop and
 * epoch_close fail with "busy" there (epoch_close: does nothing). What a callback does never ends the loop.
 */
struct epoch_options {
    size_t size; /* sizeof (struct epoch_options), by EPOCH_OPTIONS_INIT */

    /* What is followed: `service`, or `services`, or all that there are. */
    const char *service;
    const char *const *services;
    size_t services_len;
    bool follow_all; /* for tools: nothing is acknowledged then */

    /* The broker. */
    const char *url; /* mqtt://[user[:password]@]host[:1883], mqtts://…[:8883], unix:///path; NULL or "off": no
                        network at all */
    const char *username, *password;            /* instead of those in the URL */
    const char *password_file;                  /* read at each connection; one line; instead of `password` */
    const char *ca_file, *cert_file, *key_file; /* mqtts: default the system's CAs, no client certificate */
    const char *client_id;                      /* default: libepoch-<service>-<16 random hex digits> */

    /* Whom to believe. */
    const char *source;    /* default "config-manager" */
    const char *prefix;    /* of the topics; default none */
    const char *root_file; /* root.pub; default /var/lib/epochd/keys/root.pub */
    const char *root_text; /* its lines, instead of a file */

    /* Where configurations come from without a network. A file that is missing or may not be read is no
       error. */
    const char *lkg_file;     /* default /var/lib/epochd/config.lkg.json, what epochd writes on this host; "": none */
    const char *lkg_key_file; /* default /var/lib/epochd/keys/lkg.key */
    const char *cache;        /* a folder of this instance's own, made with mode 0700; NULL: nothing is kept, and a
                                 restart knows no floor. One that can be read and not written will do to start with;
                                 what cannot be kept is told (alarm "cache-failed") */

    /* Who answers. */
    const char *instance;      /* [a-z0-9][a-z0-9.-]{0,62}; default: the host's name in lower case. Two clients of one
                                  service need two names: of one name each overwrites what the other answers, and is
                                  told so (alarm "instance-shared"); when one ends, the other answers again */
    const char *instance_key;  /* file of an ed25519-secret key; default: acknowledgements are not signed */
    bool is_silent;            /* publishes no acknowledgements; nor does who follows all, or more than 512 services */

    const struct epoch_env *env; /* overrides by the environment */
    size_t env_len;

    enum epoch_policy policy;
    uint32_t max_offline_s;

    void *context; /* first argument of every callback */

    /*
     * A service's configuration is about to change: once for each change of its configuration (not for new
     * signatures or versions over the same one), after the epoch is durable in `cache` and before epoch_get_config
     * gives it out. Return 0: it is in force. Anything else: refused, the previous configuration stays, and the
     * acknowledgement says so with the reason of epoch_update_refuse. `update` and all that is borrowed from it
     * end with the call. What epoch_open found on disk is in force without it. A service that was removed is
     * told by a configuration with is_removed; its values are the last ones, and there is nothing to refuse.
     * Default: everything is taken.
     */
    int (*on_update)(void *context, epoch_client *client, struct epoch_update *update);

    /* Freshness, the connection or the policy's answer changed. `status` is borrowed for the call. */
    void (*on_status)(void *context, epoch_client *client, const struct epoch_status *status);

    /*
     * Something was not believed, or is not as it should be; what is in force stays. `alarm` is borrowed for
     * the call. In epoch_open it is told too (of files). One that goes on is told once a minute for each code
     * and topic.
     */
    void (*on_alarm)(void *context, epoch_client *client, const struct epoch_alarm *alarm);
};
#ifdef __cplusplus
static inline struct epoch_options epoch_options_init_()
{
    struct epoch_options options = {};
    options.size = sizeof(struct epoch_options);
    return options;
}
#define EPOCH_OPTIONS_INIT epoch_options_init_()
#else
#define EPOCH_OPTIONS_INIT {.size = sizeof(struct epoch_options)}
#endif

/*
 * Opens: reads root keys, cache and snapshot, and gives what is the newest that verifies. No network, no
 * thread. What it finds is there when it returns: epoch_get_config. Finding nothing is no error: freshness is
 * UNKNOWN then. The caller owns *client. Errors: "settings" (what is wrong with the options), "key-file" (root
 * keys or instance key: missing, unreadable, or no keys), "cache-busy" (another client has this cache open), "system"
 * (the cache's folder, descriptors), "out-of-memory".
 * Until it returns, `client` of a callback may only be asked for configurations and status.
 */
EPOCH_API int epoch_open(epoch_client **client, const struct epoch_options *options, struct epoch_error *error);

/*
 * Ends the thread, says goodbye to the broker (at most a second; the acknowledgement is cleared) and releases
 * everything but configurations that are held. NULL is fine. From one thread, when no other uses the client any
 * more.
 */
EPOCH_API void epoch_close(epoch_client *client);

/* ---- running: the application's loop ----------------------------------------------------------------- */

/*
 * A descriptor that is readable when there is something to do, for as long as the client lives: for poll,
 * epoll, select or asyncio. Times are part of it. It stays the client's: never read, write or close it. -1 with
 * "forked".
 */
EPOCH_API int epoch_fd(epoch_client *client);

/* Milliseconds until epoch_dispatch should be called although the descriptor is not readable; at least 0, at
   most 60,000. */
EPOCH_API int epoch_timeout_ms(epoch_client *client);

/*
 * Does what there is to do: connects, reads, verifies, applies, calls back, answers. Never waits for anything
 * but the disk. The broker being away is no error: on_status tells. Errors: "busy" (another thread drives it,
 * or from a callback), "forked".
 */
EPOCH_API int epoch_dispatch(epoch_client *client, struct epoch_error *error);

/* ---- running: a thread of the library's -------------------------------------------------------------- */

/* Starts it, with all signals blocked in it. Errors: "busy" (it runs already, or another thread drives),
   "system", "forked". */
EPOCH_API int epoch_start(epoch_client *client, struct epoch_error *error);

/* Ends and joins it; the connection stays, for epoch_dispatch or another epoch_start. Nothing runs: fine.
   "busy" from a callback. */
EPOCH_API int epoch_stop(epoch_client *client, struct epoch_error *error);

/* ---- running: once ----------------------------------------------------------------------------------- */

enum epoch_until {
    EPOCH_UNTIL_CONFIG, /* every service that is followed by name has a configuration, or is known to have none */
    EPOCH_UNTIL_CURRENT, /* what the broker retains now is applied, acknowledgements are out */
    EPOCH_UNTIL_FRESH   /* a keepalive vouches for it (they come every 10 s) */
};

/*
 * Waits until that is so, at most timeout_ms (negative: for ever), driving the client where nobody else does.
 * Errors: "timed-out", "busy" (from a callback), "forked", "settings" (there is no broker to wait for).
 */
EPOCH_API int epoch_wait(epoch_client *client, enum epoch_until until, int timeout_ms, struct epoch_error *error);

/* ---- how fresh --------------------------------------------------------------------------------------- */

enum epoch_freshness {
    EPOCH_UNKNOWN = 0, /* there is no configuration */
    EPOCH_LKG,         /* there is one from disk or broker, and no keepalive has vouched for it yet */
    EPOCH_FRESH,       /* a keepalive vouches for it, received less than its time to live ago */
    EPOCH_STALE        /* one did; that is longer ago: see age_ms and reason */
};

struct epoch_status {
    size_t size; /* sizeof (struct epoch_status), by EPOCH_STATUS_INIT */
    enum epoch_freshness freshness;
    const char *freshness_name; /* "UNKNOWN", "LKG", "FRESH", "STALE": static */
    const char *reason;         /* of STALE: "silent", "clock" (one of the two clocks is wrong), "behind" (a newer
                                   epoch is known and not complete); else "": static */
    int64_t age_ms;             /* since the publisher was heard last, with the same cache in an earlier run too (to a
                                   minute); -1: never */
    uint64_t generation, epoch; /* of what is applied; 0: nothing */
    bool is_connected;          /* to the broker */
    bool is_unusable;           /* by policy */
    char detail[256];           /* why there is no connection; "" if there is one, or none was tried */
};
#ifdef __cplusplus
static inline struct epoch_status epoch_status_init_()
{
    struct epoch_status status = {};
    status.size = sizeof(struct epoch_status);
    return status;
}
#define EPOCH_STATUS_INIT epoch_status_init_()
#else
#define EPOCH_STATUS_INIT {.size = sizeof(struct epoch_status)}
#endif

/* Fills in what is so now. *status must come with its size. Error: "forked". */
EPOCH_API int epoch_get_status(epoch_client *client, struct epoch_status *status, struct epoch_error *error);

struct epoch_alarm {
    size_t size;
    const char *code;    /* stable name, static: "equivocation", "message-older", "bad-signature", "lkg-bad-mac", … */
    const char *message; /* one sentence for people */
    const char *where;   /* the topic, file or variable */
    bool is_attack;      /* it cannot come about without somebody who meddles, or a publisher's key used twice */
};

/* ---- configurations ---------------------------------------------------------------------------------- */

/*
 * The configuration of a service that is in force now, environment laid over it: immutable, and the caller's to
 * release; hold it as long as you like. `service` NULL: of the only one that is followed. NULL with the code
 * "no-configuration" (none yet; or there is no such service, where the status has an epoch that is not 0),
 * "service-unknown" (it is not followed), "out-of-memory", "forked".
 */
EPOCH_API struct epoch_config *epoch_get_config(epoch_client *client, const char *service, struct epoch_error *error);

/* Of several services at once, all of one epoch. out[i] is NULL where there is none yet; 0 unless a name is
   not followed. */
EPOCH_API int epoch_get_configs(epoch_client *client, const char *const *services, size_t len, struct epoch_config **out,
                                struct epoch_error *error);

/* The names of what is followed and has a configuration, in order: calls each(context, name), before it returns. -1 with
   "forked" or "out-of-memory". */
EPOCH_API int epoch_each_service(epoch_client *client, void (*each)(void *context, const char *service), void *context,
                                 struct epoch_error *error);

/* Another owner of the same configuration. NULL is fine and gives NULL. */
EPOCH_API struct epoch_config *epoch_config_ref(const struct epoch_config *config);
/* One owner less; the last one frees it. NULL is fine. */
EPOCH_API void epoch_config_unref(struct epoch_config *config);

/* Where it comes from. `config` is never NULL in these. Strings live as long as it. */
EPOCH_API const char *epoch_config_service(const struct epoch_config *config);
EPOCH_API uint64_t epoch_config_epoch(const struct epoch_config *config);   /* of the head it was applied with */
EPOCH_API uint64_t epoch_config_version(const struct epoch_config *config); /* the epoch in which it last changed */
EPOCH_API uint64_t epoch_config_generation(const struct epoch_config *config);
EPOCH_API const char *epoch_config_commit(const struct epoch_config *config);         /* of its version, 40 hex */
EPOCH_API const char *epoch_config_correlation_id(const struct epoch_config *config); /* of its version */
EPOCH_API const char *epoch_config_schema(const struct epoch_config *config);         /* 64 hex digits, or NULL */
EPOCH_API int64_t epoch_config_time_ms(const struct epoch_config *config);            /* Unix time of its signature */
/* The service was removed: these are its last values. */
EPOCH_API bool epoch_config_is_removed(const struct epoch_config *config);

/* The whole, as canonical JSON (RFC 8785): with the environment's values laid over it, and as it was signed.
   *len may be NULL. */
EPOCH_API const char *epoch_config_json(const struct epoch_config *config, size_t *len);
EPOCH_API const char *epoch_config_published(const struct epoch_config *config, size_t *len);

/* ---- values ------------------------------------------------------------------------------------------ */

/*
 * Getters look one value up and need no memory. `pointer` is a JSON Pointer (RFC 6901): "/audio/rate",
 * "/words/0", "" for the whole. The fallback is returned where *found is anything but EPOCH_FOUND; `found` may
 * be NULL, and so may `config` (EPOCH_ABSENT).
 */
enum epoch_found {
    EPOCH_FOUND = 0,
    EPOCH_ABSENT,      /* nothing is there */
    EPOCH_WRONG_TYPE,  /* something else is there, null too; an integer will do for a number, 1.5 not for an integer */
    EPOCH_BAD_POINTER  /* not a JSON Pointer */
};
EPOCH_API int64_t epoch_integer(const struct epoch_config *config, const char *pointer, int64_t fallback,
                                enum epoch_found *found);
EPOCH_API double epoch_number(const struct epoch_config *config, const char *pointer, double fallback,
                              enum epoch_found *found);
EPOCH_API bool epoch_boolean(const struct epoch_config *config, const char *pointer, bool fallback,
                             enum epoch_found *found);
/* Lives as long as the configuration (the fallback: as long as the caller's). No string holds a NUL. */
EPOCH_API const char *epoch_string(const struct epoch_config *config, const char *pointer, const char *fallback,
                                   enum epoch_found *found);

/* A value of any type, to walk arrays and objects; lives as long as the configuration (or update) it came
   from. */
struct epoch_value;
/* NULL if there is none. */
EPOCH_API const struct epoch_value *epoch_get_value(const struct epoch_config *config, const char *pointer,
                                                    enum epoch_found *found);
/* NULL is fine in all of these: EPOCH_NONE, 0, NULL. */
EPOCH_API enum epoch_type epoch_value_type(const struct epoch_value *value);
EPOCH_API bool epoch_value_boolean(const struct epoch_value *value);       /* false unless it is true */
EPOCH_API int64_t epoch_value_integer(const struct epoch_value *value);    /* 0 unless it is EPOCH_INTEGER */
EPOCH_API double epoch_value_number(const struct epoch_value *value);      /* 0 unless it is a number or an integer */
EPOCH_API const char *epoch_value_string(const struct epoch_value *value); /* NULL unless it is a string */
EPOCH_API size_t epoch_value_count(const struct epoch_value *value);       /* items of an array, members of an object */
/* The item or member at a place from 0, members in the order of canonical JSON; *name (may be NULL) is the
   member's, NULL of an item. */
EPOCH_API const struct epoch_value *epoch_value_at(const struct epoch_value *value, size_t at, const char **name);
/* A member of an object by its name, or whatever a JSON Pointer leads to from here. */
EPOCH_API const struct epoch_value *epoch_value_member(const struct epoch_value *value, const char *name);
EPOCH_API const struct epoch_value *epoch_value_find(const struct epoch_value *value, const char *pointer);
/*
 * Writes canonical JSON and a NUL into `out` as far as `size` goes, and returns the length it has whole,
 * without the NUL: like snprintf. 0 only when memory is out.
 */
EPOCH_API size_t epoch_value_json(const struct epoch_value *value, char *out, size_t size);

/* Where a value comes from. */
enum epoch_source {
    EPOCH_SOURCE_DEFAULT = 0, /* it is not there: your fallback is in force */
    EPOCH_SOURCE_REPOSITORY,  /* the signed configuration, schema defaults in it (`epochctl explain` tells them apart) */
    EPOCH_SOURCE_ENVIRONMENT  /* a variable overrides it, or something inside of it */
};
EPOCH_API enum epoch_source epoch_value_source(const struct epoch_config *config, const char *pointer);
/* The variable that overrides the value at `pointer`; NULL if none does. Lives as long as the configuration. */
EPOCH_API const char *epoch_value_variable(const struct epoch_config *config, const char *pointer);

/* ---- inside of on_update ----------------------------------------------------------------------------- */

/* What it would become: borrowed, epoch_config_ref keeps it. Never NULL. */
EPOCH_API const struct epoch_config *epoch_update_config(const struct epoch_update *update);
/* What is in force until now: borrowed; NULL if there is nothing. */
EPOCH_API const struct epoch_config *epoch_update_before(const struct epoch_update *update);

struct epoch_change {
    const char *pointer;             /* of the value that differs; "" for the whole */
    const struct epoch_value *before; /* NULL: there was none */
    const struct epoch_value *after;  /* NULL: there is none any more */
};
/* What differs between the two, environment laid over both, in canonical order. Borrowed for the call. Of a
   first configuration: one change, "". */
EPOCH_API size_t epoch_update_change_count(const struct epoch_update *update);
EPOCH_API const struct epoch_change *epoch_update_change(const struct epoch_update *update, size_t at);
/* True if anything at or below (or above) that pointer differs. */
EPOCH_API bool epoch_update_touches(const struct epoch_update *update, const char *pointer);

/* Why it is refused: one sentence for people, at most 500 bytes are kept; it is published, so name no secret.
   Returns -1, to be returned. */
EPOCH_API int epoch_update_refuse(struct epoch_update *update, const char *reason);
/* Says in the acknowledgement that the change at `pointer` takes effect at the next restart. -1: it is not kept, for it is no JSON
   Pointer, or longer than 128 bytes, or the 65th of them. */
EPOCH_API int epoch_update_needs_restart(struct epoch_update *update, const char *pointer);

#ifdef __cplusplus
}
#endif

#endif
