/*
 * key_file: see key_file.h.
 */
#include "verify/key_file.h"

#include "model/codes.h"
#include "verify/keyring_priv.h"

enum { SECRET_FILE_MAX = 255 };

/* The folder of a path, opened, and the name in it (borrowed). */
static int open_folder(const char *path, int *dir, const char **name, struct error *err)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *above = slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (above == NULL)
        return error_memory(err);
    *name = slash == NULL ? path : slash + 1;
    return fs_open_dir(above, dir, err);
}

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
    if (open_folder(path, &dir, &name, err) != 0 || fs_read(dir, name, FS_ANY_OWNER, KEY_FILE_MAX, &text, NULL, err) != 0)
        return as_key_file(err, path);
    return keyring_parse_roots(buf_span(&text), name, out, err);
}

struct secret_line {
    char id[KEY_ID_LEN + 1];
    uint8_t raw[32];
};

static void secret_line_fini(struct secret_line *line)
{
    crypto_wipe(line, sizeof *line);
}

static int read_line(int dir, const char *name, enum fs_trust trust, const char *kind, struct secret_line *out,
                     bool *is_missing, struct error *err)
{
    AUTO_SECRET_BUF struct buf text = {0};
    if (buf_reserve(&text, SECRET_FILE_MAX + 1) == NULL)
        return error_memory(err);
    if (fs_read(dir, name, trust, SECRET_FILE_MAX, &text, is_missing, err) != 0)
        return -1;
    if (is_missing != NULL && *is_missing)
        return 0;
    struct span rest = buf_span(&text);
    if (!key_cut_line(&rest, kind, out->id, out->raw) || rest.len > 0)
        return error_set(err, CODE_KEY_FILE, 0, "it is not one line epochd-%s:<key id>:<base64>", kind);
    return 0;
}

static int read_mac(int dir, const char *name, enum fs_trust trust, struct mac_key *out, bool *is_missing, struct error *err)
{
    CLEANUP(secret_line_fini) struct secret_line line = {0};
    if (read_line(dir, name, trust, "hmac-sha256", &line, is_missing, err) != 0)
        return -1;
    if (is_missing != NULL && *is_missing)
        return 0;
    crypto_mac_key_from_bytes(line.raw, out);
    return strcmp(out->id, line.id) == 0 ? 0 : error_set(err, CODE_KEY_FILE, 0, "it says it holds key %s but holds another", line.id);
}

int key_file_read_mac(const char *path, struct mac_key *out, bool *is_missing, struct error *err)
{
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (open_folder(path, &dir, &name, err) != 0) {
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
    if (buf_reserve(&text, SECRET_FILE_MAX + 1) == NULL)
        return error_memory(err);
    buf_printf(&text, "epochd-hmac-sha256:%s:", key->id);
    crypto_base64_encode(key->bytes, sizeof key->bytes, &text);
    buf_putc(&text, '\n');
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
    CLEANUP(secret_line_fini) struct secret_line line = {0};
    AUTO_CLOSE int dir = -1;
    const char *name;
    if (open_folder(path, &dir, &name, err) != 0 ||
        read_line(dir, name, FS_SECRET, "ed25519-secret", &line, NULL, err) != 0)
        return as_key_file(err, path);
    crypto_signing_key_from_seed(line.raw, out);
    if (strcmp(out->id, line.id) != 0)
        return error_set(err, CODE_KEY_FILE, 0, "%s says it holds key %s but holds another", path, line.id);
    return 0;
}
