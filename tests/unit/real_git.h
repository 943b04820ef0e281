/*
 * real_git: the git command, for the tests of repo and watch: a folder for one test, an environment in which
 * nothing of the host's configuration counts, and shell lines that must succeed there.
 */
#ifndef TESTS_UNIT_REAL_GIT_H
#define TESTS_UNIT_REAL_GIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/repo.h"
#include "model/codes.h"
#include "temp_folder.h"

enum { SCRIPT_MAX = 8192, STRANGER = 54321 };

static const struct repo_policy ours = {0};

/* libgit2 1.5 leaks what it matches the config's keys with when repositoryformatversion is 1. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpcre2-8";
}

/* *state is the struct temp_folder, and the working directory is in it. */
static inline int git_set_up(void **state)
{
    static const char *const unwanted[] = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
                                           "GIT_WORK_TREE", "GIT_ALTERNATE_OBJECT_DIRECTORIES"};
    if (temp_folder_make(state) != 0)
        return -1;
    const struct temp_folder *folder = *state;
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        unsetenv(unwanted[i]);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1);
    setenv("GIT_AUTHOR_NAME", "Ada", 1);
    setenv("GIT_AUTHOR_EMAIL", "ada@example.org", 1);
    setenv("GIT_COMMITTER_NAME", "Ada", 1);
    setenv("GIT_COMMITTER_EMAIL", "ada@example.org", 1);
    setenv("HOME", folder->path, 1);
    setenv("GIT_TEST_FSYNC", "0", 1); /* nothing here has to survive a power cut */
    umask(022);
    return chdir(folder->path) == 0 && chmod(folder->path, 0755) == 0 ? 0 : -1;
}

static inline int git_tear_down(void **state)
{
    return chdir("/") != 0 ? -1 : temp_folder_drop(state);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, git_set_up, git_tear_down)

static inline void run_script(const char *script)
{
    char all[SCRIPT_MAX + 16];
    snprintf(all, sizeof all, "set -eu\n%s", script);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", all, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0)
        fail_msg("this failed with status %d:\n%s", status, script);
}

/* Runs the formatted shell lines in the test's folder; all of them must succeed. */
static inline PRINTF_LIKE(1, 2) void sh(const char *format, ...)
{
    char script[SCRIPT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(script, sizeof script, format, args);
    va_end(args);
    assert_true(len > 0 && len < SCRIPT_MAX);
    run_script(script);
}

/* The first line that a command prints. */
static inline PRINTF_LIKE(3, 4) void sh_line(char *out, size_t size, const char *format, ...)
{
    char script[SCRIPT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(script, sizeof script, format, args);
    va_end(args);
    FILE *pipe = popen(script, "r");
    assert_non_null(pipe);
    if (fgets(out, (int)size, pipe) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    assert_int_equal(pclose(pipe), 0);
}

/* What git says a revision is, in the repository at `repo`. */
static inline struct oid git_id(const char *repo, const char *revision)
{
    char hex[64];
    struct oid oid;
    sh_line(hex, sizeof hex, "git -C '%s' rev-parse --verify '%s'", repo, revision);
    assert_true(oid_parse(span_of(hex), &oid));
    return oid;
}

static inline void assert_same_id(const struct oid *a, const struct oid *b)
{
    char left[OID_HEX_LEN + 1], right[OID_HEX_LEN + 1];
    oid_format(a, left);
    oid_format(b, right);
    assert_string_equal(left, right);
}

static inline struct oid id_of_hex(const char *hex)
{
    struct oid oid;
    assert_true(oid_parse(span_of(hex), &oid));
    return oid;
}

/* For calls that must succeed; the message of the error is what one wants to see. */
#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != 0)                                                                                     \
            fail_msg("%s: %s [%s]", #call, err.message, err.code);                                           \
    } while (0)

/* For calls that must be refused, with this code and these words in the message. */
#define assert_refused(call, wanted, words)                                                                  \
    do {                                                                                                     \
        assert_int_equal((call), -1);                                                                        \
        if (strcmp(err.code, wanted) != 0 || strstr(err.message, words) == NULL)                             \
            fail_msg("%s: \"%s\" [%s] is not \"…%s…\" [%s]", #call, err.message, err.code, words, wanted);   \
    } while (0)

static inline struct repo *open_repo(const char *path)
{
    struct error err;
    struct repo *repo = NULL;
    assert_ok(repo_open(&repo, path, &ours, &err));
    return repo;
}

static inline struct oid tip_of(struct repo *repo, const char *branch)
{
    struct error err;
    struct oid tip = {{0}};
    bool is_missing = true;
    assert_ok(repo_branch_tip(repo, branch, &is_missing, &tip, &err));
    assert_false(is_missing);
    return tip;
}

/* Runs `check` as a user who owns nothing here; it must return 0. */
static inline void as_stranger(int (*check)(void *), void *context)
{
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(setegid(STRANGER) != 0 || seteuid(STRANGER) != 0 ? 99 : check(context));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#endif
