/*
 * message_compose: bodies out. Every object is written with its members in the order of RFC 8785 §3.2.3, so
 * the bytes are canonical without sorting anything: the tests read each one back and compare it with the
 * canonical writer's.
 */
#include "model/members.h"
#include "model/message.h"

#include "model/json.h"
#include "util/utf8.h"

const char *message_type_name(enum message_type type)
{
    static const char *const names[] = {
        [MESSAGE_UPDATE] = "config.update",
        [MESSAGE_HEAD] = "config.epoch",
        [MESSAGE_KEEPALIVE] = "config.keepalive",
        [MESSAGE_KEYSET] = "config.keyset",
        [MESSAGE_ACK] = "config.ack",
    };
    return names[type];
}

void message_compose_update(struct buf *out, const struct message_stamp *stamp,
                            const struct message_update *update)
{
    struct members m = members_object(out);
    members_put_json(&m, "config", update->config);
    members_put_text(&m, "config_epoch", update->config_epoch);
    members_put_text(&m, "correlation_id", update->correlation_id);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_u64(&m, "generation", stamp->generation);
    members_put_text(&m, "key_id", stamp->key_id);
    members_put_text(&m, "schema", update->schema);
    members_put_text(&m, "service", update->service);
    members_put_text(&m, "source", stamp->source);
    members_put_text(&m, "timestamp", stamp->timestamp);
    members_put_text(&m, "type", message_type_name(MESSAGE_UPDATE));
    members_put_u64(&m, "version", update->version);
    members_end(&m);
}

static void put_changed(struct members *m, const struct message_head *head)
{
    if (head->changed_len > MESSAGE_CHANGED_MAX) {
        members_put_null(m, "changed");
        return;
    }
    members_put_name(m, "changed");
    struct members changed = members_object(m->out);
    for (size_t i = 0; i < head->changed_len; i++)
        members_put_u64(&changed, head->changed[i].name, head->changed[i].version);
    members_end(&changed);
}

static void put_parent(struct members *m, const struct message_head *head)
{
    if (!head->has_parent) {
        members_put_null(m, "parent");
        return;
    }
    members_put_name(m, "parent");
    struct members parent = members_object(m->out);
    members_put_u64(&parent, "epoch", head->parent_epoch);
    members_put_hex(&parent, "sha256", head->parent_digest, HASH_LEN);
    members_end(&parent);
}

struct span message_config(struct span message, struct span config)
{
    return (struct span){message.data + strlen("{\"config\":"), config.data == NULL ? strlen("null") : config.len};
}

bool message_is_tombstone(struct span message)
{
    return span_starts(message, SPAN("{\"config\":null,"));
}

void message_compose_head(struct buf *out, const struct message_stamp *stamp, const struct message_head *head)
{
    struct members m = members_object(out);
    put_changed(&m, head);
    members_put_text(&m, "config_epoch", head->config_epoch);
    members_put_text(&m, "correlation_id", head->correlation_id);
    members_put_u64(&m, "epoch", head->epoch);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_u64(&m, "generation", stamp->generation);
    members_put_hex(&m, "index", head->index, HASH_LEN);
    members_put_text(&m, "key_id", stamp->key_id);
    members_put_u64(&m, "offset", head->offset);
    put_parent(&m, head);
    members_put_u64(&m, "services", head->services);
    members_put_text(&m, "source", stamp->source);
    members_put_text(&m, "timestamp", stamp->timestamp);
    members_put_text(&m, "type", message_type_name(MESSAGE_HEAD));
    members_end(&m);
}

void message_compose_keepalive(struct buf *out, const struct message_stamp *stamp,
                               const struct message_keepalive *keepalive)
{
    struct members m = members_object(out);
    members_put_u64(&m, "epoch", keepalive->epoch);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_u64(&m, "generation", stamp->generation);
    members_put_hex(&m, "head", keepalive->head, HASH_LEN);
    members_put_text(&m, "key_id", stamp->key_id);
    members_put_u64(&m, "sequence", keepalive->sequence);
    members_put_text(&m, "source", stamp->source);
    members_put_text(&m, "timestamp", stamp->timestamp);
    members_put_u64(&m, "ttl_s", keepalive->ttl_s);
    members_put_text(&m, "type", message_type_name(MESSAGE_KEEPALIVE));
    members_end(&m);
}

