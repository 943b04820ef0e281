/*
 * envelope: see envelope.h.
 */
#include "verify/envelope.h"

#include "io/crypto.h"
#include "model/codes.h"
#include "model/tail.h"

int envelope_open(struct span raw, const struct message_key *keys, size_t keys_len, struct buf *body,
                  const struct message_key **signer, struct error *err)
{
    size_t begin = body->len;
    uint8_t signature[SIGNATURE_LEN];
    if (raw.len > MESSAGE_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the message has more than %d bytes", MESSAGE_MAX);
    if (!tail_open(raw, "signature", SIGNATURE_LEN, body, signature))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message does not end in a signature");
    /* Before the keys are tried: want of memory must not look like a wrong signature. */
    if (buf_check(body, err) != 0)
        return -1;
    struct span object = {body->data + begin, body->len - begin};
    for (size_t i = 0; i < keys_len; i++) {
        if (!crypto_verify_object(keys[i].public_key, object, signature))
            continue;
        *signer = &keys[i];
        return 0;
    }
    buf_truncate(body, begin);
    return error_set(err, CODE_BAD_SIGNATURE, 0, "no valid key made this signature");
}
