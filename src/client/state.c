/*
 * state: see state.h. Here: what arrives.
 */
#include "client/state.h"

#include <inttypes.h>

#include "io/crypto.h"
#include "model/codes.h"
#include "model/tail.h"
#include "util/array.h"

/* --- rows --------------------------------------------------------------------------------------------------------- */

void state_init(struct state *state, const struct root_keys *roots, const char *source, bool follows_all)
{
    *state = (struct state){.view = {.roots = roots, .source = source}, .follows_all = follows_all};
}

static void head_fini(struct state_head *head)
{
    buf_fini(&head->raw);
    message_fini(&head->message);
    *head = (struct state_head){0};
}

void state_fini(struct state *state)
{
    for (size_t i = 0; i < state->len; i++) {
        letter_unref(state->rows[i]->applied);
        letter_unref(state->rows[i]->held);
        letter_unref(state->rows[i]->early);
        free(state->rows[i]);
    }
    free(state->rows);
    buf_fini(&state->keyset);
    buf_fini(&state->applied_keyset);
    buf_fini(&state->early_head);
    buf_fini(&state->late_index);
    head_fini(&state->applied);
    head_fini(&state->waiting);
    *state = (struct state){0};
}

static size_t place_of(const struct state *state, const char *name)
{
    size_t low = 0, high = state->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(state->rows[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct state_service *state_find_service(const struct state *state, const char *name)
{
    size_t at = place_of(state, name);
    return at < state->len && strcmp(state->rows[at]->name, name) == 0 ? state->rows[at] : NULL;
}

static int add_row(struct state *state, const char *name, struct error *err)
{
    size_t at = place_of(state, name);
    if (at < state->len && strcmp(state->rows[at]->name, name) == 0)
        return 0;
    if (state->len == STATE_SERVICES_MAX)
        return error_set(err, CODE_LIMIT_SERVICES, 0, "more than %d services", STATE_SERVICES_MAX);
    struct state_service **grown = array_grow(state->rows, state->len, &state->cap, sizeof *grown);
    if (grown == NULL)
        return error_memory(err);
    state->rows = grown;
    struct state_service *row = calloc(1, sizeof *row);
    if (row == NULL)
        return error_memory(err);
    snprintf(row->name, sizeof row->name, "%s", name);
    memmove(&state->rows[at + 1], &state->rows[at], (state->len - at) * sizeof(struct state_service *));
    state->rows[at] = row;
    state->len++;
    return 0;
}

int state_follow(struct state *state, const char *name, struct error *err)
{
    size_t before = state->len;
    if (add_row(state, name, err) != 0)
        return -1;
    if (state->len > before && state->applied.exists)
        state->is_partial = true;
    return 0;
}

/* --- what is too early -------------------------------------------------------------------------------------------- */

/* The generation that a message claims, read without trust: only to know what may be worth keeping. 0: none. */
static uint64_t claimed_generation(struct span raw)
{
    struct message message AUTO_MESSAGE = {0};
    struct buf body AUTO_BUF = {0};
    uint8_t signature[SIGNATURE_LEN];
    struct error err;
    if (raw.len > MESSAGE_MAX || !tail_open(raw, "signature", SIGNATURE_LEN, &body, signature))
        return 0;
    if (buf_check(&body, &err) != 0 || message_parse_stamp(buf_span(&body), &message, &err) != 0)
        return 0;
    return message.generation;
}

static bool keep_early_service(struct state_service *row, struct span raw, uint64_t generation)
{
    struct letter *letter = letter_new(raw, generation, 0, false);
    if (letter == NULL)
        return false;
    letter_unref(row->early);
    row->early = letter;
    return true;
}

static bool keep_early_head(struct state *state, struct span raw, uint64_t generation)
{
    buf_reset(&state->early_head);
    buf_append_span(&state->early_head, raw);
    state->early_generation = generation;
    return !state->early_head.failed;
}

/* True: the refused message claims to be of a generation whose keyset is not here, and is kept. */
static bool keep_early(struct state *state, enum topic_kind kind, struct state_service *row, struct span raw)
{
    uint64_t generation = claimed_generation(raw);
    if (generation <= state->view.keyset.generation)
        return false;
    return kind == TOPIC_EPOCH ? keep_early_head(state, raw, generation) : keep_early_service(row, raw, generation);
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

static int follow_index(struct state *state, const struct index *index, struct error *err)
{
    for (size_t i = 0; i < index_count(index); i++) {
        struct index_entry entry = index_at(index, i);
        if (add_row(state, entry.name, err) != 0)
            return -1;
    }
    return 0;
}

static int put_index(struct state *state, const struct index *index, struct error *err)
{
    if (state->follows_all && follow_index(state, index, err) != 0)
        return -1;
    for (size_t i = 0; i < state->len; i++)
        state->rows[i]->is_indexed = false;
    for (size_t i = 0; i < index_count(index); i++) {
        struct index_entry entry = index_at(index, i);
        struct state_service *row = state_find_service(state, entry.name);
        if (row == NULL)
            continue;
        row->is_indexed = true;
        row->index_version = entry.version;
        memcpy(row->index_digest, entry.digest, HASH_LEN);
    }
    state->has_index = true;
    memcpy(state->index_digest, index->digest, HASH_LEN);
    state_count_missing(state);
    return 0;
}

/* Worth nothing by itself. One that fits the waiting head gives way to none that does not; and whoever follows all learns no
   names from one that nobody signed. */
static int take_index(struct state *state, struct span raw, enum state_outcome *outcome, struct error *err)
{
    struct index index AUTO_INDEX = {0};
    if (index_read(raw, &index, err) != 0)
        return -1;
    bool fits = state->waiting.exists && memcmp(index.digest, state->waiting.message.u.head.index, HASH_LEN) == 0;
    *outcome = fits ? STATE_NEWS : STATE_HELD;
    if (!fits && state->follows_all) {
        buf_reset(&state->late_index);
        buf_append_span(&state->late_index, raw);
        return buf_check(&state->late_index, err);
    }
    if (!fits && state_index_fits(state))
        return 0;
    return put_index(state, &index, err);
}

/* --- heads and keysets -------------------------------------------------------------------------------------------- */

static int follow_changes(struct state *state, const struct message_head *head, struct error *err)
{
    for (size_t i = 0; state->follows_all && i < head->changed_len; i++)
        if (add_row(state, head->changed[i].name, err) != 0)
            return -1;
    return 0;
}

static int keep_head(struct state_head *out, struct span raw, struct message *message, struct error *err)
{
    struct state_head head = {.exists = true, .generation = message->generation, .epoch = message->u.head.epoch};
    buf_append_span(&head.raw, raw);
    if (buf_check(&head.raw, err) != 0) {
        buf_fini(&head.raw);
        return -1;
    }
    hash_sha256(raw.data, raw.len, head.digest);
    head.message = *message;
    *message = (struct message){0};
    head_fini(out);
    *out = head;
    return 0;
}

/* An index that came before its head. */
static int use_late_index(struct state *state, struct error *err)
{
    enum state_outcome ignored;
    if (state->late_index.len == 0)
        return 0;
    struct buf late AUTO_BUF = state->late_index;
    state->late_index = (struct buf){0};
    return take_index(state, buf_span(&late), &ignored, err);
}

static int take_head(struct state *state, struct span raw, enum state_outcome *outcome, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    enum view_outcome seen;
    struct view before = state->view;
    *outcome = STATE_SAME;
    if (view_take_head(&state->view, raw, &seen, &message, err) != 0) /* overtaken by the one that waits: no replay */
        return state->waiting.exists && error_is(err, CODE_MESSAGE_OLDER) ? 0 : -1;
    /* The applied one once more: of use only to whoever follows more than it was applied for. */
    if (seen == VIEW_SAME && (state->waiting.exists || !state->is_partial))
        return 0;
    if (follow_changes(state, &message.u.head, err) != 0 || keep_head(&state->waiting, raw, &message, err) != 0) {
        state->view = before;
        return -1;
    }
    *outcome = STATE_NEWS;
    state_count_missing(state);
    return use_late_index(state, err);
}

static int take_keyset(struct state *state, struct span raw, enum state_outcome *outcome, struct error *err)
{
    struct view before = state->view;
    enum view_outcome seen;
    *outcome = STATE_SAME;
    if (view_take_keyset(&state->view, raw, &seen, err) != 0)
        return -1;
    if (seen == VIEW_SAME)
        return 0;
    struct buf copy = {0};
    buf_append_span(&copy, raw);
    if (buf_check(&copy, err) != 0) {
        state->view = before;
        return -1;
    }
    if (state->applied.exists && state->applied.generation == before.keyset.generation) {
        buf_fini(&state->applied_keyset);
        state->applied_keyset = state->keyset;
    } else {
        buf_fini(&state->keyset);
    }
    state->keyset = copy;
    state->view.sequence = 0; /* counts within a generation */
    if (state->waiting.exists && state->waiting.generation < state->view.keyset.generation)
        head_fini(&state->waiting);
    *outcome = STATE_KEYSET;
    return 0;
}

/* --- services ----------------------------------------------------------------------------------------------------- */

static void hold(struct state_service *row, struct letter *letter)
{
    letter_unref(row->held);
    row->held = letter;
}

/* The head vouches for the index and the index for these bytes: no signature is needed. */
static bool is_vouched(const struct state *state, const struct state_service *row, const struct letter *letter)
{
    return row->is_indexed && state_index_fits(state) && memcmp(letter->digest, row->index_digest, HASH_LEN) == 0;
}

static int judge_order(const struct state_service *row, const struct letter *letter, bool *is_news, struct error *err)
{
    const struct letter *known = row->held != NULL ? row->held : row->applied;
    int order = letter_compare(letter->generation, letter->version, known);
    *is_news = order > 0;
    if (order < 0)
        return error_set(err, CODE_MESSAGE_OLDER, 0, "version %" PRIu64 " of %s, and %" PRIu64 " was seen", letter->version,
                         row->name, known->version);
    if (order == 0 && memcmp(letter->digest, known->digest, HASH_LEN) != 0)
        return error_set(err, CODE_EQUIVOCATION, 0, "two messages of version %" PRIu64 " of %s are signed and differ",
                         letter->version, row->name);
    return 0;
}

static int take_signed(struct state *state, struct state_service *row, struct letter *letter, struct span raw,
                       bool *is_news, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    if (view_read_update(&state->view, raw, row->name, &message, err) != 0)
        return -1;
    letter->generation = message.generation;
    letter->version = message.u.update.version;
    letter->is_tombstone = message.u.update.config.data == NULL;
    return judge_order(row, letter, is_news, err);
}

static int take_service(struct state *state, struct state_service *row, struct span raw, enum state_outcome *outcome,
                        struct error *err)
{
    bool is_news = true;
    *outcome = STATE_SAME;
    if (raw.len > MESSAGE_MAX)
        return error_set(err, CODE_MESSAGE_TOO_LARGE, 0, "the message has more than %d bytes", MESSAGE_MAX);
    struct letter *letter AUTO_LETTER = letter_new(raw, state->waiting.generation, row->index_version, false);
    if (letter == NULL)
        return error_memory(err);
    const struct letter *known = row->held != NULL ? row->held : row->applied;
    if (known != NULL && memcmp(known->digest, letter->digest, HASH_LEN) == 0)
        return 0;
    bool counts = is_vouched(state, row, letter);
    if (!counts && take_signed(state, row, letter, raw, &is_news, err) != 0)
        return -1;
    if (!is_news)
        return 0;
    bool was_missing = state_index_fits(state) && state_is_missing(state, row);
    hold(row, TAKE(letter));
    if (was_missing && !state_is_missing(state, row))
        state->missing--;
    *outcome = STATE_NEWS;
    return 0;
}

/* --- all together ------------------------------------------------------------------------------------------------- */

static int dispatch(struct state *state, enum topic_kind kind, struct state_service *row, struct span raw,
                    enum state_outcome *outcome, struct error *err)
{
    switch (kind) {
    case TOPIC_KEYS:
        return take_keyset(state, raw, outcome, err);
    case TOPIC_EPOCH:
        return take_head(state, raw, outcome, err);
    case TOPIC_INDEX:
        return take_index(state, raw, outcome, err);
    case TOPIC_SERVICE:
        return take_service(state, row, raw, outcome, err);
    default:
        break;
    }
    return error_set(err, CODE_WRONG_TYPE, 0, "nothing of that kind is followed");
}

/* What waited for this keyset is tried again; what is refused now is nobody's any more. */
static void take_early(struct state *state)
{
    enum state_outcome ignored;
    struct error err;
    if (state->early_head.len > 0 && state->early_generation <= state->view.keyset.generation) {
        struct buf head AUTO_BUF = state->early_head;
        state->early_head = (struct buf){0};
        (void)!take_head(state, buf_span(&head), &ignored, &err);
    }
    for (size_t i = 0; i < state->len; i++) {
        struct state_service *row = state->rows[i];
        if (row->early == NULL || row->early->generation > state->view.keyset.generation)
            continue;
        struct letter *early AUTO_LETTER = TAKE(row->early);
        (void)!take_service(state, row, letter_span(early), &ignored, &err);
    }
}

int state_take(struct state *state, enum topic_kind kind, const char *service, struct span raw,
               enum state_outcome *outcome, struct error *err)
{
    struct state_service *row = kind == TOPIC_SERVICE ? state_find_service(state, service) : NULL;
    *outcome = STATE_SAME;
    if (kind == TOPIC_SERVICE && row == NULL)
        return 0;
    if (dispatch(state, kind, row, raw, outcome, err) != 0) {
        bool may_be_early = kind == TOPIC_EPOCH || kind == TOPIC_SERVICE;
        if (!may_be_early || !keep_early(state, kind, row, raw))
            return -1;
        *outcome = STATE_HELD;
        return 0;
    }
    if (*outcome == STATE_KEYSET)
        take_early(state);
    return 0;
}

int state_take_keepalive(struct state *state, struct span raw, int64_t wall_ms, int64_t boot_ms, enum view_vouch *vouch,
                         struct error *err)
{
    static const uint8_t nothing[HASH_LEN];
    return view_take_keepalive(&state->view, raw, state->applied.exists ? state->applied.digest : nothing, wall_ms, boot_ms,
                               vouch, err);
}

/* --- after a restart ---------------------------------------------------------------------------------------------- */

int state_restore_head(struct state *state, struct span keyset, struct span head, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    enum state_outcome ignored;
    enum view_outcome seen;
    if (take_keyset(state, keyset, &ignored, err) != 0 || view_take_head(&state->view, head, &seen, &message, err) != 0)
        return -1;
    return keep_head(&state->applied, head, &message, err);
}

int state_restore_service(struct state *state, const char *name, struct span raw, bool is_vouched, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    struct buf body AUTO_BUF = {0};
    struct state_service *row = state_find_service(state, name);
    if (row == NULL)
        return 0;
    int rc = is_vouched ? view_read_vouched(&state->view, raw, name, &body, &message, err)
                        : view_read_update(&state->view, raw, name, &message, err);
    if (rc != 0)
        return -1;
    struct letter *letter = letter_new(raw, message.generation, message.u.update.version, false);
    if (letter == NULL)
        return error_memory(err);
    letter_unref(row->applied);
    row->applied = letter;
    return 0;
}

int state_is_whole(const struct state *state, bool *is_whole, struct error *err)
{
    struct index_sum sum AUTO_INDEX_SUM;
    uint8_t digest[HASH_LEN];
    if (index_sum_init(&sum, err) != 0)
        return -1;
    for (size_t i = 0; i < state->len; i++) {
        const struct letter *letter = state->rows[i]->applied;
        if (letter == NULL)
            continue;
        struct index_entry entry = {.name = state->rows[i]->name, .version = letter->version};
        memcpy(entry.digest, letter->digest, HASH_LEN);
        if (index_sum_add(&sum, &entry, err) != 0)
            return -1;
    }
    index_sum_end(&sum, digest);
    *is_whole = memcmp(digest, state->applied.message.u.head.index, HASH_LEN) == 0;
    return 0;
}
