/*
 * message_parse: bodies in. Everything that is not in the documented form is refused by the name of the
 * member that is wrong, never with its value. The body must be canonical JSON: so there is one spelling of
 * each message, and the configuration of an update can be taken out of it as it stands.
 */
#include "model/message.h"

#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/utf8.h"

/* One level around the deepest configuration. Every value takes a byte at least, so the size bounds the nodes
   too. */
static const struct json_options options = {
    .file = "message",
    .limits = {.depth = 64 + 1, .nodes = MESSAGE_MAX, .size = MESSAGE_MAX},
};

void message_fini(struct message *message)
{
    doc_fini(&message->doc);
    *message = (struct message){0};
}

bool message_correlation_is_good(struct span text)
{
    if (text.len == 0 || text.len > CORRELATION_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
        if (!is_good)
            return false;
    }
    return true;
}

bool message_instance_is_good(struct span text)
{
    if (text.len == 0 || text.len > ACK_INSTANCE_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_inner = c == '.' || c == '-';
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (is_inner && i > 0)))
            return false;
    }
    return true;
}

static bool is_printable(struct span text, size_t max)
{
    return text.len <= max && utf8_is_shown(text);
}

bool message_pointer_is_good(struct span text)
{
    if (!is_printable(text, ACK_POINTER_MAX) || (text.len > 0 && text.data[0] != '/'))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '~' && (i + 1 == text.len || (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
            return false;
    return true;
}

/* --- members, one kind each --- */

static int bad_member(struct error *err, const char *name, const char *wanted)
{
    return error_set(err, CODE_MESSAGE_FORM, 0, "member '%s' is not %s", name, wanted);
}

static int read_u64(const struct doc_node *object, const char *name, uint64_t *out, struct error *err)
{
    int64_t value;
    if (!doc_get_int(object, name, &value) || value < 0)
        return bad_member(err, name, "an integer from 0 to 2^53-1");
    *out = (uint64_t)value;
    return 0;
}

static int read_digest(const struct doc_node *object, const char *name, uint8_t out[static HASH_LEN],
                       struct error *err)
{
    struct span text;
    if (!doc_get_string(object, name, &text) || !hex_decode(text, out, HASH_LEN))
        return bad_member(err, name, "64 lower-case hex digits");
    return 0;
}

static int read_commit(const struct doc_node *object, const char *name, const char **out, struct error *err)
{
    struct span text;
    struct oid oid;
    if (!doc_get_string(object, name, &text) || !oid_parse(text, &oid))
        return bad_member(err, name, "40 lower-case hex digits");
    *out = text.data;
    return 0;
}

static int read_key_id(const struct doc_node *object, const char *name, char out[static KEY_ID_LEN + 1],
                       struct error *err)
{
    struct span text;
    uint8_t id[KEY_ID_LEN / 2];
    if (!doc_get_string(object, name, &text) || !hex_decode(text, id, sizeof id))
        return bad_member(err, name, "16 lower-case hex digits");
    hex_encode(id, sizeof id, out);
    return 0;
}

static int read_name(const struct doc_node *object, const char *name, const char **out, struct error *err)
{
    struct span text;
    if (!doc_get_string(object, name, &text) || !layout_name_is_good(text))
        return bad_member(err, name, "a name ^[a-z][a-z0-9-]{0,62}$");
    *out = text.data;
    return 0;
}

static int read_correlation(const struct doc_node *object, const char **out, struct error *err)
{
    struct span text;
    if (!doc_get_string(object, "correlation_id", &text) || !message_correlation_is_good(text))
        return bad_member(err, "correlation_id", "[A-Za-z0-9._-]{1,64}");
    *out = text.data;
    return 0;
}

/* --- the further members, type by type --- */

static int read_schema(const struct doc_node *root, const char **out, struct error *err)
{
    const struct doc_node *schema = doc_get(root, "schema");
    uint8_t digest[HASH_LEN];
    if (schema == NULL)
        return bad_member(err, "schema", "64 lower-case hex digits or null");
    if (schema->kind == DOC_NULL) {
        *out = NULL;
        return 0;
    }
    if (read_digest(root, "schema", digest, err) != 0)
        return -1;
    *out = schema->u.string.data;
    return 0;
}

/*
 * Where the value of a member stands in the canonical text of its object: behind what the members before it
 * weigh. Members unknown to us may sort before `config`, so its place is reckoned, not assumed.
 */
static int locate(const struct doc_node *object, const char *name, struct span text, struct span *out,
                  struct error *err)
{
    size_t at = 1;
    for (size_t i = 0; i < object->u.object.len; i++) {
        const struct doc_member *member = &object->u.object.members[i];
        at += json_string_size(member->name) + 1;
        if (span_is(member->name, name)) {
            if (at + member->value->size >= text.len || text.data[at - 1] != ':')
                break;
            *out = (struct span){text.data + at, member->value->size};
            return 0;
        }
        at += member->value->size + 1;
    }
    return bad_member(err, name, "where canonical JSON has it");
}

static int read_config(const struct doc_node *root, struct span body, struct span *out, struct error *err)
{
    const struct doc_node *config = doc_get(root, "config");
    if (config == NULL || (config->kind != DOC_OBJECT && config->kind != DOC_NULL))
        return bad_member(err, "config", "an object or null");
    if (config->size > doc_limits_config.size)
        return bad_member(err, "config", "at most 256 KiB of canonical JSON");
    if (config->kind == DOC_NULL) {
        *out = (struct span){0};
        return 0;
    }
    return locate(root, "config", body, out, err);
}

static int parse_update(const struct doc_node *root, struct span body, struct message_update *out,
                        struct error *err)
{
    if (read_config(root, body, &out->config, err) != 0 ||
        read_commit(root, "config_epoch", &out->config_epoch, err) != 0 ||
        read_correlation(root, &out->correlation_id, err) != 0 || read_schema(root, &out->schema, err) != 0 ||
        read_name(root, "service", &out->service, err) != 0 ||
        read_u64(root, "version", &out->version, err) != 0)
        return -1;
    return 0;
}

static int parse_changed(struct message *message, struct error *err)
{
    const struct doc_node *changed = doc_get(message->doc.root, "changed");
    struct message_head *head = &message->u.head;
    if (changed != NULL && changed->kind == DOC_NULL) {
        message->changed_is_null = true;
        return 0;
    }
    if (changed == NULL || changed->kind != DOC_OBJECT || changed->u.object.len > MESSAGE_CHANGED_MAX)
        return bad_member(err, "changed", "null or an object of at most 1,000 names");
    size_t len = changed->u.object.len;
    struct message_changed *list = len == 0 ? NULL : arena_alloc(&message->doc.arena, len * sizeof *list);
    if (len > 0 && list == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++) {
        const struct doc_member *member = &changed->u.object.members[i];
        const struct doc_node *version = member->value;
        if (!layout_name_is_good(member->name) || version->kind != DOC_INT || version->u.integer < 0)
            return bad_member(err, "changed", "an object of services' names and versions");
        list[i] = (struct message_changed){member->name.data, (uint64_t)version->u.integer};
    }
    head->changed = list;
    head->changed_len = len;
    return 0;
}

static int parse_parent(const struct doc_node *root, struct message_head *out, struct error *err)
{
    const struct doc_node *parent = doc_get(root, "parent");
    if (parent == NULL || (parent->kind != DOC_NULL && parent->kind != DOC_OBJECT))
        return bad_member(err, "parent", "null or an object");
    out->has_parent = parent->kind == DOC_OBJECT;
    if (!out->has_parent)
        return 0;
    if (read_u64(parent, "epoch", &out->parent_epoch, err) != 0 ||
        read_digest(parent, "sha256", out->parent_digest, err) != 0)
        return error_wrap(err, "member 'parent'");
    return 0;
}

static int parse_head(struct message *message, struct error *err)
{
    const struct doc_node *root = message->doc.root;
    struct message_head *head = &message->u.head;
    if (parse_changed(message, err) != 0 ||
        read_commit(root, "config_epoch", &head->config_epoch, err) != 0 ||
        read_correlation(root, &head->correlation_id, err) != 0 ||
        read_u64(root, "epoch", &head->epoch, err) != 0 ||
        read_digest(root, "index", head->index, err) != 0 ||
        read_u64(root, "offset", &head->offset, err) != 0 || parse_parent(root, head, err) != 0 ||
        read_u64(root, "services", &head->services, err) != 0)
        return -1;
    return 0;
}

static int parse_keepalive(const struct doc_node *root, struct message_keepalive *out, struct error *err)
{
    if (read_u64(root, "epoch", &out->epoch, err) != 0 || read_digest(root, "head", out->head, err) != 0 ||
        read_u64(root, "sequence", &out->sequence, err) != 0 ||
        read_u64(root, "ttl_s", &out->ttl_s, err) != 0)
        return -1;
    return 0;
}

static int parse_key(const struct doc_node *node, struct message_key *out, struct error *err)
{
    struct span text;
    if (read_key_id(node, "id", out->id, err) != 0)
        return error_wrap(err, "member 'keys'");
    if (!doc_get_string(node, "public", &text) || !hex_decode(text, out->public_key, PUBLIC_KEY_LEN))
        return bad_member(err, "keys", "a list of public keys of 64 lower-case hex digits");
    return 0;
}

static int parse_keyset(const struct doc_node *root, struct message_keyset *out, struct error *err)
{
    const struct doc_node *keys = doc_get(root, "keys");
    if (keys == NULL || keys->kind != DOC_ARRAY || keys->u.array.len == 0 || keys->u.array.len > KEYSET_MAX)
        return bad_member(err, "keys", "a list of 1 to 8 keys");
    for (size_t i = 0; i < keys->u.array.len; i++) {
        if (parse_key(keys->u.array.items[i], &out->keys[i], err) != 0)
            return -1;
        if (i > 0 && strcmp(out->keys[i - 1].id, out->keys[i].id) >= 0)
            return bad_member(err, "keys", "sorted by id, each once");
    }
    out->len = keys->u.array.len;
    return 0;
}

/* A string of at most `max` bytes that a terminal shows and does not obey; with `may_be_null` null too. */
static int read_sentence(const struct doc_node *root, const char *name, size_t max, bool may_be_null, const char **out,
                         struct error *err)
{
    const struct doc_node *node = doc_get(root, name);
    struct span text;
    if (may_be_null && node != NULL && node->kind == DOC_NULL) {
        *out = NULL;
        return 0;
    }
    if (!doc_get_string(root, name, &text) || !is_printable(text, max))
        return bad_member(err, name, "a string of bounded length without control characters");
    *out = text.data;
    return 0;
}

static int read_status(const struct doc_node *root, enum ack_status *out, struct error *err)
{
    struct span text = {0};
    (void)doc_get_string(root, "status", &text);
    for (*out = ACK_APPLIED; *out <= ACK_REFUSED; ++*out)
        if (span_is(text, ack_status_name(*out)))
            return 0;
    return bad_member(err, "status", "applied or refused");
}

static int read_freshness(const struct doc_node *root, enum freshness *out, struct error *err)
{
    struct span text = {0};
    (void)doc_get_string(root, "freshness", &text);
    for (*out = FRESHNESS_FRESH; *out <= FRESHNESS_UNKNOWN; ++*out)
        if (span_is(text, freshness_name(*out)))
            return 0;
    return bad_member(err, "freshness", "FRESH, STALE, LKG or UNKNOWN");
}

static int read_pointers(struct message *message, const char *name, const char *const **out, size_t *out_len,
                         struct error *err)
{
    const struct doc_node *node = doc_get(message->doc.root, name);
    if (node == NULL || node->kind != DOC_ARRAY || node->u.array.len > ACK_POINTERS_MAX)
        return bad_member(err, name, "a list of at most 64 JSON Pointers");
    size_t len = node->u.array.len;
    const char **list = len == 0 ? NULL : arena_alloc(&message->doc.arena, len * sizeof *list);
    if (len > 0 && list == NULL)
        return error_memory(err);
    for (size_t i = 0; i < len; i++) {
        const struct doc_node *item = node->u.array.items[i];
        if (item->kind != DOC_STRING || !message_pointer_is_good(item->u.string))
            return bad_member(err, name, "a list of JSON Pointers of at most 128 bytes");
        list[i] = item->u.string.data;
    }
    *out = list;
    *out_len = len;
    return 0;
}

static int parse_ack(struct message *message, struct error *err)
{
    const struct doc_node *root = message->doc.root;
    struct message_ack *ack = &message->u.ack;
    struct span instance;
    if (read_u64(root, "epoch", &ack->epoch, err) != 0 || read_freshness(root, &ack->freshness, err) != 0)
        return -1;
    if (!doc_get_string(root, "instance", &instance) || !message_instance_is_good(instance))
        return bad_member(err, "instance", "a name [a-z0-9][a-z0-9.-]{0,62}");
    ack->instance = instance.data;
    if (read_sentence(root, "library", ACK_LIBRARY_MAX, false, &ack->library, err) != 0 ||
        read_pointers(message, "overridden", &ack->overridden, &ack->overridden_len, err) != 0 ||
        read_sentence(root, "reason", ACK_REASON_MAX, true, &ack->reason, err) != 0 ||
        read_pointers(message, "restart_pending", &ack->restart_pending, &ack->restart_pending_len, err) != 0 ||
        read_name(root, "service", &ack->service, err) != 0 ||
        read_status(root, &ack->status, err) != 0 ||
        read_u64(root, "version", &ack->version, err) != 0)
        return -1;
    return doc_get(root, "will") == NULL ? 0 : read_name(root, "will", &ack->will, err);
}

/* --- the whole --- */

static int read_format(const struct doc_node *root, struct error *err)
{
    int64_t format;
    if (!doc_get_int(root, "format", &format) || format < 1)
        return bad_member(err, "format", "a positive integer");
    if (format > MESSAGE_FORMAT)
        return error_set(err, CODE_FORMAT_NEWER, 0,
                         "the message has format %lld, this program knows formats up to %d",
                         (long long)format, MESSAGE_FORMAT);
    return 0;
}

/* Acknowledgements alone may come without: from consumers that have no key. */
static int read_signer(const struct doc_node *root, char out[static KEY_ID_LEN + 1], struct error *err)
{
    struct span type;
    if (doc_get(root, "key_id") == NULL && doc_get_string(root, "type", &type) &&
        span_is(type, message_type_name(MESSAGE_ACK))) {
        out[0] = '\0';
        return 0;
    }
    return read_key_id(root, "key_id", out, err);
}

static int read_stamp(const struct doc_node *root, struct message *out, struct error *err)
{
    const char *source;
    struct span timestamp;
    if (read_u64(root, "generation", &out->generation, err) != 0 || read_signer(root, out->key_id, err) != 0 ||
        read_name(root, "source", &source, err) != 0)
        return -1;
    snprintf(out->source, sizeof out->source, "%s", source);
    if (!doc_get_string(root, "timestamp", &timestamp) || !clock_parse(timestamp, &out->timestamp_ms))
        return bad_member(err, "timestamp", "a time in UTC with three decimals and Z");
    return 0;
}

int message_parse_stamp(struct span body, struct message *out, struct error *err)
{
    if (body.len > MESSAGE_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the message has more than %d bytes", MESSAGE_MAX);
    if (json_read(body, &options, &out->doc, err) != 0) {
        /* The reader answers with the codes of the builder too: limits, duplicate names. Here all of that is
           form. */
        if (!error_is(err, ERR_MEMORY))
            err->code = CODE_MESSAGE_FORM;
        return -1;
    }
    const struct doc_node *root = out->doc.root;
    if (root->kind != DOC_OBJECT)
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message is %s, not an object",
                         doc_kind_name(root->kind));
    if (!json_is_canonical(root, body))
        return error_set(err, CODE_MESSAGE_FORM, 0, "the message is not canonical JSON (RFC 8785)");
    if (read_format(root, err) != 0 || read_stamp(root, out, err) != 0)
        return -1;
    return 0;
}

int message_parse_members(struct span body, enum message_type type, struct message *out, struct error *err)
{
    const struct doc_node *root = out->doc.root;
    struct span name;
    if (!doc_get_string(root, "type", &name))
        return bad_member(err, "type", "a string");
    if (!span_is(name, message_type_name(type)))
        return error_set(err, CODE_WRONG_TYPE, 0, "the message is not a %s", message_type_name(type));
    out->type = type;
    switch (type) {
    case MESSAGE_UPDATE:
        return parse_update(root, body, &out->u.update, err);
    case MESSAGE_HEAD:
        return parse_head(out, err);
    case MESSAGE_KEEPALIVE:
        return parse_keepalive(root, &out->u.keepalive, err);
    case MESSAGE_KEYSET:
        return parse_keyset(root, &out->u.keyset, err);
    case MESSAGE_ACK:
        return parse_ack(out, err);
    }
    return error_set(err, CODE_WRONG_TYPE, 0, "a message of type %d is not known", (int)type);
}

int message_parse(struct span body, enum message_type type, struct message *out, struct error *err)
{
    if (message_parse_stamp(body, out, err) == 0 && message_parse_members(body, type, out, err) == 0)
        return 0;
    message_fini(out);
    return -1;
}
