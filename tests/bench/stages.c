/*
 * stages: what each stage of the road costs by itself, done as directly as it can be done: the floor that the
 * daemon is compared with, in the same round and at the same gap.
 */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <yaml.h>

static void fill_random(void *data, size_t len)
{
    if (sodium_init() < 0)
        die("no libsodium");
    randombytes_buf(data, len);
}

/* --- inotify: rename → awake ---------------------------------------------------------------------------- */

/* A thread that waits for the branch to move, as the daemon does, while the main thread moves it. */
struct sleeper {
    int fd;
    sem_t done;
    int64_t awake_ns;
    void (*work)(void *context); /* done at once when awake, or NULL */
    void *context;
};

static void *sleeper_run(void *context)
{
    struct sleeper *sleeper = context;
    char events[4096];
    while (read(sleeper->fd, events, sizeof events) > 0) {
        sleeper->awake_ns = now_ns();
        if (sleeper->work != NULL)
            sleeper->work(sleeper->context);
        sem_post(&sleeper->done);
    }
    return NULL;
}

/* Watches DIR/refs/heads; the thread ends with the program. */
static void sleeper_start(struct sleeper *sleeper, const char *dir)
{
    pthread_t thread;
    char heads[4096];
    snprintf(heads, sizeof heads, "%s/refs/heads", dir);
    sleeper->fd = inotify_init1(IN_CLOEXEC);
    if (sleeper->fd < 0 || inotify_add_watch(sleeper->fd, heads, IN_MOVED_TO) < 0 || sem_init(&sleeper->done, 0, 0) != 0 ||
        pthread_create(&thread, NULL, sleeper_run, sleeper) != 0)
        die("cannot watch %s", heads);
}

/* Moves the branch and waits until the thread has done its work: when the move began. */
static int64_t sleeper_wake(struct sleeper *sleeper, const char *dir)
{
    int64_t start = ref_move(dir, "main", "0123456789012345678901234567890123456789");
    sem_wait(&sleeper->done);
    return start;
}

/* bench inotify --dir DIR --count N --gap MS: DIR has refs/heads. */
void bench_inotify(void)
{
    struct samples list = {.name = "inotify"};
    struct sleeper sleeper = {0};
    const char *dir = option("dir", NULL);
    sleeper_start(&sleeper, dir);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        int64_t start = sleeper_wake(&sleeper, dir);
        samples_add(&list, sleeper.awake_ns - start);
    }
    samples_print(&list, 1);
}

/* --- YAML: bytes → events ------------------------------------------------------------------------------- */

static void parse(const struct buf *text)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_over = false;
    if (!yaml_parser_initialize(&parser))
        die("out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
    while (!is_over) {
        if (!yaml_parser_parse(&parser, &event))
            die("not YAML");
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

/* bench yaml --file FILE --count N --gap MS */
void bench_yaml(void)
{
    struct samples list = {.name = "yaml"};
    struct buf text = {0};
    file_read(option("file", NULL), &text);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        int64_t start = now_ns();
        parse(&text);
        samples_add(&list, now_ns() - start);
    }
    buf_fini(&text);
    samples_print(&list, 1);
}

/* --- Ed25519 -------------------------------------------------------------------------------------------- */

/* bench ed25519 --size BYTES --count N --gap MS */
void bench_ed25519(void)
{
    struct samples lists[] = {{.name = "sign"}, {.name = "verify"}};
    size_t size = (size_t)option_number("size", 900);
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES],
        signature[crypto_sign_BYTES];
    unsigned char *AUTO_FREE text = malloc(size);
    if (text == NULL)
        die("out of memory");
    fill_random(text, size);
    crypto_sign_keypair(public_key, secret);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        int64_t start = now_ns();
        crypto_sign_detached(signature, NULL, text, size, secret);
        int64_t signed_at = now_ns();
        if (crypto_sign_verify_detached(signature, text, size, public_key) != 0)
            die("a signature is wrong");
        samples_add(&lists[0], signed_at - start);
        samples_add(&lists[1], now_ns() - signed_at);
    }
    samples_print(lists, ARRAY_LEN(lists));
}

/* --- append + fdatasync --------------------------------------------------------------------------------- */

static int preallocated(const char *path, size_t len)
{
    static const char zeros[65536];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die("cannot make %s", path);
    for (size_t done = 0; done < len; done += sizeof zeros)
        write_all(fd, zeros, sizeof zeros);
    if (fsync(fd) != 0)
        die("cannot sync %s", path);
    return fd;
}

