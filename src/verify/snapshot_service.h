/*
 * snapshot_service: one service out of a snapshot, for whoever does not need the rest of it.
 *
 * The head's signature binds the index, the index binds the bytes of the message, and the message is signed itself:
 * that much is verified, and no more of the file is read. What else may be wrong with it is for snapshot_read and
 * snapshot_verify to say.
 */
#ifndef VERIFY_SNAPSHOT_SERVICE_H
#define VERIFY_SNAPSHOT_SERVICE_H

#include "model/oid.h"
#include "util/buf.h"
#include "verify/keyset.h"

struct snapshot_service {
    uint64_t epoch; /* of the snapshot */
    bool exists;    /* in that epoch; if not, what follows is empty */
    uint64_t version;
    struct oid commit; /* of the version */
    struct buf config; /* canonical JSON */
};

#define AUTO_SNAPSHOT_SERVICE CLEANUP(snapshot_service_fini)
void snapshot_service_fini(struct snapshot_service *service);

/* `host` and `source` must be the snapshot's own. CODE_LKG_FORM, CODE_LKG_WRONG_HOST, CODE_LKG_BAD_SIG. `out` is a
   zeroed struct, empty again on failure; borrows nothing. */
int snapshot_find_service(struct span file, const char *host, const char *source, const struct root_keys *roots,
                          const char *service, struct snapshot_service *out, struct error *err) MUST_CHECK;

#endif
