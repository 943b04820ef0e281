/*
 * standing: see standing.h.
 */
#include "cli/standing.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/told.h"

enum { SHORT = 12 };

/* Whether that commit got no epoch: it was refused, or overtaken by one that was. */
static bool was_refused(const struct doc_node *status, const struct oid *commit)
{
    const struct doc_node *recent = told_part(status, "recent");
    struct oid told;
    for (size_t i = 0; recent->kind == DOC_ARRAY && i < recent->u.array.len; i++) {
        const struct doc_node *verdict = recent->u.array.items[i];
        if (oid_parse(told_text(verdict, "commit"), &told) && oid_equal(&told, commit))
            return span_is(told_text(verdict, "verdict"), "rejected") || span_is(told_text(verdict, "verdict"), "superseded");
    }
    return false;
}

void standing_find(const char *config, struct repo *repo, const struct oid *below, struct standing *out)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct told told AUTO_TOLD = {0};
    struct error silent;
    struct oid commit;
    int64_t epoch;
    bool is_below = false;
    *out = (struct standing){.commit = *below};
    if (oid_is_zero(below) || local_guess_settings(config, &local, &silent) != 0 ||
        told_read_unproven(&local, &told, &silent) != 0 || !told.is_told || !told_serves(told.doc.root, repo) ||
        !was_refused(told.doc.root, below))
        return;
    if (!doc_get_int(told.doc.root, "epoch", &epoch) || !oid_parse(told_text(told.doc.root, "config_epoch"), &commit) ||
        repo_is_ancestor(repo, &commit, below, &is_below, NULL, &silent) != 0 || !is_below)
        return;
    *out = (struct standing){.commit = commit, .refused = *below, .epoch = (uint64_t)epoch};
}

int standing_read(const char *config, struct repo *repo, const struct oid *below, struct standing *out, struct revision *before,
                  struct error *err)
{
    standing_find(config, repo, below, out);
    return revision_before(repo, &out->commit, before, err);
}

void standing_put(const struct standing *standing, struct buf *out)
{
    char commit[OID_HEX_LEN + 1], refused[OID_HEX_LEN + 1];
    oid_format(&standing->commit, commit);
    oid_format(&standing->refused, refused);
    if (oid_is_zero(&standing->refused))
        buf_printf(out, "%.*s, the last valid commit below", SHORT, commit);
    else
        buf_printf(out, "%.*s, which is in force as epoch %" PRIu64 ": epochd refused %.*s", SHORT, commit, standing->epoch, SHORT,
                   refused);
}

void standing_say(const struct standing *standing, const char *program)
{
    struct buf text AUTO_BUF = {0};
    if (oid_is_zero(&standing->refused))
        return;
    standing_put(standing, &text);
    fprintf(stderr, "%s: compared with %.*s\n", program, (int)text.len, text.len == 0 ? "" : text.data);
}
