/*
 * snapshot_read: see snapshot.h. Here: reading.
 *
 * Nothing is parsed before the HMAC over the raw bytes is right. After that a snapshot is refused if it is
 * not in the documented form, comes from a newer program, or was not written for this host and source.
 */
#include "io/snapshot.h"

#include "model/codes.h"
#include "model/json.h"
#include "model/tail.h"
#include "util/clock.h"

void snapshot_fini(struct snapshot *snapshot)
{
    doc_fini(&snapshot->doc);
    *snapshot = (struct snapshot){0};
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

void snapshot_host(char out[static SNAPSHOT_HOST_MAX + 1])
{
    /* It cannot fail with room for HOST_NAME_MAX; if it did, no snapshot would fit an unnamed host. */
    if (gethostname(out, SNAPSHOT_HOST_MAX + 1) != 0)
        out[0] = '\0';
    out[SNAPSHOT_HOST_MAX] = '\0';
    for (char *c = out; *c != '\0'; c++)
        if (!is_host_char(*c))
            *c = '-';
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */

static int check_mac(struct span file, const struct mac_key *key, struct error *err)
{
    struct span body;
    uint8_t mac[MAC_LEN];
    if (file.len > SNAPSHOT_MAX)
        return error_set(err, CODE_LKG_FORM, 0, "the snapshot is larger than %d bytes", SNAPSHOT_MAX);
    if (!tail_cut(file, "hmac", sizeof mac, &body, mac))
        return error_set(err, CODE_LKG_FORM, 0, "the snapshot does not end in an hmac");
    if (!crypto_mac_verify(key, body, mac))
        return error_set(err, CODE_LKG_BAD_MAC, 0,
                         "the HMAC of the snapshot is not made with key %s over these bytes", key->id);
    return 0;
}

static int parse(struct span file, struct doc *doc, struct error *err)
{
    const struct json_options options = {
        .file = SNAPSHOT_FILE,
        .limits = {.depth = 8, .nodes = 100 * 1000, .size = SNAPSHOT_MAX},
    };
    if (json_read(file, &options, doc, err) == 0)
        return 0;
    /* The reader answers with the codes of the builder too: limits, duplicate names. Here all is form. */
    if (!error_is(err, ERR_MEMORY))
        err->code = CODE_LKG_FORM;
    return -1;
}

/* --- members ----------------------------------------------------------------------------------------------------- */

static int bad_member(const char *name, const char *wanted, struct error *err)
{
    return error_set(err, CODE_LKG_FORM, 0, "member '%s' of the snapshot is not %s", name, wanted);
}

static int read_u64(const struct doc_node *object, const char *name, uint64_t *out, struct error *err)
{
    int64_t value;
    if (!doc_get_int(object, name, &value) || value < 0)
        return bad_member(name, "an integer from 0 to 2^53-1", err);
    *out = (uint64_t)value;
    return 0;
}

static int read_string(const struct doc_node *object, const char *name, struct span *out, struct error *err)
{
    return doc_get_string(object, name, out) ? 0 : bad_member(name, "a string", err);
}

static int read_format(const struct doc_node *payload, struct error *err)
{
    int64_t format;
    if (!doc_get_int(payload, "format", &format) || format < 1)
        return bad_member("format", "a positive integer", err);
    if (format > SNAPSHOT_FORMAT)
        return error_set(err, CODE_FORMAT_NEWER, 0,
                         "the snapshot has format %lld, this program knows formats up to %d",
                         (long long)format, SNAPSHOT_FORMAT);
    return 0;
}

static int read_journal(const struct doc_node *payload, struct journal_position *out, struct error *err)
{
    const struct doc_node *journal = doc_get(payload, "journal");
    struct span digest;
    if (journal == NULL || !doc_get_string(journal, "sha256", &digest) ||
        !hex_decode(digest, out->digest, HASH_LEN))
        return bad_member("journal", "an object with a sha256", err);
    return read_u64(journal, "seq", &out->seq, err);
}

static int read_services(const struct doc_node *payload, const struct doc_node **out, struct error *err)
{
    const struct doc_node *services = doc_get(payload, "services");
    if (services == NULL || services->kind != DOC_OBJECT)
        return bad_member("services", "an object", err);
    for (size_t i = 0; i < services->u.object.len; i++) {
        const struct doc_member *service = &services->u.object.members[i];
        if (!layout_name_is_good(service->name) || service->value->kind != DOC_STRING)
            return bad_member("services", "an object of names and messages", err);
    }
    *out = services;
    return 0;
}

static int read_payload(const struct doc_node *payload, struct snapshot *out, struct error *err)
{
    struct oid commit;
    int64_t written_ms;
    if (read_format(payload, err) != 0 || read_u64(payload, "epoch", &out->epoch, err) != 0 ||
        read_u64(payload, "generation", &out->generation, err) != 0 ||
        read_u64(payload, "offset", &out->offset, err) != 0 ||
        read_string(payload, "config_epoch", &out->config_epoch, err) != 0 ||
        read_string(payload, "source", &out->source, err) != 0 ||
        read_string(payload, "host", &out->host, err) != 0 ||
        read_string(payload, "head", &out->head, err) != 0 ||
        read_string(payload, "index", &out->index, err) != 0 ||
        read_string(payload, "keyset", &out->keyset, err) != 0 ||
        read_string(payload, "written_at", &out->written_at, err) != 0 ||
        read_journal(payload, &out->journal, err) != 0 || read_services(payload, &out->services, err) != 0)
        return -1;
    if (!oid_parse(out->config_epoch, &commit))
        return bad_member("config_epoch", "a commit id", err);
    if (!layout_name_is_good(out->source))
        return bad_member("source", "a source's name", err);
    if (!clock_parse(out->written_at, &written_ms))
        return bad_member("written_at", "a time", err);
    return 0;
}

static int read_whole(const struct mac_key *key, struct snapshot *out, struct error *err)
{
    const struct doc_node *root = out->doc.root, *payload = doc_get(root, "payload");
    struct span algorithm, key_id;
    if (payload == NULL || payload->kind != DOC_OBJECT)
        return bad_member("payload", "an object", err);
    if (!doc_get_string(root, "algorithm", &algorithm) || !span_is(algorithm, "hmac-sha256"))
        return bad_member("algorithm", "hmac-sha256", err);
    if (!doc_get_string(root, "key_id", &key_id) || !span_is(key_id, key->id))
        return bad_member("key_id", "the key of its HMAC", err);
    return read_payload(payload, out, err);
}

/* --- whose ------------------------------------------------------------------------------------------------------- */

static int check_place(const struct snapshot *snapshot, const char *host, const char *source,
                       struct error *err)
{
    if (host != NULL && !span_is(snapshot->host, host))
        return error_set(err, CODE_LKG_WRONG_HOST, 0, "the snapshot was written for host '%s', this is '%s'",
                         snapshot->host.data, host);
    if (source != NULL && !span_is(snapshot->source, source))
        return error_set(err, CODE_LKG_WRONG_HOST, 0,
                         "the snapshot was written for source '%s', not for '%s'", snapshot->source.data,
                         source);
    return 0;
}

int snapshot_read(struct span file, const struct mac_key *key, const char *host, const char *source,
                  struct snapshot *out, struct error *err)
{
    if (file.len > 0 && file.data[file.len - 1] == '\n')
        file.len--;
    if (check_mac(file, key, err) != 0)
        return -1;
    if (parse(file, &out->doc, err) == 0 && read_whole(key, out, err) == 0 &&
        check_place(out, host, source, err) == 0)
        return 0;
    snapshot_fini(out);
    return -1;
}
