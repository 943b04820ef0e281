/*
 * failing_malloc: preloaded into epochd, makes one allocation of the whole process fail, or all from there
 * on, whoever asks. The file that FAILING_MALLOC names is mapped: memory_process.py reads there how many were
 * asked for, says which is to fail, and reads in whose code the process died.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

enum { FRAMES_MAX = 24 };

/* Shared with memory_process.py, which knows this layout. */
struct control {
    int64_t asked, fail_at, is_sticky, refused;
    char library[64]; /* of the innermost frame that is not the C library's */
};

static struct control nobody, *control = &nobody;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static int is_refused(void)
{
    int64_t now = __atomic_add_fetch(&control->asked, 1, __ATOMIC_RELAXED);
    int64_t at = __atomic_load_n(&control->fail_at, __ATOMIC_RELAXED);
    if (at == 0 || now < at || (now > at && !control->is_sticky))
        return 0;
    __atomic_add_fetch(&control->refused, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

EXPORTED void *malloc(size_t size)
{
    return is_refused() ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *block, size_t size)
{
    return is_refused() ? NULL : __libc_realloc(block, size);
}

/* The process is lost, so what may not be done in a handler may be done here: at worst nothing is told. */
static void on_crash(int number)
{
    void *frames[FRAMES_MAX];
    control->fail_at = 0;
    int len = backtrace(frames, FRAMES_MAX);
    for (int i = 1; i < len; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) == 0 || info.dli_fname == NULL)
            continue;
        const char *slash = strrchr(info.dli_fname, '/'), *name = slash == NULL ? info.dli_fname : slash + 1;
        if (strncmp(name, "libc.", 5) == 0 || strstr(name, "failing_malloc") != NULL)
            continue;
        strncpy(control->library, name, sizeof control->library - 1);
        break;
    }
    signal(number, SIG_DFL);
    raise(number);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAILING_MALLOC");
    void *warm[1];
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!backtrace(warm, 1); /* loads what it needs while there is memory */
    struct control *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        return;
    control = mapped;
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    signal(SIGBUS, on_crash);
}
