/*
 * bench: what the measuring programs share. Every measurement is a verb of one program (`bench road …`),
 * takes its options as `--name value`, and prints one JSON object of lists of microseconds;
 * tests/bench/bench.py runs them in rounds and judges.
 *
 * Measuring programs end at the first thing that goes wrong: a figure of half a run is no figure.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/macros.h"

_Noreturn void die(const char *format, ...) PRINTF_LIKE(1, 2);

int64_t now_ns(void);
/* Sleeps, so that caches and clocks are those of a machine that had nothing to do. */
void pause_ms(long ms);

/* Options: `--name value` only. */
const char *option(const char *name, const char *fallback); /* fallback NULL: it must be there */
long option_number(const char *name, long fallback);

struct samples {
    const char *name;
    double *us;
    size_t len, cap;
};
void samples_add(struct samples *samples, int64_t ns);
/* {"a":[…],"b":[…]} and a line feed, on standard output. */
void samples_print(const struct samples *lists, size_t len);

/* A file's lines, without line feeds. */
struct lines {
    char **at;
    size_t len;
};
struct lines lines_read(const char *path);
void file_read(const char *path, struct buf *out);

int tcp_connect(long port);
void write_all(int fd, const void *data, size_t len);
bool wait_readable(int fd, int timeout_ms);

/* What a committer does to a branch, at its end: lock file, id, rename. Returns when it was about to rename.
 */
int64_t ref_move(const char *git_dir, const char *branch, const char *id);

/* One connection to an MQTT broker, driven by poll. */
struct mosquitto;
struct link {
    struct mosquitto *mosquitto;
    void (*received)(void *context, const char *topic, const void *payload, size_t len, bool retained);
    void *context;
    bool is_up;
    int subscribed;
};
void link_open(struct link *link, const char *id, long port);
void link_subscribe(struct link *link, const char *topic);
/* Handles what comes in the next `timeout_ms`; true if something came. */
bool link_turn(struct link *link, int timeout_ms);
/* Handles what comes until that much time has passed. */
void link_rest(struct link *link, long ms);
void link_close(struct link *link);

/* The verbs. */
void bench_road(void);
void bench_inotify(void);
void bench_tree(void);
void bench_blobs(void);
void bench_yaml(void);
void bench_schema(void);
void bench_ed25519(void);
void bench_append(void);
void bench_snapshot(void);
void bench_publish(void);
void bench_redis(void);
void bench_etcd(void);
void bench_freeze(void);
void bench_acks(void);

#endif
