/*
 * key_file: see key_file.h.
 */
#include "verify/key_file.h"

#include "model/codes.h"
#include "verify/key_line.h"
#include "verify/keyring.h"

static int as_key_file(struct error *err, const char *path)
{
    key_error(err);
    return error_wrap(err, "%s", path);
}

int key_file_read_roots(const char *path, struct root_keys *out, struct error *err)
{
    AUTO_BUF struct buf text = {0};
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (fs_open_folder_of(path, &dir, &name, err) != 0 ||
        fs_read(dir, name, FS_ANY_OWNER, ROOTS_FILE_MAX, &text, NULL, err) != 0)
        return as_key_file(err, path);
    return keyring_parse_roots(buf_span(&text), path, out, err);
}

static int read_secret(int dir, const char *name, enum fs_trust trust, struct buf *out, bool *is_missing,
                       struct error *err)
{
    if (buf_reserve(out, KEY_SECRET_MAX + 1) == NULL)
        return error_memory(err);
    return fs_read(dir, name, trust, KEY_SECRET_MAX, out, is_missing, err);
}

static int read_mac(int dir, const char *name, enum fs_trust trust, struct mac_key *out, bool *is_missing,
                    struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    if (read_secret(dir, name, trust, &text, is_missing, err) != 0)
        return -1;
    if (is_missing != NULL && *is_missing)
        return 0;
    return key_line_read_mac(buf_span(&text), name, out, err);
}

int key_file_read_mac(const char *path, struct mac_key *out, bool *is_missing, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (fs_open_folder_of(path, &dir, &name, err) != 0) {
        if (is_missing == NULL || err->sys != ENOENT)
            return as_key_file(err, path);
        *is_missing = true;
        return 0;
    }
    return read_mac(dir, name, FS_ANY_OWNER, out, is_missing, err) == 0 ? 0 : as_key_file(err, path);
}

int key_file_read_own_mac(int dir, const char *name, struct mac_key *out, bool *is_missing, struct error *err)
{
    return read_mac(dir, name, FS_SECRET, out, is_missing, err) == 0 ? 0 : as_key_file(err, name);
}

int key_file_put_mac(int dir, const char *name, const struct mac_key *key, struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    if (buf_reserve(&text, KEY_SECRET_MAX) == NULL)
        return error_memory(err);
    key_line_put(&text, KEY_KIND_MAC, key->id, key->bytes);
    if (buf_check(&text, err) != 0)
        return -1;
    return fs_create(dir, name, buf_span(&text), 0600, err);
}

int key_file_make_mac(int dir, const char *name, struct mac_key *out, struct error *err)
{
    uint8_t bytes[MAC_KEY_LEN];
    crypto_random(bytes, sizeof bytes);
    crypto_mac_key_from_bytes(bytes, out);
    crypto_wipe(bytes, sizeof bytes);
    return key_file_put_mac(dir, name, out, err);
}

int key_file_read_signing(const char *path, struct signing_key *out, struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (fs_open_folder_of(path, &dir, &name, err) != 0 ||
        read_secret(dir, name, FS_SECRET, &text, NULL, err) != 0 ||
        key_line_read_signing(buf_span(&text), name, out, err) != 0)
        return as_key_file(err, path);
    return 0;
}
