/*
 * snapshot: the second check of a last-known-good file. Its HMAC has been checked; here everything inside
 * must have been signed by the publisher, so that whoever holds the HMAC key still cannot forge
 * (docs/SECURITY.md).
 */
#ifndef VERIFY_SNAPSHOT_H
#define VERIFY_SNAPSHOT_H

#include "io/snapshot.h"
#include "verify/message.h"

/* What a verified snapshot gives: ready to be in force. */
struct verified_snapshot {
    struct keyset keyset;
    struct catalog *catalog; /* one reference, the caller's; paths are "" */
    struct message head;
};

#define AUTO_VERIFIED_SNAPSHOT CLEANUP(verified_snapshot_fini)
void verified_snapshot_fini(struct verified_snapshot *verified);

/*
 * keyset by the roots → head by the keyset → every service by the keyset, its name and version → the index
 * digest of all of them is the head's, and epoch, config_epoch, generation, offset, source agree between file
 * and head, and the index text is the one the catalog gives. Anything else: CODE_LKG_BAD_SIG naming what. Of
 * a snapshot whose digest is the head's the head's signature vouches for every service; each service's own
 * signature is checked where `every_signature` is true (epochctl verify lkg), hashes suffice at start. `out`
 * is zeroed before, borrows from `snapshot`.
 */
int snapshot_verify(const struct snapshot *snapshot, const struct root_keys *roots, bool every_signature,
                    struct verified_snapshot *out, struct error *err) MUST_CHECK;

#endif
