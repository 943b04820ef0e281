/*
 * key_file: one key in a file anywhere, as a consumer has it: root.pub, the host's lkg.key, an instance's own key.
 *
 * The form is that of the keyring's files. Nothing of a file's content ever gets into a message.
 */
#ifndef VERIFY_KEY_FILE_H
#define VERIFY_KEY_FILE_H

#include "io/crypto.h"
#include "util/fs.h"
#include "verify/keyset.h"

/* The pinned roots. CODE_KEY_FILE; *is_missing as in fs_read. */
int key_file_read_roots(const char *path, struct root_keys *out, struct error *err) MUST_CHECK;

/* A key of kind hmac-sha256, of any owner: what it vouches for is verified by signatures besides. *is_missing (may be
   NULL): there is none. CODE_KEY_FILE. */
int key_file_read_mac(const char *path, struct mac_key *out, bool *is_missing, struct error *err) MUST_CHECK;
/* The same in an open folder, of our own alone. */
int key_file_read_own_mac(int dir, const char *name, struct mac_key *out, bool *is_missing,
                          struct error *err) MUST_CHECK;
/* Makes one there, 0600, never over another; and puts one that is known back. */
int key_file_put_mac(int dir, const char *name, const struct mac_key *key, struct error *err) MUST_CHECK;
int key_file_make_mac(int dir, const char *name, struct mac_key *out, struct error *err) MUST_CHECK;

/* A key of kind ed25519-secret that nobody else may read. CODE_KEY_FILE. */
int key_file_read_signing(const char *path, struct signing_key *out, struct error *err) MUST_CHECK;

#endif
