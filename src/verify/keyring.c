/*
 * keyring: see keyring.h. Here: reading the folder. keyring_make.c makes it.
 *
 * A file is refused if it is not a regular file with one link, belongs to a stranger, has a permission more
 * than it is made with, or is not exactly the lines it should be, each with the id of its own key. Nothing of
 * a file's content ever gets into a message.
 */
#include "verify/keyring_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "model/codes.h"
#include "util/hex.h"

const struct key_form key_forms[KEYRING_FILES] = {
    [KEY_ROOT] = {"root.key", KEY_KIND_SIGNING, 0600},
    [KEY_SIGNING] = {"signing.key", KEY_KIND_SIGNING, 0600},
    [KEY_JOURNAL] = {"journal.key", KEY_KIND_MAC, 0600},
    [KEY_LKG] = {"lkg.key", KEY_KIND_MAC, 0640},
    [KEY_ROOT_PUBLIC] = {"root.pub", KEY_KIND_PUBLIC, 0644},
    [KEY_KEYSET] = {"keyset.json", "keyset", 0644},
};

void keyring_fini(struct keyring *keyring)
{
    buf_fini(&keyring->keyset);
    crypto_wipe(keyring, sizeof *keyring);
}

/* --- the folder ----------------------------------------------------------------------------------------- */

