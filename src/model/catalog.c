/*
 * catalog: see catalog.h. Services, buckets and catalogs never change once they are made, only their
 * reference counts do; so a reader on another thread needs no lock, and an old catalog stays what it was
 * while a new one shares most of it.
 *
 * The digests are kept, a bucket's and the whole, and of the whole its state every few buckets: an epoch of one service hashes one
 * bucket, and of the 8 KiB of all buckets what stands behind it.
 */
#include "model/catalog.h"

#include "util/buf.h"

enum { BUCKETS = 256, MARK_EVERY = 16, MARKS = BUCKETS / MARK_EVERY };

struct bucket {
    unsigned references; /* atomic */
    uint8_t digest[HASH_LEN];
    uint64_t config_bytes;
    size_t len;
    struct service *services[]; /* sorted by name */
};

struct catalog {
    unsigned references; /* atomic */
    uint8_t digest[HASH_LEN];
    uint64_t config_bytes;
    size_t count;
    struct bucket *buckets[BUCKETS]; /* never NULL: empty ones share one bucket */
    struct hash marks[MARKS];        /* of the digest: its state before each MARK_EVERY buckets */
};

/* --- reference counts ----------------------------------------------------------------------------------- */

static void reference_take(unsigned *references, unsigned many)
{
    __atomic_fetch_add(references, many, __ATOMIC_RELAXED);
}

/* True for the last one: everything other holders did happened before. */
static bool reference_drop(unsigned *references)
{
    return __atomic_sub_fetch(references, 1, __ATOMIC_ACQ_REL) == 0;
}

/* --- services ------------------------------------------------------------------------------------------- */

struct service *service_new(const char *name, const char *path, uint64_t version, struct span message,
                            struct span config)
{
    size_t name_size = strlen(name) + 1, path_size = strlen(path) + 1;
    if (name_size > LAYOUT_NAME_MAX + 1 || message.len > SIZE_MAX / 2)
        return NULL;
    /* One block: the service, its message, its path. */
    struct service *service = malloc(sizeof *service + message.len + path_size);
    if (service == NULL)
        return NULL;
    char *copy = (char *)(service + 1);
    if (message.len > 0)
        memcpy(copy, message.data, message.len);
    *service = (struct service){
        .references = 1,
        .path = copy + message.len,
        .version = version,
        .message = {copy, message.len},
        .config = {config.data == NULL ? NULL : copy + (config.data - message.data), config.len},
    };
    memcpy(service->name, name, name_size);
    memcpy(service->path, path, path_size);
    hash_sha256(copy, message.len, service->digest);
    return service;
}

struct service *service_ref(const struct service *service)
{
    /* The count is the one member that changes while a service is shared. */
    struct service *counted = (struct service *)(uintptr_t)service;
    reference_take(&counted->references, 1);
    return counted;
}

void service_unref(struct service *service)
{
    if (service != NULL && reference_drop(&service->references))
        free(service);
}

/* --- buckets -------------------------------------------------------------------------------------------- */

static size_t bucket_of(const char *name)
{
    uint8_t digest[HASH_LEN];
    hash_sha256(name, strlen(name), digest);
    return digest[0];
}

static void bucket_unref(struct bucket *bucket)
{
    if (bucket == NULL || !reference_drop(&bucket->references))
        return;
    for (size_t i = 0; i < bucket->len; i++)
        service_unref(bucket->services[i]);
    free(bucket);
}

static void bucket_cleanup(struct bucket **bucket)
{
    bucket_unref(*bucket);
}

/* An empty bucket with room for `cap` services and no digest yet; one reference. */
static struct bucket *bucket_new(size_t cap)
{
    struct bucket *bucket = malloc(sizeof *bucket + cap * sizeof bucket->services[0]);
    if (bucket != NULL)
        *bucket = (struct bucket){.references = 1};
    return bucket;
}

static void bucket_add(struct bucket *bucket, struct service *service)
{
    bucket->services[bucket->len++] = service_ref(service);
    bucket->config_bytes += service->config.len;
}

/* Gives a filled bucket its digest, after which it does not change. False when memory is out. */
static bool bucket_seal(struct bucket *bucket)
{
    AUTO_BUF struct buf lines = {0};
    for (size_t i = 0; i < bucket->len; i++) {
        const struct service *service = bucket->services[i];
        buf_puts(&lines, service->name);
        buf_putc(&lines, ' ');
        buf_put_u64(&lines, service->version);
        buf_putc(&lines, ' ');
        buf_put_hex(&lines, service->digest, sizeof service->digest);
        buf_putc(&lines, '\n');
    }
    hash_sha256(lines.data, lines.len, bucket->digest);
    return !lines.failed;
}

/* A change and where it goes. */
struct edit {
    size_t bucket;
    const struct catalog_change *change;
};

static int edit_compare(const void *a, const void *b)
{
    const struct edit *left = a, *right = b;
    if (left->bucket != right->bucket)
        return left->bucket < right->bucket ? -1 : 1;
    return strcmp(left->change->name, right->change->name);
}

