/*
 * client: what the files of libepoch share. The public names are in <epoch/epoch.h>.
 *
 *   client.c    opening and closing                 settings.c  the options, copied and checked
 *   restore.c   what is on disk, at the start       apply.c     a complete epoch, to the disk and to the application
 *   link.c      one connection and its retries      fetch.c     what is subscribed, and what is missing
 *   acks.c      what is answered                    status.c    freshness, alarms, what others are told
 *   run.c       one pass of work                    drive.c     who calls it: application, thread, once
 *
 * One thread drives: everything but what stands under `lock` is its own.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <pthread.h>
#include <signal.h>

#include "client/cache.h"
#include "client/config.h"
#include "client/update.h"
#include "io/mqtt.h"

enum {
    LINKS_MAX = 32,        /* services that have a connection, and so a last will, each; more share one */
    ACKS_MAX = 512,        /* services that are acknowledged: half of what a daemon surely hears of a stock broker */
    ALARMS_MAX = 64,       /* different ones that are remembered, so that each is told once a minute */
    ALARM_AGAIN_MS = 60000,
    WAIT_MAX_MS = 60000,
};

/* --- settings.c --------------------------------------------------------------------------------------------------- */

struct client_settings {
    char **services; /* sorted, each once */
    size_t services_len;
    bool follows_all, is_silent;
    char *url; /* NULL: no network */
    char *username, *password, *password_file, *ca_file, *cert_file, *key_file, *client_id;
    char *source, *prefix, *instance, *lkg_file, *lkg_key_file, *cache;
    enum epoch_policy policy;
    int64_t max_offline_ms;
    void *context;
    int (*on_update)(void *context, epoch_client *client, struct epoch_update *update);
    void (*on_status)(void *context, epoch_client *client, const struct epoch_status *status);
    void (*on_alarm)(void *context, epoch_client *client, const struct epoch_alarm *alarm);
};

/* CODE_SETTINGS. After a failure too client_settings_fini must be called. */
int client_settings_init(struct client_settings *settings, const struct epoch_options *options,
                         struct error *err) MUST_CHECK;
void client_settings_fini(struct client_settings *settings); /* wipes the password */

/* --- the client --------------------------------------------------------------------------------------------------- */

/* What a service's instance says of itself. */
struct ack {
    char *service;
    struct link *link; /* goes out on it */
    uint64_t generation, epoch, version;
    bool exists, is_refused;
    char reason[ACK_REASON_MAX + 1];
    char *restarts[ACK_POINTERS_MAX];
    size_t restarts_len;
    bool is_dirty; /* not published as it is now */
    int message_id; /* on its way, 0: nothing is */
    int listen_id;  /* of the SUBSCRIBE of acks_listen: its answer is nobody's concern */
    bool is_cleared; /* by somebody else: published again soon */
    int64_t published_ms;
};

struct link {
    epoch_client *client;
    struct mqtt *mqtt;
    struct ack *ack; /* whose topic its last will clears; NULL: nobody's */
    bool is_main;    /* it listens too */
    bool is_down;
    int64_t retry_ms, retry_at_ms, tick_at_ms;
};

/* What is asked of the broker on this connection. */
struct fetch {
    int fence_id;       /* SUBSCRIBE that ends what was asked for, 0: none is out */
    bool is_begun, is_whole; /* whole: all that is retained for us has been delivered */
    int64_t again_at_ms, again_ms; /* when what is missing is asked for once more */
    bool is_all_asked;  /* of the rows_asked there were, each one is subscribed */
    size_t rows_asked, enough_missing;
    int64_t batch_until_ms;
    int64_t services_at_ms; /* without an index by then the services are asked for all the same */
};

struct alarm_told {
    const char *code;
    char where[128];
    int64_t at_ms;
};

struct in_force {
    char name[LAYOUT_NAME_MAX + 1];
    struct epoch_config *config;
};

struct epoch_client {
    pid_t pid;
    struct client_settings settings;
    struct root_keys roots;
    struct signing_key instance_key;
    bool has_instance_key;
    struct overrides *overrides;

    struct state state;
    struct cache cache;
    struct cache_kept *kept;
    size_t kept_len, kept_cap;
    struct ack *acks;
    size_t acks_len;
    struct link links[LINKS_MAX];
    size_t links_len;
    struct fetch fetch;
    struct alarm_told alarms[ALARMS_MAX];
    size_t alarms_len;
    bool is_opening;          /* in epoch_open: nobody is asked about updates */
    int64_t heard_ms;         /* CLOCK_BOOTTIME of the last keepalive that counted; may lie before the boot; INT64_MIN: never */
    int64_t opened_ms, touched_ms;
    bool is_vouched;          /* one counted since the start */
    bool is_clock_wrong;      /* the last one would have counted */
    char detail[256];         /* why there is no connection */
    int epoll, timer, wake;

    pthread_mutex_t driving;  /* held by the thread that works */
    pthread_t driver;         /* which that is, while is_driven; atomic */
    bool is_driven, is_calling; /* atomic */
    pthread_t thread;
    bool has_thread, is_ending; /* atomic */

