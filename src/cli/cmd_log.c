/*
 * log: epochs and verdicts, newest first.
 */
#include <string.h>

#include "cli/epochs.h"
#include "cli/verbs.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/num.h"

enum { LOG_DEFAULT = 10, LOG_MAX = 100 };

struct log_options {
    const char *service;
    uint64_t count;
    bool is_json;
};

enum { OPT_COUNT, OPT_JSON };

static bool read_options(const struct cli_args *args, struct log_options *out)
{
    const char *count = args->options[OPT_COUNT];
    *out = (struct log_options){cli_operand(args, 0), LOG_DEFAULT, cli_given(args, OPT_JSON)};
    if (count == NULL)
        return true;
    if (num_parse_u64(span_of(count), &out->count) && out->count > 0 && out->count <= LOG_MAX)
        return true;
    cli_usage(args->verb, "-n takes a number from 1 to %d", LOG_MAX);
    return false;
}

static void put_row_text(struct buf *out, const struct epoch_row *row, const struct repo_commit *commit)
{
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    oid_format(&row->commit, hex);
    clock_format(row->time_ms, time);
    if (row->epoch == 0)
        buf_puts(out, "     -");
    else
        buf_printf(out, "%6llu", (unsigned long long)row->epoch);
    buf_printf(out, "  %.12s  %.16sZ  %-10s  ", hex, time, epoch_verdict_name(row->verdict));
    if (row->code[0] != '\0')
        buf_printf(out, "[%s] ", row->code);
    else if (row->epoch != 0)
        buf_printf(out, "%zu changed  ", row->changed);
    if (commit != NULL)
        buf_printf(out, "%s  (%s)", commit->subject, commit->author);
    buf_putc(out, '\n');
}

static void put_row_json(struct buf *out, const struct epoch_row *row, const struct repo_commit *commit,
                         bool is_first)
{
    char hex[OID_HEX_LEN + 1], time[CLOCK_TEXT_LEN + 1];
    oid_format(&row->commit, hex);
    clock_format(row->time_ms, time);
    buf_puts(out, is_first ? "{\"author\":" : ",{\"author\":");
    json_put_text(out, commit == NULL ? NULL : commit->author);
    buf_printf(out, ",\"changed\":%zu,\"code\":", row->changed);
    json_put_text(out, row->code[0] == '\0' ? NULL : row->code);
    buf_printf(out, ",\"commit\":\"%s\",\"epoch\":", hex);
    if (row->epoch == 0)
        buf_puts(out, "null");
    else
        buf_put_u64(out, row->epoch);
    buf_puts(out, ",\"subject\":");
    json_put_text(out, commit == NULL ? NULL : commit->subject);
    buf_printf(out, ",\"time\":\"%s\",\"verdict\":\"%s\"}", time, epoch_verdict_name(row->verdict));
}

/* How many there were. */
static uint64_t put_rows(struct buf *out, const struct epoch_rows *rows, const struct log_options *options,
                         struct repo *repo)
{
    struct error ignored;
    uint64_t shown = 0;
    if (options->is_json)
        buf_putc(out, '[');
    else
        buf_puts(out, " EPOCH  COMMIT        TIME               VERDICT\n");
    for (size_t i = rows->len; i > 0 && shown < options->count; i--) {
        const struct epoch_row *row = &rows->rows[i - 1];
        struct repo_commit commit;
        if (!row->has_service)
            continue;
        /* A commit that the repository no longer has keeps its verdict. */
        bool is_known = repo != NULL && repo_read_commit(repo, &row->commit, &commit, &ignored) == 0;
        if (options->is_json)
            put_row_json(out, row, is_known ? &commit : NULL, shown == 0);
        else
            put_row_text(out, row, is_known ? &commit : NULL);
        shown++;
    }
    if (options->is_json)
        buf_puts(out, "]\n");
    return shown;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct log_options options;
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct epoch_rows rows AUTO_EPOCH_ROWS = {0};
    struct repo *repo AUTO_REPO = NULL;
    struct buf text AUTO_BUF = {0};
    struct error err, no_repo;
    int rc = CLI_USAGE;
    if (!read_options(args, &options) || !local_open(cli, &local, &rc))
        return rc;
    const struct epoch_want want = {.service = options.service, .count = options.count};
    if (local_load_keys(&local, true, &err) != 0 || epoch_rows_read(&local, &want, &rows, &err) != 0)
        return local_fail(&local, &err);
    struct repo_policy policy = {local.settings.repository.trusted_uids,
                                 local.settings.repository.trusted_len, false};
    if (repo_open(&repo, local.settings.repository.path, &policy, &no_repo) != 0)
        repo = NULL; /* authors and subjects are missing then */
    if (put_rows(&text, &rows, &options, repo) == 0)
        fprintf(stderr,
                options.service == NULL ? "epochctl: the journal has no epoch and no verdict yet\n"
                                        : "epochctl: no epoch in the journal changed a service '%s'\n",
                options.service);
    return cli_print(&text);
}

const struct cli_verb verb_log = {
    .name = "log",
    .summary = "epochs and verdicts, newest first",
    .help = "Epochs and verdicts from the journal, newest first: *committed*, *published*, *superseded*\n"
            "(never an epoch of its own, or overtaken before it was published), *rejected* with its code.\n"
            "With _SERVICE_ only the epochs that changed it. Needs _journal.key_, so run it as the daemon's\n"
            "user or root.\n",
    .operands = {{.name = "SERVICE", .kind = CLI_SERVICE, .is_optional = true}},
    .options = {[OPT_COUNT] = {.letter = 'n', .argument = "COUNT", .help = "how many, 1 to 100; default 10"},
                [OPT_JSON] = {.name = "json", .help = "as a JSON array"}},
    .run = run,
};
