/*
 * drive: who calls the passes: the application's loop, a thread of ours, or whoever waits. One at a time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"

static bool is_set(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static int refuse(struct epoch_error *error, const char *code, const char *message)
{
    struct error err;
    error_set(&err, code, 0, "%s", message);
    return client_error(error, &err);
}

/* From inside of a callback nothing may wait for the pass that it is part of. */
static bool is_callback(epoch_client *client)
{
    return is_set(&client->is_driven) && pthread_equal(__atomic_load_n(&client->driver, __ATOMIC_RELAXED), pthread_self());
}

static void begin_driving(epoch_client *client)
{
    __atomic_store_n(&client->driver, pthread_self(), __ATOMIC_RELAXED);
    set(&client->is_driven, true);
}

static bool take_wheel(epoch_client *client)
{
    if (is_callback(client) || pthread_mutex_trylock(&client->driving) != 0)
        return false;
    begin_driving(client);
    return true;
}

static void leave_wheel(epoch_client *client)
{
    set(&client->is_driven, false);
    pthread_mutex_unlock(&client->driving);
}

/* --- the application's loop --------------------------------------------------------------------------------------- */

int epoch_fd(epoch_client *client)
{
    return client_check(client, NULL) == 0 ? client->epoll : -1;
}

int epoch_timeout_ms(epoch_client *client)
{
    if (client_check(client, NULL) != 0 || !take_wheel(client))
        return WAIT_MAX_MS; /* whoever drives knows */
    int timeout = run_timeout_ms(client);
    leave_wheel(client);
    return timeout;
}

int epoch_dispatch(epoch_client *client, struct epoch_error *error)
{
    if (client_check(client, error) != 0)
        return -1;
    if (is_set(&client->has_thread) || !take_wheel(client))
        return refuse(error, CODE_BUSY, "the client is driven by another thread, or from inside of a callback");
    run_pass(client);
    leave_wheel(client);
    return 0;
}

/* --- a thread ----------------------------------------------------------------------------------------------------- */

static void *thread_main(void *context)
{
    epoch_client *client = context;
    while (!is_set(&client->is_ending)) {
        struct pollfd ready = {.fd = client->epoll, .events = POLLIN};
        int timeout = WAIT_MAX_MS;
        if (poll(&ready, 1, timeout) < 0 && errno != EINTR)
            break;
        pthread_mutex_lock(&client->driving);
        begin_driving(client);
        run_pass(client);
        leave_wheel(client);
    }
    return NULL;
}

/* It inherits the mask of its maker: every signal is the application's. */
static int make_thread(epoch_client *client)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&client->thread, NULL, thread_main, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int epoch_start(epoch_client *client, struct epoch_error *error)
{
    struct error err;
    if (client_check(client, error) != 0)
        return -1;
    if (is_set(&client->has_thread) || !take_wheel(client))
        return refuse(error, CODE_BUSY, "the client is driven by another thread, or from inside of a callback");
    set(&client->is_ending, false);
    set(&client->has_thread, true);
    int rc = make_thread(client);
    leave_wheel(client);
    if (rc == 0) {
        run_wake(client);
        return 0;
    }
    set(&client->has_thread, false);
    error_set(&err, ERR_SYSTEM, rc, "no thread");
    return client_error(error, &err);
}

int epoch_stop(epoch_client *client, struct epoch_error *error)
{
    if (client_check(client, error) != 0)
        return -1;
    if (is_callback(client))
        return refuse(error, CODE_BUSY, "a callback cannot end the thread that it runs on");
    if (!is_set(&client->has_thread))
        return 0;
    set(&client->is_ending, true);
    run_wake(client);
    pthread_join(client->thread, NULL);
    set(&client->has_thread, false);
    return 0;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* Under the lock. */
static bool is_so(const epoch_client *client, enum epoch_until until)
{
    return until == EPOCH_UNTIL_CONFIG    ? client->is_settled
           : until == EPOCH_UNTIL_CURRENT ? client->is_current
                                          : client->status.freshness == EPOCH_FRESH;
}

static bool is_reached(epoch_client *client, enum epoch_until until)
{
    pthread_mutex_lock(&client->lock);
    bool reached = is_so(client, until);
    pthread_mutex_unlock(&client->lock);
    return reached;
}

/* Somebody else drives: woken by what changed, and now and then to see whether they still do. */
static void wait_for_news(epoch_client *client, enum epoch_until until, int64_t most_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t wait = most_ms > 1000 ? 1000 : most_ms;
    end.tv_sec += (time_t)(wait / 1000);
    end.tv_nsec += (long)(wait % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    pthread_mutex_lock(&client->lock);
    if (!is_so(client, until)) /* it may have come since the caller looked */
        pthread_cond_timedwait(&client->changed, &client->lock, &end);
    pthread_mutex_unlock(&client->lock);
}

static void wait_a_turn(epoch_client *client, enum epoch_until until, int64_t most_ms)
{
    if (is_set(&client->has_thread) || !take_wheel(client)) {
        wait_for_news(client, until, most_ms);
        return;
    }
    run_pass(client);
    int timeout = run_timeout_ms(client);
    leave_wheel(client);
    if (is_reached(client, until))
        return;
    struct pollfd ready = {.fd = client->epoll, .events = POLLIN};
    (void)poll(&ready, 1, most_ms < timeout ? (int)most_ms : timeout);
}

int epoch_wait(epoch_client *client, enum epoch_until until, int timeout_ms, struct epoch_error *error)
{
    if (client_check(client, error) != 0)
        return -1;
    if (is_callback(client))
        return refuse(error, CODE_BUSY, "a callback cannot wait for the client that it is part of");
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : clock_boot_ms() + timeout_ms;
    while (!is_reached(client, until)) {
        int64_t left = deadline - clock_boot_ms();
        if (client->links_len == 0)
            return refuse(error, CODE_SETTINGS, "there is no broker to wait for");
        if (left <= 0)
            return refuse(error, CODE_TIMED_OUT, "it did not come within the time");
        wait_a_turn(client, until, left);
    }
    return 0;
}
