/*
 * snapshot_service: see snapshot_service.h.
 *
 * Members are looked for, not parsed up to. A quote inside of a string has a backslash before it, so the bytes
 * `"name":"` begin a member wherever they stand. Whether it is the one that is meant is for the signatures to say.
 */
#include "verify/snapshot_service.h"

#include "io/snapshot.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/json_text.h"
#include "model/layout.h"
#include "util/hex.h"
#include "util/num.h"
#include "verify/index.h"
#include "verify/message.h"

void snapshot_service_fini(struct snapshot_service *service)
{
    buf_fini(&service->config);
    *service = (struct snapshot_service){0};
}

static int refuse_form(const char *name, struct error *err)
{
    return error_set(err, CODE_LKG_FORM, 0, "the snapshot has no member '%s' where canonical JSON has it", name);
}

/* --- members ------------------------------------------------------------------------------------------------------ */

/* Behind the first such text. */
static bool skip_past(struct span *file, struct span text)
{
    const char *at = memmem(file->data, file->len, text.data, text.len);
    if (at != NULL)
        *file = span_from(*file, (size_t)(at - file->data) + text.len);
    return at != NULL;
}

/* Behind the first `"name":`, if `next` follows. */
static bool skip_to(struct span *file, const char *name, char next)
{
    char pattern[LAYOUT_NAME_MAX + 8];
    int len = snprintf(pattern, sizeof pattern, "\"%s\":%c", name, next);
    if (len < 0 || (size_t)len >= sizeof pattern || !skip_past(file, (struct span){pattern, (size_t)len}))
        return false;
    *file = (struct span){file->data - 1, file->len + 1};
    return true;
}

/* A string member with its escapes resolved, into a document of its own. */
static int read_string(struct span file, const char *name, size_t max, struct doc *doc, struct span *out,
                       struct error *err)
{
    const struct json_options options = {.file = SNAPSHOT_FILE,
                                         .limits = {.depth = 1, .nodes = 1, .size = SNAPSHOT_MAX}};
    if (!skip_to(&file, name, '"'))
        return refuse_form(name, err);
    size_t len = 1;
    while (len < file.len && file.data[len] != '"')
        len += file.data[len] == '\\' ? 2 : 1;
    if (len >= file.len || len > max * JSON_ESCAPE_MAX)
        return refuse_form(name, err);
    if (json_read((struct span){file.data, len + 1}, &options, doc, err) != 0)
        return -1;
    *out = doc->root->u.string;
    return 0;
}

static int check_place(struct span file, const char *host, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct span format = file, found;
    if (!skip_to(&format, "format", (char)('0' + SNAPSHOT_FORMAT)) || format.len < 2 || format.data[1] != ',')
        return refuse_form("format", err);
    if (read_string(file, "host", SNAPSHOT_HOST_MAX, &doc, &found, err) != 0)
        return -1;
    if (!span_is(found, host))
        return error_set(err, CODE_LKG_WRONG_HOST, 0, "the snapshot was written for another host");
    return 0;
}

/* --- proofs ------------------------------------------------------------------------------------------------------- */

struct proof {
    const char *source, *service;
    struct keyset keyset;
    struct message head;
    bool exists;              /* the service is among those of the index */
    uint8_t digest[HASH_LEN]; /* of its message then */
};

static void proof_fini(struct proof *proof)
{
    message_fini(&proof->head);
}

