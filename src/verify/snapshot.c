/*
 * snapshot: see snapshot.h.
 *
 * Whatever is wrong in here was put there by somebody who can compute the HMAC, so every refusal has one
 * code; the message names the part. Only a lack of memory and a newer format keep their own.
 */
#include "verify/snapshot.h"

#include "model/codes.h"
#include "model/tail.h"
#include "util/num.h"

void verified_snapshot_fini(struct verified_snapshot *verified)
{
    catalog_unref(verified->catalog);
    message_fini(&verified->head);
    *verified = (struct verified_snapshot){0};
}

static int refuse(struct error *err, const char *part, const char *name)
{
    if (error_is(err, ERR_MEMORY))
        return -1;
    if (!error_is(err, CODE_FORMAT_NEWER))
        err->code = CODE_LKG_BAD_SIG;
    return error_wrap(err, "%s%s of the snapshot", part, name);
}

static int disagree(struct error *err, const char *what)
{
    return error_set(err, CODE_LKG_BAD_SIG, 0, "%s of the snapshot is not the one its signed head tells",
                     what);
}

/* --- keyset and head --------------------------------------------------------------------------------------------- */

static int check_head(const struct snapshot *snapshot, const struct verified_snapshot *verified,
                      struct error *err)
{
    const struct message_head *head = &verified->head.u.head;
    if (snapshot->generation != verified->head.generation)
        return disagree(err, "the generation");
    if (snapshot->epoch != head->epoch)
        return disagree(err, "the epoch");
    if (!span_is(snapshot->config_epoch, head->config_epoch))
        return disagree(err, "the config_epoch");
    if (snapshot->offset != head->offset)
        return disagree(err, "the offset");
    if (snapshot->services->u.object.len != head->services)
        return disagree(err, "the number of services");
    return 0;
}

static int verify_head(const struct snapshot *snapshot, const struct root_keys *roots,
                       struct verified_snapshot *out, struct error *err)
{
    const struct expectation expected = {.type = MESSAGE_HEAD, .source = snapshot->source.data};
    if (keyset_verify(snapshot->keyset, roots, expected.source, &out->keyset, err) != 0)
        return refuse(err, "the keyset", "");
    if (message_verify(snapshot->head, &out->keyset, &expected, &out->head, err) != 0)
        return refuse(err, "the head", "");
    return check_head(snapshot, out, err);
}

/* --- services ---------------------------------------------------------------------------------------------------- */

struct services {
    struct catalog_change *changes;
    size_t len;
};

static void services_fini(struct services *services)
{
    for (size_t i = 0; i < services->len; i++)
        service_unref(services->changes[i].service);
    free(services->changes);
}

/* Cuts *text at the last `member`, which begins with its comma; *behind is what follows it. */
static bool cut_last(struct span *text, struct span member, struct span *behind)
{
    const char *end = text->data + text->len, *at = end;
    while ((at = memrchr(text->data, ',', (size_t)(at - text->data))) != NULL) {
        if ((size_t)(end - at) < member.len || memcmp(at, member.data, member.len) != 0)
            continue;
        *behind = (struct span){at + member.len, (size_t)(end - at) - member.len};
        text->len = (size_t)(at - text->data);
        return true;
    }
    return false;
}

/*
 * Version and configuration of a message whose digest the head vouches for, or else is not used: what the signer
 * judged is not judged again. The members stand in canonical order: the configuration is the first, the version
 * the last, and behind the configuration no value has a quote in it. So the last `,"config_epoch":"` is the
 * member's own, whatever the configuration says.
 */
