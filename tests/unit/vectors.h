/*
 * vectors: the story that the examples of docs/PROTOCOL.md tell, made by the code from fixed keys and times:
 * two epochs, what is said about them, and a change of keys.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include "messages.h"
#include "model/members.h"
#include "model/topics.h"
#include "util/clock.h"
#include "verify/keyset.h"

#define HOST "living-room"
#define COMMIT_411 "4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc"
#define COMMIT_412 "b8e1d04c6a2f9387510fedcba9876543210f1e2d"
#define CORRELATION_411 "0f8c2b1e-7d33-4c55-9a10-1e2f3a4b5c6d"
#define CORRELATION_412 "ticket-2088"

/* --- the cast --- */

struct cast {
    struct signing_key root, signing_1, signing_2, instance;
    struct mac_key journal, lkg;
    struct root_keys roots;
    struct keyset keyset; /* of generation 1 */
};

static inline struct mac_key mac_key_of(uint8_t byte)
{
    uint8_t bytes[MAC_KEY_LEN];
    struct mac_key key;
    memset(bytes, byte, sizeof bytes);
    crypto_mac_key_from_bytes(bytes, &key);
    return key;
}

static inline struct cast the_cast(void)
{
    struct cast cast = {.root = key_of_seed(1),
                        .signing_1 = key_of_seed(2),
                        .signing_2 = key_of_seed(3),
                        .instance = key_of_seed(4),
                        .journal = mac_key_of(5),
                        .lkg = mac_key_of(6)};
    cast.roots = (struct root_keys){.keys = {public_half(&cast.root)}, .len = 1};
    cast.keyset =
        (struct keyset){.generation = 1, .keys = {.keys = {public_half(&cast.signing_1)}, .len = 1}};
    return cast;
}

/* --- the messages --- */

enum { MESSAGES_MAX = 16 };

struct vector {
    char name[48], topic[TOPIC_MAX + 1];
    const char *key; /* its name in keys.json, NULL: not signed */
    bool is_retained;
    struct buf message;
};

struct vectors {
    struct vector list[MESSAGES_MAX];
    size_t len;
    struct catalog *catalog; /* of epoch 412 */
};

static inline void vectors_fini(struct vectors *vectors)
{
    for (size_t i = 0; i < vectors->len; i++)
        buf_fini(&vectors->list[i].message);
    catalog_unref(vectors->catalog);
}
#define AUTO_VECTORS CLEANUP(vectors_fini)

static inline struct vector *add(struct vectors *vectors, const char *name, enum topic_kind topic,
                                 const char *subject, const char *key)
{
    assert_true(vectors->len < MESSAGES_MAX);
    struct vector *vector = &vectors->list[vectors->len++];
    snprintf(vector->name, sizeof vector->name, "%s", name);
    topic_write(vector->topic, "", topic, subject);
    vector->is_retained = topic != TOPIC_KEEPALIVE;
    vector->key = key;
    return vector;
}

static inline struct span message_of(const struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->len; i++)
        if (strcmp(vectors->list[i].name, name) == 0)
            return buf_span(&vectors->list[i].message);
    fail_msg("there is no %s", name);
    return (struct span){0};
}

static inline void digest_of(const struct vectors *vectors, const char *name, uint8_t out[static HASH_LEN])
{
    struct span message = message_of(vectors, name);
    hash_sha256(message.data, message.len, out);
}

static inline void sign(struct vector *vector, const struct signing_key *key)
{
    struct error err;
    assert_int_equal(crypto_sign_object(key, &vector->message, &err), 0);
}

static const char time_411[] = "2026-11-21T03:23:22.123Z", time_412[] = "2026-11-21T03:40:00.005Z",
                  time_keepalive[] = "2026-11-21T03:40:10.000Z", time_rotation[] = "2026-11-21T04:00:00.000Z";

static inline void add_keyset(struct vectors *vectors, const struct cast *cast, const char *name,
                              uint64_t generation, const struct signing_key *key, const char *timestamp)
{
    struct message_stamp stamp = {SOURCE, generation, cast->root.id, timestamp};
    struct message_keyset keyset = {.keys = {public_half(key)}, .len = 1};
    struct vector *vector = add(vectors, name, TOPIC_KEYS, SOURCE, "root");
    message_compose_keyset(&vector->message, &stamp, &keyset);
    sign(vector, &cast->root);
}

