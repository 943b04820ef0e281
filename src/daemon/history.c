/*
 * history: see history.h. Epoch numbers are `git rev-list --count` plus an offset that only grows, kept up from the
 * commit in force, so that a fast-forward costs the commits it adds.
 */
#include "daemon/history.h"

/* The smallest offset, not below the one in force, that puts `count` above the epoch in force. */
static uint64_t offset_above(const struct force *force, uint64_t count)
{
    uint64_t least = force->epoch >= count ? force->epoch - count + 1 : 0;
    return least > force->offset ? least : force->offset;
}

static int count_forward(struct repo *repo, const struct force *force, const struct oid *tip, struct history *out,
                         struct error *err)
{
    uint64_t more;
    if (repo_count(repo, tip, &force->commit, &more, err) != 0)
        return -1;
    out->count = force->epoch - force->offset + more;
    out->offset = force->offset;
    return 0;
}

int history_accept(struct repo *repo, const struct force *force, const struct oid *tip, struct history *out,
                   struct error *err)
{
    struct history found = {.kind = HISTORY_AMENDED};
    if (repo_count(repo, tip, NULL, &found.count, err) != 0)
        return -1;
    found.offset = offset_above(force, found.count);
    *out = found;
    return 0;
}

static int judge_replaced(struct repo *repo, const struct force *force, const struct oid *tip,
                          enum rewrite_policy policy, struct history *out, struct error *err)
{
    uint64_t replaced;
    out->kind = HISTORY_REWRITTEN;
    if (policy == REWRITE_DENY)
        return 0;
    if (policy != REWRITE_ALLOW) {
        if (repo_count(repo, &force->commit, tip, &replaced, err) != 0)
            return -1;
        if (replaced > HISTORY_AMEND_MAX)
            return 0;
    }
    return history_accept(repo, force, tip, out, err);
}

int history_judge(struct repo *repo, const struct force *force, const struct oid *tip, enum rewrite_policy policy,
                  history_known known, void *context, struct history *out, struct error *err)
{
    struct history found = {.kind = HISTORY_FIRST};
    bool descends, exists, behind;
    if (policy == REWRITE_DEFAULT)
        policy = repo_is_bare(repo) ? REWRITE_DENY : REWRITE_AMEND;
    if (!force->exists) {
        if (repo_count(repo, tip, NULL, &found.count, err) != 0)
            return -1;
        *out = found;
        return 0;
    }
    if (oid_equal(&force->commit, tip)) {
        *out = (struct history){HISTORY_SAME, force->epoch - force->offset, force->offset};
        return 0;
    }
    if (repo_is_ancestor(repo, &force->commit, tip, &descends, &exists, err) != 0)
        return -1;
    if (descends) {
        found.kind = HISTORY_FORWARD;
        if (count_forward(repo, force, tip, &found, err) != 0)
            return -1;
        *out = found;
        return 0;
    }
    if (exists) {
        if (repo_is_ancestor(repo, tip, &force->commit, &behind, NULL, err) != 0)
            return -1;
    } else if (known(context, tip, &behind, err) != 0) {
        return -1;
    }
    if (behind) {
        out->kind = HISTORY_BEHIND;
        return 0;
    }
    /* Beyond the edge of a shallow clone nothing is replaced, only out of sight. */
    if (!exists && repo_check_whole(repo, err) != 0)
        return -1;
    if (!exists && policy != REWRITE_ALLOW) {
        /* How much is replaced cannot be told any more. */
        out->kind = HISTORY_REWRITTEN;
        return 0;
    }
    if (judge_replaced(repo, force, tip, policy, &found, err) != 0)
        return -1;
    *out = found;
    return 0;
}
