/*
 * log: epochs and verdicts, newest first: who, when, what, why.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/epochs.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "model/codes.h"
#include "model/json.h"
#include "model/nearest.h"
#include "util/clock.h"
#include "util/num.h"

enum { LOG_DEFAULT = 10, LOG_MAX = 100, SHORT_ID = 12, NAMED_MAX = 2 };

enum { OPT_COUNT, OPT_SINCE, OPT_UNTIL, OPT_JSON };

/* A row with what the repository knows of its commit. */
struct entry {
    const struct epoch_row *row;
    const struct repo_commit *commit; /* NULL: the repository no longer has it, or is not there */
    bool is_rollback;
};

static bool read_time(const struct cli_args *args, size_t option, int64_t *out)
{
    const char *text = args->options[option];
    *out = 0;
    if (text == NULL || when_parse(text, clock_wall_ms(), out))
        return true;
    cli_usage(args->verb, "--%s takes %s",
              args->verb->options[option].name, WHEN_TAKES);
    return false;
}

static bool read_options(const struct cli_args *args, struct epoch_want *out)
{
    const char *count = args->options[OPT_COUNT];
    *out = (struct epoch_want){.service = cli_operand(args, 0), .count = LOG_DEFAULT, .with_actions = true};
    if (!read_time(args, OPT_SINCE, &out->since_ms) || !read_time(args, OPT_UNTIL, &out->until_ms))
        return false;
    if (count == NULL)
        return true;
    if (num_parse_u64(span_of(count), &out->count) && out->count > 0 && out->count <= LOG_MAX)
        return true;
    cli_usage(args->verb, "-n takes a number from 1 to %d", LOG_MAX);
    return false;
}

static const char *action_of(const struct entry *entry, const struct epoch_change *change)
{
    return entry->is_rollback ? "rollback" : epoch_action_name(change->action);
}

/* --- for people ----------------------------------------------------------------------------------------- */

static enum term_style style_of(enum epoch_verdict verdict)
{
    switch (verdict) {
    case EPOCH_PUBLISHED:
        return TERM_GOOD;
    case EPOCH_COMMITTED:
        return TERM_WARN;
    case EPOCH_SUPERSEDED:
        return TERM_FAINT;
    case EPOCH_REJECTED:
        return TERM_BAD;
    }
    return TERM_PLAIN;
}

/* "stt-worker updated", or how many of each where there are more. */
static void put_changes(struct buf *out, const struct entry *entry, const char *service)
{
    const struct epoch_row *row = entry->row;
    size_t count[EPOCH_DELETED + 1] = {0}, kinds = 0;
    for (size_t i = 0; i < row->changed; i++) {
        const struct epoch_change *change = &row->changes[i];
        count[change->action]++;
        if (service != NULL ? strcmp(change->service, service) == 0 : row->changed <= NAMED_MAX)
            buf_printf(out, "%s%s %s", out->len == 0 ? "" : ", ", change->service, action_of(entry, change));
    }
    if (out->len > 0)
        return;
    if (entry->is_rollback && row->changed > 0)
        buf_printf(out, "%zu rollback", row->changed);
    for (size_t i = 0; !entry->is_rollback && i < ARRAY_LEN(count); i++)
        if (count[i] > 0)
            buf_printf(out, "%s%zu %s", kinds++ == 0 ? "" : ", ", count[i], epoch_action_name((enum epoch_action)i));
    if (out->len == 0)
        buf_puts(out, row->epoch == 0 ? "" : "no service");
}

/* A terminal has no room for the mail. */
static struct span author_of(const struct table *table, const struct entry *entry)
{
    struct span author = span_of(entry->commit == NULL ? "" : entry->commit->author);
    const char *mail = table->term->width == 0 ? NULL : memmem(author.data, author.len, " <", 2);
    if (mail != NULL)
        author.len = (size_t)(mail - author.data);
    return author;
}

