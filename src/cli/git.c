/*
 * git: see git.h. Input and output are files in memory, so that neither side ever waits for the other.
 */
#include "cli/git.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/spawn.h"
#include "model/codes.h"
#include "util/fs.h"

enum { CANNOT_BEGIN = 127 };

/* --- the child ------------------------------------------------------------------------------------------ */

/* The repository is the one we say, whatever a hook or a shell has set: all of git rev-parse --local-env-vars but
   GIT_CONFIG_…, which is the caller's to set. */
static int set_environment(const struct git *git)
{
    static const char *const unwanted[] = {
        "GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE",
        "GIT_NO_REPLACE_OBJECTS", "GIT_PREFIX", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE"};
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        if (unsetenv(unwanted[i]) != 0)
            return -1;
    if (setenv(GIT_ANSWERED, "1", 1) != 0 || setenv("LC_ALL", "C.UTF-8", 1) != 0)
        return -1;
    if (git->name == NULL)
        return 0;
    return setenv("GIT_AUTHOR_NAME", git->name, 1) != 0 || setenv("GIT_AUTHOR_EMAIL", git->mail, 1) != 0 ||
                   setenv("GIT_COMMITTER_NAME", git->name, 1) != 0 || setenv("GIT_COMMITTER_EMAIL", git->mail, 1) != 0
               ? -1
               : 0;
}

static _Noreturn void be_git(const struct git *git, const struct git_call *call, int in, int out)
{
    const char *argv[GIT_ARGS_MAX + 1] = {"git"};
    for (size_t i = 0; i + 1 < GIT_ARGS_MAX && call->args[i] != NULL; i++)
        argv[i + 1] = call->args[i];
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool is_ready = null >= 0 && dup2(in, STDIN_FILENO) >= 0 &&
                    dup2(out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO) >= 0 &&
                    (!call->is_silent || dup2(null, STDERR_FILENO) >= 0) && set_environment(git) == 0 &&
                    (git->owner == NULL || owner_become(git->owner) == 0) && chdir(git->dir) == 0;
    if (is_ready)
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(CANNOT_BEGIN);
}

/* --- the parent ----------------------------------------------------------------------------------------- */

static int open_input(struct span input, int *out, struct error *err)
{
    int fd = memfd_create("git-input", MFD_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot make a file in memory");
    *out = fd;
    return input.len == 0 ? 0 : fs_write_at(fd, input, 0, err);
}

static int take_output(int fd, struct buf *out, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size > GIT_OUTPUT_MAX)
        return error_set(err, CODE_GIT, 0, "git says more than %d bytes", GIT_OUTPUT_MAX);
    size_t size = (size_t)st.st_size;
    char *room = buf_reserve(out, size);
    if (room == NULL)
        return error_memory(err);
    if (pread(fd, room, size, 0) != st.st_size)
        return error_set(err, ERR_SYSTEM, errno, "cannot read what git says");
    out->len += size;
    return 0;
}

static int start_and_wait(const struct git *git, const struct git_call *call, int in, int out, int *status, struct error *err)
{
    struct spawn_keys keys;
    spawn_leave_keys(&keys);
    pid_t pid = fork();
    if (pid == 0) {
        spawn_take_keys(&keys);
        be_git(git, call, in, out);
    }
    int rc = pid < 0 ? error_set(err, ERR_SYSTEM, errno, "cannot run git") : 0;
    while (rc == 0 && waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            rc = error_set(err, ERR_SYSTEM, errno, "cannot wait for git");
    spawn_take_keys(&keys);
    return rc;
}

int git_run(const struct git *git, const struct git_call *call, int *exit_code, struct error *err)
{
    AUTO_CLOSE int in = -1;
    AUTO_CLOSE int out = -1;
    int status;
    if (open_input(call->input, &in, err) != 0 || (call->output != NULL && open_input((struct span){0}, &out, err) != 0))
        return -1;
    fflush(stdout); /* what was printed stands before what git prints */
    if (start_and_wait(git, call, in, out, &status, err) != 0)
        return -1;
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (*exit_code == CANNOT_BEGIN)
        return error_set(err, CODE_GIT, 0, "git could not be run in '%s': is it installed?", git->dir);
    return call->output == NULL ? 0 : take_output(out, call->output, err);
}

int git_must(const struct git *git, const struct git_call *call, struct error *err)
{
    int exit_code;
    if (git_run(git, call, &exit_code, err) != 0)
        return -1;
    if (exit_code == 0)
        return 0;
    const char *const *verb = call->args;
    while (verb[0][0] == '-' && verb[1] != NULL) /* options of git itself */
        verb++;
    return error_set(err, CODE_GIT, 0, "git %s ended with %d", *verb, exit_code);
}

/* --- who commits ---------------------------------------------------------------------------------------- */

/* "Name <mail> seconds zone". */
static bool parse_identity(struct span text, char name[static 256], char mail[static 256])
{
    const char *open = memchr(text.data, '<', text.len);
    const char *close = open == NULL ? NULL : memchr(open, '>', text.len - (size_t)(open - text.data));
    if (close == NULL || open < text.data + 2 || open - text.data > 255 || close - open > 255)
        return false;
    snprintf(name, 256, "%.*s", (int)(open - text.data) - 1, text.data);
    snprintf(mail, 256, "%.*s", (int)(close - open) - 1, open + 1);
    return true;
}

static int ask_identity(const struct git *git, bool *found, char name[static 256], char mail[static 256],
                        struct error *err)
{
    struct buf text AUTO_BUF = {0};
    const struct git_call call = {
        .args = {"-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"}, .output = &text, .is_silent = true};
    int exit_code;
    if (git_run(git, &call, &exit_code, err) != 0)
        return -1;
    *found = exit_code == 0 && text.len > 0 && parse_identity(buf_span(&text), name, mail);
    return 0;
}

int git_identity(const struct git *git, char name[static 256], char mail[static 256], struct error *err)
{
    const struct git caller = {.dir = "/"};
    bool found = false, is_other = git->owner != NULL && git->owner->is_other;
    /* Root who acts as somebody else stays who they are in the history. */
    if (is_other && ask_identity(&caller, &found, name, mail, err) != 0)
        return -1;
    if (!found && ask_identity(git, &found, name, mail, err) != 0)
        return -1;
    if (found)
        return 0;
    return error_set(err, CODE_IDENTITY, 0, "git does not know who you are");
}
