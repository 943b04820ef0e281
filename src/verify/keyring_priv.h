/*
 * keyring_priv: what loading and making the folder share. Only keyring*.c include it.
 *
 * What is there and wrong is CODE_KEY_FILE, naming file and cause.
 */
#ifndef VERIFY_KEYRING_PRIV_H
#define VERIFY_KEYRING_PRIV_H

#include "verify/key_line.h"
#include "verify/keyring.h"

enum key_file { KEY_ROOT, KEY_SIGNING, KEY_JOURNAL, KEY_LKG, KEY_ROOT_PUBLIC, KEY_KEYSET };

struct key_form {
    const char *name;
    const char *kind; /* as in `epochd-<kind>:…`; of the keyset: only what to call it */
    mode_t mode;      /* as made; a file may have less, never more */
};
extern const struct key_form key_forms[KEYRING_FILES];

struct key_folder {
    int fd;
    uid_t owner;
    bool for_reader; /* files may belong to the folder's owner, who need not be us */
};

/* Takes an opened folder, which stays the caller's: ours or root's unless `for_reader`, and nobody else may write in
   it. */
int key_folder_use(int fd, bool for_reader, struct key_folder *out, struct error *err) MUST_CHECK;

/* *out tells whether there is anything of that name. */
int key_file_exists(const struct key_folder *folder, enum key_file which, bool *out, struct error *err)
    MUST_CHECK;

int key_read_signing(const struct key_folder *folder, enum key_file which, struct signing_key *out,
                     struct error *err) MUST_CHECK;
int key_read_mac(const struct key_folder *folder, enum key_file which, struct mac_key *out, struct error *err)
    MUST_CHECK;
int key_read_roots(const struct key_folder *folder, struct root_keys *out, struct error *err) MUST_CHECK;

/* The root key is one of those pinned. */
int key_check_pinned(const struct signing_key *root, const struct root_keys *roots, struct error *err)
    MUST_CHECK;

/* Loads the opened folder whole, as keyring_load tells. */
int keyring_load_folder(const struct key_folder *folder, const char *source, struct keyring *out,
                        struct error *err) MUST_CHECK;

#endif
