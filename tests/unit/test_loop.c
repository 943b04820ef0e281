/*
 * loop: timers and descriptors. Timers that must be late are made due in the past, so that nothing here depends on how
 * fast the machine is; a test that waits for the loop ends with loop_stop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "daemon/loop.h"
#include "util/clock.h"

enum { TIMERS = 4 };

struct desk;

/* A timer or a source with a name: what it says when it is called, and what it does then. */
struct actor {
    struct desk *desk;
    char name;
    void (*act)(struct actor *actor);
    struct loop_timer timer;
    struct loop_source source;
    int fd;
    unsigned calls;
    int64_t called_ms;
};

struct desk {
    struct loop loop;
    struct actor actors[TIMERS];
    char said[64]; /* the names, in the order they were called */
};

static void called(struct actor *actor)
{
    struct desk *desk = actor->desk;
    size_t len = strlen(desk->said);
    assert_true(len + 1 < sizeof desk->said);
    desk->said[len] = actor->name;
    actor->calls++;
    actor->called_ms = clock_boot_ms();
    if (actor->act != NULL)
        actor->act(actor);
}

static void expired(void *context)
{
    called(context);
}

static void ready(void *context, uint32_t events)
{
    struct actor *actor = context;
    uint64_t count;
    if ((events & EPOLLIN) != 0)
        assert_int_equal(read(actor->fd, &count, sizeof count), sizeof count);
    called(actor);
}

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct error err;
    assert_int_equal(loop_init(&desk->loop, &err), 0);
    for (size_t i = 0; i < TIMERS; i++) {
        struct actor *actor = &desk->actors[i];
        *actor = (struct actor){.desk = desk, .name = (char)('a' + i), .fd = -1};
        loop_timer_init(&desk->loop, &actor->timer, expired, actor);
        loop_source_init(&actor->source, ready, actor);
    }
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    for (size_t i = 0; i < TIMERS; i++)
        if (desk->actors[i].fd >= 0)
            close(desk->actors[i].fd);
    loop_fini(&desk->loop);
    free(desk);
    return 0;
}

static void run(struct desk *desk)
{
    struct error err;
    desk->loop.is_stopped = false;
    assert_int_equal(loop_run(&desk->loop, &err), 0);
}

static void stop(struct actor *actor)
{
    loop_stop(&actor->desk->loop);
}

static void arm(struct desk *desk, size_t i, int64_t delay_ms)
{
    loop_timer_arm(&desk->loop, &desk->actors[i].timer, delay_ms);
}

/* As if the loop had been held up for so long. */
static void make_late(struct desk *desk, size_t i, int64_t late_ms)
{
    desk->actors[i].timer.due_ms = clock_boot_ms() - late_ms;
}

static void watch(struct desk *desk, size_t i, int fd)
{
    struct error err;
    assert_int_equal(loop_watch(&desk->loop, &desk->actors[i].source, fd, fd < 0 ? 0 : EPOLLIN, &err), 0);
}

