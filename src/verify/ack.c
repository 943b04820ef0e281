/*
 * ack: see ack.h. Parsed before its signature is looked at, unlike everything else: the key is named inside, and
 * mostly there is none.
 */
#include "verify/ack.h"

#include "io/crypto.h"
#include "model/codes.h"
#include "model/tail.h"

static int judge_signature(struct span body, const uint8_t signature[static SIGNATURE_LEN],
                           const struct ack_expectation *expected, const struct message *ack, enum ack_trust *trust,
                           struct error *err)
{
    for (size_t i = 0; i < expected->keys_len; i++) {
        if (strcmp(expected->keys[i].id, ack->key_id) != 0)
            continue;
        if (!crypto_verify_object(expected->keys[i].public_key, body, signature))
            return error_set(err, CODE_BAD_SIGNATURE, 0, "key %s did not make this signature", ack->key_id);
        *trust = ACK_SIGNED;
        return 0;
    }
    *trust = ACK_UNKNOWN_KEY;
    return 0;
}

static int judge_place(const struct message *message, const struct ack_expectation *expected, struct error *err)
{
    const struct message_ack *ack = &message->u.ack;
    if (strcmp(message->source, expected->source) != 0)
        return error_set(err, CODE_WRONG_SOURCE, 0, "the acknowledgement is for '%s', not for '%s'", message->source,
                         expected->source);
    if (!span_is(expected->service, ack->service) || !span_is(expected->instance, ack->instance))
        return error_set(err, CODE_WRONG_SERVICE, 0, "the acknowledgement is of %s@%s, the topic is another's",
                         ack->service, ack->instance);
    return 0;
}

static int open_body(struct span body, const uint8_t *signature, const struct ack_expectation *expected,
                     struct message *out, enum ack_trust *trust, struct error *err)
{
    if (message_parse(body, MESSAGE_ACK, out, err) != 0 || judge_place(out, expected, err) != 0)
        return -1;
    if ((signature != NULL) != (out->key_id[0] != '\0'))
        return error_set(err, CODE_MESSAGE_FORM, 0, "an acknowledgement has a signature and 'key_id', or neither");
    *trust = ACK_UNSIGNED;
    return signature == NULL ? 0 : judge_signature(body, signature, expected, out, trust, err);
}

int ack_open(struct span raw, const struct ack_expectation *expected, struct message *out, enum ack_trust *trust,
             struct error *err)
{
    AUTO_BUF struct buf body = {0};
    uint8_t signature[SIGNATURE_LEN];
    if (raw.len > ACK_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the acknowledgement has more than %d bytes", ACK_MAX);
    bool is_signed = tail_open(raw, "signature", SIGNATURE_LEN, &body, signature);
    if (buf_check(&body, err) != 0)
        return -1;
    if (open_body(is_signed ? buf_span(&body) : raw, is_signed ? signature : NULL, expected, out, trust, err) == 0)
        return 0;
    message_fini(out);
    return -1;
}
