/*
 * fuzz_snapshot: the readers of a snapshot. The first byte says what the rest is:
 *
 *   'r'  a file, byte for byte
 *   'p'  a payload; it is framed with a right HMAC, so that mutations reach the parser and the signatures
 *   's'  lines of a name, a space and a body; each body that is an object is signed and becomes a service of a
 *        snapshot with a right HMAC, a right keyset and a head over the services as they are
 *
 * What is verified must be what its head tells, and a service that is looked for alone the same one. If not, the target traps.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/members.h"
#include "verify/snapshot.h"
#include "verify/snapshot_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOURCE "config-manager"
#define COMMIT "4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc"
#define TIME "2026-11-21T03:23:22.123Z"

enum { SERVICES_MAX = 64 };

static struct mac_key key;
static struct signing_key root, signer;
static struct root_keys roots;
static struct buf keyset; /* signed; kept until the end */

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void sign(const struct signing_key *by, struct buf *body)
{
    struct error err;
    require(crypto_sign_object(by, body, &err) == 0);
}

static void free_keyset(void)
{
    buf_fini(&keyset);
}

static void set_up(void)
{
    static const uint8_t mac[MAC_KEY_LEN] = {9}, root_seed[SEED_LEN] = {1}, signer_seed[SEED_LEN] = {2};
    struct message_keyset keys = {.len = 1};
    struct error err;
    if (roots.len != 0)
        return;
    if (crypto_init(&err) != 0)
        abort();
    crypto_mac_key_from_bytes(mac, &key);
    crypto_signing_key_from_seed(root_seed, &root);
    crypto_signing_key_from_seed(signer_seed, &signer);
    memcpy(roots.keys[0].id, root.id, sizeof root.id);
    memcpy(roots.keys[0].public_key, root.public_key, sizeof root.public_key);
    roots.len = 1;
    memcpy(keys.keys[0].id, signer.id, sizeof signer.id);
    memcpy(keys.keys[0].public_key, signer.public_key, sizeof signer.public_key);
    const struct message_stamp stamp = {.source = SOURCE,
                                        .generation = 1,
                                        .key_id = root.id,
                                        .timestamp = TIME};
    message_compose_keyset(&keyset, &stamp, &keys);
    sign(&root, &keyset);
    atexit(free_keyset);
}

/* --- promises ----------------------------------------------------------------------------------------------------- */

/* What was verified as a whole is found one by one. */
static void find_services(struct span file, const struct snapshot *snapshot, const struct catalog *catalog)
{
    for (size_t i = 0; i < snapshot->services->u.object.len; i++) {
        AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
        const char *name = snapshot->services->u.object.members[i].name.data;
        const struct service *service = catalog_find(catalog, name);
        struct error err;
        require(service != NULL);
        if (snapshot_find_service(file, snapshot->host.data, SOURCE, &roots, name, &found, &err) != 0)
            continue; /* a format that the other reader takes in another place: it says no more than that it does not know */
        require(found.exists && found.version == service->version && found.epoch == snapshot->epoch);
        require(span_equal(buf_span(&found.config), service->config));
    }
}

static bool verify(struct span file, const struct snapshot *snapshot, bool every_signature)
{
    AUTO_VERIFIED_SNAPSHOT struct verified_snapshot verified = {0};
    uint8_t digest[HASH_LEN];
    struct error err;
    if (snapshot_verify(snapshot, &roots, every_signature, &verified, &err) != 0) {
        require(verified.catalog == NULL && verified.head.doc.root == NULL && err.code != NULL);
        return false;
    }
    catalog_digest(verified.catalog, digest);
    require(memcmp(digest, verified.head.u.head.index, HASH_LEN) == 0);
    require(catalog_count(verified.catalog) == snapshot->services->u.object.len);
    require(verified.head.u.head.epoch == snapshot->epoch &&
            verified.keyset.generation == snapshot->generation);
    if (every_signature)
        find_services(file, snapshot, verified.catalog);
    return true;
}

/* True if it was read and verified. */
static bool try_file(struct span file)
{
    AUTO_SNAPSHOT struct snapshot snapshot = {0};
    AUTO_SNAPSHOT_SERVICE struct snapshot_service found = {0};
    struct error err;
    if (snapshot_find_service(file, "here", SOURCE, &roots, "router", &found, &err) != 0)
        require(found.config.data == NULL && err.code != NULL);
    if (snapshot_read(file, &key, NULL, SOURCE, &snapshot, &err) != 0) {
        require(snapshot.doc.root == NULL && snapshot.doc.arena.blocks == NULL && err.code != NULL);
        return false;
    }
    require(span_is(snapshot.source, SOURCE) && snapshot.services->kind == DOC_OBJECT);
    bool is_right = verify(file, &snapshot, false);
    require(!verify(file, &snapshot, true) || is_right);
    return is_right;
}

static bool try_payload(struct span payload)
{
    AUTO_BUF struct buf file = {0};
    buf_puts(&file, "{\"payload\":");
    buf_append_span(&file, payload);
    buf_puts(&file, ",\"algorithm\":\"hmac-sha256\",\"key_id\":\"");
    buf_puts(&file, key.id);
    buf_puts(&file, "\"}");
    crypto_mac_object(&key, &file);
    return try_file(buf_span(&file));
}

/* --- a snapshot around services ----------------------------------------------------------------------------------- */