static int prove_head(struct span file, const struct root_keys *roots, struct proof *proof, struct error *err)
{
    struct doc keyset_doc AUTO_DOC = {0}, head_doc AUTO_DOC = {0};
    const struct expectation expected = {MESSAGE_HEAD, proof->source, NULL};
    struct span keyset, head;
    if (read_string(file, "keyset", MESSAGE_MAX, &keyset_doc, &keyset, err) != 0 ||
        read_string(file, "head", MESSAGE_MAX, &head_doc, &head, err) != 0)
        return -1;
    if (keyset_verify(keyset, roots, proof->source, &proof->keyset, err) != 0)
        return -1;
    return message_verify(head, &proof->keyset, &expected, &proof->head, err);
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

/*
 * The index is read where it stands, as a string inside of the snapshot and in the one form it is written in: ten
 * thousand services would be as many objects to make for the sake of one. Where it has another form, or says
 * anything else than what was signed, its digest is not the head's.
 */

/* `"router":{"sha256":"…","version":42}`, each quote behind a backslash. */
static bool read_entry(struct span *rest, struct span *name, struct index_entry *entry)
{
    struct span digest, version;
    return span_skip(rest, SPAN("\\\"")) && span_take_until(rest, '\\', name) && layout_name_is_good(*name) &&
           span_skip(rest, SPAN("\":{\\\"sha256\\\":\\\"")) && span_take_until(rest, '\\', &digest) &&
           hex_decode(digest, entry->digest, HASH_LEN) && span_skip(rest, SPAN("\",\\\"version\\\":")) &&
           span_take_until(rest, '}', &version) && num_parse_u64(version, &entry->version);
}

static int sum_entries(struct span rest, struct index_sum *sum, struct proof *proof, struct error *err)
{
    struct span found;
    while (!span_skip(&rest, SPAN("}"))) {
        char name[LAYOUT_NAME_MAX + 1] = "";
        struct index_entry entry = {.name = name};
        if (!read_entry(&rest, &found, &entry))
            return refuse_form("index", err);
        memcpy(name, found.data, found.len);
        if (index_sum_add(sum, &entry, err) != 0)
            return -1;
        if (strcmp(name, proof->service) == 0) {
            proof->exists = true;
            memcpy(proof->digest, entry.digest, HASH_LEN);
        }
        span_skip(&rest, SPAN(","));
    }
    return 0;
}

static int prove_index(struct span file, struct proof *proof, struct error *err)
{
    struct index_sum sum AUTO_INDEX_SUM = {0};
    uint8_t digest[HASH_LEN];
    if (!skip_to(&file, "index", '"') || !skip_past(&file, SPAN("\\\"services\\\":{")))
        return refuse_form("index", err);
    if (index_sum_init(&sum, err) != 0 || sum_entries(file, &sum, proof, err) != 0)
        return -1;
    index_sum_end(&sum, digest);
    if (memcmp(digest, proof->head.u.head.index, HASH_LEN) != 0)
        return error_set(err, CODE_LKG_BAD_SIG, 0, "the index of the snapshot is not the one its signed head tells");
    return 0;
}

/* --- the service -------------------------------------------------------------------------------------------------- */

static int take(const struct message_update *update, struct snapshot_service *out, struct error *err)
{
    buf_append_span(&out->config, update->config);
    out->version = update->version;
    if (!oid_parse(span_of(update->config_epoch), &out->commit))
        return error_set(err, CODE_LKG_FORM, 0, "the message has no config_epoch");
    return buf_check(&out->config, err);
}

/* The message is the one that the index names, and signed. */
static int prove_service(struct span file, const struct proof *proof, struct snapshot_service *out, struct error *err)
{
    const struct expectation expected = {MESSAGE_UPDATE, proof->source, proof->service};
    struct doc doc AUTO_DOC = {0};
    struct message message AUTO_MESSAGE = {0};
    struct span raw;
    uint8_t digest[HASH_LEN];
    out->exists = proof->exists;
    if (!proof->exists)
        return 0;
    if (!skip_to(&file, "services", '{'))
        return refuse_form("services", err);
    if (read_string(file, proof->service, MESSAGE_MAX, &doc, &raw, err) != 0)
        return -1;
    hash_sha256(raw.data, raw.len, digest);
    if (memcmp(digest, proof->digest, HASH_LEN) != 0)
        return error_set(err, CODE_LKG_BAD_SIG, 0, "service %s of the snapshot is not the one its index tells",
                         proof->service);
    if (message_verify(raw, &proof->keyset, &expected, &message, err) != 0)
        return -1;
    return take(&message.u.update, out, err);
}

int snapshot_find_service(struct span file, const char *host, const char *source, const struct root_keys *roots,
                          const char *service, struct snapshot_service *out, struct error *err)
{
    struct proof proof CLEANUP(proof_fini) = {.source = source, .service = service};
    if (file.len > SNAPSHOT_MAX || !layout_name_is_good(span_of(service)))
        return refuse_form(service, err);
    if (check_place(file, host, err) == 0 && prove_head(file, roots, &proof, err) == 0 &&
        prove_index(file, &proof, err) == 0 && prove_service(file, &proof, out, err) == 0) {
        out->epoch = proof.head.u.head.epoch;
        return 0;
    }
    snapshot_service_fini(out);
    return -1;
}
