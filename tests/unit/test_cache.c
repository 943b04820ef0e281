/*
 * cache: what a consumer kept is what it finds, whatever a crash left of the last line; and what was damaged is told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cache.h"
#include "model/codes.h"
#include "publishing.h"
#include "temp_folder.h"
#include "util/fs.h"

struct keeper {
    struct publishing publisher;
    struct state state;
    struct cache cache;
};

static char folder[300];
static char told[256]; /* codes of what was damaged */

static void damaged(void *context, const char *file, const struct error *err)
{
    (void)context;
    (void)file;
    strncat(told, err->code, sizeof told - strlen(told) - 1);
}

static void open_cache(struct cache *cache)
{
    struct error damage, err;
    must(cache_open(cache, folder, SOURCE, &damage, &err), &err);
    assert_null(damage.code);
}

static void load(struct cache *cache, struct cache_content *content)
{
    struct error err;
    told[0] = '\0';
    open_cache(cache);
    must(cache_load(cache, content, damaged, NULL, &err), &err);
}

static void take(struct keeper *keeper, enum topic_kind kind, const char *service, const struct buf *raw)
{
    enum state_outcome outcome;
    struct error err;
    must(state_take(&keeper->state, kind, service, buf_span(raw), &outcome, &err), &err);
}

static void follow_epoch(struct keeper *keeper)
{
    struct error err;
    take(keeper, TOPIC_KEYS, NULL, &keeper->publisher.keyset);
    take(keeper, TOPIC_EPOCH, NULL, &keeper->publisher.head);
    take(keeper, TOPIC_INDEX, NULL, &keeper->publisher.index);
    take(keeper, TOPIC_SERVICE, "a", &publishing_find(&keeper->publisher, "a")->message);
    take(keeper, TOPIC_SERVICE, "b", &publishing_find(&keeper->publisher, "b")->message);
    assert_true(state_prepare(&keeper->state));
    must(cache_put_epoch(&keeper->cache, &keeper->state, NULL, 0, &err), &err);
    state_commit(&keeper->state);
}

static struct keeper *keeper_new(void **state)
{
    struct temp_folder *temp = *state;
    struct keeper *keeper = calloc(1, sizeof *keeper);
    struct error err;
    snprintf(folder, sizeof folder, "%s/cache", temp->path);
    publishing_init(&keeper->publisher);
    COMMIT_OF(&keeper->publisher, "a", "{\"n\":1}", "b", "{\"n\":1}");
    state_init(&keeper->state, pinned(), SOURCE, false);
    must(state_follow(&keeper->state, "a", &err), &err);
    must(state_follow(&keeper->state, "b", &err), &err);
    open_cache(&keeper->cache);
    follow_epoch(keeper);
    return keeper;
}

static void keeper_cleanup(struct keeper **keeper)
{
    cache_close(&(*keeper)->cache);
    state_fini(&(*keeper)->state);
    publishing_fini(&(*keeper)->publisher);
    free(*keeper);
}
#define KEEPER CLEANUP(keeper_cleanup) struct keeper
#define CACHE CLEANUP(cache_close) struct cache

static void assert_holds(const struct cache_content *content, const char *name, const struct buf *message)
{
    for (size_t i = 0; i < content->services_len; i++)
        if (strcmp(content->services[i].name, name) == 0) {
            assert_true(span_equal(content->services[i].message, buf_span(message)));
            return;
        }
    fail_msg("%s is not there", name);
}

static void read_log(struct buf *out)
{
    struct error err;
    AUTO_CLOSE int dir = open(folder, O_RDONLY | O_DIRECTORY);
    must(fs_read(dir, "applied.jsonl", FS_ANY_OWNER, 1 << 20, out, NULL, &err), &err);
}

static void write_log(struct span text)
{
    struct error err;
    AUTO_CLOSE int dir = open(folder, O_RDONLY | O_DIRECTORY);
    must(fs_replace_volatile(dir, "applied.jsonl", text, 0600, &err), &err);
}

static void cache__gives_back_what_was_applied(void **state)
{
    KEEPER *keeper = keeper_new(state);
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    follow_epoch(keeper);
    cache_close(&keeper->cache);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_string_equal(told, "");
    assert_false(content.is_floor_only);
    assert_int_equal(content.services_len, 2);
    assert_holds(&content, "a", &keeper->publisher.services[0].message);
    assert_holds(&content, "b", &keeper->publisher.services[1].message);
    assert_true(span_equal(content.head, buf_span(&keeper->publisher.head)));
    assert_true(span_equal(content.head_keyset, buf_span(&keeper->publisher.keyset)));
    assert_int_equal(content.follows->u.array.len, 2);
}

