/*
 * snapshotter: see snapshotter.h. One mutex guards the waiting view and the result; the view being written belongs to
 * the thread alone.
 */
#include "daemon/snapshotter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "io/snapshot.h"
#include "util/clock.h"

/* A view with everything it needs to live on its own. */
struct held_view {
    struct snapshot_view view;
    struct catalog *catalog;
    struct buf head, keyset;
    char config_epoch[OID_HEX_LEN + 1];
};

struct snapshotter {
    int dir;
    const struct mac_key *key;
    const char *source;
    char host[SNAPSHOT_HOST_MAX + 1];
    int done; /* eventfd */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct held_view *waiting; /* under mutex, as are the next two */
    bool is_stopping;
    struct snapshotter_result result;
};

static void held_view_free(struct held_view *held)
{
    if (held == NULL)
        return;
    catalog_unref(held->catalog);
    buf_fini(&held->head);
    buf_fini(&held->keyset);
    free(held);
}

static void held_view_cleanup(struct held_view **held)
{
    held_view_free(*held);
}

static struct held_view *take_waiting(struct snapshotter *s)
{
    pthread_mutex_lock(&s->mutex);
    while (s->waiting == NULL && !s->is_stopping)
        pthread_cond_wait(&s->wake, &s->mutex);
    struct held_view *held = TAKE(s->waiting);
    pthread_mutex_unlock(&s->mutex);
    return held;
}

static void tell(struct snapshotter *s, const struct held_view *held, bool is_failed, const struct error *err,
                 uint64_t micros)
{
    static const uint64_t one = 1;
    pthread_mutex_lock(&s->mutex);
    struct snapshotter_result *result = &s->result;
    result->is_new = true;
    result->is_failed = is_failed;
    result->micros = micros;
    if (is_failed) {
        result->failures++;
        result->error = *err;
    } else {
        result->writes++;
        result->epoch = held->view.epoch;
        result->written_ms = clock_wall_ms();
    }
    pthread_mutex_unlock(&s->mutex);
    /* The counter cannot overflow in practice, and a full one is readable anyway. */
    (void)!write(s->done, &one, sizeof one);
}

static void *work(void *context)
{
    struct snapshotter *s = context;
    for (;;) {
        struct held_view *held CLEANUP(held_view_cleanup) = take_waiting(s);
        if (held == NULL)
            return NULL;
        struct error err = {0};
        int64_t start = clock_mono_us();
        bool is_failed = snapshot_write(s->dir, &held->view, s->key, &err) != 0;
        tell(s, held, is_failed, &err, (uint64_t)(clock_mono_us() - start));
    }
}

int snapshotter_start(struct snapshotter **out, int dir, const struct mac_key *key, const char *source,
                      struct error *err)
{
    struct snapshotter *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_memory(err);
    s->dir = dir;
    s->key = key;
    s->source = source;
    snapshot_host(s->host);
    s->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->done < 0) {
        free(s);
        return error_set(err, ERR_SYSTEM, errno, "cannot make an event descriptor");
    }
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    /* Signals are the deciding thread's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, work, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->mutex);
        close(s->done);
        free(s);
        return error_set(err, ERR_SYSTEM, rc, "cannot start the snapshot thread");
    }
    *out = s;
    return 0;
}

int snapshotter_fd(const struct snapshotter *snapshotter)
{
    return snapshotter->done;
}

static int hold(struct snapshotter *s, const struct force *force, struct span keyset, struct held_view **out,
                struct error *err)
{
    struct held_view *held CLEANUP(held_view_cleanup) = calloc(1, sizeof *held);
    if (held == NULL)
        return error_memory(err);
    held->catalog = catalog_ref(force->catalog);
    buf_append_span(&held->head, buf_span(&force->head));
    buf_append_span(&held->keyset, keyset);
    if (buf_check(&held->head, err) != 0 || buf_check(&held->keyset, err) != 0)
        return -1;
    oid_format(&force->commit, held->config_epoch);
    held->view = (struct snapshot_view){
        .epoch = force->epoch,
        .generation = force->generation,
        .offset = force->offset,
        .config_epoch = held->config_epoch,
        .source = s->source,
        .host = s->host,
        .head = buf_span(&held->head),
        .keyset = buf_span(&held->keyset),
        .journal = force->position,
        .catalog = held->catalog,
    };
    *out = TAKE(held);
    return 0;
}

int snapshotter_submit(struct snapshotter *s, const struct force *force, struct span keyset, struct error *err)
{
    struct held_view *held = NULL;
    if (hold(s, force, keyset, &held, err) != 0)
        return -1;
    pthread_mutex_lock(&s->mutex);
    struct held_view *overtaken = s->waiting;
    s->waiting = held;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    held_view_free(overtaken);
    return 0;
}

void snapshotter_peek(struct snapshotter *s, struct snapshotter_result *out)
{
    pthread_mutex_lock(&s->mutex);
    *out = s->result;
    pthread_mutex_unlock(&s->mutex);
}

void snapshotter_result(struct snapshotter *s, struct snapshotter_result *out)
{
    uint64_t count;
    if (read(s->done, &count, sizeof count) < 0 && errno != EAGAIN)
        count = 0; /* nothing to learn from it: the result says it all */
    pthread_mutex_lock(&s->mutex);
    *out = s->result;
    s->result.is_new = false;
    pthread_mutex_unlock(&s->mutex);
}

void snapshotter_stop(struct snapshotter *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->mutex);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    held_view_free(s->waiting);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mutex);
    close(s->done);
    free(s);
}