static void add_row(struct table *table, const struct entry *entry, const char *service)
{
    const struct epoch_row *row = entry->row;
    struct buf changes AUTO_BUF = {0}, verdict AUTO_BUF = {0};
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    oid_format(&row->commit, hex);
    clock_format(row->time_ms, time);
    buf_puts(&verdict, epoch_verdict_name(row->verdict));
    if (row->code[0] != '\0')
        buf_printf(&verdict, " [%s]", row->code);
    put_changes(&changes, entry, service);
    if (row->epoch == 0)
        table_add(table, TERM_FAINT, SPAN("-"));
    else
        table_printf(table, TERM_STRONG, "%" PRIu64, row->epoch);
    table_printf(table, TERM_PLAIN, "%.*s", SHORT_ID, hex);
    table_printf(table, TERM_PLAIN, "%.16sZ", time);
    table_add(table, style_of(row->verdict), buf_span(&verdict));
    table_add(table, TERM_PLAIN, buf_span(&changes));
    table_add(table, TERM_FAINT, author_of(table, entry));
    table_add(table, TERM_PLAIN,
              span_of(row->reason != NULL ? row->reason : entry->commit == NULL ? "" : entry->commit->subject));
}

/* --- for programs --------------------------------------------------------------------------------------- */

static void put_json_changes(struct buf *out, const struct entry *entry)
{
    for (size_t i = 0; i < entry->row->changed; i++) {
        const struct epoch_change *change = &entry->row->changes[i];
        buf_printf(out, "%s{\"action\":\"%s\",\"service\":", i == 0 ? "" : ",", action_of(entry, change));
        json_put_text(out, change->service);
        buf_putc(out, '}');
    }
}

static void put_json(struct buf *out, const struct entry *entry, bool is_first)
{
    const struct epoch_row *row = entry->row;
    const struct repo_commit *commit = entry->commit;
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    oid_format(&row->commit, hex);
    clock_format(row->time_ms, time);
    buf_puts(out, is_first ? "{\"actions\":[" : ",{\"actions\":[");
    put_json_changes(out, entry);
    buf_puts(out, "],\"author\":");
    json_put_text(out, commit == NULL ? NULL : commit->author);
    buf_printf(out, ",\"changed\":%zu,\"code\":", row->changed);
    json_put_text(out, row->code[0] == '\0' ? NULL : row->code);
    buf_printf(out, ",\"commit\":\"%s\",\"epoch\":", hex);
    if (row->epoch == 0)
        buf_puts(out, "null");
    else
        buf_put_u64(out, row->epoch);
    buf_puts(out, ",\"reason\":");
    json_put_text(out, row->reason);
    buf_puts(out, ",\"subject\":");
    json_put_text(out, commit == NULL ? NULL : commit->subject);
    buf_printf(out, ",\"time\":\"%s\",\"verdict\":\"%s\"}", time, epoch_verdict_name(row->verdict));
}

/* --- both ----------------------------------------------------------------------------------------------- */

/* A commit that goes back says so itself: epochctl rollback by a trailer, git revert by its subject. */
static bool goes_back(struct repo *repo, const struct oid *id, const struct repo_commit *commit)
{
    struct error ignored;
    char value[64];
    bool found = false;
    if (repo_read_trailer(repo, id, "Epoch-Rollback", &found, value, sizeof value, &ignored) == 0 && found)
        return true;
    return strncmp(commit->subject, "Revert \"", strlen("Revert \"")) == 0;
}

/* How many there were. */
static uint64_t put_rows(const struct epoch_rows *rows, const struct epoch_want *want, struct repo *repo,
                         struct table *table, struct buf *json)
{
    struct error ignored;
    uint64_t shown = 0;
    for (size_t i = rows->len; i > 0 && shown < want->count; i--) {
        const struct epoch_row *row = &rows->rows[i - 1];
        struct repo_commit commit;
        struct entry entry = {.row = row};
        if (!epoch_is_wanted(row, want))
            continue;
        /* A commit that the repository no longer has keeps its verdict. */
        if (repo != NULL && repo_read_commit(repo, &row->commit, &commit, &ignored) == 0) {
            entry.commit = &commit;
            entry.is_rollback = row->epoch != 0 && goes_back(repo, &row->commit, &commit);
        }
        if (json != NULL)
            put_json(json, &entry, shown == 0);
        else
            add_row(table, &entry, want->service);
        shown++;
    }
    return shown;
}

