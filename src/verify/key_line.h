/*
 * key_line: one key as a line of text: `epochd-<kind>:<key_id>:<base64>` and LF.
 *
 * Refused: any other spelling, and a line whose id is not that of its key. Nothing of a text that is refused gets
 * into a message.
 */
#ifndef VERIFY_KEY_LINE_H
#define VERIFY_KEY_LINE_H

#include "io/crypto.h"

#define KEY_KIND_SIGNING "ed25519-secret"
#define KEY_KIND_PUBLIC "ed25519-public"
#define KEY_KIND_MAC "hmac-sha256"

enum {
    KEY_RAW_LEN = 32,     /* of every kind */
    KEY_SECRET_MAX = 255, /* bytes of a file that holds a secret */
};

/* Takes the line of a public key off the text; false if it begins otherwise. Whether the id is the key's is not
   looked at. */
bool key_line_take_public(struct span *text, struct message_key *out);

/* The one line that is the whole text. `name` is the file's, for messages. CODE_KEY_FILE. */
int key_line_read_signing(struct span text, const char *name, struct signing_key *out, struct error *err) MUST_CHECK;
int key_line_read_mac(struct span text, const char *name, struct mac_key *out, struct error *err) MUST_CHECK;

/* Appends a line. */
void key_line_put(struct buf *out, const char *kind, const char *id, const uint8_t raw[static KEY_RAW_LEN]);

/* What a file is told that says its key has another id. Returns -1. */
int key_line_refuse_id(const char *name, const char *id, struct error *err);

/* Turns what happened to a file of keys into CODE_KEY_FILE; want of memory stays what it is. Returns -1. */
int key_error(struct error *err);

#endif