struct append {
    int fd;
    void *line;
    size_t size, at;
    int64_t lead_ns;
    int64_t took_ns;
};

static void append_line(struct append *append)
{
    int64_t start = now_ns();
    if (pwrite(append->fd, append->line, append->size, (off_t)append->at) != (ssize_t)append->size ||
        fdatasync(append->fd) != 0)
        die("cannot append");
    append->at += append->size;
    append->took_ns = now_ns() - start;
}

static void append_when_moved(void *context)
{
    struct append *append = context;
    int64_t start = now_ns();
    while (now_ns() - start < append->lead_ns)
        continue; /* the daemon's processor is busy meanwhile, and the disk is not idle */
    append_line(append);
}

static void time_hmac(const struct append *append, struct samples *list)
{
    unsigned char key[crypto_auth_hmacsha256_KEYBYTES] = {1}, mac[crypto_auth_hmacsha256_BYTES];
    int64_t start = now_ns();
    crypto_auth_hmacsha256(mac, append->line, append->size, key);
    samples_add(list, now_ns() - start);
}

/*
 * bench append --dir DIR --size BYTES --count N --gap MS --lead US: `append` with nobody else on the file system. `append
 * beside git` is what the road has: woken by the move of a branch on the same file system (DIR/refs/heads), `lead` after it,
 * which is what the stages before it take. Whoever is woken by a rename writes beside it: the rename goes on to free the
 * block of the branch's last value, and a disk that is told to discard it answers nobody else for so long. In turn.
 */
void bench_append(void)
{
    struct samples lists[] = {{.name = "hmac"}, {.name = "append"}, {.name = "append beside git"}};
    char path[4096];
    const char *dir = option("dir", NULL);
    size_t size = (size_t)option_number("size", 2400), count = (size_t)option_number("count", 100);
    unsigned char *AUTO_FREE line = malloc(size);
    struct append append = {.line = line, .size = size, .lead_ns = option_number("lead", 0) * 1000};
    struct sleeper sleeper = {.work = append_when_moved, .context = &append};
    if (line == NULL)
        die("out of memory");
    fill_random(line, size);
    snprintf(path, sizeof path, "%s/appended", dir);
    append.fd = preallocated(path, size * count * 2);
    sleeper_start(&sleeper, dir);
    for (size_t i = 0; i < count; i++) {
        pause_ms(option_number("gap", 20));
        append_line(&append);
        samples_add(&lists[1], append.took_ns);
        pause_ms(option_number("gap", 20));
        time_hmac(&append, &lists[0]);
        sleeper_wake(&sleeper, dir);
        samples_add(&lists[2], append.took_ns);
    }
    unlink(path);
    samples_print(lists, ARRAY_LEN(lists));
}

/* --- a snapshot's bytes: HMAC, write, sync, rename, sync ------------------------------------------------ */

/* bench snapshot --file FILE --dir DIR --count N: the bytes of FILE. */
void bench_snapshot(void)
{
    struct samples list = {.name = "snapshot"};
    struct buf text = {0};
    char path[4096], temporary[4100];
    unsigned char key[crypto_auth_hmacsha256_KEYBYTES], mac[crypto_auth_hmacsha256_BYTES];
    const char *dir = option("dir", NULL);
    snprintf(path, sizeof path, "%s/snapshot", dir);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    fill_random(key, sizeof key);
    file_read(option("file", NULL), &text);
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long i = 0, count = option_number("count", 5); i < count; i++) {
        int64_t start = now_ns();
        int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        crypto_auth_hmacsha256(mac, (const unsigned char *)text.data, text.len, key);
        write_all(fd, text.data, text.len);
        if (fsync(fd) != 0 || close(fd) != 0 || rename(temporary, path) != 0 || fsync(folder) != 0)
            die("cannot write %s", path);
        samples_add(&list, now_ns() - start);
    }
    close(folder);
    unlink(path);
    buf_fini(&text);
    samples_print(&list, 1);
}

/* --- one thread held --------------------------------------------------------------------------------------
 */

/* bench freeze --thread TID: stops that thread alone until standard input ends. Says "frozen". */
void bench_freeze(void)
{
    char byte;
    int status;
    pid_t thread = (pid_t)option_number("thread", 0);
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 ||
        waitpid(thread, &status, __WALL) != thread)
        die("cannot hold thread %d", (int)thread);
    puts("frozen");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    ptrace(PTRACE_DETACH, thread, NULL, NULL);
}
