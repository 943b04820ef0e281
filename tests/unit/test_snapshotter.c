/*
 * snapshotter: which views reach the disk, what is told about them, and that nobody has to wait. The worker is
 * held where it syncs its file, so that views can pile up behind it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/snapshotter.h"
#include "snapshots.h"
#include "util/clock.h"

enum { PATIENCE_MS = 30 * 1000 };

/* --- the gate ----------------------------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool is_closed, is_waited_at;
    sigset_t signals; /* blocked in who came by last */
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void pass_the_gate(void)
{
    pthread_mutex_lock(&gate.mutex);
    pthread_sigmask(SIG_SETMASK, NULL, &gate.signals);
    gate.is_waited_at = true;
    pthread_cond_broadcast(&gate.change);
    while (gate.is_closed)
        pthread_cond_wait(&gate.change, &gate.mutex);
    gate.is_waited_at = false;
    pthread_mutex_unlock(&gate.mutex);
}

int fsync(int fd)
{
    pass_the_gate();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    pass_the_gate();
    return (int)syscall(SYS_fdatasync, fd);
}

static void gate_set(bool is_closed)
{
    pthread_mutex_lock(&gate.mutex);
    gate.is_closed = is_closed;
    pthread_cond_broadcast(&gate.change);
    pthread_mutex_unlock(&gate.mutex);
}

