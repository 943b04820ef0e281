/*
 * point: see point.h.
 */
#include "cli/point.h"

#include <inttypes.h>
#include <string.h>

#include "cli/epochs.h"
#include "cli/when.h"
#include "model/codes.h"
#include "util/clock.h"
#include "util/num.h"

enum { ABBREVIATED_MIN = 7 }; /* what git abbreviates a commit id to, at least */

static int read_journal(const struct cli *cli, struct local *local, const struct epoch_want *want, struct epoch_rows *out,
                        struct error *err)
{
    int rc;
    if (local->settings.state == NULL && !local_load(cli, local, &rc))
        return error_set(err, CODE_SETTINGS, 0, "the settings do not tell where the journal is");
    return local_open_state(local, err) != 0 || local_load_keys(local, true, err) != 0 ? -1
                                                                                       : epoch_rows_read(local, want, out, err);
}

static bool take(const struct epoch_row *row, const struct epoch_want *want, struct point *out)
{
    if (want->epoch != 0 ? row->epoch != want->epoch : !epoch_was_in_force(row, want->at_ms))
        return false;
    *out = (struct point){row->commit, row->epoch};
    return true;
}

/* *found: the journal has it. */
static int look_up(const struct cli *cli, struct local *local, const struct epoch_want *want, bool *found,
                   struct point *out, struct error *err)
{
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    *found = false;
    if (read_journal(cli, local, want, &rows, err) != 0)
        return -1;
    for (size_t i = rows.len; i > 0 && !*found; i--)
        *found = take(&rows.rows[i - 1], want, out);
    return 0;
}

static int find_number(const struct cli *cli, struct local *local, struct repo *repo, const char *text, uint64_t epoch,
                       struct point *out, struct error *err)
{
    const struct epoch_want want = {.epoch = epoch};
    struct error no_revision;
    bool found = false;
    int rc = epoch == 0 ? 0 : look_up(cli, local, &want, &found, out, err);
    if (found)
        return 0;
    *out = (struct point){0};
    if (strlen(text) >= ABBREVIATED_MIN && repo_resolve(repo, text, &out->commit, &no_revision) == 0)
        return 0;
    if (rc != 0)
        return error_wrap(err, "looking for epoch %" PRIu64 " in the journal", epoch);
    return error_set(err, CODE_REPO_REV, 0, "the journal knows no epoch %s; epochctl log lists them", text);
}

static int find_time(const struct cli *cli, struct local *local, const char *text, int64_t at_ms, struct point *out,
                     struct error *err)
{
    const struct epoch_want want = {.at_ms = at_ms > 0 ? at_ms : 1};
    char time[CLOCK_TEXT_LEN + 1];
    bool found;
    clock_format(at_ms, time);
    if (look_up(cli, local, &want, &found, out, err) != 0)
        return error_wrap(err, "looking for the epoch that was in force at %s", time);
    return found ? 0 : error_set(err, CODE_REPO_REV, 0, "the journal knows no epoch that was in force at %s (%.40s)", time, text);
}

int point_find(const struct cli *cli, struct local *local, struct repo *repo, const char *text, struct point *out,
               struct error *err)
{
    uint64_t epoch;
    int64_t at_ms;
    if (num_parse_u64(span_of(text), &epoch))
        return find_number(cli, local, repo, text, epoch, out, err);
    *out = (struct point){0};
    if (repo_resolve(repo, text, &out->commit, err) == 0)
        return 0;
    return when_parse(text, clock_wall_ms(), &at_ms) ? find_time(cli, local, text, at_ms, out, err) : -1;
}

int point_check(struct repo *repo, const struct point *point, struct error *err)
{
    const char *folder = repo_work_dir(repo) != NULL ? repo_work_dir(repo) : repo_common_dir(repo);
    char hex[OID_HEX_LEN + 1];
    bool exists;
    if (repo_has_commit(repo, &point->commit, &exists, err) != 0)
        return -1;
    if (exists)
        return 0;
    oid_format(&point->commit, hex);
    return error_set(err, CODE_REPO_REV, 0,
                     "epoch %" PRIu64 " is commit %.12s, which the repository %s does not have: epochctl -C names the one that "
                     "epochd serves; if this is it, its history was rewritten and git gc took the commit",
                     point->epoch, hex, folder);
}

int point_find_here(const struct cli *cli, struct local *local, struct repo *repo, const char *text, struct point *out,
                    struct error *err)
{
    if (point_find(cli, local, repo, text, out, err) != 0)
        return -1;
    return out->epoch == 0 ? 0 : point_check(repo, out, err);
}

enum point_form point_split(const char *text, struct point_range *out)
{
    const char *dots = strstr(text, ".."), *to = dots == NULL ? "" : dots + 2;
    size_t len = dots == NULL ? strlen(text) : (size_t)(dots - text);
    if (len == 0 || len >= POINT_MAX || strlen(to) >= POINT_MAX || to[0] == '.')
        return POINT_WRONG;
    if (dots == NULL)
        return POINT_ONE;
    snprintf(out->from, POINT_MAX, "%.*s", (int)len, text);
    snprintf(out->to, POINT_MAX, "%s", to[0] == '\0' ? "HEAD" : to);
    return POINT_RANGE;
}