struct update_plan {
    const char *name, *service;
    uint64_t version;
    const char *config; /* NULL: a tombstone */
    const char *schema;
};

#define SCHEMA "9f3b0c6d1e2a4857b6c5d4e3f2019876a5b4c3d2e1f00f1e2d3c4b5a69788796"
#define STT_412                                                                                              \
    "{\"silence_ms\":600,\"vad_threshold\":0.55,\"wake_words\":[\"K\xc3\xbc"                                 \
    "che\",\"say \\\"stop\\\"\"],"                                                                           \
    "\"whisper_model\":\"base.en\"}"

static const struct update_plan plans_411[] = {
    {"update-camera-service-411", "camera-service", 411, "{\"enabled\":true,\"fps\":15,\"size\":[1280,720]}",
     NULL},
    {"update-router-411", "router", 411, "{\"fallback\":null,\"routes\":{}}", NULL},
    {"update-stt-worker-411", "stt-worker", 411,
     "{\"silence_ms\":700,\"vad_threshold\":0.55,\"whisper_model\":\"base.en\"}", SCHEMA},
    {"update-tts-worker-411", "tts-worker", 411, "{\"rate\":1.25,\"voice\":\"thorsten\"}", NULL},
};
static const struct update_plan plans_412[] = {
    {"tombstone-router-412", "router", 412, NULL, NULL},
    {"update-stt-worker-412", "stt-worker", 412, STT_412, SCHEMA},
};
static const struct update_plan plan_rotated = {"update-stt-worker-412-generation-2", "stt-worker", 412,
                                                STT_412, SCHEMA};

static inline void add_update(struct vectors *vectors, const struct update_plan *plan,
                              const struct message_stamp *stamp, const struct signing_key *key)
{
    bool is_first = plan->version == 411;
    struct message_update update = {
        .service = plan->service,
        .version = plan->version,
        .config = plan->config == NULL ? (struct span){0} : span_of(plan->config),
        .config_epoch = is_first ? COMMIT_411 : COMMIT_412,
        .correlation_id = is_first ? CORRELATION_411 : CORRELATION_412,
        .schema = plan->schema,
    };
    struct vector *vector = add(vectors, plan->name, TOPIC_SERVICE, plan->service,
                                stamp->generation == 1 ? "signing-1" : "signing-2");
    message_compose_update(&vector->message, stamp, &update);
    sign(vector, key);
}

/* The catalog after the updates of an epoch. */
static inline void accept(struct vectors *vectors, const struct update_plan *plans, size_t len)
{
    struct catalog *before = vectors->catalog;
    struct catalog_change changes[MESSAGES_MAX] = {0};
    struct error err;
    for (size_t i = 0; i < len; i++) {
        struct span message = message_of(vectors, plans[i].name);
        size_t config_len = plans[i].config == NULL ? 0 : strlen(plans[i].config);
        struct span config = {message.data + strlen("{\"config\":"), config_len};
        changes[i] = (struct catalog_change){.name = plans[i].service};
        if (plans[i].config != NULL) {
            changes[i].service = service_new(plans[i].service, "", plans[i].version, message, config);
            assert_non_null(changes[i].service);
        }
    }
    assert_int_equal(catalog_with(before, changes, len, &vectors->catalog, &err), 0);
    for (size_t i = 0; i < len; i++)
        if (changes[i].service != NULL)
            service_unref(changes[i].service);
    catalog_unref(before);
}

static inline void add_head(struct vectors *vectors, const struct cast *cast, uint64_t epoch,
                            const struct update_plan *plans, size_t len)
{
    bool is_first = epoch == 411;
    struct message_stamp stamp = {SOURCE, 1, cast->signing_1.id, is_first ? time_411 : time_412};
    struct message_changed changed[MESSAGES_MAX];
    for (size_t i = 0; i < len; i++)
        changed[i] = (struct message_changed){plans[i].service, plans[i].version};
    struct message_head head = {
        .epoch = epoch,
        .config_epoch = is_first ? COMMIT_411 : COMMIT_412,
        .correlation_id = is_first ? CORRELATION_411 : CORRELATION_412,
        .has_parent = !is_first,
        .parent_epoch = 411,
        .changed = changed,
        .changed_len = len,
        .services = catalog_count(vectors->catalog),
    };
    if (head.has_parent)
        digest_of(vectors, "head-411", head.parent_digest);
    catalog_digest(vectors->catalog, head.index);
    struct vector *vector =
        add(vectors, is_first ? "head-411" : "head-412", TOPIC_EPOCH, SOURCE, "signing-1");
    message_compose_head(&vector->message, &stamp, &head);
    sign(vector, &cast->signing_1);
}