/* Until the worker stands at the closed gate. */
static void await_the_worker(void)
{
    pthread_mutex_lock(&gate.mutex);
    while (!gate.is_waited_at)
        pthread_cond_wait(&gate.change, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

/* --- a bench ------------------------------------------------------------------------------------------------------ */

struct bench {
    int dir;
    struct mac_key key;
    struct publisher publisher;
    struct force force;
    struct snapshotter *snapshotter;
};

#define BENCH CLEANUP(bench_fini) struct bench

static void bench_fini(struct bench *bench)
{
    gate_set(false);
    snapshotter_stop(bench->snapshotter);
    force_fini(&bench->force);
    publisher_fini(&bench->publisher);
}

static void bench_init(struct bench *bench, void **state)
{
    struct error err;
    *bench = (struct bench){.dir = ((const struct temp_folder *)*state)->fd, .key = lkg_key(9)};
    publisher_init(&bench->publisher);
    bench->force = (struct force){.exists = true, .epoch = EPOCH, .offset = OFFSET, .generation = GENERATION};
    bench->force.catalog = catalog_ref(bench->publisher.catalog);
    bench->force.position.seq = 77;
    sample_digest(bench->force.position.digest);
    assert_true(oid_parse(SPAN(COMMIT), &bench->force.commit));
    must(force_set_head(&bench->force, buf_span(&bench->publisher.head), &err), &err);
    must(snapshotter_start(&bench->snapshotter, bench->dir, &bench->key, SOURCE, &err), &err);
}

static void submit(struct bench *bench, uint64_t epoch)
{
    struct error err;
    bench->force.epoch = epoch;
    must(snapshotter_submit(bench->snapshotter, &bench->force, buf_span(&bench->publisher.keyset), &err), &err);
}

static bool has_news(const struct bench *bench)
{
    struct pollfd fd = {.fd = snapshotter_fd(bench->snapshotter), .events = POLLIN};
    assert_true(poll(&fd, 1, 0) >= 0);
    return fd.revents != 0;
}

static void await_news(const struct bench *bench)
{
    struct pollfd fd = {.fd = snapshotter_fd(bench->snapshotter), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
}

/* Until so many have ended, well or badly. */
static struct snapshotter_result await_ends(struct bench *bench, uint64_t ends)
{
    struct snapshotter_result result;
    do {
        await_news(bench);
        snapshotter_result(bench->snapshotter, &result);
    } while (result.writes + result.failures < ends);
    assert_int_equal(result.writes + result.failures, ends);
    return result;
}

static void stop(struct bench *bench)
{
    snapshotter_stop(bench->snapshotter);
    bench->snapshotter = NULL;
}

static void read_back(const struct bench *bench, struct snapshot *out)
{
    AUTO_BUF struct buf file = {0};
    struct error err;
    char host[SNAPSHOT_HOST_MAX + 1];
    snapshot_host(host);
    must(fs_read(bench->dir, SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, &file, NULL, &err), &err);
    must(snapshot_read(buf_span(&file), &bench->key, host, SOURCE, out, &err), &err);
}

static void assert_on_disk(const struct bench *bench, uint64_t epoch)
{
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    read_back(bench, &snapshot);
    assert_int_equal(snapshot.epoch, epoch);
}

/* --- the tests ---------------------------------------------------------------------------------------------------- */

static void snapshotter__writes_everything_it_was_handed(void **state)
{
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    struct error err;
    struct signing_key root = key_of_seed(ROOT_SEED);
    struct root_keys roots = {.len = 1};
    BENCH bench;
    bench_init(&bench, state);
    roots.keys[0] = public_half(&root);
    submit(&bench, EPOCH);
    assert_int_equal(await_ends(&bench, 1).writes, 1);
    read_back(&bench, &snapshot);
    assert_int_equal(snapshot.generation, GENERATION);
    assert_int_equal(snapshot.offset, OFFSET);
    assert_true(span_is(snapshot.config_epoch, COMMIT));
    assert_int_equal(snapshot.journal.seq, 77);
    assert_memory_equal(snapshot.journal.digest, bench.force.position.digest, HASH_LEN);
    assert_true(span_equal(snapshot.keyset, buf_span(&bench.publisher.keyset)));
    must(snapshot_verify(&snapshot, &roots, false, &verified, &err), &err);
    assert_int_equal(catalog_count(verified.catalog), catalog_count(bench.force.catalog));
}

static void snapshotter__keeps_nothing_of_the_callers(void **state)
{
    AUTO_BUF struct buf keyset = {0}, head = {0};
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    struct error err;
    BENCH bench;
    bench_init(&bench, state);
    gate_set(true);
    submit(&bench, 1);
    await_the_worker();
    buf_append_span(&keyset, buf_span(&bench.publisher.keyset));
    buf_append_span(&head, buf_span(&bench.force.head));
    must(snapshotter_submit(bench.snapshotter, &bench.force, buf_span(&keyset), &err), &err);
    memset(keyset.data, '?', keyset.len);
    force_fini(&bench.force);
    catalog_unref(TAKE(bench.publisher.catalog));
    gate_set(false);
    await_ends(&bench, 2);
    read_back(&bench, &snapshot);
    assert_true(span_equal(snapshot.keyset, buf_span(&bench.publisher.keyset)));
    assert_true(span_equal(snapshot.head, buf_span(&head)));
    assert_int_equal(snapshot.services->u.object.len, 3);
}

static void snapshotter__writes_only_the_newest_of_those_that_wait(void **state)
{
    BENCH bench;
    bench_init(&bench, state);
    gate_set(true);
    submit(&bench, 1);
    await_the_worker();
    for (uint64_t epoch = 2; epoch <= 9; epoch++)
        submit(&bench, epoch); /* returns, though the disk does not answer */
    assert_false(has_news(&bench));
    gate_set(false);
    struct snapshotter_result result = await_ends(&bench, 2);
    assert_int_equal(result.writes, 2);
    assert_int_equal(result.epoch, 9);
    stop(&bench);
    assert_on_disk(&bench, 9);
}

static void snapshotter__goes_on_after_a_failure(void **state)
{
    BENCH bench;
    bench_init(&bench, state);
    int64_t before = clock_wall_ms();
    assert_int_equal(mkdirat(bench.dir, SNAPSHOT_FILE, 0700), 0); /* no file can take its place */
    submit(&bench, 1);
    struct snapshotter_result result = await_ends(&bench, 1);
    assert_true(result.is_new);
    assert_true(result.is_failed);
    assert_int_equal(result.failures, 1);
    assert_int_equal(result.epoch, 0);
    assert_int_equal(result.written_ms, 0);
    assert_int_equal(result.error.sys, EISDIR);

    assert_int_equal(unlinkat(bench.dir, SNAPSHOT_FILE, AT_REMOVEDIR), 0);
    submit(&bench, 2);
    result = await_ends(&bench, 2);
    assert_true(result.is_new);
    assert_false(result.is_failed);
    assert_int_equal(result.writes, 1);
    assert_int_equal(result.failures, 1);
    assert_int_equal(result.epoch, 2);
    assert_in_range(result.written_ms, before, clock_wall_ms());
    assert_on_disk(&bench, 2);
}

static void snapshotter__remembers_the_last_good_one_in_a_failure(void **state)
{
    BENCH bench;
    bench_init(&bench, state);
    submit(&bench, 7);
    await_ends(&bench, 1);
    assert_int_equal(unlinkat(bench.dir, SNAPSHOT_FILE, 0), 0);
    assert_int_equal(mkdirat(bench.dir, SNAPSHOT_FILE, 0700), 0);
    submit(&bench, 8);
    struct snapshotter_result result = await_ends(&bench, 2);
    assert_true(result.is_failed);
    assert_int_equal(result.epoch, 7);
    assert_int_equal(result.writes, 1);
    assert_int_equal(result.failures, 1);
}

static void snapshotter__tells_the_news_once(void **state)
{
    struct snapshotter_result result;
    BENCH bench;
    bench_init(&bench, state);
    snapshotter_result(bench.snapshotter, &result);
    assert_false(result.is_new);
    assert_false(has_news(&bench));
    submit(&bench, 1);
    await_news(&bench);
    for (int i = 0; i < 2; i++) {
        snapshotter_peek(bench.snapshotter, &result);
        assert_true(result.is_new);
        assert_true(has_news(&bench));
    }
    snapshotter_result(bench.snapshotter, &result);
    assert_true(result.is_new);
    assert_false(has_news(&bench));
    snapshotter_result(bench.snapshotter, &result);
    assert_false(result.is_new);
    assert_int_equal(result.writes, 1);
    assert_int_equal(result.epoch, 1);
    snapshotter_peek(bench.snapshotter, &result);
    assert_false(result.is_new);
    assert_int_equal(result.writes, 1);
}

static void snapshotter__writes_what_waits_before_it_stops(void **state)
{
    BENCH bench;
    bench_init(&bench, state);
    gate_set(true);
    submit(&bench, 1);
    await_the_worker();
    submit(&bench, 2);
    submit(&bench, 3);
    gate_set(false);
    stop(&bench);
    assert_on_disk(&bench, 3);
}

static void snapshotter__stops_without_ever_having_written(void **state)
{
    BENCH bench;
    bench_init(&bench, state);
    stop(&bench);
    assert_int_equal(faccessat(bench.dir, SNAPSHOT_FILE, F_OK, 0), -1);
    snapshotter_stop(NULL);
}

static void snapshotter__leaves_signals_to_the_other_thread(void **state)
{
    sigset_t before, after;
    BENCH bench;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    bench_init(&bench, state);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    gate_set(true);
    submit(&bench, 1);
    await_the_worker();
    pthread_mutex_lock(&gate.mutex);
    sigset_t inside = gate.signals;
    pthread_mutex_unlock(&gate.mutex);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        assert_int_equal(sigismember(&inside, signals[i]), 1);
        assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
}

/* For the thread sanitizer: catalogs change and results are looked at while the worker writes at its own pace. */
static void snapshotter__bears_a_busy_caller(void **state)
{
    enum { ROUNDS = 200 };
    struct snapshotter_result result;
    uint64_t newest = 0;
    BENCH bench;
    bench_init(&bench, state);
    for (uint64_t epoch = 1; epoch <= ROUNDS; epoch++) {
        catalog_add(&bench.publisher.catalog, "a", epoch, "{}");
        catalog_unref(bench.force.catalog);
        bench.force.catalog = catalog_ref(bench.publisher.catalog);
        submit(&bench, epoch);
        (epoch % 2 == 0 ? snapshotter_peek : snapshotter_result)(bench.snapshotter, &result);
        assert_in_range(result.epoch, newest, epoch);
        newest = result.epoch;
    }
    stop(&bench);
    assert_on_disk(&bench, ROUNDS);
}

static int set_up(void **state)
{
    struct error err;
    gate_set(false); /* the test before may have failed behind it */
    return crypto_init(&err) != 0 ? -1 : temp_folder_make(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(snapshotter__##name, set_up, temp_folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_everything_it_was_handed),
        TEST(keeps_nothing_of_the_callers),
        TEST(writes_only_the_newest_of_those_that_wait),
        TEST(goes_on_after_a_failure),
        TEST(remembers_the_last_good_one_in_a_failure),
        TEST(tells_the_news_once),
        TEST(writes_what_waits_before_it_stops),
        TEST(stops_without_ever_having_written),
        TEST(leaves_signals_to_the_other_thread),
        TEST(bears_a_busy_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
