/* A call that may block, on a thread of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/later.h"

enum { PATIENCE_MS = 10000 };

/* What a call works on: it begins, waits to be let go, and says what it saw. */
struct errand {
    int begun[2], go[2], disposed[2];
    int answer;
    bool blocks_signals;
};

static void say(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void hear(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    char byte;
    assert_int_equal(poll(&wanted, 1, PATIENCE_MS), 1);
    assert_int_equal(read(fd, &byte, 1), 1);
}

static void run(void *context)
{
    struct errand *errand = context;
    sigset_t blocked;
    char byte;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    errand->blocks_signals = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1;
    (void)!write(errand->begun[1], "x", 1);
    (void)!read(errand->go[0], &byte, 1);
    errand->answer = 42;
}

static void dispose(void *context)
{
    struct errand *errand = context;
    (void)!write(errand->disposed[1], "x", 1);
}

static int set_up(void **state)
{
    struct errand *errand = calloc(1, sizeof *errand);
    assert_int_equal(pipe(errand->begun) + pipe(errand->go) + pipe(errand->disposed), 0);
    *state = errand;
    return 0;
}

static int tear_down(void **state)
{
    struct errand *errand = *state;
    for (int i = 0; i < 2; i++) {
        close(errand->begun[i]);
        close(errand->go[i]);
        close(errand->disposed[i]);
    }
    free(errand);
    return 0;
}

static bool is_ready(int fd, int timeout_ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, timeout_ms) == 1;
}

static void later__gives_back_what_the_call_wrote(void **state)
{
    struct errand *errand = *state;
    struct later *later;
    struct error err;
    assert_int_equal(later_start(&later, run, dispose, errand, &err), 0);
    hear(errand->begun[0]);
    assert_false(later_is_done(later));
    assert_false(is_ready(later_fd(later), 0));
    say(errand->go[1]);
    assert_true(is_ready(later_fd(later), PATIENCE_MS));
    while (!later_is_done(later))
        ;
    assert_ptr_equal(later_take(later), errand);
    assert_int_equal(errand->answer, 42);
    assert_true(errand->blocks_signals);
    assert_false(is_ready(errand->disposed[0], 0));
}

static void later__disposes_when_a_call_nobody_waits_for_is_over(void **state)
{
    struct errand *errand = *state;
    struct later *later;
    struct error err;
    assert_int_equal(later_start(&later, run, dispose, errand, &err), 0);
    hear(errand->begun[0]);
    later_drop(later);
    assert_false(is_ready(errand->disposed[0], 0));
    say(errand->go[1]);
    hear(errand->disposed[0]);
}

static void later__disposes_at_once_of_a_call_that_is_over(void **state)
{
    struct errand *errand = *state;
    struct later *later;
    struct error err;
    assert_int_equal(later_start(&later, run, dispose, errand, &err), 0);
    say(errand->go[1]);
    assert_true(is_ready(later_fd(later), PATIENCE_MS));
    while (!later_is_done(later))
        ;
    later_drop(later);
    hear(errand->disposed[0]);
    later_drop(NULL);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(later__gives_back_what_the_call_wrote),
        ONE(later__disposes_when_a_call_nobody_waits_for_is_over),
        ONE(later__disposes_at_once_of_a_call_that_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
