/*
 * notify: the service manager is a datagram socket of this file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/notify.h"
#include "temp_folder.h"
#include "util/macros.h"

static void forget_environment(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static int set_up(void **state)
{
    forget_environment();
    return temp_folder_make(state);
}

static int tear_down(void **state)
{
    forget_environment();
    return temp_folder_drop(state);
}

/* Listens at `name` as NOTIFY_SOCKET spells it: a path, or "@" and an abstract name. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    assert_true(len <= sizeof address.sun_path);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

/* A local datagram is there when sending it has returned. */
static void expect_datagram(int fd, const char *text)
{
    char data[256];
    ssize_t len = recv(fd, data, sizeof data, 0);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, strlen(text));
}

static void expect_silence(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

/* --- sending -------------------------------------------------------------------------------------------------------- */

static void notify__sends_one_datagram_to_the_socket_of_the_manager(void **state)
{
    const struct temp_folder *folder = *state;
    char path[sizeof folder->path + 16];
    snprintf(path, sizeof path, "%s/notify", folder->path);
    int manager AUTO_CLOSE = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    notify_send("READY=1\nSTATUS=ok");
    notify_send("WATCHDOG=1");
    expect_datagram(manager, "READY=1\nSTATUS=ok");
    expect_datagram(manager, "WATCHDOG=1");
    expect_silence(manager);
}

static void notify__sends_to_an_abstract_socket(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@epochd-test-notify-%ld", (long)getpid());
    int manager AUTO_CLOSE = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("STOPPING=1");
    expect_datagram(manager, "STOPPING=1");
}

static void notify__sends_to_the_longest_name_and_to_none_longer(void **state)
{
    (void)state;
    char name[sizeof((struct sockaddr_un *)0)->sun_path + 2];
    size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    memset(name, 'n', sizeof name);
    snprintf(name, 32, "@epochd-%ld", (long)getpid());
    name[strlen(name)] = '-';
    name[longest] = '\0';
    int manager AUTO_CLOSE = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    expect_datagram(manager, "READY=1");
    memcpy(name + longest, "n", 2); /* the whole of sun_path, no room for an end */
    int other AUTO_CLOSE = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    memcpy(name + longest, "nn", 3);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    expect_silence(manager);
    expect_silence(other);
}

static void notify__does_nothing_without_a_manager(void **state)
{
    const struct temp_folder *folder = *state;
    char path[sizeof folder->path + 16];
    snprintf(path, sizeof path, "%s/nobody", folder->path);
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", path, 1);
    notify_send("READY=1");
    assert_int_equal(access(path, F_OK), -1);
}

static void notify__ignores_a_name_that_is_neither_absolute_nor_abstract(void **state)
{
    const struct temp_folder *folder = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(fchdir(folder->fd), 0);
    int manager AUTO_CLOSE = listen_at("notify");
    setenv("NOTIFY_SOCKET", "notify", 1);
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    notify_send("READY=1");
    expect_silence(manager);
    assert_int_equal(chdir(before), 0);
}

/* More than any queue of the kernel takes: a sender that waits would hang here. */
static void notify__never_waits_for_a_manager_that_does_not_read(void **state)
{
    (void)state;
    enum { MANY = 100 * 1000 };
    char name[64], data[16];
    size_t taken = 0;
    snprintf(name, sizeof name, "@epochd-test-full-%ld", (long)getpid());
    int manager AUTO_CLOSE = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    for (int i = 0; i < MANY; i++)
        notify_send("WATCHDOG=1");
    while (recv(manager, data, sizeof data, 0) > 0)
        taken++;
    assert_in_range(taken, 1, MANY - 1);
}

/* --- the watchdog ------------------------------------------------------------------------------------------------------ */

static int64_t watchdog(const char *usec, const char *pid)
{
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL)
        setenv("WATCHDOG_PID", pid, 1);
    else
        unsetenv("WATCHDOG_PID");
    return notify_watchdog_ms();
}

static void notify__wants_no_watchdog_unless_told(void **state)
{
    (void)state;
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 0);
}

static void notify__feeds_the_watchdog_twice_in_its_time(void **state)
{
    (void)state;
    assert_int_equal(watchdog("30000000", NULL), 15000);
    assert_int_equal(watchdog("2000", NULL), 1);
    assert_int_equal(watchdog("18446744073709551615", NULL), 9223372036854775);
}

static void notify__ignores_a_watchdog_too_fast_to_feed(void **state)
{
    (void)state;
    assert_int_equal(watchdog("1999", NULL), 0);
    assert_int_equal(watchdog("0", NULL), 0);
}

static void notify__ignores_a_watchdog_that_is_no_number(void **state)
{
    (void)state;
    const char *nonsense[] = {"", "-30000000", "+30000000", " 30000000", "30000000 ", "3e7", "30s", "0x1c9c380",
                              "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
        assert_int_equal(watchdog(nonsense[i], NULL), 0);
}

static void notify__feeds_a_watchdog_meant_for_this_process_alone(void **state)
{
    (void)state;
    char own[32], other[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    snprintf(other, sizeof other, "%ld", (long)getppid());
    assert_int_equal(watchdog("30000000", own), 15000);
    assert_int_equal(watchdog("30000000", other), 0);
    assert_int_equal(watchdog("30000000", "nobody"), 0);
    assert_int_equal(watchdog("30000000", ""), 0);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(notify__sends_one_datagram_to_the_socket_of_the_manager),
        ONE(notify__sends_to_an_abstract_socket),
        ONE(notify__sends_to_the_longest_name_and_to_none_longer),
        ONE(notify__does_nothing_without_a_manager),
        ONE(notify__ignores_a_name_that_is_neither_absolute_nor_abstract),
        ONE(notify__never_waits_for_a_manager_that_does_not_read),
        ONE(notify__wants_no_watchdog_unless_told),
        ONE(notify__feeds_the_watchdog_twice_in_its_time),
        ONE(notify__ignores_a_watchdog_too_fast_to_feed),
        ONE(notify__ignores_a_watchdog_that_is_no_number),
        ONE(notify__feeds_a_watchdog_meant_for_this_process_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
