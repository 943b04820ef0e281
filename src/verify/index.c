/*
 * index: see index.h.
 */
#include "verify/index.h"

#include "model/codes.h"
#include "model/json.h"
#include "util/hex.h"

enum { BUCKETS = 256, NODES_MAX = 16 + 3 * INDEX_SERVICES_MAX };

void index_fini(struct index *index)
{
    doc_fini(&index->doc);
    *index = (struct index){0};
}

size_t index_count(const struct index *index)
{
    return index->services->u.object.len;
}

static bool read_entry(const struct doc_member *member, struct index_entry *entry)
{
    int64_t version = 0;
    struct span hex;
    if (!layout_name_is_good(member->name) || !doc_get_int(member->value, "version", &version) || version < 0 ||
        !doc_get_string(member->value, "sha256", &hex) || !hex_decode(hex, entry->digest, HASH_LEN))
        return false;
    entry->name = member->name.data;
    entry->version = (uint64_t)version;
    return true;
}

/* Every entry was read when the index was, so it can be. */
struct index_entry index_at(const struct index *index, size_t at)
{
    struct index_entry entry = {0};
    (void)read_entry(&index->services->u.object.members[at], &entry);
    return entry;
}

/* --- the digest of a set ------------------------------------------------------------------------------------------ */

int index_sum_init(struct index_sum *sum, struct error *err)
{
    *sum = (struct index_sum){.buckets = calloc(BUCKETS, sizeof *sum->buckets)};
    return sum->buckets == NULL ? error_memory(err) : 0;
}

void index_sum_fini(struct index_sum *sum)
{
    for (size_t i = 0; sum->buckets != NULL && i < BUCKETS; i++)
        buf_fini(&sum->buckets[i]);
    for (size_t i = 0; i < LANES; i++)
        buf_fini(&sum->lines[i]);
    free(sum->buckets);
    *sum = (struct index_sum){0};
}

/* Puts the lines that wait into the buckets that the hashes of their names say. */
static int place_lines(struct index_sum *sum, struct error *err)
{
    struct span names[LANES];
    uint8_t of_names[LANES][HASH_LEN];
    for (size_t i = 0; i < sum->waiting; i++)
        names[i] = (struct span){sum->lines[i].data, sum->name_lens[i]};
    lanes_sha256(names, sum->waiting, of_names);
    for (size_t i = 0; i < sum->waiting; i++) {
        struct buf *bucket = &sum->buckets[of_names[i][0]];
        buf_append_span(bucket, buf_span(&sum->lines[i]));
        if (buf_check(bucket, err) != 0)
            return -1;
    }
    sum->waiting = 0;
    return 0;
}

/* `name SP version SP sha256 LF` */
int index_sum_add(struct index_sum *sum, const struct index_entry *entry, struct error *err)
{
    struct buf *line = &sum->lines[sum->waiting];
    buf_reset(line);
    buf_puts(line, entry->name);
    sum->name_lens[sum->waiting] = line->len;
    buf_putc(line, ' ');
    buf_put_u64(line, entry->version);
    buf_putc(line, ' ');
    buf_put_hex(line, entry->digest, HASH_LEN);
    buf_putc(line, '\n');
    if (buf_check(line, err) != 0)
        return -1;
    return ++sum->waiting < LANES ? 0 : place_lines(sum, err);
}

int index_sum_end(struct index_sum *sum, uint8_t out[static HASH_LEN], struct error *err)
{
    struct span buckets[BUCKETS];
    uint8_t digests[BUCKETS][HASH_LEN];
    if (place_lines(sum, err) != 0)
        return -1;
    for (size_t i = 0; i < BUCKETS; i++)
        buckets[i] = buf_span(&sum->buckets[i]);
    lanes_sha256(buckets, BUCKETS, digests);
    hash_sha256(digests, sizeof digests, out);
    return 0;
}

static int digest_of(struct index *index, struct error *err)
{
    struct index_sum sum AUTO_INDEX_SUM;
    if (index_sum_init(&sum, err) != 0)
        return -1;
    for (size_t i = 0; i < index_count(index); i++) {
        struct index_entry entry;
        if (!read_entry(&index->services->u.object.members[i], &entry))
            return error_set(err, CODE_MESSAGE_FORM, 0,
                             "the index has an entry that is not a name with version and sha256");
        if (index_sum_add(&sum, &entry, err) != 0)
            return -1;
    }
    return index_sum_end(&sum, index->digest, err);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_services(struct index *index, struct error *err)
{
    struct span type;
    index->services = doc_get(index->doc.root, "services");
    if (!doc_get_string(index->doc.root, "type", &type) || !span_is(type, "config.index") || index->services == NULL ||
        index->services->kind != DOC_OBJECT || index_count(index) > INDEX_SERVICES_MAX)
        return error_set(err, CODE_MESSAGE_FORM, 0, "it is no index");
    return digest_of(index, err);
}

int index_read(struct span raw, struct index *out, struct error *err)
{
    const struct json_options options = {
        .file = "index", .limits = {.depth = 8, .nodes = NODES_MAX, .size = INDEX_MAX}};
    if (raw.len > INDEX_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the index has more than %d bytes", INDEX_MAX);
    if (json_read(raw, &options, &out->doc, err) != 0) {
        if (strcmp(err->code, ERR_MEMORY) != 0)
            err->code = CODE_MESSAGE_FORM;
        return -1;
    }
    if (read_services(out, err) != 0) {
        index_fini(out);
        return -1;
    }
    return 0;
}