int key_folder_use(int fd, bool for_reader, struct key_folder *out, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set(err, CODE_KEY_FILE, errno, "cannot examine the folder");
    if (!for_reader && st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(err, CODE_KEY_FILE, 0,
                         "the folder belongs to user %u, neither to us (user %u) nor to root",
                         (unsigned)st.st_uid, (unsigned)geteuid());
    /* Whoever can rename in it can put other keys there, whatever the modes of the files say. */
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(err, CODE_KEY_FILE, 0, "others than its owner can write in the folder (mode %04o)",
                         (unsigned)st.st_mode & 07777);
    *out = (struct key_folder){fd, st.st_uid, for_reader};
    return 0;
}

static int open_folder(const char *path, bool for_reader, struct key_folder *out, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    if (fs_open_dir(path, &fd, err) != 0)
        return key_error(err);
    if (key_folder_use(fd, for_reader, out, err) != 0)
        return -1;
    take_fd(&fd);
    return 0;
}

static void folder_cleanup(struct key_folder *folder)
{
    cleanup_close(&folder->fd);
}
#define AUTO_FOLDER CLEANUP(folder_cleanup)
#define NO_FOLDER ((struct key_folder){.fd = -1})

int key_file_exists(const struct key_folder *folder, enum key_file which, bool *out, struct error *err)
{
    struct stat st;
    const char *name = key_forms[which].name;
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *out = true;
    else if (errno == ENOENT)
        *out = false;
    else
        return error_set(err, CODE_KEY_FILE, errno, "cannot examine '%s'", name);
    return 0;
}

/*
 * What fs_read cannot know: the mode this file should have and whose it may be. By name, after the reading:
 * only the owner of the folder could have put another file there meanwhile, and he is trusted.
 */
static int check_file(const struct key_folder *folder, const struct key_form *form, struct error *err)
{
    struct stat st;
    if (fstatat(folder->fd, form->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, CODE_KEY_FILE, errno, "cannot examine '%s'", form->name);
    if (st.st_uid != folder->owner && st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(err, CODE_KEY_FILE, 0,
                         "'%s' belongs to user %u, not to the folder's owner (user %u)", form->name,
                         (unsigned)st.st_uid, (unsigned)folder->owner);
    unsigned mode = st.st_mode & 07777;
    if ((mode & ~form->mode) != 0)
        return error_set(err, CODE_KEY_FILE, 0, "'%s' has mode %04o, more than %04o", form->name, mode,
                         (unsigned)form->mode);
    if (st.st_nlink > 1)
        return error_set(err, CODE_KEY_FILE, 0, "'%s' has %lu hard links", form->name,
                         (unsigned long)st.st_nlink);
    return 0;
}

static int read_file(const struct key_folder *folder, enum key_file which, size_t max, struct buf *out,
                     struct error *err)
{
    const struct key_form *form = &key_forms[which];
    enum fs_trust trust = folder->for_reader ? FS_ANY_OWNER : FS_OWNED;
    if (fs_read(folder->fd, form->name, trust, max, out, NULL, err) != 0)
        return key_error(err);
    return check_file(folder, form, err);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static int read_secret(const struct key_folder *folder, enum key_file which, struct buf *out, struct error *err)
{
    if (buf_reserve(out, KEY_SECRET_MAX + 1) == NULL)
        return error_memory(err);
    return read_file(folder, which, KEY_SECRET_MAX, out, err);
}

int key_read_signing(const struct key_folder *folder, enum key_file which, struct signing_key *out,
                     struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    if (read_secret(folder, which, &text, err) != 0)
        return -1;
    return key_line_read_signing(buf_span(&text), key_forms[which].name, out, err);
}

int key_read_mac(const struct key_folder *folder, enum key_file which, struct mac_key *out, struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    if (read_secret(folder, which, &text, err) != 0)
        return -1;
    return key_line_read_mac(buf_span(&text), key_forms[which].name, out, err);
}

int keyring_parse_roots(struct span text, const char *name, struct root_keys *out, struct error *err)
{
    struct root_keys roots = {0};
    do {
        struct message_key key;
        char id[KEY_ID_LEN + 1];
        if (!key_line_take_public(&text, &key))
            return error_set(err, CODE_KEY_FILE, 0,
                             "'%s': line %zu is not epochd-" KEY_KIND_PUBLIC ":<key id>:<base64>", name, roots.len + 1);
        crypto_key_id(key.public_key, id);
        if (strcmp(id, key.id) != 0)
            return key_line_refuse_id(name, key.id, err);
        for (size_t i = 0; i < roots.len; i++)
            if (strcmp(roots.keys[i].id, key.id) == 0)
                return error_set(err, CODE_KEY_FILE, 0, "'%s' holds key %s twice", name, key.id);
        if (roots.len == ROOTS_MAX)
            return error_set(err, CODE_KEY_FILE, 0, "'%s' holds more than %d keys", name, ROOTS_MAX);
        roots.keys[roots.len++] = key;
    } while (text.len > 0);
    *out = roots;
    return 0;
}

int key_read_roots(const struct key_folder *folder, struct root_keys *out, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    if (read_file(folder, KEY_ROOT_PUBLIC, ROOTS_FILE_MAX, &text, err) != 0)
        return -1;
    return keyring_parse_roots(buf_span(&text), key_forms[KEY_ROOT_PUBLIC].name, out, err);
}

static bool same_key(const struct message_key *key, const struct signing_key *secret)
{
    return strcmp(key->id, secret->id) == 0 &&
           memcmp(key->public_key, secret->public_key, PUBLIC_KEY_LEN) == 0;
}

int key_check_pinned(const struct signing_key *root, const struct root_keys *roots, struct error *err)
{
    for (size_t i = 0; i < roots->len; i++)
        if (same_key(&roots->keys[i], root))
            return 0;
    return error_set(err, CODE_KEY_FILE, 0, "'root.key' is none of the keys in 'root.pub'");
}

/* --- loading -------------------------------------------------------------------------------------------- */

int keyring_exists(const char *path, bool *exists, struct error *err)
{
    AUTO_FOLDER struct key_folder folder = NO_FOLDER;
    if (fs_open_dir(path, &folder.fd, err) != 0) {
        if (err->sys != ENOENT)
            return key_error(err);
        *exists = false;
        return 0;
    }
    return key_file_exists(&folder, KEY_KEYSET, exists, err);
}

/* What every user of the folder needs: the roots and the keyset in force, which they vouch for. */
static int load_public(const struct key_folder *folder, const char *source, struct keyring *keyring,
                       struct error *err)
{
    if (key_read_roots(folder, &keyring->roots, err) != 0 ||
        read_file(folder, KEY_KEYSET, MESSAGE_MAX, &keyring->keyset, err) != 0)
        return -1;
    return keyset_verify(buf_span(&keyring->keyset), &keyring->roots, source, &keyring->verified, err);
}

/* root.key may be away. Where it is, it must be fit to sign the next keyset. */
static int check_root(const struct key_folder *folder, struct keyring *keyring, struct error *err)
{
    struct signing_key root;
    if (key_file_exists(folder, KEY_ROOT, &keyring->has_root, err) != 0)
        return -1;
    if (!keyring->has_root)
        return 0;
    if (key_read_signing(folder, KEY_ROOT, &root, err) != 0)
        return -1;
    int result = key_check_pinned(&root, &keyring->roots, err);
    crypto_wipe(&root, sizeof root);
    return result;
}

static int check_signing(const struct keyring *keyring, struct error *err)
{
    const struct message_keyset *keys = &keyring->verified.keys;
    for (size_t i = 0; i < keys->len; i++)
        if (same_key(&keys->keys[i], &keyring->signing))
            return 0;
    return error_set(err, CODE_KEYSET_REFUSED, 0, "'keyset.json' does not hold our signing key %s",
                     keyring->signing.id);
}

/* Hands the keyring on and leaves the local one empty, for its cleanup to wipe. */
static void give(struct keyring *keyring, struct keyring *out)
{
    *out = *keyring;
    keyring->keyset = (struct buf){0};
}

int keyring_load_folder(const struct key_folder *folder, const char *source, struct keyring *out,
                        struct error *err)
{
    AUTO_KEYRING struct keyring keyring = {0};
    if (load_public(folder, source, &keyring, err) != 0 || check_root(folder, &keyring, err) != 0 ||
        key_read_signing(folder, KEY_SIGNING, &keyring.signing, err) != 0 ||
        key_read_mac(folder, KEY_JOURNAL, &keyring.journal, err) != 0 ||
        key_read_mac(folder, KEY_LKG, &keyring.lkg, err) != 0 || check_signing(&keyring, err) != 0)
        return -1;
    give(&keyring, out);
    return 0;
}

int keyring_load(const char *path, const char *source, struct keyring *out, struct error *err)
{
    AUTO_FOLDER struct key_folder folder = NO_FOLDER;
    if (open_folder(path, false, &folder, err) != 0 ||
        keyring_load_folder(&folder, source, out, err) != 0)
        return error_wrap(err, "keys in '%s'", path);
    return 0;
}

static int load_reader(const struct key_folder *folder, const char *source, bool with_journal,
                       struct keyring *out, struct error *err)
{
    AUTO_KEYRING struct keyring keyring = {0};
    if (load_public(folder, source, &keyring, err) != 0 ||
        key_read_mac(folder, KEY_LKG, &keyring.lkg, err) != 0)
        return -1;
    if (with_journal && key_read_mac(folder, KEY_JOURNAL, &keyring.journal, err) != 0)
        return -1;
    give(&keyring, out);
    return 0;
}

int keyring_load_reader(const char *path, const char *source, bool with_journal, struct keyring *out,
                        struct error *err)
{
    AUTO_FOLDER struct key_folder folder = NO_FOLDER;
    if (open_folder(path, true, &folder, err) != 0 ||
        load_reader(&folder, source, with_journal, out, err) != 0)
        return error_wrap(err, "keys in '%s'", path);
    return 0;
}

/* --- listing -------------------------------------------------------------------------------------------- */

static int read_id(const struct key_folder *folder, enum key_file which, char id[static KEY_ID_LEN + 1],
                   struct error *err)
{
    struct signing_key signing;
    struct mac_key mac;
    struct root_keys roots;
    AUTO_BUF struct buf keyset = {0};
    switch (which) {
    case KEY_ROOT:
    case KEY_SIGNING:
        if (key_read_signing(folder, which, &signing, err) != 0)
            return -1;
        memcpy(id, signing.id, sizeof signing.id);
        crypto_wipe(&signing, sizeof signing);
        return 0;
    case KEY_JOURNAL:
    case KEY_LKG:
        if (key_read_mac(folder, which, &mac, err) != 0)
            return -1;
        memcpy(id, mac.id, sizeof mac.id);
        crypto_wipe(&mac, sizeof mac);
        return 0;
    case KEY_ROOT_PUBLIC:
        if (key_read_roots(folder, &roots, err) != 0)
            return -1;
        memcpy(id, roots.keys[0].id, sizeof roots.keys[0].id);
        return 0;
    case KEY_KEYSET:
        return read_file(folder, which, MESSAGE_MAX, &keyset, err);
    }
    return 0;
}

int keyring_list(const char *path, struct keyring_row rows[static KEYRING_FILES], struct error *err)
{
    AUTO_FOLDER struct key_folder folder = NO_FOLDER;
    if (open_folder(path, true, &folder, err) != 0)
        return error_wrap(err, "keys in '%s'", path);
    for (unsigned i = 0; i < KEYRING_FILES; i++) {
        struct stat st;
        struct keyring_row row = {.file = key_forms[i].name, .kind = key_forms[i].kind, .mode_max = key_forms[i].mode};
        row.exists = fstatat(folder.fd, row.file, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (row.exists)
            row.mode = st.st_mode & 07777;
        if (row.exists && read_id(&folder, (enum key_file)i, row.id, &row.problem) != 0 &&
            strcmp(row.problem.code, ERR_MEMORY) == 0)
            return error_memory(err);
        rows[i] = row;
    }
    return 0;
}
