/*
 * restore: what a client begins with, without network: its own cache, then the snapshot of this host's publisher, which is a source like the
 * broker and takes nobody back. Whatever does not verify is told with its code and left alone; the next source is used.
 */
#include "client/client.h"
#include "io/snapshot.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/fs.h"
#include "verify/key_file.h"

static bool is_memory(const struct error *err)
{
    return error_is(err, ERR_MEMORY);
}

/* Its HMAC was right, so whoever wrote it has the key: whatever is wrong inside has one code. */
static void tell_forged(epoch_client *client, const char *file, struct error *err)
{
    if (!error_is(err, CODE_FORMAT_NEWER))
        err->code = CODE_LKG_BAD_SIG;
    alarm_tell(client, file, err);
}

/* --- the cache ---------------------------------------------------------------------------------------------------- */

static bool was_followed(const struct cache_content *content, const char *name)
{
    if (content->follows_all)
        return true;
    for (size_t i = 0; content->has_follows && i < content->follows->u.array.len; i++) {
        const struct doc_node *item = content->follows->u.array.items[i];
        if (item->kind == DOC_STRING && span_is(item->u.string, name))
            return true;
    }
    return false;
}

/* Rows for those that the head on disk was complete for. */
static int follow_again(epoch_client *client, const struct cache_content *content, struct error *err)
{
    for (size_t i = 0; client->settings.follows_all && i < content->services_len; i++)
        if (state_follow(&client->state, content->services[i].name, err) != 0)
            return -1;
    for (size_t i = 0; i < client->settings.services_len; i++)
        if (was_followed(content, client->settings.services[i]) &&
            state_follow(&client->state, client->settings.services[i], err) != 0)
            return -1;
    return 0;
}

static int restore_rows(epoch_client *client, const struct cache_content *content, bool is_vouched, struct error *err)
{
    for (size_t i = 0; i < content->services_len; i++)
        if (state_restore_service(&client->state, content->services[i].name, content->services[i].message, is_vouched, err) != 0)
            return error_wrap(err, "service %s", content->services[i].name);
    return 0;
}

/* Of a whole fleet one signature vouches for all, through the head's digest; of some services each has its own. */
static int restore_services(epoch_client *client, const struct cache_content *content, struct error *err)
{
    bool is_whole = false;
    if (content->services_len == client->state.applied.message.u.head.services) {
        if (restore_rows(client, content, true, err) != 0 || state_is_whole(&client->state, &is_whole, err) != 0)
            return -1;
    }
    return is_whole ? 0 : restore_rows(client, content, false, err);
}

/* What was applied is not to be had; its head still is the floor. */
static void keep_floor(struct state *state)
{
    for (size_t i = 0; i < state->len; i++)
        letter_unref(TAKE(state->rows[i]->applied));
    state->is_partial = true;
}

/* One that was refused or removed: its own message says what stays in force, if a key that counts signed it. */
static int restore_kept_one(epoch_client *client, const struct doc_member *member, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    struct span raw, why, reason;
    const char *name = member->name.data;
    if (state_find_service(&client->state, name) == NULL || !doc_get_string(member->value, "message", &raw) ||
        !doc_get_string(member->value, "why", &why) || !doc_get_string(member->value, "reason", &reason) ||
        view_read_update(&client->state.view, raw, name, &message, err) != 0)
        return 0;
    struct cache_kept *kept = apply_kept(client, name, true);
    if (kept == NULL)
        return error_memory(err);
    kept->is_refused = span_is(why, "refused");
    snprintf(kept->reason, sizeof kept->reason, "%s", reason.data);
    kept->letter = letter_new(raw, message.generation, message.u.update.version, false);
    return kept->letter == NULL ? error_memory(err) : 0;
}

static int restore_kept(epoch_client *client, const struct cache_content *content, struct error *err)
{
    for (size_t i = 0; content->kept != NULL && content->kept->kind == DOC_OBJECT && i < content->kept->u.object.len; i++)
        if (restore_kept_one(client, &content->kept->u.object.members[i], err) != 0)
            return -1;
    return 0;
}

static int put_row(epoch_client *client, const struct state_service *row, struct error *err)
{
    struct epoch_config *config AUTO_CONFIG = NULL, *removed AUTO_CONFIG = NULL;
    const struct cache_kept *kept = apply_kept(client, row->name, false);
    const struct letter *letter = kept != NULL ? kept->letter : row->applied;
    uint64_t epoch = client->state.applied.epoch;
    if (letter == NULL)
        return 0;
    if (apply_make(client, letter, epoch, &config, err) != 0)
        return -1;
    if (kept == NULL || kept->is_refused)
        return apply_put(client, row->name, TAKE(config), err);
    if (config_removed(&removed, config, NULL, epoch, err) != 0)
        return -1;
    return apply_put(client, row->name, TAKE(removed), err);
}

static int put_in_force(epoch_client *client, struct error *err)
{
    for (size_t i = 0; i < client->state.len; i++)
        if (put_row(client, client->state.rows[i], err) != 0)
            return -1;
    return 0;
}

static void damaged(void *context, const char *file, const struct error *err)
{
    alarm_tell(context, file, err);
}

static int use_content(epoch_client *client, const struct cache_content *content, struct error *err)
{
    struct state *state = &client->state;
    enum state_outcome ignored;
    if (follow_again(client, content, err) != 0)
        return -1;
    if (content->head.data != NULL && state_restore_head(state, content->head_keyset, content->head, err) != 0)
        return -1;
    if (state->applied.exists && !content->is_floor_only) {
        if (restore_services(client, content, err) != 0) {
            keep_floor(state);
            if (is_memory(err))
                return -1;
            tell_forged(client, client->settings.cache, err);
        }
    } else if (state->applied.exists) {
        keep_floor(state);
    }
    if (restore_kept(client, content, err) != 0)
        return -1;
    if (client->settings.follows_all && !content->follows_all)
        state->is_partial = state->applied.exists;
    return content->keyset.data == NULL ? 0 : state_take(state, TOPIC_KEYS, NULL, content->keyset, &ignored, err);
}

