/*
 * request: what an operator asks of the running daemon, and its answer (docs/PROTOCOL.md §Requests). One JSON object each, canonical,
 * with an LF behind it: <state>/requests/<id>.json, and <id>.done.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "model/message.h"
#include "model/oid.h"
#include "util/buf.h"

#define REQUEST_FOLDER "requests"
#define REQUEST_ENDING ".json"
#define REQUEST_ANSWER_ENDING ".done"
#define REQUEST_PAUSED "paused.json" /* the request to pause that is in force */

enum {
    REQUEST_FORMAT = 1,
    REQUEST_ID_LEN = 32,     /* hex digits */
    REQUEST_MAX = 4096,      /* bytes of a file */
    REQUEST_REASON_MAX = 200,
    REQUEST_USER_MAX = 64,
    REQUEST_TIP_MIN = 7,     /* digits of a commit id that name it */
    REQUEST_MESSAGE_MAX = 700,
};

enum request_verb { REQUEST_ACCEPT_REWRITE, REQUEST_ACCEPT_STATE_LOSS, REQUEST_PAUSE, REQUEST_RESUME, REQUEST_FORGET };

const char *request_verb_name(enum request_verb verb);

struct request {
    char id[REQUEST_ID_LEN + 1];
    enum request_verb verb;
    char tip[OID_HEX_LEN + 1];           /* accept-rewrite: the beginning of the commit id, or all of it */
    uint64_t floor;                      /* accept-state-loss; 0: none was given */
    char reason[REQUEST_REASON_MAX + 1]; /* pause; may be "" */
    char service[LAYOUT_NAME_MAX + 1];   /* forget */
    char instance[ACK_INSTANCE_MAX + 1]; /* forget */
    int64_t uid;                         /* who asked */
    char user[REQUEST_USER_MAX + 1];
    int64_t when_ms;
};

void request_write(struct buf *out, const struct request *request);
/* CODE_REQUEST_FORM, CODE_FORMAT_NEWER. */
int request_parse(struct span text, struct request *out, struct error *err) MUST_CHECK;

struct request_answer {
    bool is_done;
    char code[64];  /* why not; "" when done */
    char message[REQUEST_MESSAGE_MAX + 1];
    uint64_t epoch; /* in force afterwards, 0: none */
};

void request_answer_write(struct buf *out, const struct request_answer *answer);
int request_answer_parse(struct span text, struct request_answer *out, struct error *err) MUST_CHECK;

/* 32 hex digits? What else lies in the folder is not a request. */
bool request_id_is_good(struct span id);

#endif
