/*
 * messages: what the tests of messages share: keys from fixed seeds, one good message of each type, and a way
 * to spoil one place.
 */
#ifndef TESTS_UNIT_MESSAGES_H
#define TESTS_UNIT_MESSAGES_H

#include "io/crypto.h"
#include "model/json.h"
#include "model/message.h"

#define COMMIT "4f2c8d1e9b7a6053c4d2e1f00918273645aabbcc"
#define CONFIG "{\"model\":\"base.en\",\"threads\":4}"
#define TIMESTAMP "2026-11-21T03:23:22.123Z"
#define SOURCE "config-manager"
#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* A signing key whose seed is one byte, 32 times. */
static inline struct signing_key key_of_seed(uint8_t byte)
{
    uint8_t seed[SEED_LEN];
    struct signing_key key;
    memset(seed, byte, sizeof seed);
    crypto_signing_key_from_seed(seed, &key);
    return key;
}

static inline struct message_key public_half(const struct signing_key *key)
{
    struct message_key half;
    memcpy(half.id, key->id, sizeof half.id);
    memcpy(half.public_key, key->public_key, sizeof half.public_key);
    return half;
}

/* Adds a key where its id belongs. */
static inline void keyset_insert(struct message_keyset *keyset, const struct signing_key *key)
{
    size_t at = keyset->len++;
    for (; at > 0 && strcmp(keyset->keys[at - 1].id, key->id) > 0; at--)
        keyset->keys[at] = keyset->keys[at - 1];
    keyset->keys[at] = public_half(key);
}

static inline struct message_stamp stamp_of(const char *key_id)
{
    return (
        struct message_stamp){.source = SOURCE, .generation = 1, .key_id = key_id, .timestamp = TIMESTAMP};
}

static inline void sample_digest(uint8_t out[static HASH_LEN])
{
    for (size_t i = 0; i < HASH_LEN; i++)
        out[i] = (uint8_t)i;
}

static inline struct message_update sample_update(void)
{
    return (struct message_update){.service = "stt-worker",
                                   .version = 42,
                                   .config = SPAN(CONFIG),
                                   .config_epoch = COMMIT,
                                   .correlation_id = "req-7.a_B",
                                   .schema = DIGEST};
}

static const struct message_changed sample_changed[] = {{"router", 40}, {"stt-worker", 42}};

static inline struct message_head sample_head(void)
{
    struct message_head head = {.epoch = 42,
                                .config_epoch = COMMIT,
                                .correlation_id = "req-7.a_B",
                                .has_parent = true,
                                .parent_epoch = 41,
                                .changed = sample_changed,
                                .changed_len = 2,
                                .services = 6,
                                .offset = 3};
    sample_digest(head.parent_digest);
    sample_digest(head.index);
    return head;
}

static inline struct message_keepalive sample_keepalive(void)
{
    struct message_keepalive keepalive = {.epoch = 42, .sequence = 1795231402123, .ttl_s = 30};
    sample_digest(keepalive.head);
    return keepalive;
}

static const char *const sample_pointers[] = {"/model", "/a~1b/0"};

static inline struct message_ack sample_ack(void)
{
    return (struct message_ack){.service = "stt-worker",
                                .instance = "pi3.local",
                                .epoch = 43,
                                .version = 42,
                                .status = ACK_REFUSED,
                                .reason = "no such voice",
                                .restart_pending = sample_pointers,
                                .restart_pending_len = 1,
                                .overridden = sample_pointers,
                                .overridden_len = 2,
                                .freshness = FRESHNESS_STALE,
                                .library = "libepoch 0.1.0"};
}

/* Writes the sample message of a type; a keyset holds the keys of seeds 2 and 3. */
static inline void compose_sample(struct buf *out, enum message_type type, const struct message_stamp *stamp)
{
    struct message_update update = sample_update();
    struct message_head head = sample_head();
    struct message_keepalive keepalive = sample_keepalive();
    struct message_ack ack = sample_ack();
    struct message_keyset keyset = {0};
    struct signing_key second = key_of_seed(2), third = key_of_seed(3);
    switch (type) {
    case MESSAGE_UPDATE:
        message_compose_update(out, stamp, &update);
        break;
    case MESSAGE_HEAD:
        message_compose_head(out, stamp, &head);
        break;
    case MESSAGE_KEEPALIVE:
        message_compose_keepalive(out, stamp, &keepalive);
        break;
    case MESSAGE_KEYSET:
        keyset_insert(&keyset, &second);
        keyset_insert(&keyset, &third);
        message_compose_keyset(out, stamp, &keyset);
        break;
    case MESSAGE_ACK:
        message_compose_ack(out, stamp, &ack);
        break;
    }
}

/* Replaces the only `old` in the text by `new`; false if there is none, or more than one. */
static inline bool spoil(struct buf *text, const char *old, const char *new)
{
    size_t old_len = strlen(old);
    char *at = memmem(text->data, text->len, old, old_len);
    if (at == NULL)
        return false;
    size_t before = (size_t)(at - text->data), after = before + old_len;
    if (memmem(text->data + after, text->len - after, old, old_len) != NULL)
        return false;
    struct buf spoiled = {0};
    buf_append(&spoiled, text->data, before);
    buf_puts(&spoiled, new);
    buf_append(&spoiled, text->data + after, text->len - after);
    buf_fini(text);
    *text = spoiled;
    return true;
}

static const enum message_type parsed_types[] = {MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE,
                                                 MESSAGE_KEYSET, MESSAGE_ACK};

#define KEY_ID "0123456789abcdef"

static inline void compose(struct buf *out, enum message_type type)
{
    struct message_stamp stamp = stamp_of(KEY_ID);
    compose_sample(out, type, &stamp);
}

static inline void read_json(struct span text, struct doc *doc)
{
    struct error err;
    struct json_options options = {.file = "test",
                                   .limits = {.depth = 100, .nodes = 1000000, .size = 100000000}};
    if (json_read(text, &options, doc, &err) != 0)
        fail_msg("%s", err.message);
}

static inline void assert_canonical(const struct buf *text)
{
    AUTO_DOC struct doc doc = {0};
    AUTO_BUF struct buf again = {0};
    read_json(buf_span(text), &doc);
    assert_true(json_is_canonical(doc.root, buf_span(text)));
    json_write(doc.root, &again);
    assert_true(span_equal(buf_span(&again), buf_span(text)));
}

static inline void assert_parses(const struct buf *body, enum message_type type)
{
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    if (message_parse(buf_span(body), type, &message, &err) != 0)
        fail_msg("%s", err.message);
}

/* Parsing fails with this code, the message speaks of `word`, and `out` is empty again. */
static inline void assert_parse_refused(const struct buf *body, enum message_type type, const char *code,
                                        const char *word)
{
    struct message message = {0};
    struct error err;
    if (message_parse(buf_span(body), type, &message, &err) == 0)
        fail_msg("accepted, but %s was expected: %.*s", code, (int)body->len, body->data);
    assert_string_equal(err.code, code);
    if (strstr(err.message, word) == NULL)
        fail_msg("'%s' does not speak of '%s'", err.message, word);
    assert_null(message.doc.root);
    assert_null(message.doc.arena.blocks);
}

#endif
