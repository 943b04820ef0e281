/*
 * message: verification before parsing. The order is fixed: size → tail → signature over the raw bytes with
 * each key of the keyset → parse → key_id names that key → type, source, service, generation are the ones
 * asked for.
 */
#ifndef VERIFY_MESSAGE_H
#define VERIFY_MESSAGE_H

#include "verify/keyset.h"

struct expectation {
    enum message_type type;
    const char *source;
    const char *service; /* of an update; NULL: any */
};

/*
 * Verifies `raw` and parses it; `out` (zeroed before) borrows from `raw`. Codes: CODE_MESSAGE_TOO_LARGE,
 * CODE_MESSAGE_FORM, CODE_BAD_SIGNATURE, CODE_BAD_KEY_ID, CODE_FORMAT_NEWER, CODE_WRONG_TYPE,
 * CODE_WRONG_SOURCE, CODE_WRONG_SERVICE, CODE_WRONG_GENERATION. Never a keyset: keyset_verify is for those.
 */
int message_verify(struct span raw, const struct keyset *keyset, const struct expectation *expected,
                   struct message *out, struct error *err) MUST_CHECK;

/*
 * A message whose digest a verified head vouches for: the same checks but the signature, of an update alone. `body` is
 * scratch. CODE_WRONG_SERVICE, …
 */
int message_read_vouched(struct span raw, const struct keyset *keyset, const struct expectation *expected,
                         struct buf *body, struct message *out, struct error *err) MUST_CHECK;

#endif
