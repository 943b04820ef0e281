/*
 * keyset: see keyset.h.
 */
#include "verify/keyset.h"

#include "io/crypto.h"
#include "model/codes.h"
#include "verify/envelope.h"

static int judge_key(const struct message_key *key, const struct root_keys *roots, struct error *err)
{
    char id[KEY_ID_LEN + 1];
    crypto_key_id(key->public_key, id);
    if (strcmp(id, key->id) != 0)
        return error_set(err, CODE_KEYSET_REFUSED, 0, "key %s is not the key of that id", key->id);
    for (size_t i = 0; i < roots->len; i++)
        if (strcmp(id, roots->keys[i].id) == 0)
            return error_set(err, CODE_KEYSET_REFUSED, 0, "key %s is a root key, which signs keysets only",
                             id);
    return 0;
}

static int judge(const struct message *message, const struct message_key *root, const struct root_keys *roots,
                 const char *source, struct error *err)
{
    if (strcmp(message->key_id, root->id) != 0)
        return error_set(err, CODE_KEYSET_REFUSED, 0, "it names key %s, but root %s made the signature",
                         message->key_id, root->id);
    for (size_t i = 0; i < message->u.keyset.len; i++)
        if (judge_key(&message->u.keyset.keys[i], roots, err) != 0)
            return -1;
    if (strcmp(message->source, source) != 0)
        return error_set(err, CODE_WRONG_SOURCE, 0, "the keyset is from '%s', not from '%s'", message->source,
                         source);
    return 0;
}

/* Whoever asks for a keyset is told one thing about a stranger's bytes: they are not ours. The message says
   why. */
static int refuse(struct error *err)
{
    if (err->code == CODE_MESSAGE_FORM || err->code == CODE_BAD_SIGNATURE || err->code == CODE_WRONG_TYPE)
        err->code = CODE_KEYSET_REFUSED;
    return error_wrap(err, "keyset");
}

int keyset_verify(struct span raw, const struct root_keys *roots, const char *source, struct keyset *out,
                  struct error *err)
{
    AUTO_BUF struct buf body = {0};
    AUTO_MESSAGE struct message message = {0};
    const struct message_key *root;
    if (envelope_open(raw, roots->keys, roots->len, &body, &root, err) != 0 ||
        message_parse(buf_span(&body), MESSAGE_KEYSET, &message, err) != 0 ||
        judge(&message, root, roots, source, err) != 0)
        return refuse(err);
    *out = (struct keyset){.generation = message.generation, .keys = message.u.keyset};
    return 0;
}