void message_compose_keyset(struct buf *out, const struct message_stamp *stamp,
                            const struct message_keyset *keyset)
{
    struct members m = members_object(out);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_u64(&m, "generation", stamp->generation);
    members_put_text(&m, "key_id", stamp->key_id);
    members_put_name(&m, "keys");
    buf_putc(out, '[');
    for (size_t i = 0; i < keyset->len; i++) {
        if (i > 0)
            buf_putc(out, ',');
        struct members key = members_object(out);
        members_put_text(&key, "id", keyset->keys[i].id);
        members_put_hex(&key, "public", keyset->keys[i].public_key, PUBLIC_KEY_LEN);
        members_end(&key);
    }
    buf_putc(out, ']');
    members_put_text(&m, "source", stamp->source);
    members_put_text(&m, "timestamp", stamp->timestamp);
    members_put_text(&m, "type", message_type_name(MESSAGE_KEYSET));
    members_end(&m);
}

/* --- acknowledgements --- */

const char *ack_status_name(enum ack_status status)
{
    static const char *const names[] = {[ACK_APPLIED] = "applied", [ACK_REFUSED] = "refused"};
    return names[status];
}

const char *freshness_name(enum freshness freshness)
{
    static const char *const names[] = {
        [FRESHNESS_FRESH] = "FRESH",
        [FRESHNESS_STALE] = "STALE",
        [FRESHNESS_LKG] = "LKG",
        [FRESHNESS_UNKNOWN] = "UNKNOWN",
    };
    return names[freshness];
}

static void put_printable(struct members *m, const char *name, const char *text, size_t max)
{
    char printable[ACK_REASON_MAX + 1];
    if (text != NULL)
        utf8_printable(span_of(text), printable, max + 1);
    members_put_text(m, name, text == NULL ? NULL : printable);
}

static void put_pointers(struct members *m, const char *name, const char *const *pointers, size_t len)
{
    size_t written = 0;
    members_put_name(m, name);
    buf_putc(m->out, '[');
    for (size_t i = 0; i < len && written < ACK_POINTERS_MAX; i++) {
        if (!message_pointer_is_good(span_of(pointers[i])))
            continue;
        if (written++ > 0)
            buf_putc(m->out, ',');
        json_put_text(m->out, pointers[i]);
    }
    buf_putc(m->out, ']');
}

void message_compose_ack(struct buf *out, const struct message_stamp *stamp, const struct message_ack *ack)
{
    struct members m = members_object(out);
    members_put_u64(&m, "epoch", ack->epoch);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_text(&m, "freshness", freshness_name(ack->freshness));
    members_put_u64(&m, "generation", stamp->generation);
    members_put_text(&m, "instance", ack->instance);
    if (stamp->key_id != NULL)
        members_put_text(&m, "key_id", stamp->key_id);
    put_printable(&m, "library", ack->library, ACK_LIBRARY_MAX);
    put_pointers(&m, "overridden", ack->overridden, ack->overridden_len);
    put_printable(&m, "reason", ack->reason, ACK_REASON_MAX);
    put_pointers(&m, "restart_pending", ack->restart_pending, ack->restart_pending_len);
    members_put_text(&m, "service", ack->service);
    members_put_text(&m, "source", stamp->source);
    members_put_text(&m, "status", ack_status_name(ack->status));
    members_put_text(&m, "timestamp", stamp->timestamp);
    members_put_text(&m, "type", message_type_name(MESSAGE_ACK));
    members_put_u64(&m, "version", ack->version);
    if (ack->will != NULL)
        members_put_text(&m, "will", ack->will);
    members_end(&m);
}

int message_compose_index(struct buf *out, const char *source, uint64_t epoch, const char *config_epoch,
                          const struct catalog *catalog, struct error *err)
{
    AUTO_FREE const struct service **services = NULL;
    if (catalog_sorted(catalog, &services, err) != 0)
        return -1;
    struct members m = members_object(out);
    members_put_text(&m, "config_epoch", config_epoch);
    members_put_u64(&m, "epoch", epoch);
    members_put_u64(&m, "format", MESSAGE_FORMAT);
    members_put_name(&m, "services");
    struct members all = members_object(out);
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        members_put_name(&all, services[i]->name);
        struct members one = members_object(out);
        members_put_hex(&one, "sha256", services[i]->digest, HASH_LEN);
        members_put_u64(&one, "version", services[i]->version);
        members_end(&one);
    }
    members_end(&all);
    members_put_text(&m, "source", source);
    members_put_text(&m, "type", "config.index");
    members_end(&m);
    return buf_check(out, err);
}
