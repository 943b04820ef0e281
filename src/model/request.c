/*
 * request: see request.h. Members are read by name; what is not known is ignored, a newer format refused.
 */
#include "model/request.h"

#include <string.h>

#include "model/codes.h"
#include "model/json.h"
#include "model/members.h"
#include "util/clock.h"

static const char *const verb_names[] = {
    [REQUEST_ACCEPT_REWRITE] = "accept-rewrite",
    [REQUEST_ACCEPT_STATE_LOSS] = "accept-state-loss",
    [REQUEST_PAUSE] = "pause",
    [REQUEST_RESUME] = "resume",
    [REQUEST_FORGET] = "forget",
};

const char *request_verb_name(enum request_verb verb)
{
    return verb_names[verb];
}

bool request_id_is_good(struct span id)
{
    uint8_t ignored[REQUEST_ID_LEN / 2];
    return hex_decode(id, ignored, sizeof ignored);
}

/* --- writing --- */

void request_write(struct buf *out, const struct request *request)
{
    char when[CLOCK_TEXT_LEN + 1];
    struct members m = members_object(out);
    clock_format(request->when_ms, when);
    if (request->floor != 0)
        members_put_u64(&m, "floor", request->floor);
    members_put_u64(&m, "format", REQUEST_FORMAT);
    members_put_text(&m, "id", request->id);
    if (request->instance[0] != '\0')
        members_put_text(&m, "instance", request->instance);
    if (request->reason[0] != '\0')
        members_put_text(&m, "reason", request->reason);
    if (request->service[0] != '\0')
        members_put_text(&m, "service", request->service);
    if (request->tip[0] != '\0')
        members_put_text(&m, "tip", request->tip);
    members_put_u64(&m, "uid", (uint64_t)request->uid);
    members_put_text(&m, "user", request->user);
    members_put_text(&m, "verb", verb_names[request->verb]);
    members_put_text(&m, "when", when);
    members_end(&m);
    buf_putc(out, '\n');
}

void request_answer_write(struct buf *out, const struct request_answer *answer)
{
    struct members m = members_object(out);
    members_put_text(&m, "code", answer->is_done ? NULL : answer->code);
    if (answer->epoch == 0)
        members_put_null(&m, "epoch");
    else
        members_put_u64(&m, "epoch", answer->epoch);
    members_put_u64(&m, "format", REQUEST_FORMAT);
    members_put_text(&m, "message", answer->message);
    members_end(&m);
    buf_putc(out, '\n');
}

/* --- reading --- */

static int read_object(struct span text, const char *file, struct doc *doc, struct error *err)
{
    struct json_options options = {.file = file, .limits = {2, 32, REQUEST_MAX}};
    int64_t format;
    if (json_read(text, &options, doc, err) != 0) {
        if (!error_is(err, ERR_MEMORY))
            err->code = CODE_REQUEST_FORM;
        return -1;
    }
    if (doc->root->kind != DOC_OBJECT || !doc_get_int(doc->root, "format", &format) || format < 1)
        return error_set(err, CODE_REQUEST_FORM, 0, "%s has no format", file);
    if (format > REQUEST_FORMAT)
        return error_set(err, CODE_FORMAT_NEWER, 0, "%s has format %lld, this program knows %d", file,
                         (long long)format, REQUEST_FORMAT);
    return 0;
}

/* A member that may be missing; one that is there must be a string of at most size - 1 bytes without control characters. */
static int get_text(const struct doc_node *node, const char *name, char *out, size_t size, struct error *err)
{
    struct span text = {0};
    out[0] = '\0';
    if (doc_get(node, name) == NULL || doc_get(node, name)->kind == DOC_NULL)
        return 0;
    if (!doc_get_string(node, name, &text) || text.len >= size)
        return error_set(err, CODE_REQUEST_FORM, 0, "member '%s' is not a string of at most %zu bytes", name, size - 1);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return error_set(err, CODE_REQUEST_FORM, 0, "member '%s' has a control character", name);
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return 0;
}

