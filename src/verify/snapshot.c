/*
 * snapshot: see snapshot.h.
 *
 * Whatever is wrong in here was put there by somebody who can compute the HMAC, so every refusal has one
 * code; the message names the part. Only a lack of memory and a newer format keep their own.
 */
#include "verify/snapshot.h"

#include "model/codes.h"

void verified_snapshot_fini(struct verified_snapshot *verified)
{
    catalog_unref(verified->catalog);
    message_fini(&verified->head);
    *verified = (struct verified_snapshot){0};
}

static int refuse(struct error *err, const char *part, const char *name)
{
    if (strcmp(err->code, ERR_MEMORY) == 0)
        return -1;
    if (strcmp(err->code, CODE_FORMAT_NEWER) != 0)
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
    struct buf body;
};

static void services_fini(struct services *services)
{
    for (size_t i = 0; i < services->len; i++)
        service_unref(services->changes[i].service);
    free(services->changes);
    buf_fini(&services->body);
}

static int add_service(struct services *services, const struct doc_member *member, const char *source,
                       const struct keyset *keyset, bool every_signature, struct error *err)
{
    AUTO_MESSAGE struct message message = {0};
    const struct expectation expected = {.type = MESSAGE_UPDATE,
                                         .source = source,
                                         .service = member->name.data};
    struct span raw = member->value->u.string;
    int rc = every_signature ? message_verify(raw, keyset, &expected, &message, err)
                             : message_read_vouched(raw, keyset, &expected, &services->body, &message, err);
    if (rc != 0)
        return refuse(err, "service ", expected.service);
    if (message.u.update.config.data == NULL)
        return error_set(err, CODE_LKG_BAD_SIG, 0, "service %s of the snapshot is a removed one",
                         expected.service);
    struct service *service =
        service_new(expected.service, "", message.u.update.version, raw, message.u.update.config);
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

static int check_index(const struct snapshot *snapshot, const struct verified_snapshot *verified,
                       struct error *err)
{
    AUTO_BUF struct buf index = {0};
    uint8_t digest[HASH_LEN];
    catalog_digest(verified->catalog, digest);
    if (memcmp(digest, verified->head.u.head.index, HASH_LEN) != 0)
        return disagree(err, "the digest of all services");
    if (message_compose_index(&index, snapshot->source.data, snapshot->epoch, snapshot->config_epoch.data,
                              verified->catalog, err) != 0)
        return -1;
    return span_equal(buf_span(&index), snapshot->index) ? 0 : disagree(err, "the index");
}

int snapshot_verify(const struct snapshot *snapshot, const struct root_keys *roots, bool every_signature,
                    struct verified_snapshot *out, struct error *err)
{
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    if (verify_head(snapshot, roots, &verified, err) != 0 ||
        make_catalog(snapshot, &verified.keyset, every_signature, &verified.catalog, err) != 0 ||
        check_index(snapshot, &verified, err) != 0)
        return -1;
    *out = verified;
    verified = (struct verified_snapshot){0};
    return 0;
}
