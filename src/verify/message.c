/*
 * message: see message.h.
 */
#include "verify/message.h"

#include "io/crypto.h"
#include "model/codes.h"
#include "model/tail.h"
#include "verify/envelope.h"

static int judge(const struct message *message, const struct keyset *keyset,
                 const struct expectation *expected, struct error *err)
{
    if (strcmp(message->source, expected->source) != 0)
        return error_set(err, CODE_WRONG_SOURCE, 0, "the message is from '%s', not from '%s'",
                         message->source, expected->source);
    if (message->type == MESSAGE_UPDATE && expected->service != NULL &&
        strcmp(message->u.update.service, expected->service) != 0)
        return error_set(err, CODE_WRONG_SERVICE, 0, "the message is for '%s', not for '%s'",
                         message->u.update.service, expected->service);
    if (message->generation != keyset->generation)
        return error_set(err, CODE_WRONG_GENERATION, 0,
                         "the message is of generation %llu, the keyset of %llu",
                         (unsigned long long)message->generation, (unsigned long long)keyset->generation);
    return 0;
}

static int parse_and_judge(struct span body, const struct message_key *signer, const struct keyset *keyset,
                           const struct expectation *expected, struct message *out, struct error *err)
{
    if (message_parse_stamp(body, out, err) != 0)
        return -1;
    if (strcmp(out->key_id, signer->id) != 0)
        return error_set(err, CODE_BAD_KEY_ID, 0, "the message names key %s, but %s made the signature",
                         out->key_id, signer->id);
    if (expected->type == MESSAGE_KEYSET)
        return error_set(err, CODE_WRONG_TYPE, 0, "a keyset is not signed by the keys of a keyset");
    if (message_parse_members(body, expected->type, out, err) != 0)
        return -1;
    return judge(out, keyset, expected, err);
}

/* The body is the beginning of `raw`, byte for byte, so what was borrowed from it is borrowed from `raw` instead. */
static void borrow_from(struct span raw, const struct buf *body, struct message *out)
{
    if (out->type == MESSAGE_UPDATE && out->u.update.config.data != NULL)
        out->u.update.config.data = raw.data + (out->u.update.config.data - body->data);
}

int message_verify(struct span raw, const struct keyset *keyset, const struct expectation *expected,
                   struct message *out, struct error *err)
{
    AUTO_BUF struct buf body = {0};
    const struct message_key *signer;
    if (envelope_open(raw, keyset->keys.keys, keyset->keys.len, &body, &signer, err) != 0)
        return -1;
    if (parse_and_judge(buf_span(&body), signer, keyset, expected, out, err) != 0) {
        message_fini(out);
        return -1;
    }
    borrow_from(raw, &body, out);
    return 0;
}

int message_read_vouched(struct span raw, const struct keyset *keyset, const struct expectation *expected,
                         struct buf *body, struct message *out, struct error *err)
{
    uint8_t signature[SIGNATURE_LEN];
    if (raw.len > MESSAGE_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the message has more than %d bytes", MESSAGE_MAX);
    buf_reset(body);
    if (!tail_open(raw, "signature", sizeof signature, body, signature))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message does not end in a signature");
    if (buf_check(body, err) != 0 || message_parse(buf_span(body), expected->type, out, err) != 0)
        return -1;
    if (judge(out, keyset, expected, err) != 0) {
        message_fini(out);
        return -1;
    }
    borrow_from(raw, body, out);
    return 0;
}
