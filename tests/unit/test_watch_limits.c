/*
 * watch_start: which limit kept it from watching, by name; and what libinotifytools must never come to print.
 */
#include "real_git.h"

#include <sched.h>
#include <sys/resource.h>

#include "io/watch.h"

static void make_repo(void)
{
    sh("git init -q -b main here && cd here && echo 1 > a && git add a && git commit -q -m first");
}

/* In a child, since limits stay. 0 if starting is refused with these words. */
static int try_start(const char *words)
{
    struct error err;
    int fd = -2;
    if (watch_start("here/.git", "main", &fd, &err) != -1 || fd != -1)
        return 1;
    if (strcmp(err.code, CODE_POLL_ONLY) != 0 || strstr(err.message, words) == NULL) {
        fprintf(stderr, "\"%s\" [%s]\n", err.message, err.code);
        return 2;
    }
    return 0;
}

static void assert_in_child(int (*check)(void *), void *context)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check(context));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    return file != NULL && fputs(text, file) >= 0 && fclose(file) == 0;
}

struct limit {
    const char *path, *value, *words;
};

/* In a user namespace the limits of the host are out of reach, and ours are not. */
static int start_in_namespace(void *context)
{
    const struct limit *limit = context;
    if (unshare(CLONE_NEWUSER) != 0 || !write_file(limit->path, limit->value))
        return 77;
    return try_start(limit->words);
}

static void f49__the_kernels_limit_of_watches_is_named(void **state)
{
    (void)state;
    struct limit instances = {"/proc/sys/user/max_inotify_instances", "0",
                              "fs.inotify.max_user_instances is used up"},
                 watches = {"/proc/sys/user/max_inotify_watches", "2",
                            "fs.inotify.max_user_watches is used up"};
    make_repo();
    assert_in_child(start_in_namespace, &instances);
    assert_in_child(start_in_namespace, &watches);
}

static int start_without_descriptors(void *context)
{
    (void)context;
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};
    return setrlimit(RLIMIT_NOFILE, &none) != 0 ? 77 : try_start("RLIMIT_NOFILE");
}

/* Above FD_SETSIZE the library would abort. */
static int start_with_high_descriptors(void *context)
{
    (void)context;
    struct rlimit many = {.rlim_cur = 2048, .rlim_max = 2048};
    if (setrlimit(RLIMIT_NOFILE, &many) != 0)
        return 77;
    while (open("/", O_PATH | O_CLOEXEC) < 1100)
        ;
    return try_start("descriptor");
}

static void f49__the_limit_of_the_process_is_named(void **state)
{
    (void)state;
    make_repo();
    assert_in_child(start_without_descriptors, NULL);
    assert_in_child(start_with_high_descriptors, NULL);
}

static void watch_start__refuses_what_is_no_folder(void **state)
{
    (void)state;
    struct error err;
    int fd = -2;
    char too_long[5000];
    make_repo();
    assert_refused(watch_start("absent", "main", &fd, &err), CODE_POLL_ONLY,
                   "cannot watch absent: it is gone");
    assert_refused(watch_start("here/a", "main", &fd, &err), CODE_POLL_ONLY, "it is gone");
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    assert_refused(watch_start("here/.git", too_long, &fd, &err), CODE_POLL_ONLY, "File name too long");
    assert_int_equal(fd, -1);
}

static int print_nothing(void *context)
{
    struct error err;
    int fd;
    bool is_news;
    (void)context;
    if (freopen("stderr", "w", stderr) == NULL || watch_start("here/.git", "rel/1", &fd, &err) != 0)
        return 1;
    run_script("git -C here branch rel/1; git -C here branch -q -D rel/1; git -C here pack-refs --all; rm "
               "-rf here/.git/refs/heads");
    if (watch_drain(&fd, &is_news, &err) != 0)
        return 2;
    run_script("rm -rf here");
    if (watch_drain(&fd, &is_news, &err) != -1)
        return 3;
    if (watch_start("here/.git", "rel/1", &fd, &err) != -1)
        return 4;
    return 0;
}

static void watch__makes_the_library_print_nothing(void **state)
{
    (void)state;
    make_repo();
    assert_in_child(print_nothing, NULL);
    sh("test ! -s stderr || { cat stderr; exit 1; }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(f49__the_kernels_limit_of_watches_is_named),
        IN_A_FOLDER(f49__the_limit_of_the_process_is_named),
        IN_A_FOLDER(watch_start__refuses_what_is_no_folder),
        IN_A_FOLDER(watch__makes_the_library_print_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
