/*
 * key_line: see key_line.h. The form is of a fixed length, so it is cut and not searched.
 */
#include "verify/key_line.h"

#include "model/codes.h"
#include "util/hex.h"

enum { BASE64_LEN = 44, BODY_LEN = KEY_ID_LEN + 1 + BASE64_LEN + 1 }; /* key id, colon, base64, LF */

struct line {
    char id[KEY_ID_LEN + 1];
    uint8_t raw[KEY_RAW_LEN];
};

static void line_fini(struct line *line)
{
    crypto_wipe(line, sizeof *line);
}

int key_error(struct error *err)
{
    if (!error_is(err, ERR_MEMORY))
        err->code = CODE_KEY_FILE;
    return -1;
}

static bool take(struct span *text, const char *kind, struct line *out)
{
    uint8_t ignored[KEY_ID_LEN / 2];
    struct span rest = *text;
    if (!span_skip(&rest, SPAN("epochd-")) || !span_skip(&rest, span_of(kind)) || !span_skip(&rest, SPAN(":")) ||
        rest.len < BODY_LEN)
        return false;
    struct span id = {rest.data, KEY_ID_LEN}, base64 = {rest.data + KEY_ID_LEN + 1, BASE64_LEN};
    if (rest.data[KEY_ID_LEN] != ':' || rest.data[BODY_LEN - 1] != '\n' ||
        !hex_decode(id, ignored, sizeof ignored) || !crypto_base64_decode(base64, out->raw, KEY_RAW_LEN))
        return false;
    memcpy(out->id, id.data, KEY_ID_LEN);
    out->id[KEY_ID_LEN] = '\0';
    *text = (struct span){rest.data + BODY_LEN, rest.len - BODY_LEN};
    return true;
}

bool key_line_take_public(struct span *text, struct message_key *out)
{
    struct line line;
    if (!take(text, KEY_KIND_PUBLIC, &line))
        return false;
    memcpy(out->id, line.id, sizeof line.id);
    memcpy(out->public_key, line.raw, PUBLIC_KEY_LEN);
    return true;
}

static int read_whole(struct span text, const char *name, const char *kind, struct line *out, struct error *err)
{
    if (take(&text, kind, out) && text.len == 0)
        return 0;
    return error_set(err, CODE_KEY_FILE, 0, "'%s' is not one line epochd-%s:<key id>:<base64>", name, kind);
}

int key_line_refuse_id(const char *name, const char *id, struct error *err)
{
    return error_set(err, CODE_KEY_FILE, 0, "'%s' says it holds key %s but holds another", name, id);
}

int key_line_read_signing(struct span text, const char *name, struct signing_key *out, struct error *err)
{
    struct line line CLEANUP(line_fini) = {0};
    struct signing_key key;
    if (read_whole(text, name, KEY_KIND_SIGNING, &line, err) != 0)
        return -1;
    crypto_signing_key_from_seed(line.raw, &key);
    bool is_right = strcmp(key.id, line.id) == 0;
    if (is_right)
        *out = key;
    crypto_wipe(&key, sizeof key);
    return is_right ? 0 : key_line_refuse_id(name, line.id, err);
}

int key_line_read_mac(struct span text, const char *name, struct mac_key *out, struct error *err)
{
    struct line line CLEANUP(line_fini) = {0};
    char id[KEY_ID_LEN + 1];
    if (read_whole(text, name, KEY_KIND_MAC, &line, err) != 0)
        return -1;
    crypto_key_id(line.raw, id);
    if (strcmp(id, line.id) != 0)
        return key_line_refuse_id(name, line.id, err);
    crypto_mac_key_from_bytes(line.raw, out);
    return 0;
}

void key_line_put(struct buf *out, const char *kind, const char *id, const uint8_t raw[static KEY_RAW_LEN])
{
    buf_puts(out, "epochd-");
    buf_puts(out, kind);
    buf_putc(out, ':');
    buf_puts(out, id);
    buf_putc(out, ':');
    crypto_base64_encode(raw, KEY_RAW_LEN, out);
    buf_putc(out, '\n');
}
