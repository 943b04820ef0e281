/*
 * later: see later.h. Whoever of the two comes last, the thread or the caller, frees.
 */
#include "util/later.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct later {
    void (*call)(void *), (*dispose)(void *);
    void *context;
    int done; /* eventfd */
    pthread_mutex_t mutex;
    bool is_done, is_dropped; /* under mutex */
};

static void later_free(struct later *later)
{
    close(later->done);
    pthread_mutex_destroy(&later->mutex);
    free(later);
}

static void *work(void *argument)
{
    static const uint64_t one = 1;
    struct later *later = argument;
    later->call(later->context);
    pthread_mutex_lock(&later->mutex);
    bool is_dropped = later->is_dropped;
    later->is_done = true;
    if (!is_dropped)
        (void)!write(later->done, &one, sizeof one); /* the counter was 0: it fits */
    pthread_mutex_unlock(&later->mutex);
    if (is_dropped) {
        later->dispose(later->context);
        later_free(later);
    }
    return NULL;
}

static int start_thread(struct later *later)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    int rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return rc;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, &attributes, work, later);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return rc;
}

int later_start(struct later **out, void (*call)(void *), void (*dispose)(void *), void *context, struct error *err)
{
    struct later *later = calloc(1, sizeof *later);
    if (later == NULL)
        return error_memory(err);
    *later = (struct later){.call = call, .dispose = dispose, .context = context};
    pthread_mutex_init(&later->mutex, NULL);
    later->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = later->done < 0 ? errno : start_thread(later);
    if (rc != 0) {
        if (later->done >= 0)
            close(later->done);
        pthread_mutex_destroy(&later->mutex);
        free(later);
        return error_set(err, ERR_SYSTEM, rc, "cannot start a thread");
    }
    *out = later;
    return 0;
}

int later_fd(const struct later *later)
{
    return later->done;
}

bool later_is_done(struct later *later)
{
    pthread_mutex_lock(&later->mutex);
    bool is_done = later->is_done;
    pthread_mutex_unlock(&later->mutex);
    return is_done;
}

void *later_take(struct later *later)
{
    void *context = later->context;
    later_free(later);
    return context;
}

void later_drop(struct later *later)
{
    if (later == NULL)
        return;
    pthread_mutex_lock(&later->mutex);
    bool is_done = later->is_done;
    later->is_dropped = true;
    pthread_mutex_unlock(&later->mutex);
    if (is_done) {
        later->dispose(later->context);
        later_free(later);
    }
}
