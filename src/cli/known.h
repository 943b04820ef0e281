/*
 * known: names that somebody typed, looked up in a revision: services, profiles, keys; with the nearest name where there
 * is no such.
 */
#ifndef CLI_KNOWN_H
#define CLI_KNOWN_H

#include "config/effective.h"

/* CODE_NO_SERVICE. */
int known_check_service(const struct listing *listing, const char *service, struct error *err) MUST_CHECK;

/* CODE_NO_PROFILE. */
int known_check_profile(const struct listing *listing, const char *profile, struct error *err) MUST_CHECK;

/* CODE_NO_KEY: neither the service nor its schema has the key. */
int known_miss_key(const struct effective *effective, const struct pointer *way, struct error *err);

#endif
