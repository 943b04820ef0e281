/*
 * cache: see cache.h. Here: writing.
 *
 * The log is a file of zeros that is written from its beginning, so that a sync flushes data and no metadata. A line that
 * does not fit makes the whole be written anew: the snapshot first, then a fresh log; a crash between the two leaves
 * lines that are no news.
 */
#include "client/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io/snapshot.h"
#include "model/codes.h"
#include "model/json_text.h"
#include "model/members.h"
#include "util/clock.h"
#include "util/fs.h"
#include "verify/key_file.h"

#define LOG_FILE "applied.jsonl"
#define KEY_NAME "lkg.key"

enum { FOLDER_MODE = 0700, FILE_MODE = 0600 };

/* --- opening ------------------------------------------------------------------------------------------------------ */

void cache_close(struct cache *cache)
{
    cleanup_close(&cache->log);
    cleanup_close(&cache->dir);
    crypto_wipe(&cache->key, sizeof cache->key);
    *cache = (struct cache){.dir = -1, .log = -1};
}

/* Something was kept here before. */
static bool has_lines(const struct cache *cache)
{
    AUTO_CLOSE int log = openat(cache->dir, LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char first = '\0';
    return log >= 0 && pread(log, &first, 1, 0) == 1 && first != '\0';
}

/* One that is damaged, or that others could read, is replaced: what it vouched for is worth nothing any more. So it is told where
   one is missing that vouched for something. */
static int open_key(struct cache *cache, struct error *damage, struct error *err)
{
    bool is_missing = false;
    if (key_file_read_own_mac(cache->dir, KEY_NAME, &cache->key, &is_missing, err) != 0) {
        if (!error_is(err, CODE_KEY_FILE))
            return -1;
        *damage = *err;
        if (unlinkat(cache->dir, KEY_NAME, 0) != 0)
            return error_set(err, ERR_SYSTEM, errno, "cannot replace '" KEY_NAME "'");
        is_missing = true;
    } else if (is_missing && has_lines(cache)) {
        error_set(damage, CODE_KEY_FILE, 0, "'" KEY_NAME "' is gone: what the cache holds cannot be believed any more, and its floor is lost");
    }
    return is_missing ? key_file_make_mac(cache->dir, KEY_NAME, &cache->key, err) : 0;
}

static int open_log(struct cache *cache, struct error *err)
{
    int fd = openat(cache->dir, LOG_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == EROFS || errno == EACCES)) { /* what is there can be read: a service starts with that */
        fd = openat(cache->dir, LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        cache->is_behind = true;
    }
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '" LOG_FILE "'");
    cleanup_close(&cache->log);
    cache->log = fd;
    return 0;
}

/* A log of that many zeros, `begin` before them. */
static int make_log(struct cache *cache, struct span begin, struct error *err)
{
    struct buf text AUTO_BUF = {0};
    buf_append_span(&text, begin);
    size_t zeros = begin.len < CACHE_LOG_SIZE ? CACHE_LOG_SIZE - begin.len : 0;
    char *room = buf_reserve(&text, zeros);
    if (room == NULL)
        return error_memory(err);
    memset(room, 0, zeros);
    text.len += zeros;
    if (fs_replace(cache->dir, LOG_FILE, buf_span(&text), FILE_MODE, err) != 0)
        return -1;
    cache->end = (off_t)begin.len;
    return open_log(cache, err);
}

int cache_open(struct cache *cache, const char *path, const char *source, struct error *damage, struct error *err)
{
    struct stat st;
    bool is_ours;
    *cache = (struct cache){.dir = -1, .log = -1, .source = source};
    damage->code = NULL;
    if (fs_make_dir(path, FOLDER_MODE, &cache->dir, err) != 0 || fs_lock_dir(cache->dir, &is_ours, err) != 0)
        return error_wrap(err, "the cache %s", path);
    if (!is_ours)
        return error_set(err, CODE_CACHE_BUSY, 0, "another client has the cache %s open", path);
    if (open_key(cache, damage, err) != 0)
        return error_wrap(err, "the cache %s", path);
    int rc = fstatat(cache->dir, LOG_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 ? open_log(cache, err)
                                                                          : make_log(cache, (struct span){0}, err);
    return rc == 0 ? 0 : error_wrap(err, "the cache %s", path);
}

/* --- a line ------------------------------------------------------------------------------------------------------- */

static void put_optional(struct members *m, const char *name, struct span text)
{
    if (text.data != NULL)
        members_put_string(m, name, text);
}

static void put_kept(struct members *m, const struct cache_kept *kept, size_t len)
{
    members_put_name(m, "kept");
    struct members all = members_object(m->out);
    for (size_t i = 0; i < len; i++) {
        members_put_name(&all, kept[i].name);
        struct members one = members_object(m->out);
        if (kept[i].letter != NULL)
            members_put_string(&one, "message", letter_span(kept[i].letter));
        members_put_text(&one, "reason", kept[i].reason);
        members_put_text(&one, "why", kept[i].is_refused ? "refused" : "removed");
        members_end(&one);
    }
    members_end(&all);
}

static void put_follows(struct members *m, const struct state *state)
{
    members_put_name(m, "follows");
    if (state->follows_all) {
        buf_puts(m->out, "null");
        return;
    }
    for (size_t i = 0; i < state->len; i++) {
        buf_putc(m->out, i == 0 ? '[' : ',');
        json_put_text(m->out, state->rows[i]->name);
    }
    buf_puts(m->out, state->len == 0 ? "[]" : "]");
}

static struct members begin_line(struct cache *cache, struct buf *line)
{
    char now[CLOCK_TEXT_LEN + 1];
    clock_format(clock_wall_ms(), now);
    struct members m = members_object(line);
    members_put_u64(&m, "seq", cache->seq + 1);
    members_put_text(&m, "time", now);
    return m;
}

/* Vouched for, with LF behind it. The MAC is over the line alone, so it is made in a buffer of its own. */
static int end_line(const struct cache *cache, struct members *m, struct error *err)
{
    members_put_text(m, "key_id", cache->key.id);
    members_end(m);
    if (buf_check(m->out, err) != 0)
        return -1;
    crypto_mac_object(&cache->key, m->out);
    buf_putc(m->out, '\n');
    return buf_check(m->out, err);
}

static int append(struct cache *cache, struct span line, struct error *err)
{
    if (fs_write_at(cache->log, line, cache->end, err) != 0)
        return -1;
    if (fdatasync(cache->log) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot sync '" LOG_FILE "'");
    cache->end += (off_t)line.len;
    cache->seq++;
    return 0;
}

/* What is written to a file that somebody removed is lost, and no call says so. */
static bool may_append(const struct cache *cache, size_t len)
{
    struct stat st;
    return !cache->is_behind && (size_t)cache->end + len <= CACHE_LOG_SIZE && fstat(cache->log, &st) == 0 && st.st_nlink > 0;
}

/* Whoever removed the key took nothing from us as long as we run, and the floor from the next start. */
static int keep_key(const struct cache *cache, struct error *err)
{
    struct stat st;
    if (fstatat(cache->dir, KEY_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
        return 0;
    return key_file_put_mac(cache->dir, KEY_NAME, &cache->key, err);
}

static int failed(struct cache *cache, struct error *err)
{
    cache->is_behind = true;
    if (!error_is(err, ERR_MEMORY))
        err->code = CODE_CACHE_FAILED;
    return error_wrap(err, "keeping what is known");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static const struct letter *letter_of(const struct state_service *row, bool is_prepared)
{
    const struct letter *letter = is_prepared ? row->next : row->applied;
    return letter == NULL || letter->is_tombstone ? NULL : letter;
}

static int make_catalog(const struct state *state, bool is_prepared, struct catalog **out, struct error *err)
{
    struct catalog *empty AUTO_CATALOG = catalog_new();
    AUTO_FREE struct catalog_change *changes = calloc(state->len + 1, sizeof *changes);
    size_t len = 0;
    if (empty == NULL || changes == NULL)
        return error_memory(err);
    bool is_memory = true;
    for (size_t i = 0; i < state->len && is_memory; i++) {
        const struct letter *letter = letter_of(state->rows[i], is_prepared);
        if (letter == NULL)
            continue;
        struct service *service =
            service_new(state->rows[i]->name, "", letter->version, letter_span(letter), (struct span){0});
        is_memory = service != NULL;
        if (is_memory)
            changes[len++] = (struct catalog_change){service->name, service};
    }
    int rc = is_memory ? catalog_with(empty, changes, len, out, err) : error_memory(err);
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    return rc;
}

/* The keyset of the head that is applied then. */
static struct span head_keyset(const struct state *state, bool is_prepared)
{
    return buf_span(is_prepared || state->applied_keyset.len == 0 ? &state->keyset : &state->applied_keyset);
}

static int write_snapshot(struct cache *cache, const struct state *state, const struct state_head *head,
                          bool is_prepared, struct error *err)
{
    struct catalog *catalog AUTO_CATALOG = NULL;
    char host[SNAPSHOT_HOST_MAX + 1];
    if (make_catalog(state, is_prepared, &catalog, err) != 0)
        return -1;
    snapshot_host(host);
    struct snapshot_view view = {
        .epoch = head->epoch,
        .generation = head->generation,
        .offset = head->message.u.head.offset,
        .config_epoch = head->message.u.head.config_epoch,
        .source = cache->source,
        .host = host,
        .head = buf_span(&head->raw),
        .keyset = head_keyset(state, is_prepared),
        .journal = {.seq = cache->seq},
        .catalog = catalog,
    };
    return snapshot_write(cache->dir, &view, &cache->key, err);
}

/* Snapshot and log anew. The head stands in both: a snapshot that is damaged later leaves the floor where it was. */
static int write_whole(struct cache *cache, const struct state *state, bool is_prepared, const struct cache_kept *kept,
                       size_t kept_len, struct error *err)
{
    const struct state_head *head = is_prepared ? &state->waiting : &state->applied;
    struct buf line AUTO_BUF = {0};
    if (head->exists && write_snapshot(cache, state, head, is_prepared, err) != 0)
        return failed(cache, err);
    struct members m = begin_line(cache, &line);
    put_follows(&m, state);
    if (head->exists) {
        members_put_string(&m, "head", buf_span(&head->raw));
        members_put_string(&m, "head_keyset", head_keyset(state, is_prepared));
    }
    put_kept(&m, kept, kept_len);
    put_optional(&m, "keyset", buf_span(&state->keyset));
    if (end_line(cache, &m, err) != 0 || make_log(cache, buf_span(&line), err) != 0)
        return failed(cache, err);
    cache->seq++;
    cache->is_behind = false;
    return 0;
}

static int put_line(struct cache *cache, struct members *m, const struct state *state, bool is_prepared,
                    const struct cache_kept *kept, size_t kept_len, struct error *err)
{
    if (end_line(cache, m, err) != 0 || keep_key(cache, err) != 0)
        return failed(cache, err);
    if (!may_append(cache, m->out->len))
        return write_whole(cache, state, is_prepared, kept, kept_len, err);
    return append(cache, buf_span(m->out), err) == 0 ? 0 : failed(cache, err);
}

/* --- what is put -------------------------------------------------------------------------------------------------- */

static void put_services(struct members *m, const struct state *state)
{
    members_put_name(m, "services");
    struct members services = members_object(m->out);
    for (size_t i = 0; i < state->len; i++) {
        const struct state_service *row = state->rows[i];
        const struct letter *next = letter_of(row, true);
        if (next == row->applied)
            continue;
        if (next == NULL)
            members_put_null(&services, row->name);
        else
            members_put_string(&services, row->name, letter_span(next));
    }
    members_end(&services);
}

int cache_put_epoch(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                    struct error *err)
{
    struct buf line AUTO_BUF = {0};
    if (!cache_is_open(cache))
        return 0;
    struct members m = begin_line(cache, &line);
    if (state->is_partial || !state->applied.exists)
        put_follows(&m, state);
    members_put_string(&m, "head", buf_span(&state->waiting.raw));
    if (!state->applied.exists)
        put_optional(&m, "keyset", buf_span(&state->keyset));
    put_services(&m, state);
    return put_line(cache, &m, state, true, kept, kept_len, err);
}

int cache_put_keyset(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                     struct error *err)
{
    struct buf line AUTO_BUF = {0};
    if (!cache_is_open(cache))
        return 0;
    struct members m = begin_line(cache, &line);
    put_optional(&m, "keyset", buf_span(&state->keyset));
    return put_line(cache, &m, state, false, kept, kept_len, err);
}

int cache_put_kept(struct cache *cache, const struct state *state, const struct cache_kept *kept, size_t kept_len,
                   struct error *err)
{
    struct buf line AUTO_BUF = {0};
    if (!cache_is_open(cache))
        return 0;
    struct members m = begin_line(cache, &line);
    put_kept(&m, kept, kept_len);
    return put_line(cache, &m, state, false, kept, kept_len, err);
}

void cache_touch(struct cache *cache)
{
    if (cache_is_open(cache))
        (void)futimens(cache->log, NULL);
}
