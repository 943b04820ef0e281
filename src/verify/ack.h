/*
 * ack: an acknowledgement judged on arrival. It never changes what is published, so it may come unsigned; what is
 * known of its signature is told with it, and never more than that.
 *
 *   signed    its key is one of those given, and the signature holds
 *   unknown   it ends in a signature and names a key that nobody knows: no more believable than unsigned
 *   unsigned  the object alone, without `key_id`
 *
 * Refused: what names a known key whose signature does not hold, another source, another service or instance than the
 * topic.
 */
#ifndef VERIFY_ACK_H
#define VERIFY_ACK_H

#include "model/message.h"

enum ack_trust { ACK_UNSIGNED, ACK_UNKNOWN_KEY, ACK_SIGNED };

struct ack_expectation {
    const char *source;
    struct span service, instance;  /* of the topic */
    const struct message_key *keys; /* of instances; none: NULL and 0 */
    size_t keys_len;
};

/*
 * `out` (zeroed before, empty again on failure) does not borrow from `raw`. Codes: CODE_MESSAGE_TOO_LARGE (ACK_MAX),
 * CODE_MESSAGE_FORM, CODE_FORMAT_NEWER, CODE_BAD_SIGNATURE, CODE_WRONG_TYPE, CODE_WRONG_SOURCE, CODE_WRONG_SERVICE (the
 * instance too).
 */
int ack_open(struct span raw, const struct ack_expectation *expected, struct message *out, enum ack_trust *trust,
             struct error *err) MUST_CHECK;

#endif
