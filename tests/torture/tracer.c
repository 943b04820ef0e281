/*
 * tracer: runs a program to its K-th system call in its N-th thread, and there ends it with SIGKILL, makes the call fail, or makes it
 * short. Without K it counts.
 *
 *   tracer -o OUT [-a PATH] [-t N] [-k K [-e ERRNO | -s]] (-p PID | -- PROGRAM ARGUMENT…)
 *
 *   -a PATH   count from the readlink on that begins to resolve PATH, the program's settings: what comes before is the loader's
 *   -t N      the thread, in the order of their making; 0 is the first one
 *   -k K      at the K-th call that is counted, before the kernel does it: SIGKILL for the whole process
 *   -e ERRNO  instead, the call is not done and fails with this number
 *   -s        instead, a read or write is done with half of its bytes
 *   -p PID    a process that runs already, from now on; "ready" on standard output says that it is held
 *
 * strace can inject both, but counts each thread by itself and lets none be chosen, so a second thread's calls are never reached
 * behind the thousands of the first; and its short write writes nothing. OUT is one JSON object: how it ended, what was hit, the
 * numbers of all calls by thread. SIGTERM is passed on to the program, SIGINT as SIGKILL. If the
 * tracer dies the program does.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
/* Last: it defines again what sys/ptrace.h has. */
#include <linux/ptrace.h>

enum { THREADS_MAX = 64, CALLS_MAX = 1000 * 1000, PATH_LEN = 512, FAILED = 125 };
static const long OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

enum action { ACTION_KILL, ACTION_FAIL, ACTION_SHORTEN };

struct thread {
    pid_t tid;
    unsigned long calls;
    bool is_failing; /* its call was taken from it; the answer is given at the exit */
};

static struct {
    const char *out, *after;
    unsigned long thread, at;
    enum action action;
    int error;
    pid_t pid;
    bool is_attached, is_counting, is_hit;
    struct thread threads[THREADS_MAX];
    size_t threads_len;
    struct {
        unsigned thread, call;
    } * calls;
    size_t calls_len;
    int status;
} t;

static void die(const char *what)
{
    fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
    if (t.pid > 0)
        kill(t.pid, SIGKILL);
    exit(FAILED);
}

static struct thread *thread_of(pid_t tid)
{
    for (size_t i = 0; i < t.threads_len; i++)
        if (t.threads[i].tid == tid)
            return &t.threads[i];
    if (t.threads_len == THREADS_MAX)
        die("too many threads");
    t.threads[t.threads_len] = (struct thread){.tid = tid};
    return &t.threads[t.threads_len++];
}

/* --- at a call ------------------------------------------------------------------------------------------------------- */

/* realpath of the settings' file looks at each of its parents; the C library and the loader look at none of them so. */
static bool is_marker(pid_t tid, const struct ptrace_syscall_info *info)
{
    char path[PATH_LEN] = "";
    struct iovec here = {path, sizeof path - 1}, there = {(void *)(size_t)info->entry.args[0], sizeof path - 1};
    if (info->entry.nr != SYS_readlink || process_vm_readv(tid, &here, 1, &there, 1, 0) <= 0)
        return false;
    return strlen(path) > 1 && strncmp(path, t.after, strlen(path)) == 0;
}

static void set_register(pid_t tid, size_t offset, long value)
{
    if (ptrace(PTRACE_POKEUSER, tid, offset, value) != 0)
        die("cannot set a register");
}

/* Its call is exchanged for none; what it gives is put in place at the exit. */
static void fail_call(struct thread *thread)
{
#ifdef __x86_64__
    set_register(thread->tid, offsetof(struct user_regs_struct, orig_rax), -1);
    thread->is_failing = true;
#else
    errno = ENOSYS;
    die("making calls fail is written for x86-64 alone");
#endif
}

static void answer_call(struct thread *thread)
{
    thread->is_failing = false;
#ifdef __x86_64__
    set_register(thread->tid, offsetof(struct user_regs_struct, rax), -t.error);
#endif
}

static bool shorten_call(struct thread *thread, const struct ptrace_syscall_info *info)
{
    long call = (long)info->entry.nr;
    unsigned long len = info->entry.args[2];
    if ((call != SYS_read && call != SYS_write && call != SYS_pread64 && call != SYS_pwrite64) || len < 2)
        return false;
#ifdef __x86_64__
    set_register(thread->tid, offsetof(struct user_regs_struct, rdx), (long)(len / 2));
#endif
    return true;
}

static void hit(struct thread *thread, const struct ptrace_syscall_info *info)
{
    t.is_hit = true;
    switch (t.action) {
    case ACTION_KILL:
        kill(t.pid, SIGKILL);
        break;
    case ACTION_FAIL:
        fail_call(thread);
        break;
    case ACTION_SHORTEN:
        t.is_hit = shorten_call(thread, info);
        break;
    }
}

static void on_entry(struct thread *thread, const struct ptrace_syscall_info *info)
{
    if (!t.is_counting && (t.after == NULL ? info->entry.nr == SYS_execve : is_marker(thread->tid, info)))
        t.is_counting = true;
    if (!t.is_counting)
        return;
    if (t.calls_len == CALLS_MAX)
        die("too many calls");
    t.calls[t.calls_len].thread = (unsigned)(thread - t.threads);
    t.calls[t.calls_len++].call = (unsigned)info->entry.nr;
    thread->calls++;
    if (thread->calls == t.at && (size_t)(thread - t.threads) == t.thread)
        hit(thread, info);
}