static inline void add_index(struct vectors *vectors, uint64_t epoch, const char *commit)
{
    struct error err;
    struct vector *vector = add(vectors, epoch == 411 ? "index-411" : "index-412", TOPIC_INDEX, SOURCE, NULL);
    assert_int_equal(message_compose_index(&vector->message, SOURCE, epoch, commit, vectors->catalog, &err),
                     0);
}

static inline void add_epoch(struct vectors *vectors, const struct cast *cast, uint64_t epoch,
                             const struct update_plan *plans, size_t len)
{
    struct message_stamp stamp = {SOURCE, 1, cast->signing_1.id, epoch == 411 ? time_411 : time_412};
    for (size_t i = 0; i < len; i++)
        add_update(vectors, &plans[i], &stamp, &cast->signing_1);
    accept(vectors, plans, len);
    add_head(vectors, cast, epoch, plans, len);
    add_index(vectors, epoch, epoch == 411 ? COMMIT_411 : COMMIT_412);
}

static inline void add_keepalive(struct vectors *vectors, const struct cast *cast)
{
    int64_t now_ms;
    assert_true(clock_parse(span_of(time_keepalive), &now_ms));
    struct message_stamp stamp = {SOURCE, 1, cast->signing_1.id, time_keepalive};
    struct message_keepalive keepalive = {.epoch = 412, .sequence = (uint64_t)now_ms, .ttl_s = 30};
    digest_of(vectors, "head-412", keepalive.head);
    struct vector *vector = add(vectors, "keepalive-412", TOPIC_KEEPALIVE, SOURCE, "signing-1");
    message_compose_keepalive(&vector->message, &stamp, &keepalive);
    sign(vector, &cast->signing_1);
}

/* What a consumer with a key of its own says, and one without. */
static inline void add_ack(struct vectors *vectors, const struct cast *cast, const char *name, bool is_signed)
{
    static const char *const overridden[] = {"/vad_threshold"}, *const restart_pending[] = {"/whisper_model"};
    struct vector *vector = add(vectors, name, TOPIC_SERVICE, "stt-worker", is_signed ? "instance" : NULL);
    struct message_stamp stamp = {SOURCE, 1, is_signed ? cast->instance.id : NULL, "2026-11-21T03:40:10.180Z"};
    struct message_ack ack = {.service = "stt-worker",
                              .instance = HOST,
                              .epoch = 412,
                              .version = 412,
                              .status = is_signed ? ACK_APPLIED : ACK_REFUSED,
                              .reason = is_signed ? NULL : "silence_ms is below 650, the recorder's buffer",
                              .restart_pending = restart_pending,
                              .restart_pending_len = is_signed ? 1 : 0,
                              .overridden = overridden,
                              .overridden_len = 1,
                              .freshness = FRESHNESS_FRESH,
                              .library = "libepoch 0.1.0"};
    topic_write_ack(vector->topic, "", "stt-worker", HOST);
    message_compose_ack(&vector->message, &stamp, &ack);
    if (is_signed)
        sign(vector, &cast->instance);
}

static inline void make_vectors(struct vectors *vectors, const struct cast *cast)
{
    struct message_stamp rotated = {SOURCE, 2, cast->signing_2.id, time_rotation};
    vectors->catalog = catalog_new();
    assert_non_null(vectors->catalog);
    add_keyset(vectors, cast, "keyset-1", 1, &cast->signing_1, "2026-11-21T03:23:20.000Z");
    add_epoch(vectors, cast, 411, plans_411, ARRAY_LEN(plans_411));
    add_epoch(vectors, cast, 412, plans_412, ARRAY_LEN(plans_412));
    add_keepalive(vectors, cast);
    add_ack(vectors, cast, "ack-applied", true);
    add_ack(vectors, cast, "ack-refused", false);
    add_keyset(vectors, cast, "keyset-2", 2, &cast->signing_2, time_rotation);
    add_update(vectors, &plan_rotated, &rotated, &cast->signing_2);
}

#endif
