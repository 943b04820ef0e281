/*
 * snapshots: what the tests of snapshots share: a publisher with a keyset, services, head, and the file they
 * make.
 */
#ifndef TESTS_UNIT_SNAPSHOTS_H
#define TESTS_UNIT_SNAPSHOTS_H

#include "io/snapshot.h"
#include "messages.h"
#include "model/codes.h"
#include "model/tail.h"
#include "temp_folder.h"
#include "util/fs.h"
#include "verify/snapshot.h"

enum { ROOT_SEED = 1, SIGNER_SEED = 2, EPOCH = 42, GENERATION = 1, OFFSET = 3 };
#define HOST "kitchen"

static inline struct mac_key lkg_key(uint8_t byte)
{
    uint8_t bytes[MAC_KEY_LEN];
    struct mac_key key;
    memset(bytes, byte, sizeof bytes);
    crypto_mac_key_from_bytes(bytes, &key);
    return key;
}

static inline void must(int rc, const struct error *err)
{
    if (rc != 0)
        fail_msg("%s [%s]", err->message, err->code);
}

/* --- what a publisher makes --- */

static inline void sign_by(struct buf *body, uint8_t seed)
{
    struct error err;
    struct signing_key key = key_of_seed(seed);
    must(crypto_sign_object(&key, body, &err), &err);
}

static inline struct message_stamp stamp_by(uint8_t seed, char id[static KEY_ID_LEN + 1])
{
    struct signing_key key = key_of_seed(seed);
    memcpy(id, key.id, KEY_ID_LEN + 1);
    return stamp_of(id);
}

static inline void make_keyset(struct buf *out, uint8_t root_seed, uint8_t signer_seed, uint64_t generation)
{
    char id[KEY_ID_LEN + 1];
    struct message_keyset keyset = {0};
    struct signing_key signer = key_of_seed(signer_seed);
    struct message_stamp stamp = stamp_by(root_seed, id);
    stamp.generation = generation;
    keyset_insert(&keyset, &signer);
    message_compose_keyset(out, &stamp, &keyset);
    sign_by(out, root_seed);
}

/* `config` NULL: a tombstone. */
static inline void make_update(struct buf *out, const char *name, uint64_t version, const char *config,
                               uint8_t seed)
{
    char id[KEY_ID_LEN + 1];
    struct message_stamp stamp = stamp_by(seed, id);
    struct message_update update = sample_update();
    update.service = name;
    update.version = version;
    update.config = config == NULL ? (struct span){0} : span_of(config);
    message_compose_update(out, &stamp, &update);
    sign_by(out, seed);
}

static inline void make_head(struct buf *out, const struct catalog *catalog, uint64_t epoch, uint8_t seed)
{
    char id[KEY_ID_LEN + 1];
    struct message_stamp stamp = stamp_by(seed, id);
    struct message_head head = sample_head();
    head.epoch = epoch;
    head.offset = OFFSET;
    head.services = catalog_count(catalog);
    catalog_digest(catalog, head.index);
    message_compose_head(out, &stamp, &head);
    sign_by(out, seed);
}

static inline void catalog_put(struct catalog **catalog, const char *name, uint64_t version,
                               struct span message)
{
    struct error err;
    struct catalog *with;
    /* Where the configuration stands is of no interest to a snapshot. */
    struct service *service = service_new(name, "", version, message, (struct span){message.data, 0});
    assert_non_null(service);
    must(catalog_with(*catalog, &(struct catalog_change){name, service}, 1, &with, &err), &err);
    service_unref(service);
    catalog_unref(*catalog);
    *catalog = with;
}

static inline void catalog_add(struct catalog **catalog, const char *name, uint64_t version,
                               const char *config)
{
    AUTO_BUF struct buf message = {0};
    make_update(&message, name, version, config, SIGNER_SEED);
    catalog_put(catalog, name, version, buf_span(&message));
}

/* --- a publisher's state, and the file of it --- */

struct publisher {
    struct catalog *catalog;
    struct buf head, keyset;
};

#define PUBLISHER CLEANUP(publisher_fini) struct publisher

static inline void publisher_fini(struct publisher *publisher)
{
    catalog_unref(publisher->catalog);
    buf_fini(&publisher->head);
    buf_fini(&publisher->keyset);
}

/* Three services, not added in order, with what JSON must escape twice. */
static inline void publisher_init(struct publisher *publisher)
{
    *publisher = (struct publisher){.catalog = catalog_new()};
    assert_non_null(publisher->catalog);
    catalog_add(&publisher->catalog, "stt-worker", 42, CONFIG);
    catalog_add(&publisher->catalog, "router", 40, "{\"motd\":\"say \\\"hé\\\"\\n\\\\o/\"}");
    catalog_add(&publisher->catalog, "a", 1, "{}");
    make_head(&publisher->head, publisher->catalog, EPOCH, SIGNER_SEED);
    make_keyset(&publisher->keyset, ROOT_SEED, SIGNER_SEED, GENERATION);
}

static inline struct snapshot_view view_of(const struct publisher *publisher)
{
    struct snapshot_view view = {
        .epoch = EPOCH,
        .generation = GENERATION,
        .offset = OFFSET,
        .config_epoch = COMMIT,
        .source = SOURCE,
        .host = HOST,
        .head = buf_span(&publisher->head),
        .keyset = buf_span(&publisher->keyset),
        .journal = {.seq = 77},
        .catalog = publisher->catalog,
    };
    sample_digest(view.journal.digest);
    return view;
}

static inline void write_view(int dir, const struct snapshot_view *view, struct buf *file)
{
    struct error err;
    struct mac_key key = lkg_key(9);
    must(snapshot_write(dir, view, &key, &err), &err);
    buf_reset(file);
    must(fs_read(dir, SNAPSHOT_FILE, FS_OWNED, SNAPSHOT_MAX, file, NULL, &err), &err);
}

/* Gives changed bytes a right HMAC: what somebody who has lkg.key can do. */
static inline void reseal(struct buf *file)
{
    struct mac_key key = lkg_key(9);
    buf_truncate(file, file->len - TAIL_HMAC_LEN);
    buf_putc(file, '}');
    crypto_mac_object(&key, file);
}

static inline void spoil_and_reseal(struct buf *file, const char *old, const char *new)
{
    if (!spoil(file, old, new))
        fail_msg("not exactly one '%s'", old);
    reseal(file);
}

static inline int try_read(const struct buf *file, struct snapshot *out, struct error *err)
{
    struct mac_key key = lkg_key(9);
    return snapshot_read(buf_span(file), &key, HOST, SOURCE, out, err);
}

#endif