static int get_verb(const struct doc_node *node, enum request_verb *out, struct error *err)
{
    struct span name;
    if (doc_get_string(node, "verb", &name))
        for (size_t i = 0; i < ARRAY_LEN(verb_names); i++)
            if (span_is(name, verb_names[i])) {
                *out = (enum request_verb)i;
                return 0;
            }
    return error_set(err, CODE_REQUEST_FORM, 0, "member 'verb' names no request");
}

static int check_tip(const struct request *request, struct error *err)
{
    size_t len = strlen(request->tip);
    bool is_wanted = request->verb == REQUEST_ACCEPT_REWRITE;
    if (is_wanted == (len > 0) && (!is_wanted || (len >= REQUEST_TIP_MIN && strspn(request->tip, "0123456789abcdef") == len)))
        return 0;
    return error_set(err, CODE_REQUEST_FORM, 0, "member 'tip' is not a commit id of at least %d digits", REQUEST_TIP_MIN);
}

static int check_consumer(const struct request *request, struct error *err)
{
    if (request->verb != REQUEST_FORGET ||
        (layout_name_is_good(span_of(request->service)) && message_instance_is_good(span_of(request->instance))))
        return 0;
    return error_set(err, CODE_REQUEST_FORM, 0, "members 'service' and 'instance' name no consumer");
}

int request_parse(struct span text, struct request *out, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct request request = {0};
    struct span when;
    int64_t floor = 0;
    if (read_object(text, "the request", &doc, err) != 0 || get_verb(doc.root, &request.verb, err) != 0 ||
        get_text(doc.root, "id", request.id, sizeof request.id, err) != 0 ||
        get_text(doc.root, "tip", request.tip, sizeof request.tip, err) != 0 ||
        get_text(doc.root, "reason", request.reason, sizeof request.reason, err) != 0 ||
        get_text(doc.root, "service", request.service, sizeof request.service, err) != 0 ||
        get_text(doc.root, "instance", request.instance, sizeof request.instance, err) != 0 ||
        get_text(doc.root, "user", request.user, sizeof request.user, err) != 0 || check_tip(&request, err) != 0 ||
        check_consumer(&request, err) != 0)
        return -1;
    if (!request_id_is_good(span_of(request.id)))
        return error_set(err, CODE_REQUEST_FORM, 0, "member 'id' is not %d hex digits", REQUEST_ID_LEN);
    if (!doc_get_int(doc.root, "uid", &request.uid) || request.uid < 0)
        return error_set(err, CODE_REQUEST_FORM, 0, "member 'uid' is not a user id");
    if (doc_get(doc.root, "floor") != NULL && (!doc_get_int(doc.root, "floor", &floor) || floor < 1))
        return error_set(err, CODE_REQUEST_FORM, 0, "member 'floor' is not an epoch");
    if (!doc_get_string(doc.root, "when", &when) || !clock_parse(when, &request.when_ms))
        return error_set(err, CODE_REQUEST_FORM, 0, "member 'when' is not a time");
    request.floor = (uint64_t)floor;
    *out = request;
    return 0;
}

int request_answer_parse(struct span text, struct request_answer *out, struct error *err)
{
    struct doc doc AUTO_DOC = {0};
    struct request_answer answer = {0};
    int64_t epoch = 0;
    if (read_object(text, "the answer", &doc, err) != 0 ||
        get_text(doc.root, "code", answer.code, sizeof answer.code, err) != 0 ||
        get_text(doc.root, "message", answer.message, sizeof answer.message, err) != 0)
        return -1;
    if (doc_get_int(doc.root, "epoch", &epoch) && epoch > 0)
        answer.epoch = (uint64_t)epoch;
    answer.is_done = answer.code[0] == '\0';
    *out = answer;
    return 0;
}