    pthread_mutex_t lock;     /* of what follows */
    pthread_cond_t changed;
    struct in_force *table;   /* sorted by name */
    size_t table_len, table_cap;
    struct epoch_status status;
    int64_t told_heard_ms, fresh_until_ms; /* so that the answer is true also where nobody drives */
    bool is_current;          /* see EPOCH_UNTIL_CURRENT */
    bool is_settled;          /* see EPOCH_UNTIL_CONFIG */
};

/* Fills in what the application gets. Returns -1. */
int client_error(struct epoch_error *out, const struct error *err);

/* 0, or CODE_FORKED. */
int client_check(const epoch_client *client, struct epoch_error *error) MUST_CHECK;

/* --- restore.c ---------------------------------------------------------------------------------------------------- */

/* The cache, then the host's snapshot, newest first in force. Only want of memory is an error. */
int restore_all(epoch_client *client, struct error *err) MUST_CHECK;

/* --- apply.c ------------------------------------------------------------------------------------------------------ */

/* Applies what is complete. True: something was. */
bool apply_complete(epoch_client *client);
/* A newer keyset is in force. */
void apply_keyset(epoch_client *client);
/* What is in force of a service; borrowed, the driving thread's. NULL: nothing. */
struct epoch_config *apply_in_force(const epoch_client *client, const char *name);
/* Puts it there; the reference is taken, after a failure too. */
int apply_put(epoch_client *client, const char *name, struct epoch_config *config, struct error *err) MUST_CHECK;
/* Makes the configuration of a row as it is now; alarms of the environment are told. */
int apply_make(epoch_client *client, const struct letter *letter, uint64_t epoch, struct epoch_config **out,
               struct error *err) MUST_CHECK;
/* A service that is not as the head says, or is again (letter NULL and not refused). */
struct cache_kept *apply_kept(epoch_client *client, const char *name, bool make);

/* --- link.c ------------------------------------------------------------------------------------------------------- */

int links_open(epoch_client *client, struct error *err) MUST_CHECK;
/* Says goodbye where `politely`. */
void links_close(epoch_client *client, bool politely);
/* Connects, ticks. */
void links_work(epoch_client *client, int64_t now_ms);
int64_t links_deadline_ms(const epoch_client *client);
/* Puts the descriptors as they are now into the epoll set. */
void links_watch(epoch_client *client);

/* --- fetch.c ------------------------------------------------------------------------------------------------------ */

void fetch_begin(epoch_client *client);
void fetch_down(epoch_client *client);
void fetch_subscribed(epoch_client *client, const struct mqtt_event *event);
void fetch_message(epoch_client *client, const struct mqtt_event *event);
void fetch_work(epoch_client *client, int64_t now_ms);
int64_t fetch_deadline_ms(const epoch_client *client);

/* --- acks.c ------------------------------------------------------------------------------------------------------- */

int acks_init(epoch_client *client, struct error *err) MUST_CHECK;
void acks_fini(epoch_client *client);
struct ack *acks_find(const epoch_client *client, const char *service);
/* The answer to the applied head. `update` NULL: nothing was asked. */
void acks_answer(epoch_client *client, const char *service, const struct epoch_config *config,
                 const struct epoch_update *update, bool is_refused);
void acks_all_dirty(epoch_client *client);
void acks_work(epoch_client *client, int64_t now_ms);
int64_t acks_deadline_ms(const epoch_client *client);
/* The connection is up: what others say on its topics is heard from now on. */
void acks_listen(struct link *link);
bool acks_are_listening(const struct link *link, int message_id); /* the SUBACK was of that */
/* It is not, any more: what was on its way is said again on the next. */
void acks_down(struct link *link);
/* They are cleared, for they will be true no longer. */
void acks_goodbye(struct link *link);
/* True: the message was of that topic. */
bool acks_heard(struct link *link, const struct mqtt_event *event);
void acks_acked(struct link *link, int message_id, int reason, const char *text);
bool acks_are_out(const epoch_client *client);

/* --- status.c ----------------------------------------------------------------------------------------------------- */

void alarm_tell(epoch_client *client, const char *where, const struct error *err);
/* Looks at what is so now, and tells if it changed. */
void status_settle(epoch_client *client, int64_t now_ms);
int64_t status_deadline_ms(const epoch_client *client, int64_t now_ms);
/* A keepalive counted. */
void status_heard(epoch_client *client, int64_t now_ms);
/* Why there is no connection. */
void status_detail(epoch_client *client, const char *text);

/* --- run.c -------------------------------------------------------------------------------------------------------- */

int run_open(epoch_client *client, struct error *err) MUST_CHECK;
void run_close(epoch_client *client);
/* One pass. The caller drives. */
void run_pass(epoch_client *client);
int run_timeout_ms(epoch_client *client);
void run_wake(epoch_client *client);
/* Whatever may write to a connection stands between these two: no SIGPIPE comes of it. */
struct pipe_guard {
    sigset_t before;
    bool was_pending;
};
void run_guard_begin(struct pipe_guard *guard);
void run_guard_end(const struct pipe_guard *guard);

/* A callback is running from here to there: what may not be called from inside knows. */
static inline void client_calling(epoch_client *client, bool is_calling)
{
    __atomic_store_n(&client->is_calling, is_calling, __ATOMIC_RELAXED);
}

#endif
