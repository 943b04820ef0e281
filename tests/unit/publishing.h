/*
 * publishing: a publisher for the tests of consumers: commits, rotates, and has the messages of each epoch as they go out.
 */
#ifndef TESTS_UNIT_PUBLISHING_H
#define TESTS_UNIT_PUBLISHING_H

#include "messages.h"
#include "verify/keyset.h"

enum { ROOT_SEED = 100, SIGNER_SEED = 7, STRANGER_SEED = 60, SERVICES_MAX = 8 };

struct published {
    char name[LAYOUT_NAME_MAX + 1];
    uint64_t version;
    char config[256]; /* "": it is removed */
    struct buf message;
};

struct publishing {
    uint64_t generation, epoch;
    uint8_t signer;
    struct published services[SERVICES_MAX];
    size_t len;
    struct buf keyset, head, index;
};

static inline void must(int rc, const struct error *err)
{
    if (rc != 0)
        fail_msg("%s [%s]", err->message, err->code);
}

static inline const struct root_keys *pinned(void)
{
    static struct root_keys roots;
    struct signing_key root = key_of_seed(ROOT_SEED);
    roots = (struct root_keys){.keys = {public_half(&root)}, .len = 1};
    return &roots;
}

static inline void sign_by(struct buf *body, uint8_t seed)
{
    struct error err;
    struct signing_key key = key_of_seed(seed);
    must(crypto_sign_object(&key, body, &err), &err);
}

static inline void compose_keyset(struct buf *out, uint64_t generation, uint8_t signer)
{
    struct signing_key root = key_of_seed(ROOT_SEED), key = key_of_seed(signer);
    struct message_stamp stamp = stamp_of(root.id);
    struct message_keyset keys = {0};
    stamp.generation = generation;
    keyset_insert(&keys, &key);
    buf_reset(out);
    message_compose_keyset(out, &stamp, &keys);
    sign_by(out, ROOT_SEED);
}

static inline void compose_update(struct buf *out, uint64_t generation, uint8_t signer, const char *name, uint64_t version,
                                  const char *config)
{
    struct signing_key key = key_of_seed(signer);
    struct message_stamp stamp = stamp_of(key.id);
    struct message_update update = sample_update();
    stamp.generation = generation;
    update.service = name;
    update.version = version;
    update.config = config[0] == '\0' ? (struct span){0} : span_of(config);
    buf_reset(out);
    message_compose_update(out, &stamp, &update);
    sign_by(out, signer);
}

static inline struct published *publishing_find(struct publishing *p, const char *name)
{
    for (size_t i = 0; i < p->len; i++)
        if (strcmp(p->services[i].name, name) == 0)
            return &p->services[i];
    snprintf(p->services[p->len].name, sizeof p->services[p->len].name, "%s", name);
    return &p->services[p->len++];
}

static inline struct catalog *publishing_catalog(const struct publishing *p)
{
    struct catalog_change changes[SERVICES_MAX];
    struct catalog *empty = catalog_new(), *catalog;
    struct error err;
    size_t len = 0;
    for (size_t i = 0; i < p->len; i++)
        if (p->services[i].config[0] != '\0') {
            struct service *service =
                service_new(p->services[i].name, "", p->services[i].version, buf_span(&p->services[i].message), (struct span){0});
            changes[len++] = (struct catalog_change){service->name, service};
        }
    must(catalog_with(empty, changes, len, &catalog, &err), &err);
    for (size_t i = 0; i < len; i++)
        service_unref(changes[i].service);
    catalog_unref(empty);
    return catalog;
}

/* Head and index of what the services are now; `changed` sorted. */
static inline void publishing_seal(struct publishing *p, const struct message_changed *changed, size_t len)
{
    struct catalog *catalog = publishing_catalog(p);
    struct signing_key key = key_of_seed(p->signer);
    struct message_stamp stamp = stamp_of(key.id);
    struct message_head head = sample_head();
    struct error err;
    stamp.generation = p->generation;
    head.has_parent = p->head.len > 0;
    hash_sha256(p->head.data, p->head.len, head.parent_digest);
    head.parent_epoch = p->epoch - 1;
    head.epoch = p->epoch;
    head.changed = changed;
    head.changed_len = len;
    head.services = catalog_count(catalog);
    catalog_digest(catalog, head.index);
    buf_reset(&p->head);
    message_compose_head(&p->head, &stamp, &head);
    sign_by(&p->head, p->signer);
    buf_reset(&p->index);
    must(message_compose_index(&p->index, SOURCE, p->epoch, COMMIT, catalog, &err), &err);
    catalog_unref(catalog);
}

static inline void publishing_init(struct publishing *p)
{
    *p = (struct publishing){.generation = 1, .signer = SIGNER_SEED};
    compose_keyset(&p->keyset, 1, SIGNER_SEED);
}

static inline void publishing_fini(struct publishing *p)
{
    for (size_t i = 0; i < p->len; i++)
        buf_fini(&p->services[i].message);
    buf_fini(&p->keyset);
    buf_fini(&p->head);
    buf_fini(&p->index);
}
#define PUBLISHING CLEANUP(publishing_fini) struct publishing

/* A new epoch: name, config, name, config, …, NULL; names sorted, config "" removes. */
static inline void publishing_commit(struct publishing *p, const char *const *pairs)
{
    struct message_changed changed[SERVICES_MAX];
    size_t len = 0;
    p->epoch++;
    for (; pairs[0] != NULL; pairs += 2) {
        struct published *service = publishing_find(p, pairs[0]);
        service->version = p->epoch;
        snprintf(service->config, sizeof service->config, "%s", pairs[1]);
        compose_update(&service->message, p->generation, p->signer, service->name, p->epoch, pairs[1]);
        changed[len++] = (struct message_changed){service->name, p->epoch};
    }
    publishing_seal(p, changed, len);
}
#define COMMIT_OF(p, ...) publishing_commit((p), (const char *const[]){__VA_ARGS__, NULL})

/* The next generation, everything signed anew. */
static inline void publishing_rotate(struct publishing *p)
{
    p->generation++;
    p->signer++;
    compose_keyset(&p->keyset, p->generation, p->signer);
    for (size_t i = 0; i < p->len; i++)
        compose_update(&p->services[i].message, p->generation, p->signer, p->services[i].name, p->services[i].version,
                       p->services[i].config);
    publishing_seal(p, NULL, 0);
}

#endif