struct given {
    struct buf messages[SERVICES_MAX];
    char names[SERVICES_MAX][LAYOUT_NAME_MAX + 1];
    size_t len;
    struct catalog *catalog; /* of those that are in order */
    bool is_sound;           /* all are */
};

static void given_fini(struct given *given)
{
    for (size_t i = 0; i < given->len; i++)
        buf_fini(&given->messages[i]);
    catalog_unref(given->catalog);
}

/* What the publisher would hold of this service, if it is one. */
static void add_to_catalog(struct given *given, const char *name, struct span body, struct span message)
{
    AUTO_MESSAGE struct message parsed = {0};
    struct catalog *with = NULL;
    struct error err;
    bool is_sound = message.len <= MESSAGE_MAX && message_parse(body, MESSAGE_UPDATE, &parsed, &err) == 0 &&
                    parsed.u.update.config.data != NULL && strcmp(parsed.u.update.service, name) == 0 &&
                    strcmp(parsed.source, SOURCE) == 0 && parsed.generation == 1 &&
                    strcmp(parsed.key_id, signer.id) == 0;
    given->is_sound = given->is_sound && is_sound;
    struct service *service = service_new(name, "", is_sound ? parsed.u.update.version : 1, message,
                                          (struct span){message.data, 0});
    require(service != NULL);
    require(catalog_with(given->catalog, &(struct catalog_change){name, service}, 1, &with, &err) == 0);
    catalog_unref(given->catalog);
    given->catalog = with;
    service_unref(service);
}

static void add_line(struct given *given, struct span line)
{
    const char *space = line.len == 0 ? NULL : memchr(line.data, ' ', line.len);
    struct span name = {line.data, space == NULL ? 0 : (size_t)(space - line.data)};
    struct error err;
    if (given->len == SERVICES_MAX || !layout_name_is_good(name))
        return;
    char *copy = given->names[given->len];
    memcpy(copy, name.data, name.len);
    copy[name.len] = '\0';
    struct span body = {space + 1, line.len - name.len - 1};
    struct buf *message = &given->messages[given->len];
    if (catalog_find(given->catalog, copy) != NULL)
        return;
    given->len++;
    buf_append_span(message, body);
    if (crypto_sign_object(&signer, message, &err) == 0)
        add_to_catalog(given, copy, body, buf_span(message));
}

static void put_head(struct members *payload, const struct catalog *catalog)
{
    AUTO_BUF struct buf head = {0};
    const struct message_stamp stamp = {.source = SOURCE,
                                        .generation = 1,
                                        .key_id = signer.id,
                                        .timestamp = TIME};
    struct message_head body = {.epoch = 1,
                                .config_epoch = COMMIT,
                                .correlation_id = "c",
                                .services = catalog_count(catalog)};
    catalog_digest(catalog, body.index);
    message_compose_head(&head, &stamp, &body);
    sign(&signer, &head);
    members_put_string(payload, "head", buf_span(&head));
}

static void put_services(struct members *payload, const struct catalog *catalog)
{
    AUTO_FREE const struct service **sorted = NULL;
    struct error err;
    members_put_name(payload, "services");
    struct members services = members_object(payload->out);
    require(catalog_sorted(catalog, &sorted, &err) == 0);
    for (size_t i = 0; i < catalog_count(catalog); i++)
        members_put_string(&services, sorted[i]->name, sorted[i]->message);
    members_end(&services);
}

static void try_services(struct span rest)
{
    CLEANUP(given_fini) struct given given = {.catalog = catalog_new(), .is_sound = true};
    AUTO_BUF struct buf payload = {0}, index = {0};
    struct error err;
    static const uint8_t digest[HASH_LEN];
    while (rest.len > 0) {
        const char *lf = memchr(rest.data, '\n', rest.len);
        struct span line = {rest.data, lf == NULL ? rest.len : (size_t)(lf - rest.data)};
        size_t passed = line.len + (lf != NULL);
        rest = (struct span){rest.data + passed, rest.len - passed};
        add_line(&given, line);
    }
    if (message_compose_index(&index, SOURCE, 1, COMMIT, given.catalog, &err) != 0)
        return;
    struct members m = members_object(&payload);
    members_put_text(&m, "config_epoch", COMMIT);
    members_put_u64(&m, "epoch", 1);
    members_put_u64(&m, "format", SNAPSHOT_FORMAT);
    members_put_u64(&m, "generation", 1);
    put_head(&m, given.catalog);
    members_put_text(&m, "host", "here");
    members_put_string(&m, "index", buf_span(&index));
    members_put_name(&m, "journal");
    struct members journal = members_object(&payload);
    members_put_u64(&journal, "seq", 1);
    members_put_hex(&journal, "sha256", digest, sizeof digest);
    members_end(&journal);
    members_put_string(&m, "keyset", buf_span(&keyset));
    members_put_u64(&m, "offset", 0);
    put_services(&m, given.catalog);
    members_put_text(&m, "source", SOURCE);
    members_put_text(&m, "written_at", TIME);
    members_end(&m);
    bool is_right = try_payload(buf_span(&payload));
    require(is_right == given.is_sound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    if (size == 0)
        return 0;
    struct span rest = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'r':
        try_file(rest);
        break;
    case 'p':
        try_payload(rest);
        break;
    case 's':
        try_services(rest);
        break;
    default:
        break;
    }
    return 0;
}
