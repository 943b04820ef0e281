/*
 * bench: see bench.h. Clocks, lists of figures, options, the table of verbs.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char **options;

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    if (ms > 0)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

const char *option(const char *name, const char *fallback)
{
    for (char **at = options; at[0] != NULL && at[1] != NULL; at += 2)
        if (strncmp(at[0], "--", 2) == 0 && strcmp(at[0] + 2, name) == 0)
            return at[1];
    if (fallback == NULL)
        die("--%s is missing", name);
    return fallback;
}

long option_number(const char *name, long fallback)
{
    char *end;
    const char *text = option(name, "");
    long value = strtol(text, &end, 10);
    if (text[0] == '\0')
        return fallback;
    if (*end != '\0' || value < 0)
        die("--%s takes a number", name);
    return value;
}

void samples_add(struct samples *samples, int64_t ns)
{
    if (samples->len == samples->cap) {
        samples->cap = samples->cap == 0 ? 256 : samples->cap * 2;
        samples->us = reallocarray(samples->us, samples->cap, sizeof *samples->us);
        if (samples->us == NULL)
            die("out of memory");
    }
    samples->us[samples->len++] = (double)ns / 1000;
}

void samples_print(const struct samples *lists, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        printf("%s\"%s\":[", i == 0 ? "{" : ",", lists[i].name);
        for (size_t j = 0; j < lists[i].len; j++)
            printf("%s%.1f", j == 0 ? "" : ",", lists[i].us[j]);
        putchar(']');
        free(lists[i].us);
    }
    puts("}");
}

/* --- files ---------------------------------------------------------------------------------------------- */

void file_read(const char *path, struct buf *out)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("cannot open %s", path);
    for (;;) {
        char *to = buf_reserve(out, 65536);
        ssize_t n = to == NULL ? -1 : read(fd, to, 65536);
        if (n < 0)
            die("cannot read %s", path);
        if (n == 0)
            return;
        out->len += (size_t)n;
    }
}

struct lines lines_read(const char *path)
{
    struct lines lines = {0};
    struct buf text = {0}; /* the lines live in it, to the end of the program */
    size_t cap = 0;
    file_read(path, &text);
    buf_putc(&text, '\0');
    for (char *line = strtok(text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (lines.len == cap) {
            cap = cap == 0 ? 256 : cap * 2;
            lines.at = reallocarray(lines.at, cap, sizeof *lines.at);
            if (lines.at == NULL)
                die("out of memory");
        }
        lines.at[lines.len++] = line;
    }
    return lines;
}

int64_t ref_move(const char *git_dir, const char *branch, const char *id)
{
    char ref[4096], lock[4104], line[64];
    snprintf(ref, sizeof ref, "%s/refs/heads/%s", git_dir, branch);
    snprintf(lock, sizeof lock, "%s.lock", ref);
    int len = snprintf(line, sizeof line, "%s\n", id);
    int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        die("cannot lock %s", ref);
    write_all(fd, line, (size_t)len);
    close(fd);
    int64_t start = now_ns();
    if (rename(lock, ref) != 0)
        die("cannot move %s", ref);
    return start;
}

/* --- sockets -------------------------------------------------------------------------------------------- */

int tcp_connect(long port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("cannot connect to port %ld", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n <= 0)
            die("cannot write");
        at += n;
        len -= (size_t)n;
    }
}

bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms) > 0;
}

/* --- verbs ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(void);
} verbs[] = {
    {"acks", bench_acks},     {"road", bench_road},     {"inotify", bench_inotify},   {"tree", bench_tree},
    {"blobs", bench_blobs},   {"yaml", bench_yaml}, {"schema", bench_schema},         {"ed25519", bench_ed25519},
    {"append", bench_append}, {"snapshot", bench_snapshot}, {"publish", bench_publish},
    {"redis", bench_redis},   {"etcd", bench_etcd},         {"freeze", bench_freeze},
};

int main(int argc, char **argv)
{
    options = argv + (argc > 1 ? 2 : 1);
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            verbs[i].run();
            return 0;
        }
    die("no such measurement");
}
