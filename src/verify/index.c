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
    if (sum->buckets == NULL)
        return error_memory(err);
    for (size_t i = 0; i < BUCKETS; i++)
        hash_init(&sum->buckets[i]);
    return 0;
}

void index_sum_fini(struct index_sum *sum)
{
    free(sum->buckets);
    buf_fini(&sum->line);
    *sum = (struct index_sum){0};
}

/* `name SP version SP sha256 LF`, into the bucket that the name's hash says. */
int index_sum_add(struct index_sum *sum, const struct index_entry *entry, struct error *err)
{
    uint8_t of_name[HASH_LEN];
    hash_sha256(entry->name, strlen(entry->name), of_name);
    buf_reset(&sum->line);
    buf_puts(&sum->line, entry->name);
    buf_putc(&sum->line, ' ');
    buf_put_u64(&sum->line, entry->version);
    buf_putc(&sum->line, ' ');
    buf_put_hex(&sum->line, entry->digest, HASH_LEN);
    buf_putc(&sum->line, '\n');
    if (buf_check(&sum->line, err) != 0)
        return -1;
    hash_update(&sum->buckets[of_name[0]], sum->line.data, sum->line.len);
    return 0;
}

void index_sum_end(struct index_sum *sum, uint8_t out[static HASH_LEN])
{
    struct hash whole;
    hash_init(&whole);
    for (size_t i = 0; i < BUCKETS; i++) {
        uint8_t digest[HASH_LEN];
        hash_final(&sum->buckets[i], digest);
        hash_update(&whole, digest, sizeof digest);
    }
    hash_final(&whole, out);
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
    index_sum_end(&sum, index->digest);
    return 0;
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
        if (!error_is(err, ERR_MEMORY))
            err->code = CODE_MESSAGE_FORM;
        return -1;
    }
    if (read_services(out, err) != 0) {
        index_fini(out);
        return -1;
    }
    return 0;
}