static int print_rows(const struct cli *cli, const struct epoch_rows *rows, const struct epoch_want *want,
                      struct repo *repo, bool is_json)
{
    static const char *const heading[] = {"EPOCH", "COMMIT", "TIME", "VERDICT", "CHANGED~", "AUTHOR~", "WHY", NULL};
    struct buf text AUTO_BUF = {0};
    struct table table AUTO_TABLE;
    table_init(&table, &cli->term, heading);
    if (is_json)
        buf_putc(&text, '[');
    uint64_t shown = put_rows(rows, want, repo, &table, is_json ? &text : NULL);
    if (is_json)
        buf_puts(&text, "]\n");
    else
        table_put(&table, &text);
    if (shown == 0 && want->service != NULL)
        fprintf(stderr, "epochctl: no epoch of that time changed %s\n", want->service);
    else if (shown == 0)
        fputs(want->since_ms != 0 || want->until_ms != 0 ? "epochctl: the journal has nothing of that time\n"
                                                         : "epochctl: the journal has no epoch and no verdict yet\n",
              stderr);
    return cli_print(&text);
}

/* A service that the journal never names is no service. Rows that were read as far as a time tell nothing of before. */
static int check_service(const struct local *local, const struct epoch_rows *rows, const struct epoch_want *want,
                         struct error *err)
{
    struct nearest nearest = {.text = span_of(want->service)};
    char hint[NEAREST_HINT_MAX];
    for (size_t i = 0; i < rows->len; i++) {
        if (rows->rows[i].has_service)
            return 0;
        for (size_t c = 0; c < rows->rows[i].changed; c++)
            nearest_try(&nearest, rows->rows[i].changes[c].service);
    }
    if (want->since_ms != 0) {
        const struct epoch_want all = {.service = want->service, .count = 1};
        struct epoch_rows more AUTO_EPOCH_ROWS = {0};
        return epoch_rows_read(local, &all, &more, err) != 0 ? -1 : check_service(local, &more, &all, err);
    }
    return error_set(err, CODE_NO_SERVICE, 0, "the journal never had a service '%.80s'%s", want->service,
                     nearest_hint(&nearest, hint));
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct epoch_want want;
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    struct repo *repo AUTO_REPO = NULL;
    struct error err, no_repo;
    int rc = CLI_USAGE;
    if (!read_options(args, &want) || !local_open(cli, &local, &rc))
        return rc;
    if (local_load_keys(&local, true, &err) != 0 || epoch_rows_read(&local, &want, &rows, &err) != 0)
        return local_fail(&local, &err);
    if (want.service != NULL && check_service(&local, &rows, &want, &err) != 0)
        return local_fail(&local, &err);
    if (cli_open_trusted(&local.settings, local.settings.repository.path, &repo, &no_repo) != 0)
        repo = NULL; /* authors and subjects are missing then */
    return print_rows(cli, &rows, &want, repo, cli_given(args, OPT_JSON));
}

const struct cli_verb verb_log = {
    .name = "log",
    .summary = "epochs and verdicts, newest first",
    .help = "Who changed what, when and why, from the journal, newest first. Verdicts: *committed*,\n"
            "*published*, *superseded* (never an epoch of its own, or overtaken before it was published),\n"
            "*rejected* with its code and its first finding. What an epoch did to a service: *created*,\n"
            "*updated*, *deleted*, or *rollback* where the commit goes back to an earlier one. With\n"
            "_SERVICE_ only the epochs that changed it. Needs _journal.key_, so run it as the daemon's user\n"
            "or root.\n"
            "\n"
            "Times are those of the verdict, in UTC. _TIME_ is 2026-11-21, \"2026-11-21 10:30\", 10:30 (of\n"
            "today), *today* and *yesterday* (their midnight), or how long ago: 15min, 2h, 3d, \"1 week ago\".\n",
    .exit = "0: read, also where nothing is of that time; 2: there never was such a service.",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
    .options = {[OPT_COUNT] = {.letter = 'n', .argument = "COUNT", .help = "how many, 1 to 100; default 10"},
                [OPT_SINCE] = {.name = "since", .argument = "TIME", .help = "nothing that is older"},
                [OPT_UNTIL] = {.name = "until", .argument = "TIME", .help = "only what is older"},
                [OPT_JSON] = {.name = "json",
                              .help = "as a JSON array of objects with *epoch*, *commit*, *time*, *verdict*, *code*, "
                                      "*reason* (the first finding), *changed*, *actions* (of *service* and "
                                      "*action*), *author*, *subject*"}},
    .run = run,
};