/* The bucket after its edits, both sorted by name: one merge. NULL when memory is out. */
static struct bucket *bucket_with(const struct bucket *base, const struct edit *edits, size_t len)
{
    CLEANUP(bucket_cleanup) struct bucket *bucket = bucket_new(base->len + len);
    if (bucket == NULL)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        const struct catalog_change *change = edits[i].change;
        while (kept < base->len && strcmp(base->services[kept]->name, change->name) < 0)
            bucket_add(bucket, base->services[kept++]);
        if (kept < base->len && strcmp(base->services[kept]->name, change->name) == 0)
            kept++; /* replaced or removed */
        if (change->service != NULL)
            bucket_add(bucket, change->service);
    }
    while (kept < base->len)
        bucket_add(bucket, base->services[kept++]);
    return bucket_seal(bucket) ? TAKE(bucket) : NULL;
}

/* --- catalogs ------------------------------------------------------------------------------------------- */

/* The digest of the whole, from those of the buckets, of which none before `first` has changed since the last time. */
static void catalog_seal(struct catalog *catalog, size_t first)
{
    uint8_t digests[MARK_EVERY][HASH_LEN];
    struct hash hash = catalog->marks[first / MARK_EVERY];
    for (size_t mark = first / MARK_EVERY; mark < MARKS; mark++) {
        catalog->marks[mark] = hash;
        for (size_t i = 0; i < MARK_EVERY; i++)
            memcpy(digests[i], catalog->buckets[mark * MARK_EVERY + i]->digest, HASH_LEN);
        hash_update(&hash, digests, sizeof digests);
    }
    hash_final(&hash, catalog->digest);
}

struct catalog *catalog_new(void)
{
    CLEANUP(bucket_cleanup) struct bucket *empty = bucket_new(0);
    struct catalog *catalog = malloc(sizeof *catalog);
    if (catalog == NULL || empty == NULL || !bucket_seal(empty)) {
        free(catalog);
        return NULL;
    }
    *catalog = (struct catalog){.references = 1};
    reference_take(&empty->references, BUCKETS);
    for (size_t i = 0; i < BUCKETS; i++)
        catalog->buckets[i] = empty;
    hash_init(&catalog->marks[0]);
    catalog_seal(catalog, 0);
    return catalog;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    reference_take(&catalog->references, 1);
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (catalog == NULL || !reference_drop(&catalog->references))
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        bucket_unref(catalog->buckets[i]);
    free(catalog);
}

/* The same services once more, in a catalog that may still be changed by its maker. */
static struct catalog *catalog_copy(const struct catalog *base)
{
    struct catalog *catalog = malloc(sizeof *catalog);
    if (catalog == NULL)
        return NULL;
    memcpy(catalog->buckets, base->buckets, sizeof catalog->buckets);
    memcpy(catalog->digest, base->digest, sizeof catalog->digest);
    memcpy(catalog->marks, base->marks, sizeof catalog->marks);
    catalog->references = 1;
    catalog->config_bytes = base->config_bytes;
    catalog->count = base->count;
    for (size_t i = 0; i < BUCKETS; i++)
        reference_take(&catalog->buckets[i]->references, 1);
    return catalog;
}

/* Replaces a bucket by the one after its edits. False when memory is out. */
static bool catalog_edit(struct catalog *catalog, const struct edit *edits, size_t len)
{
    struct bucket **place = &catalog->buckets[edits[0].bucket], *old = *place;
    struct bucket *bucket = bucket_with(old, edits, len);
    if (bucket == NULL)
        return false;
    catalog->count = catalog->count - old->len + bucket->len;
    catalog->config_bytes = catalog->config_bytes - old->config_bytes + bucket->config_bytes;
    *place = bucket;
    bucket_unref(old);
    return true;
}

int catalog_with(const struct catalog *base, const struct catalog_change *changes, size_t len,
                 struct catalog **out, struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = catalog_copy(base);
    AUTO_FREE struct edit *edits = calloc(len > 0 ? len : 1, sizeof *edits);
    if (catalog == NULL || edits == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++)
        edits[i] = (struct edit){bucket_of(changes[i].name), &changes[i]};
    qsort(edits, len, sizeof *edits, edit_compare);
    for (size_t i = 0, end; i < len; i = end) {
        for (end = i + 1; end < len && edits[end].bucket == edits[i].bucket;)
            end++;
        if (!catalog_edit(catalog, edits + i, end - i))
            return error_memory(err);
    }
    if (len > 0)
        catalog_seal(catalog, edits[0].bucket);
    *out = TAKE(catalog);
    return 0;
}

size_t catalog_count(const struct catalog *catalog)
{
    return catalog->count;
}

uint64_t catalog_config_bytes(const struct catalog *catalog)
{
    return catalog->config_bytes;
}

const struct service *catalog_find(const struct catalog *catalog, const char *name)
{
    const struct bucket *bucket = catalog->buckets[bucket_of(name)];
    size_t low = 0, high = bucket->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, bucket->services[middle]->name);
        if (order == 0)
            return bucket->services[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void catalog_digest(const struct catalog *catalog, uint8_t out[static HASH_LEN])
{
    memcpy(out, catalog->digest, HASH_LEN);
}

static int service_compare(const void *a, const void *b)
{
    const struct service *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int catalog_sorted(const struct catalog *catalog, const struct service ***out, struct error *err)
{
    const struct service **sorted = malloc((catalog->count + 1) * sizeof *sorted);
    if (sorted == NULL)
        return error_memory(err);
    size_t len = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (size_t j = 0; j < catalog->buckets[i]->len; j++)
            sorted[len++] = catalog->buckets[i]->services[j];
    qsort(sorted, len, sizeof *sorted, service_compare);
    *out = sorted;
    return 0;
}
