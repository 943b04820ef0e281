/*
 * snapshot_service: see snapshot_service.h.
 *
 * Members are looked for, not parsed up to. A quote inside of a string has a backslash before it, so the bytes `"name":"` begin a
 * member wherever they stand. Whether it is the one that is meant is for the signatures to say.
 */
#include "verify/snapshot_service.h"

#include "io/snapshot.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/json_text.h"
#include "model/layout.h"
#include "util/hex.h"
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

/* --- members --------------------------------------------------------------------------------------------------------- */

/* Behind the first `"name":` and `next`, which is kept. */
static bool skip_to(struct span *file, const char *name, char next)
{
    char pattern[LAYOUT_NAME_MAX + 8];
    int len = snprintf(pattern, sizeof pattern, "\"%s\":%c", name, next);
    if (len < 0 || (size_t)len >= sizeof pattern)
        return false;
    const char *at = memmem(file->data, file->len, pattern, (size_t)len);
    if (at == NULL)
        return false;
    size_t skip = (size_t)(at - file->data) + (size_t)len - 1;
    *file = (struct span){file->data + skip, file->len - skip};
    return true;
}

/* A string member with its escapes resolved, into a document of its own. */
static int read_string(struct span file, const char *name, size_t max, struct doc *doc, struct span *out, struct error *err)
{
    const struct json_options options = {.file = SNAPSHOT_FILE, .limits = {.depth = 1, .nodes = 1, .size = SNAPSHOT_MAX}};
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

/* --- proofs ---------------------------------------------------------------------------------------------------------- */

struct proof {
    const char *source;
    struct keyset keyset;
    struct message head;
    struct index index;
};

static void proof_fini(struct proof *proof)
{
    message_fini(&proof->head);
    index_fini(&proof->index);
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

static int prove_index(struct span file, struct proof *proof, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct span text;
    if (read_string(file, "index", INDEX_MAX, &doc, &text, err) != 0 || index_read(text, &proof->index, err) != 0)
        return -1;
    if (memcmp(proof->index.digest, proof->head.u.head.index, HASH_LEN) != 0)
        return error_set(err, CODE_LKG_BAD_SIG, 0, "the index of the snapshot is not the one its signed head tells");
    return 0;
}

static int take(const struct message_update *update, struct snapshot_service *out, struct error *err)
{
    buf_append_span(&out->config, update->config);
    out->version = update->version;
    if (!oid_parse(span_of(update->config_epoch), &out->commit))
        return error_set(err, CODE_LKG_FORM, 0, "the message has no config_epoch");
    return buf_check(&out->config, err);
}

/* The message is the one that the index names, and signed. */
static int prove_service(struct span file, const struct proof *proof, const char *service, struct snapshot_service *out, struct error *err)
{
    const struct doc_node *entry = doc_get(proof->index.services, service);
    const struct expectation expected = {MESSAGE_UPDATE, proof->source, service};
    struct doc doc AUTO_DOC = {0};
    struct message message AUTO_MESSAGE = {0};
    struct span raw, told;
    uint8_t digest[HASH_LEN];
    char hex[HASH_HEX_LEN + 1];
    out->exists = entry != NULL;
    if (entry == NULL)
        return 0;
    if (!skip_to(&file, "services", '{'))
        return refuse_form("services", err);
    if (read_string(file, service, MESSAGE_MAX, &doc, &raw, err) != 0)
        return -1;
    hash_sha256(raw.data, raw.len, digest);
    hex_encode(digest, sizeof digest, hex);
    if (!doc_get_string(entry, "sha256", &told) || !span_is(told, hex))
        return error_set(err, CODE_LKG_BAD_SIG, 0, "service %s of the snapshot is not the one its index tells", service);
    if (message_verify(raw, &proof->keyset, &expected, &message, err) != 0)
        return -1;
    return take(&message.u.update, out, err);
}

int snapshot_find_service(struct span file, const char *host, const char *source, const struct root_keys *roots, const char *service,
                          struct snapshot_service *out, struct error *err)
{
    struct proof proof CLEANUP(proof_fini) = {.source = source};
    if (file.len > SNAPSHOT_MAX || !layout_name_is_good(span_of(service)))
        return refuse_form(service, err);
    if (check_place(file, host, err) == 0 && prove_head(file, roots, &proof, err) == 0 && prove_index(file, &proof, err) == 0 &&
        prove_service(file, &proof, service, out, err) == 0) {
        out->epoch = proof.head.u.head.epoch;
        return 0;
    }
    snapshot_service_fini(out);
    return -1;
}
