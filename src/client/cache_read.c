/*
 * cache_read: see cache.h. Here: reading.
 *
 * The lines say what came after the snapshot. A last line that is cut never counted. A line in the middle that is damaged, or a snapshot
 * that is, makes what was built on it unusable; head and keyset of the last good line still are the floor.
 */
#include <sys/stat.h>

#include "client/cache.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/tail.h"
#include "util/array.h"
#include "util/fs.h"

#define LOG_FILE "applied.jsonl"

enum { LOG_MAX = 160 * 1024 * 1024 };

struct loading {
    struct cache *cache;
    struct cache_content *out;
    size_t docs_cap;
    bool needs_snapshot; /* the log was begun with a snapshot beside it */
    struct error *err;
};

void cache_content_fini(struct cache_content *content)
{
    for (size_t i = 0; i < content->docs_len; i++)
        doc_fini(&content->docs[i]);
    free(content->docs);
    if (content->snapshot != NULL)
        snapshot_fini(content->snapshot);
    free(content->snapshot);
    free(content->services);
    *content = (struct cache_content){0};
}

/* --- services ----------------------------------------------------------------------------------------------------- */

static int add_service(struct cache_content *content, struct span name, struct span message, struct error *err)
{
    if (!layout_name_is_good(name))
        return error_set(err, CODE_LKG_FORM, 0, "a service's name is none");
    struct cache_service *grown = array_grow(content->services, content->services_len, &content->services_cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    content->services = grown;
    struct cache_service *service = &content->services[content->services_len];
    *service = (struct cache_service){.message = message, .order = content->services_len};
    memcpy(service->name, name.data, name.len);
    content->services_len++;
    return 0;
}

static int by_name_and_order(const void *a, const void *b)
{
    const struct cache_service *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : x->order < y->order ? -1 : 1;
}

/* Of each name the last one counts; what is gone is dropped. */
static void settle_services(struct cache_content *content)
{
    size_t kept = 0;
    if (content->services_len > 0)
        qsort(content->services, content->services_len, sizeof *content->services, by_name_and_order);
    for (size_t i = 0; i < content->services_len; i++) {
        bool is_last = i + 1 == content->services_len || strcmp(content->services[i].name, content->services[i + 1].name) != 0;
        if (is_last && content->services[i].message.data != NULL)
            content->services[kept++] = content->services[i];
    }
    content->services_len = kept;
}

/* --- the snapshot ------------------------------------------------------------------------------------------------- */

static int use_snapshot(struct loading *load, struct snapshot *snapshot)
{
    struct cache_content *out = load->out;
    for (size_t i = 0; i < snapshot->services->u.object.len; i++) {
        const struct doc_member *member = &snapshot->services->u.object.members[i];
        if (add_service(out, member->name, member->value->u.string, load->err) != 0)
            return -1;
    }
    out->snapshot = snapshot;
    out->head = snapshot->head;
    out->head_keyset = out->keyset = snapshot->keyset;
    return 0;
}

/* 0 too where it is missing or refused: *found tells; *refusal has the code then. */
static int load_snapshot(struct loading *load, bool *found, struct error *refusal)
{
    char host[SNAPSHOT_HOST_MAX + 1];
    struct buf file AUTO_BUF = {0};
    bool is_missing;
    *found = false;
    refusal->code = NULL;
    snapshot_host(host);
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return error_memory(load->err);
    int rc = fs_read(load->cache->dir, SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, &file, &is_missing, refusal);
    if (rc == 0 && !is_missing)
        rc = snapshot_read(buf_span(&file), &load->cache->key, host, load->cache->source, snapshot, refusal);
    if (rc != 0 || is_missing) {
        free(snapshot);
        return 0;
    }
    *found = true;
    if (use_snapshot(load, snapshot) == 0)
        return 0;
    load->out->snapshot = snapshot;
    return -1;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static bool is_line(const struct loading *load, struct span line)
{
    struct span body;
    uint8_t mac[MAC_LEN];
    return tail_cut(line, "hmac", sizeof mac, &body, mac) && crypto_mac_verify(&load->cache->key, body, mac);
}

static int keep_doc(struct loading *load, struct span line, const struct doc_node **root)
{
    const struct json_options options = {
        .file = LOG_FILE, .limits = {.depth = 8, .nodes = 100 * 1000, .size = LOG_MAX}};
    struct doc *grown = array_grow(load->out->docs, load->out->docs_len, &load->docs_cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(load->err);
    load->out->docs = grown;
    struct doc *doc = &load->out->docs[load->out->docs_len];
    *doc = (struct doc){0};
    if (json_read(line, &options, doc, load->err) != 0)
        return -1;
    load->out->docs_len++;
    *root = doc->root;
    return 0;
}

static int use_services(struct loading *load, const struct doc_node *services)
{
    for (size_t i = 0; i < services->u.object.len; i++) {
        const struct doc_member *member = &services->u.object.members[i];
        struct span message = member->value->kind == DOC_STRING ? member->value->u.string : (struct span){0};
        if (add_service(load->out, member->name, message, load->err) != 0)
            return -1;
    }
    return 0;
}

static int use_line(struct loading *load, const struct doc_node *root)
{
    struct cache_content *out = load->out;
    const struct doc_node *follows = doc_get(root, "follows"), *kept = doc_get(root, "kept"),
                          *services = doc_get(root, "services");
    int64_t seq;
    bool has_own_keyset = false;
    if (!doc_get_int(root, "seq", &seq) || (uint64_t)seq <= load->cache->seq)
        return error_set(load->err, CODE_LKG_FORM, 0, "a line of " LOG_FILE " has no number, or not the next one");
    load->cache->seq = (uint64_t)seq;
    if (follows != NULL) {
        out->has_follows = true;
        out->follows_all = follows->kind != DOC_ARRAY;
        out->follows = follows;
    }
    if (kept != NULL)
        out->kept = kept;
    doc_get_string(root, "keyset", &out->keyset);
    if (out->snapshot != NULL && (uint64_t)seq <= out->snapshot->journal.seq)
        return 0; /* the snapshot has it already: a crash came between it and the fresh log */
    has_own_keyset = doc_get_string(root, "head_keyset", &out->head_keyset);
    if (doc_get_string(root, "head", &out->head) && !has_own_keyset)
        out->head_keyset = out->keyset;
    load->needs_snapshot |= has_own_keyset;
    return services != NULL && services->kind == DOC_OBJECT ? use_services(load, services) : 0;
}

/* Lines up to the first NUL. What does not verify is the end, unless a good one stands behind it. */
static int load_lines(struct loading *load, struct span text, bool *is_damaged)
{
    const char *nul = memchr(text.data, '\0', text.len);
    size_t len = nul == NULL ? text.len : (size_t)(nul - text.data), at = 0;
    bool is_bad = false;
    *is_damaged = false;
    while (at < len) {
        const char *lf = memchr(text.data + at, '\n', len - at);
        size_t end = lf == NULL ? len : (size_t)(lf - text.data);
        struct span line = {text.data + at, end - at};
        const struct doc_node *root = NULL;
        bool is_good = lf != NULL && is_line(load, line);
        if (is_good) {
            *is_damaged |= is_bad;
            if (keep_doc(load, line, &root) != 0 || use_line(load, root) != 0)
                return -1;
            load->cache->end = (off_t)end + 1;
        }
        is_bad |= !is_good;
        at = end + 1;
    }
    return 0;
}

static int read_log(struct cache *cache, struct buf *out, struct cache_content *content, struct error *err)
{
    struct stat st;
    if (fstat(cache->log, &st) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot examine '" LOG_FILE "'");
    if (st.st_size > LOG_MAX)
        return error_set(err, ERR_FILE_TOO_LARGE, 0, "'" LOG_FILE "' has more than %d bytes", LOG_MAX);
    char *room = buf_reserve(out, (size_t)st.st_size + 1);
    if (room == NULL)
        return error_memory(err);
    ssize_t got = pread(cache->log, room, (size_t)st.st_size, 0);
    if (got < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot read '" LOG_FILE "'");
    out->len = (size_t)got;
    content->written_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return 0;
}

int cache_load(struct cache *cache, struct cache_content *out,
               void (*damaged)(void *context, const char *file, const struct error *err), void *context, struct error *err)
{
    struct loading load = {.cache = cache, .out = out, .err = err};
    struct buf log AUTO_BUF = {0};
    struct error refusal = {0};
    bool has_snapshot, is_damaged;
    if (load_snapshot(&load, &has_snapshot, &refusal) != 0 || read_log(cache, &log, out, err) != 0 ||
        load_lines(&load, buf_span(&log), &is_damaged) != 0)
        return -1;
    if (refusal.code != NULL)
        damaged(context, SNAPSHOT_FILE, &refusal);
    if (is_damaged) {
        error_set(&refusal, CODE_LKG_BAD_MAC, 0, "a line in the middle of " LOG_FILE " is damaged");
        damaged(context, LOG_FILE, &refusal);
    }
    out->is_floor_only = is_damaged || (load.needs_snapshot && !has_snapshot) || refusal.code != NULL;
    settle_services(out);
    if (out->head.data == NULL)
        out->written_ms = 0;
    return 0;
}