static int find_update(struct span raw, struct message_update *out, struct error *err)
{
    static const char begin[] = "{\"config\":{";
    struct span body, version, rest;
    uint8_t signature[SIGNATURE_LEN];
    if (raw.len > MESSAGE_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the message has more than %d bytes", MESSAGE_MAX);
    if (!tail_cut(raw, "signature", sizeof signature, &body, signature) ||
        !cut_last(&body, SPAN(",\"version\":"), &version) || !num_parse_u64(version, &out->version) ||
        !cut_last(&body, SPAN(",\"config_epoch\":\""), &rest) ||
        body.len < sizeof begin || memcmp(body.data, begin, sizeof begin - 1) != 0)
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message is no configuration in canonical form");
    size_t lead = sizeof begin - sizeof "{";
    out->config = (struct span){body.data + lead, body.len - lead};
    return 0;
}

/* By its signature, or where the digest of all will prove it, as it stands. */
static int read_service(struct span raw, const struct expectation *expected, const struct keyset *keyset,
                        bool every_signature, struct message_update *out, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    if (!every_signature)
        return find_update(raw, out, err);
    if (message_verify(raw, keyset, expected, &message, err) != 0)
        return -1;
    *out = (struct message_update){.version = message.u.update.version, .config = message.u.update.config};
    return 0;
}

static int add_service(struct services *services, const struct doc_member *member, const char *source,
                       const struct keyset *keyset, bool every_signature, struct error *err)
{
    const struct expectation expected = {.type = MESSAGE_UPDATE,
                                         .source = source,
                                         .service = member->name.data};
    struct span raw = member->value->u.string;
    struct message_update update = {0};
    if (read_service(raw, &expected, keyset, every_signature, &update, err) != 0)
        return refuse(err, "service ", expected.service);
    if (update.config.data == NULL)
        return error_set(err, CODE_LKG_BAD_SIG, 0, "service %s of the snapshot is a removed one",
                         expected.service);
    struct service *service = service_new(expected.service, "", update.version, raw, update.config);
    if (service == NULL)
        return error_memory(err);
    services->changes[services->len++] = (struct catalog_change){service->name, service};
    return 0;
}

static int make_catalog(const struct snapshot *snapshot, const struct keyset *keyset, bool every_signature,
                        struct catalog **out, struct error *err)
{
    CLEANUP(services_fini) struct services services = {0};
    AUTO_CATALOG struct catalog *empty = catalog_new();
    const struct doc_node *object = snapshot->services;
    services.changes = calloc(object->u.object.len + 1, sizeof *services.changes);
    if (empty == NULL || services.changes == NULL)
        return error_memory(err);
    for (size_t i = 0; i < object->u.object.len; i++)
        if (add_service(&services, &object->u.object.members[i], snapshot->source.data, keyset,
                        every_signature, err) != 0)
            return -1;
    return catalog_with(empty, services.changes, services.len, out, err);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int check_index(const struct snapshot *snapshot, const struct message_head *head,
                       const struct catalog *catalog, struct error *err)
{
    AUTO_BUF struct buf index = {0};
    uint8_t digest[HASH_LEN];
    catalog_digest(catalog, digest);
    if (memcmp(digest, head->index, HASH_LEN) != 0)
        return disagree(err, "the digest of all services");
    if (message_compose_index(&index, snapshot->source.data, snapshot->epoch, snapshot->config_epoch.data,
                              catalog, err) != 0)
        return -1;
    return span_equal(buf_span(&index), snapshot->index) ? 0 : disagree(err, "the index");
}

static int verify_services(const struct snapshot *snapshot, bool every_signature,
                           struct verified_snapshot *verified, struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = NULL;
    if (make_catalog(snapshot, &verified->keyset, every_signature, &catalog, err) != 0 ||
        check_index(snapshot, &verified->head.u.head, catalog, err) != 0)
        return -1;
    verified->catalog = TAKE(catalog);
    return 0;
}

int snapshot_verify(const struct snapshot *snapshot, const struct root_keys *roots, bool every_signature,
                    struct verified_snapshot *out, struct error *err)
{
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    if (verify_head(snapshot, roots, &verified, err) != 0)
        return -1;
    /* What the digest does not prove is taken message by message: to say which of them is wrong. */
    if ((every_signature || verify_services(snapshot, false, &verified, err) != 0) &&
        verify_services(snapshot, true, &verified, err) != 0)
        return -1;
    *out = verified;
    verified = (struct verified_snapshot){0};
    return 0;
}
