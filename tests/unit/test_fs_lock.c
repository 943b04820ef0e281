/*
 * fs_lock: one holder, known by its pid, and free again the moment that process is gone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "temp_folder.h"
#include "util/fs.h"

static void put_file(const struct temp_folder *folder, const char *name, const char *text)
{
    AUTO_CLOSE int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int take(const struct temp_folder *folder)
{
    struct error err;
    int fd = -1;
    pid_t holder = -7;
    assert_int_equal(fs_lock(folder->fd, "lock", &fd, &holder, &err), 0);
    return fd;
}

static void assert_held_by(const struct temp_folder *folder, pid_t pid)
{
    struct error err;
    int fd = -7;
    pid_t holder = -7;
    assert_int_equal(fs_lock(folder->fd, "lock", &fd, &holder, &err), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(holder, pid);
    holder = -7;
    assert_int_equal(fs_lock_holder(folder->fd, "lock", &holder, &err), 0);
    assert_int_equal(holder, pid);
}

static void assert_held_by_nobody(const struct temp_folder *folder)
{
    struct error err;
    pid_t holder = -7;
    assert_int_equal(fs_lock_holder(folder->fd, "lock", &holder, &err), 0);
    assert_int_equal(holder, 0);
}

static void f9__a_lock_has_one_holder_and_tells_its_pid(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_CLOSE int fd = take(folder);
    assert_true(fd >= 0);
    assert_held_by(folder, getpid());
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* Members of the folder's group tell by it whether there is a daemon, whatever the umask of the service is. */
static void fs_lock__is_readable_for_the_group_under_any_umask(void **state)
{
    const struct temp_folder *folder = *state;
    struct stat st;
    mode_t before = umask(0077);
    AUTO_CLOSE int fd = take(folder);
    umask(before);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void fs_lock__is_free_once_closed(void **state)
{
    const struct temp_folder *folder = *state;
    int first = take(folder);
    assert_true(first >= 0);
    close(first);
    assert_held_by_nobody(folder);
    AUTO_CLOSE int fd = take(folder);
    assert_true(fd >= 0);
    assert_held_by(folder, getpid());
}

static void fs_lock__survives_that_others_look(void **state)
{
    const struct temp_folder *folder = *state;
    AUTO_CLOSE int fd = take(folder);
    assert_true(fd >= 0);
    /* A classic POSIX lock would end here: with any descriptor of the file that the process closes. */
    close(openat(folder->fd, "lock", O_RDONLY));
    assert_held_by(folder, getpid());
    assert_held_by(folder, getpid());
}

static void f9__a_lock_ends_with_a_killed_process(void **state)
{
    const struct temp_folder *folder = *state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err;
        int fd = -1;
        pid_t holder;
        close(ready[0]);
        if (fs_lock(folder->fd, "lock", &fd, &holder, &err) == 0 && fd >= 0 && write(ready[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_held_by(folder, child);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_held_by_nobody(folder); /* though the pid is still written there */
    AUTO_CLOSE int fd = take(folder);
    assert_true(fd >= 0);
    assert_held_by(folder, getpid());
}

static void fs_lock__writes_over_what_the_file_said(void **state)
{
    const struct temp_folder *folder = *state;
    put_file(folder, "lock", "4294967295 and much more text than a pid\nin two lines\n");
    AUTO_CLOSE int fd = take(folder);
    assert_true(fd >= 0);
    assert_held_by(folder, getpid());
}

/* Somebody who has the lock and has written this instead of a pid. */
static void assert_nameless(const struct temp_folder *folder, const char *text)
{
    struct error err;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    put_file(folder, "lock", text);
    AUTO_CLOSE int held = openat(folder->fd, "lock", O_RDWR);
    assert_int_equal(fcntl(held, F_OFD_SETLK, &lock), 0);
    int fd = -7;
    pid_t holder = -7;
    assert_int_equal(fs_lock(folder->fd, "lock", &fd, &holder, &err), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(holder, 0);
    holder = -7;
    assert_int_equal(fs_lock_holder(folder->fd, "lock", &holder, &err), -1);
    assert_int_equal(err.sys, EAGAIN);
    assert_int_equal(holder, -7);
}

static void fs_lock__makes_no_pid_of_what_is_none(void **state)
{
    static const char *const texts[] = {"", "\n", "x", "-1\n", " 12\n", "0123\n", "4294967296\n", "2147483648\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_nameless(*state, texts[i]);
}

static void fs_lock__has_no_holder_where_there_is_no_file(void **state)
{
    assert_held_by_nobody(*state);
}

static void assert_refused(const struct temp_folder *folder, const char *why)
{
    struct error err;
    int fd = -7;
    pid_t holder = -7;
    assert_int_equal(fs_lock(folder->fd, "lock", &fd, &holder, &err), -1);
    assert_string_equal(err.code, ERR_FILE_UNSAFE);
    assert_non_null(strstr(err.message, why));
    assert_int_equal(fd, -7);
    assert_int_equal(holder, -7);
}

static void assert_refused_to_all(const struct temp_folder *folder, const char *why)
{
    struct error err;
    pid_t holder = -7;
    assert_refused(folder, why);
    assert_int_equal(fs_lock_holder(folder->fd, "lock", &holder, &err), -1);
    assert_string_equal(err.code, ERR_FILE_UNSAFE);
    assert_non_null(strstr(err.message, why));
    assert_int_equal(holder, -7);
    assert_int_equal(unlinkat(folder->fd, "lock", strstr(why, "folder") != NULL ? AT_REMOVEDIR : 0), 0);
}

static void fs_lock__refuses_what_is_no_regular_file(void **state)
{
    const struct temp_folder *folder = *state;
    put_file(folder, "victim", "kept");
    assert_int_equal(symlinkat("victim", folder->fd, "lock"), 0);
    assert_refused_to_all(folder, "is a symbolic link");
    assert_int_equal(symlinkat("nowhere", folder->fd, "lock"), 0);
    assert_refused_to_all(folder, "is a symbolic link");
    assert_int_equal(mkdirat(folder->fd, "lock", 0700), 0);
    assert_refused_to_all(folder, "is a folder");
    assert_int_equal(mkfifoat(folder->fd, "lock", 0600), 0);
    assert_refused_to_all(folder, "is a FIFO");
}

static void fs_lock__writes_into_no_file_of_somebody_else(void **state)
{
    const struct temp_folder *folder = *state;
    char text[8] = "";
    put_file(folder, "victim", "kept");
    assert_int_equal(linkat(folder->fd, "victim", folder->fd, "lock", 0), 0);
    assert_refused(folder, "has 2 hard links");
    AUTO_CLOSE int fd = openat(folder->fd, "victim", O_RDONLY);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_string_equal(text, "kept");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_drop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(f9__a_lock_has_one_holder_and_tells_its_pid),
        TEST(fs_lock__is_readable_for_the_group_under_any_umask),
        TEST(fs_lock__is_free_once_closed),
        TEST(fs_lock__survives_that_others_look),
        TEST(f9__a_lock_ends_with_a_killed_process),
        TEST(fs_lock__writes_over_what_the_file_said),
        TEST(fs_lock__makes_no_pid_of_what_is_none),
        TEST(fs_lock__has_no_holder_where_there_is_no_file),
        TEST(fs_lock__refuses_what_is_no_regular_file),
        TEST(fs_lock__writes_into_no_file_of_somebody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