static void on_call(struct thread *thread)
{
    struct ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof info, &info) <= 0)
        return; /* killed meanwhile */
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        on_entry(thread, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread->is_failing)
        answer_call(thread);
}

/* --- the run --------------------------------------------------------------------------------------------------------- */

static void on_term(int number)
{
    kill(t.pid, number == SIGTERM ? SIGTERM : SIGKILL);
}

static void on_stop(pid_t tid, int status)
{
    int number = WSTOPSIG(status), event = status >> 16, pass = 0;
    struct thread *thread = thread_of(tid);
    if (event == 0 && number == (SIGTRAP | 0x80))
        on_call(thread);
    else if (event == 0)
        pass = number;
    /* ESRCH: killed meanwhile, and waitpid will say so. */
    if (ptrace(PTRACE_SYSCALL, tid, 0, (long)pass) != 0 && errno != ESRCH)
        die("cannot go on");
}

static void follow(void)
{
    for (;;) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0 && errno == EINTR)
            continue;
        if (tid < 0)
            return;
        if (WIFSTOPPED(status))
            on_stop(tid, status);
        else if (tid == t.pid)
            t.status = status;
    }
}

static void start(char **program)
{
    int gate[2];
    char byte;
    if (pipe(gate) != 0 || (t.pid = fork()) < 0)
        die("fork");
    if (t.pid == 0) {
        close(gate[1]);
        while (read(gate[0], &byte, 1) < 0)
            ;
        close(gate[0]);
        execv(program[0], program);
        _exit(127);
    }
    thread_of(t.pid);
    if (ptrace(PTRACE_SEIZE, t.pid, 0, OPTIONS) != 0 || ptrace(PTRACE_INTERRUPT, t.pid, 0, 0) != 0)
        die("cannot trace");
    int status;
    if (waitpid(t.pid, &status, __WALL) != t.pid || ptrace(PTRACE_SYSCALL, t.pid, 0, 0) != 0)
        die("cannot trace");
    close(gate[0]);
    close(gate[1]);
}

static int compare_tids(const void *a, const void *b)
{
    return *(const pid_t *)a - *(const pid_t *)b;
}

static void attach(void)
{
    char path[64];
    pid_t tids[THREADS_MAX];
    size_t len = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)t.pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        die(path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL && len < THREADS_MAX;)
        if (entry->d_name[0] != '.')
            tids[len++] = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(folder);
    qsort(tids, len, sizeof tids[0], compare_tids);
    for (size_t i = 0; i < len; i++) {
        int status;
        thread_of(tids[i]);
        if (ptrace(PTRACE_SEIZE, tids[i], 0, OPTIONS) != 0 || ptrace(PTRACE_INTERRUPT, tids[i], 0, 0) != 0 ||
            waitpid(tids[i], &status, __WALL) != tids[i])
            die("cannot trace");
    }
    t.is_counting = true;
    for (size_t i = 0; i < len; i++)
        if (ptrace(PTRACE_SYSCALL, tids[i], 0, 0) != 0)
            die("cannot trace");
    puts("ready");
    fflush(stdout);
}

static void report(void)
{
    FILE *out = fopen(t.out, "w");
    if (out == NULL)
        die(t.out);
    fprintf(out, "{\"exit\":%d,\"signal\":%d,\"hit\":%s,\"calls\":[", WIFEXITED(t.status) ? WEXITSTATUS(t.status) : -1,
            WIFSIGNALED(t.status) ? WTERMSIG(t.status) : 0, t.is_hit ? "true" : "false");
    for (size_t i = 0; i < t.threads_len; i++) {
        bool is_first = true;
        fprintf(out, "%s[", i == 0 ? "" : ",");
        for (size_t k = 0; k < t.calls_len; k++) {
            if (t.calls[k].thread != i)
                continue;
            fprintf(out, "%s%u", is_first ? "" : ",", t.calls[k].call);
            is_first = false;
        }
        fprintf(out, "]");
    }
    fprintf(out, "]}\n");
    if (fclose(out) != 0)
        die(t.out);
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "+o:a:t:k:e:sp:")) != -1) {
        switch (option) {
        case 'o': t.out = optarg; break;
        case 'a': t.after = optarg; break;
        case 't': t.thread = strtoul(optarg, NULL, 10); break;
        case 'k': t.at = strtoul(optarg, NULL, 10); break;
        case 'e': t.action = ACTION_FAIL, t.error = (int)strtol(optarg, NULL, 10); break;
        case 's': t.action = ACTION_SHORTEN; break;
        case 'p': t.is_attached = true, t.pid = (pid_t)strtol(optarg, NULL, 10); break;
        default: return FAILED;
        }
    }
    if (t.out == NULL || (t.is_attached ? optind != argc : optind == argc)) {
        fputs("usage: tracer -o OUT [-a PATH] [-t N] [-k K [-e ERRNO | -s]] (-p PID | -- PROGRAM ARGUMENT...)\n", stderr);
        return FAILED;
    }
    t.calls = calloc(CALLS_MAX, sizeof *t.calls);
    if (t.calls == NULL)
        die("memory");
    struct sigaction pass = {.sa_handler = on_term};
    if (t.is_attached)
        attach();
    else
        start(argv + optind);
    sigaction(SIGTERM, &pass, NULL);
    sigaction(SIGINT, &pass, NULL);
    follow();
    report();
    return 0;
}