static int open_event(struct desk *desk, size_t i)
{
    desk->actors[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(desk->actors[i].fd >= 0);
    return desk->actors[i].fd;
}

static void ring(struct desk *desk, size_t i)
{
    const uint64_t one = 1;
    assert_int_equal(write(desk->actors[i].fd, &one, sizeof one), sizeof one);
}

/* --- timers --------------------------------------------------------------------------------------------------------- */

static void loop__calls_a_timer_once_and_not_before_its_time(void **state)
{
    struct desk *desk = *state;
    int64_t before = clock_boot_ms();
    desk->actors[1].act = stop;
    arm(desk, 0, 2);
    arm(desk, 1, 5);
    assert_true(loop_timer_is_armed(&desk->actors[0].timer));
    run(desk);
    assert_string_equal(desk->said, "ab");
    assert_true(desk->actors[0].called_ms >= before + 2);
    assert_true(desk->actors[1].called_ms >= before + 5);
    assert_false(loop_timer_is_armed(&desk->actors[0].timer));
}

static void loop__calls_late_timers_in_the_order_they_were_due(void **state)
{
    static const char *const orders[] = {"abcd", "dcba", "bdac", "cadb"};
    struct desk *desk = *state;
    for (size_t n = 0; n < ARRAY_LEN(orders); n++) {
        memset(desk->said, 0, sizeof desk->said);
        for (int i = 0; i < TIMERS; i++) {
            size_t who = (size_t)(orders[n][i] - 'a');
            desk->actors[who].act = i == TIMERS - 1 ? stop : NULL;
            make_late(desk, who, 100 - 10 * i);
        }
        run(desk);
        assert_string_equal(desk->said, orders[n]);
    }
}

static void loop__takes_a_time_that_is_over_as_now(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = stop;
    arm(desk, 0, -1000);
    assert_true(desk->actors[0].timer.due_ms > clock_boot_ms() - 1000);
    run(desk);
    assert_string_equal(desk->said, "a");
}

static void loop__rearms_to_a_later_time(void **state)
{
    struct desk *desk = *state;
    desk->actors[1].act = stop;
    make_late(desk, 0, 10);
    arm(desk, 0, 1000 * 1000);
    arm(desk, 1, 2);
    run(desk);
    assert_string_equal(desk->said, "b");
    assert_true(loop_timer_is_armed(&desk->actors[0].timer));
}

static void loop__rearms_to_an_earlier_time(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = stop;
    arm(desk, 0, 1000 * 1000);
    arm(desk, 0, 1);
    run(desk);
    assert_string_equal(desk->said, "a");
}

static void loop__keeps_the_time_without_its_alarm(void **state)
{
    struct desk *desk = *state;
    close(desk->loop.timer); /* timerfd_settime fails from now on */
    arm(desk, 0, 0);
    arm(desk, 1, 20);
    desk->actors[1].act = stop;
    int64_t before = clock_boot_ms();
    run(desk);
    assert_string_equal(desk->said, "ab");
    assert_true(clock_boot_ms() - before >= 20);
    desk->loop.timer = -1;
}

static void rearm_twice(struct actor *actor)
{
    if (actor->calls < 3)
        loop_timer_arm(&actor->desk->loop, &actor->timer, 1);
    else
        stop(actor);
}

static void loop__rearms_in_its_own_callback(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = rearm_twice;
    arm(desk, 0, 1);
    run(desk);
    assert_string_equal(desk->said, "aaa");
}

static void beat(struct actor *actor)
{
    if (actor->calls < 10)
        loop_timer_arm(&actor->desk->loop, &actor->timer, 0);
}

/* A timer that always is due again must not keep the others from their turn. */
static void loop__gives_each_late_timer_its_turn_before_one_comes_again(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = beat;
    desk->actors[1].act = stop;
    make_late(desk, 0, 10);
    make_late(desk, 1, 0);
    run(desk);
    assert_string_equal(desk->said, "ab");
}

static void disarm_b(struct actor *actor)
{
    loop_timer_disarm(&actor->desk->actors[1].timer);
}

static void loop__does_not_call_what_an_earlier_callback_disarmed(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = disarm_b;
    desk->actors[2].act = stop;
    make_late(desk, 0, 30);
    make_late(desk, 1, 20);
    make_late(desk, 2, 10);
    run(desk);
    assert_string_equal(desk->said, "ac");
    assert_false(loop_timer_is_armed(&desk->actors[1].timer));
}

static void arm_b(struct actor *actor)
{
    arm(actor->desk, 1, 1);
}

static void loop__calls_what_a_callback_armed(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = arm_b;
    desk->actors[1].act = stop;
    arm(desk, 0, 1);
    run(desk);
    assert_string_equal(desk->said, "ab");
    assert_true(desk->actors[1].called_ms > desk->actors[0].called_ms);
}

static void loop__arms_by_a_time_and_keeps_the_earlier(void **state)
{
    struct desk *desk = *state;
    struct loop_timer *timer = &desk->actors[0].timer;
    loop_timer_arm_by(&desk->loop, timer, 5000);
    int64_t first = timer->due_ms;
    assert_true(first != 0);
    loop_timer_arm_by(&desk->loop, timer, 9000);
    assert_int_equal(timer->due_ms, first);
    loop_timer_arm_by(&desk->loop, timer, 1000);
    assert_true(timer->due_ms < first);
    loop_timer_disarm(timer);
    loop_timer_arm_by(&desk->loop, timer, 9000);
    assert_true(timer->due_ms > first);
}

static void loop__sleeps_through_a_disarmed_alarm(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = disarm_b; /* the alarm of b is set by then */
    desk->actors[2].act = stop;
    watch(desk, 0, open_event(desk, 0));
    ring(desk, 0);
    arm(desk, 1, 1);
    arm(desk, 2, 4);
    run(desk);
    assert_string_equal(desk->said, "ac");
}

/* --- descriptors -------------------------------------------------------------------------------------------------------- */

static void loop__calls_a_source_that_is_ready(void **state)
{
    struct desk *desk = *state;
    desk->actors[0].act = stop;
    int fd = open_event(desk, 0);
    watch(desk, 0, fd);
    assert_int_equal(desk->actors[0].source.fd, fd);
    ring(desk, 0);
    run(desk);
    assert_string_equal(desk->said, "a");
}

/* With a timer to end the wait, which a ready source would have come before. */
static void expect_silence(struct desk *desk)
{
    desk->actors[3].act = stop;
    arm(desk, 3, 1);
    run(desk);
    assert_string_equal(desk->said, "d");
}

static void loop__watches_no_more_after_minus_one(void **state)
{
    struct desk *desk = *state;
    watch(desk, 0, open_event(desk, 0));
    watch(desk, 0, -1);
    watch(desk, 0, -1);
    assert_int_equal(desk->actors[0].source.fd, -1);
    ring(desk, 0);
    expect_silence(desk);
}

static void loop__takes_other_events_of_the_same_descriptor(void **state)
{
    struct desk *desk = *state;
    struct error err;
    int fd = open_event(desk, 0);
    watch(desk, 0, fd);
    assert_int_equal(loop_watch(&desk->loop, &desk->actors[0].source, fd, EPOLLOUT, &err), 0);
    assert_int_equal(desk->actors[0].source.events, EPOLLOUT);
    desk->actors[0].act = stop;
    run(desk); /* nothing to read: it is called because it can be written */
    assert_string_equal(desk->said, "a");
}

static void loop__moves_to_another_descriptor(void **state)
{
    struct desk *desk = *state;
    int old AUTO_CLOSE = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* readable all the time */
    watch(desk, 0, old);
    watch(desk, 0, open_event(desk, 0));
    expect_silence(desk);
    ring(desk, 0);
    desk->actors[0].act = stop;
    run(desk);
    assert_string_equal(desk->said, "da");
}

/* Closes what is watched without a word and opens another under the same number. */
static void swap_behind_its_back(struct desk *desk, size_t i)
{
    int number = desk->actors[i].fd;
    close(number);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd != number) {
        assert_int_equal(dup3(fd, number, O_CLOEXEC), number);
        close(fd);
    }
}