static void remember_age(epoch_client *client, int64_t written_ms)
{
    int64_t ago = clock_wall_ms() - written_ms;
    if (written_ms != 0)
        client->heard_ms = clock_boot_ms() - (ago < 0 ? 0 : ago);
}

static int restore_cache(epoch_client *client, struct error *err)
{
    struct cache_content content AUTO_CACHE_CONTENT = {0};
    if (!cache_is_open(&client->cache))
        return 0;
    int rc = cache_load(&client->cache, &content, damaged, client, err);
    if (rc == 0) {
        remember_age(client, content.written_ms);
        rc = use_content(client, &content, err);
    }
    if (rc == 0)
        return put_in_force(client, err);
    if (is_memory(err))
        return -1;
    tell_forged(client, client->settings.cache, err);
    return 0;
}

/* --- the host's snapshot ------------------------------------------------------------------------------------------ */

/* *found: it is there and its HMAC is right. */
static int read_lkg(epoch_client *client, struct snapshot *out, bool *found, struct error *err)
{
    char host[SNAPSHOT_HOST_MAX + 1];
    const char *name;
    struct buf file AUTO_BUF = {0};
    struct mac_key key = {0};
    AUTO_CLOSE int dir = -1;
    bool is_missing = false;
    *found = false;
    if (client->settings.lkg_key_file == NULL)
        return 0;
    if (fs_open_folder_of(client->settings.lkg_file, &dir, &name, err) != 0)
        return err->sys == ENOENT || err->sys == EACCES ? 0 : -1;
    if (fs_read(dir, name, FS_ANY_OWNER, SNAPSHOT_MAX, &file, &is_missing, err) != 0)
        return err->sys == EACCES ? 0 : -1;
    if (is_missing)
        return 0;
    if (key_file_read_mac(client->settings.lkg_key_file, &key, &is_missing, err) != 0)
        return err->sys == EACCES ? 0 : -1;
    if (is_missing)
        return 0;
    snapshot_host(host);
    int rc = snapshot_read(buf_span(&file), &key, host, client->settings.source, out, err);
    crypto_wipe(&key, sizeof key);
    *found = rc == 0;
    return rc;
}

static int offer(epoch_client *client, enum topic_kind kind, const char *service, struct span raw, struct error *err)
{
    enum state_outcome outcome;
    if (state_take(&client->state, kind, service, raw, &outcome, err) == 0) {
        if (outcome == STATE_KEYSET)
            apply_keyset(client);
        return 0;
    }
    return error_is(err, CODE_MESSAGE_OLDER) ? 0 : -1; /* the cache knows better */
}

/* What the file says of its head is what the head says. */
static int check_head(const struct snapshot *snapshot, const struct state_head *head, struct error *err)
{
    const struct message_head *said = &head->message.u.head;
    if (snapshot->epoch != head->epoch || snapshot->generation != head->generation || snapshot->offset != said->offset ||
        !span_is(snapshot->config_epoch, said->config_epoch))
        return error_set(err, CODE_LKG_BAD_SIG, 0, "what it says of its head is not what the signed head says");
    return 0;
}

static int offer_all(epoch_client *client, const struct snapshot *snapshot, struct error *err)
{
    struct state *state = &client->state;
    if (offer(client, TOPIC_KEYS, NULL, snapshot->keyset, err) != 0 ||
        offer(client, TOPIC_EPOCH, NULL, snapshot->head, err) != 0)
        return -1;
    if (!state->waiting.exists)
        return 0;
    if (check_head(snapshot, &state->waiting, err) != 0 || offer(client, TOPIC_INDEX, NULL, snapshot->index, err) != 0)
        return -1;
    for (size_t i = 0; i < state->len; i++) {
        const struct doc_node *message = doc_get(snapshot->services, state->rows[i]->name);
        if (message != NULL && offer(client, TOPIC_SERVICE, state->rows[i]->name, message->u.string, err) != 0)
            return -1;
    }
    apply_complete(client);
    return state->waiting.exists
               ? error_set(err, CODE_LKG_BAD_SIG, 0, "it does not hold what its signed head tells")
               : 0;
}

static int restore_lkg(epoch_client *client, struct error *err)
{
    struct snapshot snapshot AUTO_SNAPSHOT = {0};
    bool found;
    if (client->settings.lkg_file == NULL)
        return 0;
    int rc = read_lkg(client, &snapshot, &found, err);
    if (rc != 0 && !is_memory(err)) {
        alarm_tell(client, client->settings.lkg_file, err);
        return 0;
    }
    if (rc != 0 || !found || (rc = offer_all(client, &snapshot, err)) == 0)
        return rc;
    if (is_memory(err))
        return -1;
    tell_forged(client, client->settings.lkg_file, err);
    return 0;
}

static int follow_all_named(epoch_client *client, struct error *err)
{
    for (size_t i = 0; i < client->settings.services_len; i++)
        if (state_follow(&client->state, client->settings.services[i], err) != 0)
            return -1;
    return 0;
}

int restore_all(epoch_client *client, struct error *err)
{
    if (restore_cache(client, err) != 0 || follow_all_named(client, err) != 0)
        return -1;
    return restore_lkg(client, err);
}
