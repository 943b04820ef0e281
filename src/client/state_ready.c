/*
 * state_ready: see state.h. Here: whether a head's epoch is complete, and what it takes to make it so.
 *
 * Two ways (docs/PROTOCOL.md §8): from the parent, by what `changed` names; else from nothing, by the index.
 */
#include "client/state.h"

static bool has_digest(const struct letter *letter, const uint8_t digest[static HASH_LEN])
{
    return letter != NULL && memcmp(letter->digest, digest, HASH_LEN) == 0;
}

/* --- by the index ------------------------------------------------------------------------------------------------- */

bool state_index_fits(const struct state *state)
{
    return state->waiting.exists && state->has_index &&
           memcmp(state->index_digest, state->waiting.message.u.head.index, HASH_LEN) == 0;
}

static bool has_indexed(const struct state_service *row)
{
    return !row->is_indexed || has_digest(row->held, row->index_digest) || has_digest(row->applied, row->index_digest);
}

void state_count_missing(struct state *state)
{
    state->missing = 0;
    for (size_t i = 0; i < state->len; i++)
        state->missing += !has_indexed(state->rows[i]);
}

static bool prepare_by_index(struct state *state)
{
    if (!state_index_fits(state) || state->missing > 0)
        return false;
    for (size_t i = 0; i < state->len; i++) {
        struct state_service *row = state->rows[i];
        row->next = !row->is_indexed                            ? NULL
                    : has_digest(row->held, row->index_digest) ? row->held
                                                                : row->applied;
    }
    return true;
}

/* --- by what changed ---------------------------------------------------------------------------------------------- */

static bool follows_parent(const struct state *state)
{
    const struct message *head = &state->waiting.message;
    return state->applied.exists && !state->is_partial && head->u.head.has_parent && !head->changed_is_null &&
           state->waiting.generation == state->applied.generation &&
           memcmp(head->u.head.parent_digest, state->applied.digest, HASH_LEN) == 0;
}

static bool has_version(const struct state *state, const struct state_service *row, uint64_t version)
{
    return row->held != NULL && row->held->generation == state->waiting.generation && row->held->version == version;
}

static bool prepare_by_changes(struct state *state)
{
    const struct message_head *head = &state->waiting.message.u.head;
    if (!follows_parent(state))
        return false;
    for (size_t i = 0; i < head->changed_len; i++) {
        const struct state_service *row = state_find_service(state, head->changed[i].name);
        if (row != NULL && !has_version(state, row, head->changed[i].version))
            return false;
    }
    for (size_t i = 0; i < state->len; i++)
        state->rows[i]->next = state->rows[i]->applied;
    for (size_t i = 0; i < head->changed_len; i++) {
        struct state_service *row = state_find_service(state, head->changed[i].name);
        if (row != NULL)
            row->next = row->held;
    }
    return true;
}

/* --- what the rest of the client asks ------------------------------------------------------------------------------ */

bool state_prepare(struct state *state)
{
    if (!state->waiting.exists || state->waiting.generation != state->view.keyset.generation)
        return false;
    return prepare_by_changes(state) || prepare_by_index(state);
}

bool state_wants_index(const struct state *state)
{
    return state->waiting.exists && !follows_parent(state) && !state_index_fits(state);
}

static bool is_missing_change(const struct state *state, const struct state_service *row)
{
    const struct message_head *head = &state->waiting.message.u.head;
    for (size_t i = 0; i < head->changed_len; i++)
        if (strcmp(head->changed[i].name, row->name) == 0)
            return !has_version(state, row, head->changed[i].version);
    return false;
}

bool state_is_missing(const struct state *state, const struct state_service *row)
{
    if (!state->waiting.exists)
        return false;
    return state_index_fits(state) ? !has_indexed(row) : follows_parent(state) && is_missing_change(state, row);
}

static void commit_row(struct state_service *row, uint64_t generation, uint64_t epoch)
{
    struct letter *next = row->next == NULL || row->next->is_tombstone ? NULL : letter_ref(row->next);
    letter_unref(row->applied);
    row->applied = next;
    row->next = NULL;
    /* What is of a later epoch than the head goes on waiting for its own. */
    if (row->held != NULL && letter_compare(generation, epoch, row->held) >= 0)
        letter_unref(TAKE(row->held));
}

void state_commit(struct state *state)
{
    for (size_t i = 0; i < state->len; i++)
        commit_row(state->rows[i], state->waiting.generation, state->waiting.epoch);
    message_fini(&state->applied.message);
    buf_fini(&state->applied.raw);
    state->applied = state->waiting;
    state->waiting = (struct state_head){0};
    buf_fini(&state->applied_keyset);
    state->is_partial = false;
}
