/*
 * apply: a complete epoch becomes the one in force: durable first, then offered to the application, then switched for all services
 * at once, then answered. A service that the application refuses keeps what it has; the others go on.
 */
#include "client/client.h"
#include "model/codes.h"
#include "util/array.h"

/* --- what is in force --------------------------------------------------------------------------------------------- */

static size_t place_of(const epoch_client *client, const char *name)
{
    size_t low = 0, high = client->table_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(client->table[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct epoch_config *apply_in_force(const epoch_client *client, const char *name)
{
    size_t at = place_of(client, name);
    return at < client->table_len && strcmp(client->table[at].name, name) == 0 ? client->table[at].config : NULL;
}

static int reserve(epoch_client *client, size_t more, struct error *err)
{
    size_t cap = client->table_cap == 0 ? 8 : client->table_cap;
    while (cap < client->table_len + more)
        cap *= 2;
    if (cap == client->table_cap)
        return 0;
    struct in_force *grown = reallocarray(client->table, cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    client->table = grown;
    client->table_cap = cap;
    return 0;
}

/* There is room. */
static void put(epoch_client *client, const char *name, struct epoch_config *config)
{
    size_t at = place_of(client, name);
    if (at == client->table_len || strcmp(client->table[at].name, name) != 0) {
        memmove(&client->table[at + 1], &client->table[at], (client->table_len - at) * sizeof *client->table);
        client->table[at] = (struct in_force){0};
        snprintf(client->table[at].name, sizeof client->table[at].name, "%s", name);
        client->table_len++;
    }
    epoch_config_unref(client->table[at].config);
    client->table[at].config = config;
}

int apply_put(epoch_client *client, const char *name, struct epoch_config *config, struct error *err)
{
    pthread_mutex_lock(&client->lock);
    int rc = reserve(client, 1, err);
    if (rc == 0)
        put(client, name, config);
    pthread_mutex_unlock(&client->lock);
    if (rc != 0)
        epoch_config_unref(config);
    return rc;
}

static void environment_refused(void *context, const struct override *override, const char *why)
{
    struct error err;
    error_set(&err, CODE_ENVIRONMENT, 0, "%s does not override %s: %s", override->variable, override->text, why);
    alarm_tell(context, override->variable, &err);
}

int apply_make(epoch_client *client, const struct letter *letter, uint64_t epoch, struct epoch_config **out,
               struct error *err)
{
    return config_new(out, letter, epoch, client->overrides, environment_refused, client, err);
}

/* --- what is kept beside the head --------------------------------------------------------------------------------- */

struct cache_kept *apply_kept(epoch_client *client, const char *name, bool make)
{
    for (size_t i = 0; i < client->kept_len; i++)
        if (strcmp(client->kept[i].name, name) == 0)
            return &client->kept[i];
    if (!make)
        return NULL;
    struct cache_kept *grown = array_grow(client->kept, client->kept_len, &client->kept_cap, sizeof *grown);
    if (grown == NULL)
        return NULL;
    client->kept = grown;
    struct cache_kept *kept = &client->kept[client->kept_len++];
    *kept = (struct cache_kept){0};
    snprintf(kept->name, sizeof kept->name, "%s", name);
    return kept;
}

static void drop_kept(epoch_client *client, struct cache_kept *kept)
{
    letter_unref(kept->letter);
    *kept = client->kept[--client->kept_len];
}

/* --- one epoch ---------------------------------------------------------------------------------------------------- */

/* One service whose message is another one. */
struct planned {
    const char *name;
    struct epoch_config *config; /* to be in force; NULL: nothing changes but the letter */
    struct letter *last;         /* what is in force until now, counted; NULL: nothing */
    struct epoch_update update;
    bool is_asked, is_refused;
};

struct plan {
    struct planned *list;
    size_t len;
};

static void plan_fini(struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++) {
        epoch_config_unref(plan->list[i].config);
        letter_unref(plan->list[i].last);
        update_fini(&plan->list[i].update);
    }
    free(plan->list);
}

/* The configuration that was refused, signed anew or come again: it is not offered a second time. */
static int is_refused_again(epoch_client *client, const struct state_service *row, const struct epoch_config *config,
                            bool *out, struct error *err)
{
    struct epoch_config *refused AUTO_CONFIG = NULL;
    const struct cache_kept *kept = apply_kept(client, row->name, false);
    *out = false;
    if (kept == NULL || !kept->is_refused || row->applied == NULL)
        return 0;
    /* What does not fit of the environment was told when it was made for the first time. */
    if (config_new(&refused, row->applied, 0, client->overrides, NULL, NULL, err) != 0)
        return -1;
    *out = config_is_same(refused, config);
    return 0;
}

static int make_planned(epoch_client *client, const struct state_service *row, struct planned *out, struct error *err)
{
    const struct epoch_config *before = apply_in_force(client, row->name);
    const struct cache_kept *kept = apply_kept(client, row->name, false);
    uint64_t epoch = client->state.waiting.epoch;
    bool is_removal = row->next == NULL || row->next->is_tombstone;
    *out = (struct planned){.name = row->name, .last = letter_ref(kept != NULL ? kept->letter : row->applied)};
    if (is_removal && (before == NULL || before->is_removed))
        return 0;
    int rc = is_removal ? config_removed(&out->config, before, row->next, epoch, err)
                        : apply_make(client, row->next, epoch, &out->config, err);
    if (rc != 0)
        return -1;
    if (!is_removal && is_refused_again(client, row, out->config, &out->is_refused, err) != 0)
        return -1;
    out->is_asked = !out->is_refused && (before == NULL || !config_is_same(before, out->config));
    return out->is_asked ? update_init(&out->update, out->config, before, err) : 0;
}

static int make_plan(epoch_client *client, struct plan *plan, struct error *err)
{
    const struct state *state = &client->state;
    size_t changed = 0;
    for (size_t i = 0; i < state->len; i++)
        changed += state->rows[i]->next != state->rows[i]->applied;
    plan->list = calloc(changed + 1, sizeof *plan->list);
    if (plan->list == NULL)
        return error_memory(err);
    for (size_t i = 0; i < state->len; i++) {
        if (state->rows[i]->next == state->rows[i]->applied)
            continue;
        if (make_planned(client, state->rows[i], &plan->list[plan->len++], err) != 0)
            return error_wrap(err, "service %s", state->rows[i]->name);
    }
    pthread_mutex_lock(&client->lock);
    int rc = reserve(client, plan->len, err);
    pthread_mutex_unlock(&client->lock);
    return rc;
}

static void ask(epoch_client *client, struct planned *planned)
{
    const struct client_settings *settings = &client->settings;
    if (!planned->is_asked || client->is_opening || settings->on_update == NULL)
        return;
    client_calling(client, true);
    int rc = settings->on_update(settings->context, client, &planned->update);
    client_calling(client, false);
    planned->is_refused = rc != 0 && !planned->config->is_removed;
}

/* What the disk should know beside the head. True: that changed. */
static bool keep_beside(epoch_client *client, const struct planned *planned)
{
    bool is_removed = planned->config != NULL && planned->config->is_removed;
    bool is_beside = planned->is_refused || is_removed;
    struct cache_kept *kept = apply_kept(client, planned->name, is_beside);
    if (kept == NULL)
        return false;
    if (!is_beside) {
        if (planned->config != NULL)
            drop_kept(client, kept);
        return planned->config != NULL;
    }
    struct letter *before = kept->letter;
    kept->letter = letter_ref(planned->last);
    letter_unref(before);
    kept->is_refused = planned->is_refused;
    if (planned->is_asked)
        snprintf(kept->reason, sizeof kept->reason, "%s", planned->update.reason);
    return true;
}

static void switch_over(epoch_client *client, struct plan *plan)
{
    bool is_beside_changed = false;
    struct error err;
    state_commit(&client->state);
    pthread_mutex_lock(&client->lock);
    for (size_t i = 0; i < plan->len; i++)
        if (plan->list[i].config != NULL && !plan->list[i].is_refused)
            put(client, plan->list[i].name, epoch_config_ref(plan->list[i].config));
    pthread_mutex_unlock(&client->lock);
    for (size_t i = 0; i < plan->len; i++)
        is_beside_changed |= keep_beside(client, &plan->list[i]);
    if (is_beside_changed && cache_put_kept(&client->cache, &client->state, client->kept, client->kept_len, &err) != 0)
        alarm_tell(client, client->settings.cache, &err);
}

static void answer(epoch_client *client, const struct plan *plan)
{
    size_t at = 0;
    for (size_t i = 0; i < client->acks_len; i++) {
        const char *name = client->acks[i].service;
        while (at < plan->len && strcmp(plan->list[at].name, name) < 0)
            at++;
        bool is_planned = at < plan->len && strcmp(plan->list[at].name, name) == 0 && plan->list[at].is_asked;
        const struct cache_kept *kept = apply_kept(client, name, false);
        const struct state_service *row = state_find_service(&client->state, name);
        struct epoch_config *config = apply_in_force(client, name);
        bool is_refused = kept != NULL && kept->is_refused;
        acks_answer(client, name, config, is_planned ? &plan->list[at].update : NULL, is_refused);
        if (is_refused && row != NULL && row->applied != NULL)
            acks_find(client, name)->version = row->applied->version;
    }
}

static int apply_one(epoch_client *client, struct error *err)
{
    struct plan plan CLEANUP(plan_fini) = {0};
    if (make_plan(client, &plan, err) != 0)
        return -1;
    if (cache_put_epoch(&client->cache, &client->state, client->kept, client->kept_len, err) != 0)
        alarm_tell(client, client->settings.cache, err);
    for (size_t i = 0; i < plan.len; i++)
        ask(client, &plan.list[i]);
    switch_over(client, &plan);
    answer(client, &plan);
    return 0;
}

bool apply_complete(epoch_client *client)
{
    struct error err;
    bool was_applied = false;
    while (state_prepare(&client->state)) {
        if (apply_one(client, &err) != 0) {
            alarm_tell(client, "applying an epoch", &err);
            break;
        }
        was_applied = true;
    }
    return was_applied;
}

void apply_keyset(epoch_client *client)
{
    struct error err;
    if (cache_put_keyset(&client->cache, &client->state, client->kept, client->kept_len, &err) != 0)
        alarm_tell(client, client->settings.cache, &err);
}
