/*
 * fuzz_message: the readers of messages. The first byte says what is done with the rest:
 *
 *   bits 0-1   which type is asked for: update, head, keepalive, keyset
 *   bit 2      0: the rest is a body for message_parse
 *              1: it is a body, signed with the fixed key and verified, so that mutations get past the signature
 *   bit 3      1: the rest is given to the verifiers as it is, tail and all (or none)
 *   bit 4      1: an acknowledgement, whatever bits 0-1 say
 *
 * Whatever is accepted must keep its promises; if not, the target traps.
 */
#include <stdint.h>
#include <stdlib.h>

#include "io/crypto.h"
#include "model/json.h"
#include "verify/ack.h"
#include "verify/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOURCE "config-manager"

enum { TYPE_BITS = 3, SIGN_BIT = 4, RAW_BIT = 8, ACK_BIT = 16 };

static struct signing_key signer;
static struct keyset keyset = {.generation = 1};
static struct root_keys roots;

static void set_up(void)
{
    static const uint8_t seed[SEED_LEN] = {1};
    struct error err;
    if (roots.len != 0)
        return;
    if (crypto_init(&err) != 0)
        abort();
    crypto_signing_key_from_seed(seed, &signer);
    memcpy(keyset.keys.keys[0].id, signer.id, sizeof signer.id);
    memcpy(keyset.keys.keys[0].public_key, signer.public_key, sizeof signer.public_key);
    keyset.keys.len = 1;
    roots.keys[0] = keyset.keys.keys[0];
    roots.len = 1;
}

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

/* The configuration of an update is an object in canonical form, and lies inside the text it was taken from.
   */
static void check_config(struct span config, struct span text)
{
    AUTO_DOC struct doc doc = {0};
    struct error err;
    struct json_options options = {.file = "config",
                                   .limits = {.depth = 64, .nodes = MESSAGE_MAX, .size = MESSAGE_MAX}};
    if (config.data == NULL)
        return;
    require(config.data > text.data && config.data + config.len < text.data + text.len);
    require(json_read(config, &options, &doc, &err) == 0 || strcmp(err.code, ERR_MEMORY) == 0);
    if (doc.root != NULL)
        require(doc.root->kind == DOC_OBJECT && json_is_canonical(doc.root, config));
}

/* Whatever was taken can be said again, and is taken again. */
static void check_ack(const struct message *message)
{
    AUTO_MESSAGE struct message again = {0};
    AUTO_BUF struct buf text = {0};
    struct error err;
    const struct message_ack *ack = &message->u.ack;
    struct message_stamp stamp = {message->source, message->generation, message->key_id[0] == '\0' ? NULL : message->key_id,
                                  "2026-11-21T03:23:22.123Z"};
    require(message_instance_is_good(span_of(ack->instance)) && layout_name_is_good(span_of(ack->service)));
    require(ack->reason == NULL || strlen(ack->reason) <= ACK_REASON_MAX);
    require(ack->overridden_len <= ACK_POINTERS_MAX && ack->restart_pending_len <= ACK_POINTERS_MAX);
    message_compose_ack(&text, &stamp, ack);
    require(text.failed || text.len <= ACK_MAX);
    require(text.failed || message_parse(buf_span(&text), MESSAGE_ACK, &again, &err) == 0);
    require(text.failed || again.u.ack.overridden_len == ack->overridden_len);
}

static void check_message(const struct message *message, struct span text)
{
    require(layout_name_is_good(span_of(message->source)));
    if (message->type == MESSAGE_ACK) {
        check_ack(message);
        return;
    }
    require(strlen(message->key_id) == KEY_ID_LEN);
    if (message->type == MESSAGE_UPDATE)
        check_config(message->u.update.config, text);
    if (message->type == MESSAGE_HEAD) {
        const struct message_head *head = &message->u.head;
        require(head->changed_len <= MESSAGE_CHANGED_MAX);
        for (size_t i = 1; i < head->changed_len; i++)
            require(strcmp(head->changed[i - 1].name, head->changed[i].name) < 0);
    }
    if (message->type == MESSAGE_KEYSET)
        require(message->u.keyset.len >= 1 && message->u.keyset.len <= KEYSET_MAX);
}

static void try_parse(struct span body, enum message_type type)
{
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    if (message_parse(body, type, &message, &err) == 0)
        check_message(&message, body);
    else
        require(message.doc.root == NULL && err.code != NULL);
}

static void try_verify(struct span raw, enum message_type type)
{
    AUTO_MESSAGE struct message message = {0};
    struct keyset read_keyset;
    struct error err;
    const struct expectation expected = {.type = type, .source = SOURCE};
    if (message_verify(raw, &keyset, &expected, &message, &err) == 0) {
        check_message(&message, raw);
        require(message.generation == keyset.generation && strcmp(message.key_id, signer.id) == 0);
    }
    if (type == MESSAGE_KEYSET && keyset_verify(raw, &roots, SOURCE, &read_keyset, &err) == 0)
        for (size_t i = 0; i < read_keyset.keys.len; i++)
            require(strcmp(read_keyset.keys.keys[i].id, signer.id) != 0);
}

static void try_ack(struct span raw)
{
    AUTO_MESSAGE struct message message = {0};
    struct error err;
    enum ack_trust trust;
    const struct ack_expectation expected = {SOURCE, SPAN("stt-worker"), SPAN("living-room"), keyset.keys.keys, keyset.keys.len};
    if (ack_open(raw, &expected, &message, &trust, &err) != 0) {
        require(message.doc.root == NULL && err.code != NULL);
        return;
    }
    check_message(&message, raw);
    require((trust == ACK_UNSIGNED) == (message.key_id[0] == '\0'));
    require((trust == ACK_SIGNED) == (strcmp(message.key_id, signer.id) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum message_type types[] = {MESSAGE_UPDATE, MESSAGE_HEAD, MESSAGE_KEEPALIVE,
                                              MESSAGE_KEYSET};
    set_up();
    if (size == 0)
        return 0;
    bool is_ack = (data[0] & ACK_BIT) != 0;
    enum message_type type = is_ack ? MESSAGE_ACK : types[data[0] & TYPE_BITS];
    struct span rest = {(const char *)data + 1, size - 1};
    if ((data[0] & RAW_BIT) != 0) {
        is_ack ? try_ack(rest) : try_verify(rest, type);
    } else if ((data[0] & SIGN_BIT) != 0) {
        AUTO_BUF struct buf raw = {0};
        struct error err;
        buf_append_span(&raw, rest);
        if (crypto_sign_object(&signer, &raw, &err) == 0)
            is_ack ? try_ack(buf_span(&raw)) : try_verify(buf_span(&raw), type);
    } else {
        try_parse(rest, type);
    }
    return 0;
}
