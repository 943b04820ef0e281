/*
 * view: see view.h.
 */
#include "verify/view.h"

#include <inttypes.h>
#include <string.h>

#include "model/codes.h"

enum { TTL_MAX_S = 86400 };

int view_take_keyset(struct view *view, struct span raw, enum view_outcome *outcome, struct error *err)
{
    struct keyset keyset;
    uint8_t digest[HASH_LEN];
    if (keyset_verify(raw, view->roots, view->source, &keyset, err) != 0)
        return -1;
    if (keyset.generation < view->keyset.generation)
        return error_set(err, CODE_MESSAGE_OLDER, 0,
                         "the keyset is of generation %" PRIu64 ", %" PRIu64 " was seen", keyset.generation,
                         view->keyset.generation);
    hash_sha256(raw.data, raw.len, digest);
    if (keyset.generation == view->keyset.generation && memcmp(digest, view->keyset_digest, HASH_LEN) != 0)
        return error_set(err, CODE_EQUIVOCATION, 0, "two keysets of generation %" PRIu64 " are signed and differ",
                         keyset.generation);
    *outcome = keyset.generation > view->keyset.generation ? VIEW_NEWER : VIEW_SAME;
    view->keyset = keyset;
    memcpy(view->keyset_digest, digest, HASH_LEN);
    return 0;
}

static int verify(const struct view *view, struct span raw, enum message_type type, const char *service,
                  struct message *out, struct error *err)
{
    const struct expectation expected = {type, view->source, service};
    if (view->keyset.generation == 0)
        return error_set(err, CODE_KEYSET_REFUSED, 0, "no keyset was seen that a pinned root signed");
    return message_verify(raw, &view->keyset, &expected, out, err);
}

/* -1, 0, 1 as (generation, epoch) against those of the head we have. */
static int compare(const struct view *view, uint64_t generation, uint64_t epoch)
{
    if (generation != view->generation)
        return generation < view->generation ? -1 : 1;
    return epoch == view->epoch ? 0 : epoch < view->epoch ? -1 : 1;
}

static int judge_head(const struct view *view, const struct message *head, const uint8_t digest[static HASH_LEN],
                      enum view_outcome *outcome, struct error *err)
{
    int order = compare(view, head->generation, head->u.head.epoch);
    if (order < 0)
        return error_set(err, CODE_MESSAGE_OLDER, 0, "the head is of epoch %" PRIu64 ", %" PRIu64 " was seen",
                         head->u.head.epoch, view->epoch);
    if (order == 0 && memcmp(digest, view->head, HASH_LEN) != 0)
        return error_set(err, CODE_EQUIVOCATION, 0, "two heads of epoch %" PRIu64 " are signed and differ",
                         head->u.head.epoch);
    *outcome = order == 0 ? VIEW_SAME : VIEW_NEWER;
    return 0;
}

int view_take_head(struct view *view, struct span raw, enum view_outcome *outcome, struct message *head,
                   struct error *err)
{
    uint8_t digest[HASH_LEN];
    hash_sha256(raw.data, raw.len, digest);
    if (verify(view, raw, MESSAGE_HEAD, NULL, head, err) != 0)
        return -1;
    if (judge_head(view, head, digest, outcome, err) != 0) {
        message_fini(head);
        return -1;
    }
    view->generation = head->generation;
    view->epoch = head->u.head.epoch;
    memcpy(view->head, digest, HASH_LEN);
    return 0;
}

int view_read_update(const struct view *view, struct span raw, const char *service, struct message *out,
                     struct error *err)
{
    return verify(view, raw, MESSAGE_UPDATE, service, out, err);
}

int view_read_vouched(const struct view *view, struct span raw, const char *service, struct buf *body,
                      struct message *out, struct error *err)
{
    const struct expectation expected = {MESSAGE_UPDATE, view->source, service};
    return message_read_vouched(raw, &view->keyset, &expected, body, out, err);
}

int view_take_keepalive(struct view *view, struct span raw, const uint8_t *head, int64_t wall_ms, int64_t boot_ms,
                        enum view_vouch *vouch, struct error *err)
{
    struct message message AUTO_MESSAGE = {0};
    if (verify(view, raw, MESSAGE_KEEPALIVE, NULL, &message, err) != 0)
        return -1;
    const struct message_keepalive *keepalive = &message.u.keepalive;
    int64_t ttl_ms = keepalive->ttl_s > TTL_MAX_S ? TTL_MAX_S * 1000 : (int64_t)keepalive->ttl_s * 1000;
    int64_t apart = wall_ms > message.timestamp_ms ? wall_ms - message.timestamp_ms : message.timestamp_ms - wall_ms;
    if (keepalive->sequence <= view->sequence)
        return error_set(err, CODE_MESSAGE_OLDER, 0, "the keepalive was seen before");
    bool is_of_head = view->epoch != 0 && memcmp(keepalive->head, head == NULL ? view->head : head, HASH_LEN) == 0;
    bool is_now = apart <= ttl_ms + VIEW_CLOCK_SLACK_MS;
    /* Of a time that is not ours the sequence says nothing: a publisher whose clock is set right again is still
       heard. */
    if (is_now)
        view->sequence = keepalive->sequence;
    *vouch = !is_of_head ? VIEW_OTHER_HEAD : is_now ? VIEW_VOUCHES : VIEW_CLOCK;
    if (*vouch == VIEW_VOUCHES)
        view->fresh_until_ms = boot_ms + ttl_ms;
    return 0;
}

bool view_is_fresh(const struct view *view, int64_t boot_ms)
{
    return boot_ms < view->fresh_until_ms;
}
