/*
 * status: how fresh the client is, and what it has to say: each thing once when it changes, each alarm at most once a minute.
 */
#include "client/client.h"
#include "model/codes.h"
#include "util/clock.h"

enum { TOUCH_MS = 60000 };

/* --- alarms ------------------------------------------------------------------------------------------------------- */

/* What nobody but a meddler, or two publishers with one key, brings about. */
static bool is_attack(const char *code)
{
    const char *const codes[] = {CODE_EQUIVOCATION, CODE_BAD_SIGNATURE, CODE_BAD_KEY_ID, CODE_WRONG_TYPE, CODE_WRONG_SOURCE,
                                 CODE_WRONG_SERVICE, CODE_KEYSET_REFUSED, CODE_LKG_BAD_SIG};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

/* The row of an alarm: its own, a free one, or the one that was told longest ago. */
static struct alarm_told *find_alarm(epoch_client *client, const char *code, const char *where)
{
    struct alarm_told *oldest = &client->alarms[0];
    for (size_t i = 0; i < client->alarms_len; i++) {
        struct alarm_told *told = &client->alarms[i];
        if (strcmp(told->code, code) == 0 && strncmp(told->where, where, sizeof told->where - 1) == 0)
            return told;
        if (told->at_ms < oldest->at_ms)
            oldest = told;
    }
    if (client->alarms_len < ALARMS_MAX)
        oldest = &client->alarms[client->alarms_len++];
    *oldest = (struct alarm_told){.code = code, .at_ms = -1};
    snprintf(oldest->where, sizeof oldest->where, "%s", where);
    return oldest;
}

void alarm_tell(epoch_client *client, const char *where, const struct error *err)
{
    const struct client_settings *settings = &client->settings;
    int64_t now = clock_boot_ms();
    if (where == NULL)
        where = "";
    struct alarm_told *told = find_alarm(client, err->code, where);
    if (told->at_ms >= 0 && now < told->at_ms + ALARM_AGAIN_MS)
        return;
    told->at_ms = now;
    const struct epoch_alarm alarm = {sizeof alarm, err->code, err->message, where, is_attack(err->code)};
    if (settings->on_alarm == NULL)
        return;
    client_calling(client, true);
    settings->on_alarm(settings->context, client, &alarm);
    client_calling(client, false);
}

/* --- freshness ---------------------------------------------------------------------------------------------------- */

void status_heard(epoch_client *client, int64_t now_ms)
{
    client->heard_ms = now_ms;
    client->is_vouched = true;
    client->is_clock_wrong = false;
    if (now_ms < client->touched_ms + TOUCH_MS)
        return;
    client->touched_ms = now_ms;
    cache_touch(&client->cache);
}

static enum epoch_freshness freshness_of(const epoch_client *client, int64_t now_ms)
{
    if (client->table_len == 0)
        return EPOCH_UNKNOWN;
    if (view_is_fresh(&client->state.view, now_ms))
        return EPOCH_FRESH;
    return client->is_vouched || client->is_clock_wrong ? EPOCH_STALE : EPOCH_LKG;
}

static const char *reason_of(const epoch_client *client, enum epoch_freshness freshness)
{
    if (freshness != EPOCH_STALE)
        return "";
    return client->state.waiting.exists ? "behind" : client->is_clock_wrong ? CODE_CLOCK : "silent";
}

static bool is_unusable(const epoch_client *client, int64_t now_ms)
{
    int64_t since = client->heard_ms == INT64_MIN ? client->opened_ms : client->heard_ms;
    return client->settings.policy == EPOCH_UNUSABLE_OFFLINE && now_ms >= since + client->settings.max_offline_ms;
}

static const char *name_of(enum epoch_freshness freshness)
{
    static const char *const names[] = {
        [EPOCH_UNKNOWN] = "UNKNOWN", [EPOCH_LKG] = "LKG", [EPOCH_FRESH] = "FRESH", [EPOCH_STALE] = "STALE"};
    return names[freshness];
}

static bool is_settled(const epoch_client *client)
{
    for (size_t i = 0; i < client->settings.services_len; i++)
        if (apply_in_force(client, client->settings.services[i]) == NULL)
            return client->state.applied.exists && !client->state.is_partial;
    return client->settings.services_len > 0 || client->state.applied.exists;
}

static bool differs(const struct epoch_status *a, const struct epoch_status *b)
{
    return a->freshness != b->freshness || strcmp(a->reason, b->reason) != 0 || a->is_connected != b->is_connected ||
           a->is_unusable != b->is_unusable || strcmp(a->detail, b->detail) != 0;
}

static bool is_connected(const epoch_client *client)
{
    return client->links_len > 0 && mqtt_is_up(client->links[0].mqtt);
}

static bool is_current(const epoch_client *client)
{
    return is_connected(client) && client->fetch.is_whole && client->state.applied.exists && !client->state.waiting.exists &&
           !client->state.is_partial && acks_are_out(client);
}

/* What others see, under the lock; true: something to tell. */
static bool publish(epoch_client *client, const struct epoch_status *next)
{
    pthread_mutex_lock(&client->lock);
    bool has_news = differs(&client->status, next);
    client->status = *next;
    client->told_heard_ms = client->heard_ms;
    client->fresh_until_ms = client->state.view.fresh_until_ms;
    client->is_current = is_current(client);
    client->is_settled = is_settled(client);
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    return has_news;
}

void status_settle(epoch_client *client, int64_t now_ms)
{
    const struct client_settings *settings = &client->settings;
    struct epoch_status next = client->status;
    next.freshness = freshness_of(client, now_ms);
    next.freshness_name = name_of(next.freshness);
    next.reason = reason_of(client, next.freshness);
    next.generation = client->state.applied.generation;
    next.epoch = client->state.applied.epoch;
    next.is_connected = is_connected(client);
    next.is_unusable = is_unusable(client, now_ms);
    snprintf(next.detail, sizeof next.detail, "%s", next.is_connected ? "" : client->detail);
    if (next.freshness != client->status.freshness)
        acks_all_dirty(client);
    if (!publish(client, &next) || client->is_opening || settings->on_status == NULL)
        return;
    next.age_ms = client->heard_ms == INT64_MIN ? -1 : now_ms - client->heard_ms;
    client_calling(client, true);
    settings->on_status(settings->context, client, &next);
    client_calling(client, false);
}

void status_detail(epoch_client *client, const char *text)
{
    snprintf(client->detail, sizeof client->detail, "%.*s", (int)sizeof client->detail - 1, text);
}

int64_t status_deadline_ms(const epoch_client *client, int64_t now_ms)
{
    int64_t deadline = INT64_MAX;
    if (view_is_fresh(&client->state.view, now_ms))
        deadline = client->state.view.fresh_until_ms;
    if (client->settings.policy == EPOCH_UNUSABLE_OFFLINE && !client->status.is_unusable) {
        int64_t since = client->heard_ms == INT64_MIN ? client->opened_ms : client->heard_ms;
        int64_t until = since + client->settings.max_offline_ms;
        deadline = until < deadline ? until : deadline;
    }
    return deadline;
}
