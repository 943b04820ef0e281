/*
 * keyring_make: see keyring.h. Here: making the folder at the first run, and completing one whose making was
 * cut short.
 *
 * The order is the promise. root.key and root.pub come first, keyset.json last; each file appears whole and
 * synced or not at all, and only where there was none. So whatever a crash leaves behind, the next run keeps
 * every key that is there, and nothing has been published yet: without keyset.json nothing is. It refuses to
 * make a root.key where a root.pub says that there is one elsewhere.
 */
#include "verify/keyring_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io/journal.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/failpoint.h"

#define READER_GROUP "epoch"

/*
 * Lets local consumers in: for root, who alone can. Any other user's files have his group, which the unit
 * file sets. A system without the group has no such consumers.
 */
static int give_to_readers(int fd, struct error *err)
{
    const struct group *group = geteuid() == 0 ? getgrnam(READER_GROUP) : NULL;
    if (group == NULL)
        return 0;
    if (fchown(fd, (uid_t)-1, group->gr_gid) != 0 || fsync(fd) != 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot give it to group " READER_GROUP);
    return 0;
}

static int give_lkg_key_to_readers(const struct key_folder *folder, struct error *err)
{
    const char *name = key_forms[KEY_LKG].name;
    AUTO_CLOSE int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERR_SYSTEM, errno, "cannot open '%s'", name);
    if (give_to_readers(fd, err) != 0)
        return error_wrap(err, "'%s'", name);
    return 0;
}

/* Writes the one line of a file that is not there. */
static int write_line(const struct key_folder *folder, enum key_file which, const char *id,
                      const uint8_t raw[static KEY_RAW_LEN], struct error *err)
{
    const struct key_form *form = &key_forms[which];
    if (FAILPOINT("keys.file", err) != 0)
        return -1;
    AUTO_SECRET_BUF struct buf line = {0};
    buf_reserve(&line, KEY_SECRET_MAX);
    key_line_put(&line, form->kind, id, raw);
    if (buf_check(&line, err) != 0)
        return -1;
    return fs_create(folder->fd, form->name, buf_span(&line), form->mode, err);
}

/* The key that is there, or a new one. */
static int provide_signing(const struct key_folder *folder, enum key_file which, struct signing_key *out,
                           struct error *err)
{
    bool exists;
    if (key_file_exists(folder, which, &exists, err) != 0)
        return -1;
    if (exists)
        return key_read_signing(folder, which, out, err);
    uint8_t seed[SEED_LEN];
    crypto_random(seed, sizeof seed);
    crypto_signing_key_from_seed(seed, out);
    int result = write_line(folder, which, out->id, seed, err);
    crypto_wipe(seed, sizeof seed);
    return result;
}

static int provide_mac(const struct key_folder *folder, enum key_file which, struct error *err)
{
    bool exists;
    struct mac_key key;
    if (key_file_exists(folder, which, &exists, err) != 0)
        return -1;
    int result;
    if (exists) {
        result = key_read_mac(folder, which, &key, err);
    } else {
        uint8_t bytes[MAC_KEY_LEN];
        crypto_random(bytes, sizeof bytes);
        crypto_mac_key_from_bytes(bytes, &key);
        crypto_wipe(bytes, sizeof bytes);
        result = write_line(folder, which, key.id, key.bytes, err);
    }
    crypto_wipe(&key, sizeof key);
    return result;
}

/* The root key and what pins it. */
static int provide_root(const struct key_folder *folder, struct signing_key *root, struct root_keys *roots,
                        struct error *err)
{
    bool has_secret, has_public;
    if (key_file_exists(folder, KEY_ROOT, &has_secret, err) != 0 ||
        key_file_exists(folder, KEY_ROOT_PUBLIC, &has_public, err) != 0)
        return -1;
    if (has_public && !has_secret)
        return error_set(err, CODE_KEY_FILE, 0,
                         "'root.pub' is there but neither 'root.key' nor 'keyset.json': "
                         "put one of them back");
    if (provide_signing(folder, KEY_ROOT, root, err) != 0)
        return -1;
    if (!has_public && write_line(folder, KEY_ROOT_PUBLIC, root->id, root->public_key, err) != 0)
        return -1;
    if (key_read_roots(folder, roots, err) != 0)
        return -1;
    return key_check_pinned(root, roots, err);
}