static void loop__watches_a_descriptor_that_came_back_under_the_same_number(void **state)
{
    struct desk *desk = *state;
    watch(desk, 0, open_event(desk, 0));
    swap_behind_its_back(desk, 0);
    watch(desk, 0, desk->actors[0].fd);
    ring(desk, 0);
    desk->actors[0].act = stop;
    arm(desk, 3, 1000);
    desk->actors[3].act = stop; /* instead of hanging */
    run(desk);
    assert_string_equal(desk->said, "a");
}

static void loop__lets_go_of_a_descriptor_that_was_closed_already(void **state)
{
    struct desk *desk = *state;
    watch(desk, 0, open_event(desk, 0));
    close(desk->actors[0].fd);
    desk->actors[0].fd = -1;
    watch(desk, 0, -1);
    assert_int_equal(desk->actors[0].source.fd, -1);
    expect_silence(desk);
}

/* One source was never told that its descriptor is closed; the number belongs to another by now. */
static void loop__does_not_take_a_number_from_its_new_owner(void **state)
{
    struct desk *desk = *state;
    watch(desk, 0, open_event(desk, 0));
    watch(desk, 2, open_event(desk, 2)); /* another that came between */
    swap_behind_its_back(desk, 0);
    desk->actors[1].fd = desk->actors[0].fd;
    desk->actors[0].fd = -1;
    watch(desk, 1, desk->actors[1].fd);
    watch(desk, 0, -1);
    ring(desk, 1);
    desk->actors[1].act = stop;
    desk->actors[3].act = stop; /* instead of hanging */
    arm(desk, 3, 1000);
    run(desk);
    assert_string_equal(desk->said, "b");
}