/* However much of the last line a crash left, the epoch before it is what there is, and writing goes on behind that. */
static void cache__goes_on_behind_the_last_whole_line_wherever_a_crash_cut(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct buf whole AUTO_BUF = {0}, cut AUTO_BUF = {0}, head AUTO_BUF = {0};
    off_t first = keeper->cache.end;
    buf_append_span(&head, buf_span(&keeper->publisher.head));
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    follow_epoch(keeper);
    off_t second = keeper->cache.end;
    cache_close(&keeper->cache);
    read_log(&whole);
    for (off_t at = first; at < second; at += 7) {
        CACHE cache;
        struct cache_content content AUTO_CACHE_CONTENT = {0};
        buf_reset(&cut);
        buf_append_span(&cut, buf_span(&whole));
        memset(cut.data + at, 0, (size_t)(second - at));
        write_log(buf_span(&cut));
        load(&cache, &content);
        assert_string_equal(told, "");
        assert_true(span_equal(content.head, buf_span(&head)));
        assert_int_equal(cache.end, first);
    }
}

static void cache__damaged_in_the_middle_is_a_floor_and_told(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct buf whole AUTO_BUF = {0};
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    follow_epoch(keeper);
    cache_close(&keeper->cache);
    read_log(&whole);
    whole.data[40] ^= 1;
    write_log(buf_span(&whole));
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_string_equal(told, CODE_LKG_BAD_MAC);
    assert_true(content.is_floor_only);
    assert_true(span_equal(content.head, buf_span(&keeper->publisher.head)));
}

/* Many epochs: the log is full again and again, and the whole is written. */
static void cache__of_many_epochs_stays_small_and_knows_the_last(void **state)
{
    KEEPER *keeper = keeper_new(state);
    for (int i = 0; i < 600; i++) {
        char config[32];
        snprintf(config, sizeof config, "{\"n\":%d}", i + 2);
        COMMIT_OF(&keeper->publisher, "b", config);
        follow_epoch(keeper);
    }
    cache_close(&keeper->cache);
    struct buf log AUTO_BUF = {0};
    read_log(&log);
    assert_int_equal(log.len, CACHE_LOG_SIZE);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_string_equal(told, "");
    assert_non_null(content.snapshot);
    assert_int_equal(content.services_len, 2);
    assert_holds(&content, "a", &keeper->publisher.services[0].message);
    assert_holds(&content, "b", &keeper->publisher.services[1].message);
    assert_true(span_equal(content.head, buf_span(&keeper->publisher.head)));
}

static void cache__keeps_what_is_not_as_the_head_says(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct error err;
    struct cache_kept kept = {.name = "b", .letter = keeper->state.rows[1]->applied, .is_refused = true, .reason = "no \"such\" voice"};
    must(cache_put_kept(&keeper->cache, &keeper->state, &kept, 1, &err), &err);
    cache_close(&keeper->cache);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    struct span reason;
    assert_true(doc_get_string(doc_get(content.kept, "b"), "reason", &reason));
    assert_true(span_is(reason, "no \"such\" voice"));
}

static void cache__newer_keyset_than_the_head_stays_known(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct error err;
    struct buf old AUTO_BUF = {0};
    buf_append_span(&old, buf_span(&keeper->publisher.keyset));
    publishing_rotate(&keeper->publisher);
    take(keeper, TOPIC_KEYS, NULL, &keeper->publisher.keyset);
    must(cache_put_keyset(&keeper->cache, &keeper->state, NULL, 0, &err), &err);
    cache_close(&keeper->cache);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_true(span_equal(content.keyset, buf_span(&keeper->publisher.keyset)));
    assert_true(span_equal(content.head_keyset, buf_span(&old)));
}

static void cache__is_one_clients_alone(void **state)
{
    KEEPER *keeper = keeper_new(state);
    CACHE second;
    struct error damage, err;
    assert_int_equal(cache_open(&second, folder, SOURCE, &damage, &err), -1);
    assert_string_equal(err.code, CODE_CACHE_BUSY);
    assert_true(cache_is_open(&keeper->cache));
}

static void f79__cache_key_that_is_lost_makes_a_new_beginning(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct error damage, err;
    cache_close(&keeper->cache);
    AUTO_CLOSE int dir = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(unlinkat(dir, "lkg.key", 0), 0);
    CACHE cache;
    must(cache_open(&cache, folder, SOURCE, &damage, &err), &err);
    assert_string_equal(damage.code, CODE_KEY_FILE);
    cache_close(&cache);
    must(fs_replace_volatile(dir, "lkg.key", SPAN("nothing"), 0600, &err), &err);
    must(cache_open(&cache, folder, SOURCE, &damage, &err), &err);
    assert_string_equal(damage.code, CODE_KEY_FILE);
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    must(cache_load(&cache, &content, damaged, NULL, &err), &err);
    assert_null(content.head.data);
    assert_int_equal(content.services_len, 0);
}

