/*
 * envelope: what every signed message is checked for before a byte of it is parsed: size, tail, signature.
 * Whether the signer was entitled to say what it says is for keyset.c and message.c.
 */
#ifndef VERIFY_ENVELOPE_H
#define VERIFY_ENVELOPE_H

#include "model/message.h"
#include "util/buf.h"

/*
 * Finds the key whose signature over the raw bytes holds: *signer is one of `keys`. Appends the body to
 * `body`, with the `}` that the tail took the place of. CODE_MESSAGE_TOO_LARGE, CODE_MESSAGE_FORM (no tail),
 * CODE_BAD_SIGNATURE.
 */
int envelope_open(struct span raw, const struct message_key *keys, size_t keys_len, struct buf *body,
                  const struct message_key **signer, struct error *err) MUST_CHECK;

#endif