static void loop__refuses_what_cannot_be_watched(void **state)
{
    struct desk *desk = *state;
    struct error err;
    int file AUTO_CLOSE = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(loop_watch(&desk->loop, &desk->actors[0].source, file, EPOLLIN, &err), -1);
    assert_string_equal(err.code, ERR_SYSTEM);
    assert_int_equal(err.sys, EPERM);
    assert_int_equal(desk->actors[0].source.fd, -1);
}

static void let_go_of_the_other(struct actor *actor)
{
    struct desk *desk = actor->desk;
    watch(desk, actor == &desk->actors[0] ? 1 : 0, -1);
    stop(actor);
}

static void loop__does_not_call_what_was_let_go_in_the_same_round(void **state)
{
    struct desk *desk = *state;
    for (size_t i = 0; i < 2; i++) {
        desk->actors[i].act = let_go_of_the_other;
        watch(desk, i, open_event(desk, i));
        ring(desk, i);
    }
    run(desk);
    assert_int_equal(desk->actors[0].calls + desk->actors[1].calls, 1);
}

/* --- the end -------------------------------------------------------------------------------------------------------------- */

static void loop__does_not_begin_when_it_was_stopped_before(void **state)
{
    struct desk *desk = *state;
    struct error err;
    make_late(desk, 0, 10);
    loop_stop(&desk->loop);
    assert_int_equal(loop_run(&desk->loop, &err), 0);
    assert_string_equal(desk->said, "");
}

static void loop__says_when_epoll_fails(void **state)
{
    struct desk *desk = *state;
    struct error err;
    close(desk->loop.epoll);
    desk->loop.epoll = -1;
    assert_int_equal(loop_run(&desk->loop, &err), -1);
    assert_string_equal(err.code, ERR_SYSTEM);
    assert_int_equal(err.sys, EBADF);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(loop__calls_a_timer_once_and_not_before_its_time),
        ONE(loop__calls_late_timers_in_the_order_they_were_due),
        ONE(loop__takes_a_time_that_is_over_as_now),
        ONE(loop__rearms_to_a_later_time),
        ONE(loop__rearms_to_an_earlier_time),
        ONE(loop__keeps_the_time_without_its_alarm),
        ONE(loop__rearms_in_its_own_callback),
        ONE(loop__gives_each_late_timer_its_turn_before_one_comes_again),
        ONE(loop__does_not_call_what_an_earlier_callback_disarmed),
        ONE(loop__calls_what_a_callback_armed),
        ONE(loop__arms_by_a_time_and_keeps_the_earlier),
        ONE(loop__sleeps_through_a_disarmed_alarm),
        ONE(loop__calls_a_source_that_is_ready),
        ONE(loop__watches_no_more_after_minus_one),
        ONE(loop__takes_other_events_of_the_same_descriptor),
        ONE(loop__moves_to_another_descriptor),
        ONE(loop__watches_a_descriptor_that_came_back_under_the_same_number),
        ONE(loop__lets_go_of_a_descriptor_that_was_closed_already),
        ONE(loop__does_not_take_a_number_from_its_new_owner),
        ONE(loop__refuses_what_cannot_be_watched),
        ONE(loop__does_not_call_what_was_let_go_in_the_same_round),
        ONE(loop__does_not_begin_when_it_was_stopped_before),
        ONE(loop__says_when_epoll_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