/* Two epochs change a service each; the first one comes while nothing can be written. */
static void cache__is_whole_again_after_a_write_that_failed(void **state)
{
    KEEPER *keeper = keeper_new(state);
    struct error err;
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/applied.jsonl", folder);
    close(keeper->cache.log);
    keeper->cache.log = open(path, O_RDONLY | O_CLOEXEC);
    COMMIT_OF(&keeper->publisher, "a", "{\"n\":2}");
    take(keeper, TOPIC_EPOCH, NULL, &keeper->publisher.head);
    take(keeper, TOPIC_INDEX, NULL, &keeper->publisher.index);
    take(keeper, TOPIC_SERVICE, "a", &publishing_find(&keeper->publisher, "a")->message);
    assert_true(state_prepare(&keeper->state));
    assert_int_equal(cache_put_epoch(&keeper->cache, &keeper->state, NULL, 0, &err), -1);
    assert_string_equal(err.code, CODE_CACHE_FAILED);
    state_commit(&keeper->state);
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    follow_epoch(keeper);
    cache_close(&keeper->cache);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_false(content.is_floor_only);
    assert_holds(&content, "a", &keeper->publisher.services[0].message);
    assert_holds(&content, "b", &keeper->publisher.services[1].message);
}

/* Somebody removes the file while the client runs: whoever opens the cache after the next epoch misses nothing. */
static void assert_survives_removal_of(void **state, const char *file)
{
    KEEPER *keeper = keeper_new(state);
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(unlink(path), 0);
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    follow_epoch(keeper);
    cache_close(&keeper->cache);
    CACHE cache;
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    load(&cache, &content);
    assert_string_equal(told, "");
    assert_holds(&content, "a", &keeper->publisher.services[0].message);
    assert_holds(&content, "b", &keeper->publisher.services[1].message);
}

static void cache__log_that_was_removed_is_written_anew(void **state)
{
    assert_survives_removal_of(state, "applied.jsonl");
}

/* A service starts with what can be read; that nothing can be kept is told with the next epoch. */
static void cache__that_cannot_be_written_is_read(void **state)
{
    struct temp_folder *temp = *state;
    enum { NOBODY = 65534 };
    const char *const files[] = {"", "/lkg.key", "/applied.jsonl"};
    KEEPER *keeper = keeper_new(state);
    struct error damage, err;
    char path[sizeof folder + 16];
    bool is_root = geteuid() == 0;
    cache_close(&keeper->cache);
    assert_int_equal(chmod(temp->path, 0755), 0);
    for (size_t i = ARRAY_LEN(files); i-- > 0;) {
        snprintf(path, sizeof path, "%s%s", folder, files[i]);
        assert_int_equal(chmod(path, i == 0 ? 0500 : 0400), 0);
        assert_int_equal(is_root ? chown(path, NOBODY, NOBODY) : 0, 0);
    }
    assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
    int rc = cache_open(&keeper->cache, folder, SOURCE, &damage, &err);
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    int read = rc != 0 ? -1 : cache_load(&keeper->cache, &content, damaged, NULL, &err);
    COMMIT_OF(&keeper->publisher, "b", "{\"n\":2}");
    take(keeper, TOPIC_EPOCH, NULL, &keeper->publisher.head);
    take(keeper, TOPIC_SERVICE, "b", &publishing_find(&keeper->publisher, "b")->message);
    bool is_ready = state_prepare(&keeper->state);
    int put = cache_put_epoch(&keeper->cache, &keeper->state, NULL, 0, &err);
    assert_int_equal(is_root ? seteuid(0) : 0, 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(rc, 0);
    assert_int_equal(read, 0);
    assert_int_equal(content.services_len, 2);
    assert_true(is_ready);
    assert_int_equal(put, -1);
    assert_string_equal(err.code, CODE_CACHE_FAILED);
}

/* It goes on under the same key, so nothing of what it wrote before is lost either. */
static void cache__key_that_was_removed_while_it_runs_is_put_back(void **state)
{
    assert_survives_removal_of(state, "lkg.key");
}

int main(void)
{
    struct error err;
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(cache__gives_back_what_was_applied),
        IN_A_FOLDER(cache__goes_on_behind_the_last_whole_line_wherever_a_crash_cut),
        IN_A_FOLDER(cache__damaged_in_the_middle_is_a_floor_and_told),
        IN_A_FOLDER(cache__of_many_epochs_stays_small_and_knows_the_last),
        IN_A_FOLDER(cache__keeps_what_is_not_as_the_head_says),
        IN_A_FOLDER(cache__newer_keyset_than_the_head_stays_known),
        IN_A_FOLDER(cache__is_one_clients_alone),
        IN_A_FOLDER(cache__is_whole_again_after_a_write_that_failed),
        IN_A_FOLDER(cache__log_that_was_removed_is_written_anew),
        IN_A_FOLDER(cache__that_cannot_be_written_is_read),
        IN_A_FOLDER(cache__key_that_was_removed_while_it_runs_is_put_back),
        IN_A_FOLDER(f79__cache_key_that_is_lost_makes_a_new_beginning),
    };
    if (crypto_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
