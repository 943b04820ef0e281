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

struct sleeper {
    int fd;
    sem_t awake;
    int64_t at_ns;
};

static void *sleeper_run(void *context)
{
    struct sleeper *sleeper = context;
    char events[4096];
    while (read(sleeper->fd, events, sizeof events) > 0) {
        sleeper->at_ns = now_ns();
        sem_post(&sleeper->awake);
    }
    return NULL;
}

/* bench inotify --dir DIR --count N --gap MS: DIR gets refs/heads. */
void bench_inotify(void)
{
    struct samples list = {.name = "inotify"};
    struct sleeper sleeper = {.fd = inotify_init1(IN_CLOEXEC)};
    pthread_t thread;
    char heads[4096];
    const char *dir = option("dir", NULL);
    snprintf(heads, sizeof heads, "%s/refs/heads", dir);
    if (sleeper.fd < 0 || inotify_add_watch(sleeper.fd, heads, IN_MOVED_TO) < 0 ||
        sem_init(&sleeper.awake, 0, 0) != 0 || pthread_create(&thread, NULL, sleeper_run, &sleeper) != 0)
        die("cannot watch %s", heads);
    for (long i = 0, count = option_number("count", 100); i < count; i++) {
        pause_ms(option_number("gap", 20));
        int64_t start = ref_move(dir, "main", "0123456789012345678901234567890123456789");
        sem_wait(&sleeper.awake);
        samples_add(&list, sleeper.at_ns - start);
    }
    samples_print(&list, 1); /* the thread ends with the program */
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

static int64_t append_at(int fd, const void *line, size_t size, size_t at)
{
    int64_t start = now_ns();
    if (pwrite(fd, line, size, (off_t)(at * size)) != (ssize_t)size || fdatasync(fd) != 0)
        die("cannot append");
    return now_ns() - start;
}

/*
 * bench append --dir DIR --size BYTES --count N --gap MS: `append` with nobody else on the file system. `append beside git`
 * is what the road has: a branch is moved on the same file system just before, as the end-to-end loop does it, in
 * DIR/refs/heads. Both in turn.
 */
void bench_append(void)
{
    struct samples lists[] = {{.name = "hmac"}, {.name = "append"}, {.name = "append beside git"}};
    char path[4096];
    const char *dir = option("dir", NULL);
    size_t size = (size_t)option_number("size", 2400), count = (size_t)option_number("count", 100);
    unsigned char key[crypto_auth_hmacsha256_KEYBYTES], mac[crypto_auth_hmacsha256_BYTES];
    unsigned char *AUTO_FREE line = malloc(size);
    if (line == NULL)
        die("out of memory");
    fill_random(line, size);
    fill_random(key, sizeof key);
    snprintf(path, sizeof path, "%s/appended", dir);
    AUTO_CLOSE int fd = preallocated(path, size * count * 2);
    for (size_t i = 0; i < count; i++) {
        pause_ms(option_number("gap", 20));
        samples_add(&lists[1], append_at(fd, line, size, i * 2));
        pause_ms(option_number("gap", 20));
        ref_move(dir, "main", "0123456789012345678901234567890123456789");
        int64_t start = now_ns();
        crypto_auth_hmacsha256(mac, line, size, key);
        samples_add(&lists[0], now_ns() - start);
        samples_add(&lists[2], append_at(fd, line, size, i * 2 + 1));
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
