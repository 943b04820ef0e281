/*
 * keyring: the folder keys/ (docs/SECURITY.md §Keys). One line a file, `epochd-<kind>:<key_id>:<base64>` and LF:
 *
 *   root.key     ed25519-secret  0600  signs keysets; may be taken offline
 *   signing.key  ed25519-secret  0600  signs everything else
 *   journal.key  hmac-sha256     0600
 *   lkg.key      hmac-sha256     0640  local consumers check the snapshot with it
 *   root.pub     ed25519-public  0644  one line a pinned root, what consumers are given
 *   keyset.json  the signed keyset in force, 0644
 *
 * A file may have fewer permissions than that, never more. Made at the first run, all or nothing: keyset.json is
 * written last. A folder without it is completed (keys that are there are kept), one with it but without signing.key,
 * journal.key or lkg.key is refused, without root.key is normal. A key is never made over one that exists, nor a
 * root.key where there is a root.pub. Two starts at once: the state folder's lock comes first.
 */
#ifndef VERIFY_KEYRING_H
#define VERIFY_KEYRING_H

#include "io/crypto.h"
#include "util/fs.h"
#include "verify/keyset.h"

struct keyring {
    struct root_keys roots;
    struct signing_key signing;
    struct mac_key journal, lkg;
    struct buf keyset;         /* the exact signed bytes */
    struct keyset verified;    /* of keyset.json, verified by roots; holds `signing` */
    bool has_root;             /* root.key is here */
};

/* Wipes the secrets. A zeroed struct is fine. */
void keyring_fini(struct keyring *keyring);
#define AUTO_KEYRING CLEANUP(keyring_fini)

/* True in *exists if the folder holds keyset.json. A missing folder: false. */
int keyring_exists(const char *path, bool *exists, struct error *err) MUST_CHECK;

/*
 * Before keyring_make where there is no keyset: an empty journal tells that the keys are new, and not that a state
 * was lost. Refused (CODE_KEY_FILE) where something was signed already: the keys are lost, or on a disk that is not
 * mounted, and with new ones we would be another publisher, who cannot read what is here. `state` is for the message.
 */
int keyring_prepare(const char *path, int state_dir, const char *state, struct error *err) MUST_CHECK;

/*
 * Makes what is missing as told above (the folder too, 0750); a complete folder is loaded to see that it is sound.
 * *made tells whether anything was made. As root, the folder and lkg.key are given to group `epoch` where the system
 * has one.
 */
int keyring_make(const char *path, const char *source, bool *made, struct error *err) MUST_CHECK;

/* Loads everything the daemon needs. CODE_KEY_FILE names file and cause; CODE_KEYSET_REFUSED. */
int keyring_load(const char *path, const char *source, struct keyring *out, struct error *err) MUST_CHECK;

/*
 * Loads what a local reader needs: roots, the keyset and lkg.key; journal.key where `with_journal`. The folder may be
 * another user's: its files must then be that user's, ours or root's.
 */
int keyring_load_reader(const char *path, const char *source, bool with_journal, struct keyring *out,
                        struct error *err) MUST_CHECK;

enum { ROOTS_FILE_MAX = 4096 }; /* bytes of a root.pub */

/* Reads the lines of a root.pub: 1 to ROOTS_MAX, each key once. `name` is for messages. CODE_KEY_FILE. */
int keyring_parse_roots(struct span text, const char *name, struct root_keys *out,
                        struct error *err) MUST_CHECK;

/* One row a file, for `epochctl keys list`: never a secret. */
struct keyring_row {
    const char *file, *kind; /* static */
    char id[KEY_ID_LEN + 1]; /* of root.pub the first; "" if it cannot be read, and of keyset.json */
    unsigned mode, mode_max; /* what it has, what it may have */
    bool exists;
    struct error problem;    /* code NULL: none */
};
enum { KEYRING_FILES = 6 };
int keyring_list(const char *path, struct keyring_row rows[static KEYRING_FILES],
                 struct error *err) MUST_CHECK;

#endif