/* The first keyset: generation 1, one key. Checked as everybody else will check it, before it is in force. */
static int make_keyset(const struct key_folder *folder, const struct signing_key *root,
                       const struct root_keys *roots, const struct signing_key *signing, const char *source,
                       struct error *err)
{
    AUTO_BUF struct buf text = {0};
    char timestamp[CLOCK_TEXT_LEN + 1];
    struct message_stamp stamp = {
        .source = source, .generation = 1, .key_id = root->id, .timestamp = timestamp};
    struct message_keyset keys = {.len = 1};
    struct keyset verified;
    memcpy(keys.keys[0].id, signing->id, sizeof signing->id);
    memcpy(keys.keys[0].public_key, signing->public_key, sizeof signing->public_key);
    clock_format(clock_wall_ms(), timestamp);
    message_compose_keyset(&text, &stamp, &keys);
    if (crypto_sign_object(root, &text, err) != 0 ||
        keyset_verify(buf_span(&text), roots, source, &verified, err) != 0)
        return -1;
    const struct key_form *form = &key_forms[KEY_KEYSET];
    if (FAILPOINT("keys.keyset", err) != 0)
        return -1;
    return fs_create(folder->fd, form->name, buf_span(&text), form->mode, err);
}

static int complete(const struct key_folder *folder, const char *source, struct error *err)
{
    struct signing_key root = {0}, signing = {0};
    struct root_keys roots;
    int result = -1;
    if (give_to_readers(folder->fd, err) == 0 && provide_root(folder, &root, &roots, err) == 0 &&
        provide_signing(folder, KEY_SIGNING, &signing, err) == 0 &&
        provide_mac(folder, KEY_JOURNAL, err) == 0 && provide_mac(folder, KEY_LKG, err) == 0 &&
        give_lkg_key_to_readers(folder, err) == 0)
        result = make_keyset(folder, &root, &roots, &signing, source, err);
    crypto_wipe(&root, sizeof root);
    crypto_wipe(&signing, sizeof signing);
    return result;
}

static int make_in(const struct key_folder *folder, const char *source, bool *made, struct error *err)
{
    bool is_complete;
    if (key_file_exists(folder, KEY_KEYSET, &is_complete, err) != 0)
        return -1;
    if (is_complete) {
        AUTO_KEYRING struct keyring keyring = {0};
        if (keyring_load_folder(folder, source, &keyring, err) != 0)
            return -1;
    } else if (complete(folder, source, err) != 0) {
        return -1;
    }
    *made = !is_complete;
    return 0;
}

int keyring_make(const char *path, const char *source, bool *made, struct error *err)
{
    struct key_folder folder;
    AUTO_CLOSE int fd = -1;
    if (fs_make_dir(path, 0750, &fd, err) != 0 || key_folder_use(fd, false, &folder, err) != 0 ||
        make_in(&folder, source, made, err) != 0)
        return error_wrap(err, "keys in '%s'", path);
    return 0;
}

/* --- before the first keys ------------------------------------------------------------------------------ */

/* A line in the journal, or a snapshot: keys signed here. A journal that was only prepared is zeros. */
static bool has_history(int state_dir)
{
    char first = '\0';
    AUTO_CLOSE int journal = openat(state_dir, JOURNAL_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return (journal >= 0 && read(journal, &first, 1) == 1 && first != '\0') ||
           faccessat(state_dir, SNAPSHOT_FILE, F_OK, 0) == 0;
}

int keyring_prepare(const char *path, int state_dir, const char *state, struct error *err)
{
    AUTO_FREE char *signing = NULL;
    if (asprintf(&signing, "%s/%s", path, key_forms[KEY_SIGNING].name) < 0)
        return error_memory(err);
    if (access(signing, F_OK) != 0 && has_history(state_dir)) /* with it, what was cut short is completed */
        return error_set(err, CODE_KEY_FILE, 0,
                         "%s holds neither keyset.json nor signing.key, but %s what they signed: none is made anew",
                         path, state);
    return journal_prepare(state_dir, err);
}
