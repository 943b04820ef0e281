/*
 * in_force: what the daemon committed last, every service, as somebody without it sees that: the snapshot, and the journal
 * behind it where there is more and it can be read. All of it is verified.
 */
#ifndef CLI_IN_FORCE_H
#define CLI_IN_FORCE_H

#include "cli/local.h"
#include "model/catalog.h"
#include "verify/snapshot_service.h"

struct in_force {
    struct local_snapshot lkg;
    struct catalog *catalog;
    uint64_t epoch;
    struct oid commit; /* of that epoch; zero: not known */
    uint64_t newer;    /* an epoch that is committed and could not be looked at; 0: none */
};

void in_force_fini(struct in_force *in_force);
#define AUTO_IN_FORCE CLEANUP(in_force_fini)

/* Opens state and keys. `out` is zeroed. CODE_LKG_FORM: there is no epoch yet. */
int in_force_read(struct local *local, struct in_force *out, struct error *err) MUST_CHECK;

/* One service alone, where the snapshot has the last epoch and all that proves this service: ten times as fast with 10,000 of
   them. False: in_force_read tells more. `out` is zeroed. */
bool in_force_service(struct local *local, const char *service, struct snapshot_service *out);

/* The commit of a service's version. False: its message names none. */
bool in_force_commit(const struct service *service, struct oid *out);

/* CODE_NO_SERVICE, with the nearest name there is. */
int in_force_miss(const struct in_force *in_force, const char *service, struct error *err);

/* Says on standard error that there is a newer epoch, if there is. */
void in_force_say_newer(uint64_t newer);

#endif
