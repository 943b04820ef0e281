/*
 * status: the page for three in the morning. Believes status.json only while the daemon holds its lock.
 */
#include <errno.h>
#include <string.h>

#include "cli/local.h"
#include "cli/verbs.h"
#include "model/codes.h"
#include "model/json.h"
#include "util/clock.h"
#include "util/fs.h"

#define STATUS_FILE "status.json"

enum { STATUS_MAX = 1024 * 1024, RECENT_SHOWN = 5 };

struct status_options {
    bool is_quiet, is_json;
};

enum { OPT_QUIET, OPT_JSON };

static struct span text_of(const struct doc_node *node, const char *name)
{
    struct span text = SPAN("-");
    doc_get_string(node, name, &text);
    return text;
}

/* A member that is itself an object or a list; one that is missing has no members. */
static const struct doc_node *part_of(const struct doc_node *node, const char *name)
{
    static const struct doc_node nothing = {.kind = DOC_NULL};
    const struct doc_node *part = doc_get(node, name);
    return part == NULL ? &nothing : part;
}

static void put_age(struct buf *out, struct span since)
{
    int64_t then;
    if (!clock_parse(since, &then))
        return;
    int64_t seconds = (clock_wall_ms() - then) / 1000;
    if (seconds < 120)
        buf_printf(out, " (%lld s)", (long long)seconds);
    else if (seconds < 2 * 3600)
        buf_printf(out, " (%lld min)", (long long)(seconds / 60));
    else if (seconds < 2 * 86400)
        buf_printf(out, " (%lld h)", (long long)(seconds / 3600));
    else
        buf_printf(out, " (%lld days)", (long long)(seconds / 86400));
}

static void put_epochs(struct buf *out, const struct doc_node *status)
{
    int64_t committed, published, snapshot;
    struct span commit = text_of(status, "config_epoch");
    if (!doc_get_int(status, "committed", &committed)) {
        buf_puts(out, "  epoch      none yet: the branch has no commit that was accepted\n");
        return;
    }
    buf_printf(out, "  epoch      %lld  %.*s\n", (long long)committed, commit.len < 12 ? (int)commit.len : 12,
               commit.data);
    if (doc_get_int(status, "published", &published))
        buf_printf(out, "  published  %lld%s\n", (long long)published,
                   published == committed ? "" : "  (behind: see broker)");
    else
        buf_puts(out, "  published  none yet\n");
    if (doc_get_int(status, "snapshot", &snapshot))
        buf_printf(out, "  snapshot   %lld%s\n", (long long)snapshot,
                   snapshot == committed ? "" : "  (behind)");
}

/* The state says how the daemon is; a tip that is not served must not hide behind it. */
static void put_tip(struct buf *out, const struct doc_node *status)
{
    const struct doc_node *tip = part_of(status, "tip");
    struct span commit = text_of(tip, "commit"), verdict, code = text_of(tip, "code");
    int len = commit.len < 12 ? (int)commit.len : 12;
    if (!doc_get_string(tip, "verdict", &verdict))
        return;
    if (span_is(verdict, "rejected"))
        buf_printf(out, "  TIP        %.*s is rejected: %.*s; what is in force stays in force\n", len, commit.data,
                   (int)code.len, code.data);
    else if (span_is(verdict, "waiting"))
        buf_printf(out, "  tip        %.*s waits\n", (int)commit.len, commit.data);
}

static void put_broker(struct buf *out, const struct doc_node *status)
{
    const struct doc_node *broker = part_of(status, "broker");
    struct span url = text_of(broker, "url"), state = text_of(broker, "state"), reason;
    buf_printf(out, "  broker     %.*s  %.*s", (int)url.len, url.data, (int)state.len, state.data);
    if (doc_get_string(broker, "reason", &reason))
        buf_printf(out, ": %.*s", (int)reason.len, reason.data);
    buf_putc(out, '\n');
}

static void put_findings(struct buf *out, const struct doc_node *findings)
{
    for (size_t i = 0; findings->kind == DOC_ARRAY && i < findings->u.array.len; i++) {
        const struct doc_node *finding = findings->u.array.items[i];
        struct span file = text_of(finding, "file"), message = text_of(finding, "message"),
                    code = text_of(finding, "code");
        int64_t line = 0, column = 0;
        doc_get_int(finding, "line", &line);
        doc_get_int(finding, "column", &column);
        buf_printf(out, "             %.*s", (int)file.len, file.data);
        if (line > 0)
            buf_printf(out, ":%lld:%lld", (long long)line, (long long)column);
        buf_printf(out, ": %s%.*s [%.*s]\n",
                   span_is(text_of(finding, "severity"), "warning") ? "warning: " : "", (int)message.len,
                   message.data, (int)code.len, code.data);
    }
}

static void put_recent(struct buf *out, const struct doc_node *status)
{
    const struct doc_node *recent = part_of(status, "recent");
    if (recent->kind != DOC_ARRAY || recent->u.array.len == 0)
        return;
    buf_puts(out, "\n  commit        epoch  verdict\n");
    for (size_t i = 0; i < recent->u.array.len && i < RECENT_SHOWN; i++) {
        const struct doc_node *entry = recent->u.array.items[i];
        struct span commit = text_of(entry, "commit"), verdict = text_of(entry, "verdict"), code;
        int64_t epoch;
        buf_printf(out, "  %.*s  ", commit.len < 12 ? (int)commit.len : 12, commit.data);
        if (doc_get_int(entry, "epoch", &epoch))
            buf_printf(out, "%5lld", (long long)epoch);
        else
            buf_puts(out, "    -");
        buf_printf(out, "  %.*s", (int)verdict.len, verdict.data);
        if (doc_get_string(entry, "code", &code))
            buf_printf(out, " [%.*s]", (int)code.len, code.data);
        buf_putc(out, '\n');
        if (i == 0)
            put_findings(out, part_of(entry, "findings"));
    }
}

static void put_remedy(struct buf *out, const struct doc_node *status)
{
    struct span reason;
    char name[64];
    if (!doc_get_string(status, "reason", &reason))
        return;
    snprintf(name, sizeof name, "%.*s", (int)reason.len, reason.data);
    const struct code *code = code_find(name);
    if (code != NULL)
        buf_printf(out, "\n  %s\n  What to do: %s\n", code->meaning, code->remedy);
}

static void put_page(struct buf *out, const struct doc_node *status, pid_t pid)
{
    struct span state = text_of(status, "state"), since = text_of(status, "since"), message;
    struct span repository = text_of(status, "repository"), branch = text_of(status, "branch");
    int64_t services = 0;
    doc_get_int(status, "service_count", &services);
    buf_printf(out, "epochd is %.*s, pid %lld\n", (int)state.len, state.data, (long long)pid);
    buf_printf(out, "  since      %.*s", (int)since.len, since.data);
    put_age(out, since);
    buf_putc(out, '\n');
    if (doc_get_string(status, "message", &message))
        buf_printf(out, "  because    %.*s\n", (int)message.len, message.data);
    put_epochs(out, status);
    put_tip(out, status);
    buf_printf(out, "  serving    %lld service%s\n", (long long)services, plural((uint64_t)services));
    put_broker(out, status);
    buf_printf(out, "  watching   %.*s, branch %.*s\n", (int)repository.len, repository.data, (int)branch.len,
               branch.data);
    put_recent(out, status);
    put_remedy(out, status);
}

static int exit_of(const struct doc_node *status)
{
    struct span state = text_of(status, "state");
    return span_is(state, "ok") || span_is(state, "empty") ? CLI_OK : CLI_FINDINGS;
}

static int not_running(const struct local *local, const struct status_options *options)
{
    if (options->is_json)
        printf("{\"running\":false}\n");
    else if (!options->is_quiet)
        printf("epochd does not run with the state folder %s.\n"
               "Services go on from the last-known-good snapshot: epochctl verify lkg\n"
               "What to do: systemctl start epochd; journalctl -u epochd -e says why it stopped\n",
               local->settings.state);
    return CLI_FAILED;
}

/* The lock is held, but what lies in the run folder is missing or from a daemon before. */
static int not_told_yet(const struct local *local, pid_t pid, const struct status_options *options)
{
    if (options->is_json)
        printf("{\"running\":true,\"pid\":%lld,\"state\":\"initializing\"}\n", (long long)pid);
    else if (!options->is_quiet)
        printf("epochd runs, pid %lld, and has not told its state yet: it is starting, or its setting `run` "
               "is not %s\n",
               (long long)pid, local->settings.run);
    return CLI_FINDINGS;
}

/* *is_told: there is one, written by that daemon. */
static int read_status(const struct local *local, pid_t pid, struct buf *file, struct doc *doc, bool *is_told,
                       struct error *err)
{
    static const struct doc_limits limits = {8, 100000, STATUS_MAX};
    struct json_options json = {.file = "status.json", .limits = limits};
    AUTO_CLOSE int dir = -1;
    int64_t writer;
    bool is_missing = false;
    *is_told = false;
    if (fs_open_dir(local->settings.run, &dir, err) != 0) {
        if (err->sys == ENOENT)
            return 0;
        return error_wrap(err, "epochd runs, but its status cannot be read (setting: run)");
    }
    if (fs_read(dir, STATUS_FILE, FS_ANY_OWNER, STATUS_MAX, file, &is_missing, err) != 0)
        return error_wrap(err, "epochd runs, but its status cannot be read (setting: run)");
    if (is_missing)
        return 0;
    if (json_read(buf_span(file), &json, doc, err) != 0)
        return -1;
    *is_told = doc_get_int(doc->root, "pid", &writer) && writer == pid;
    return 0;
}

/* The file as it is, with what it cannot say of itself before it. */
static int print_json(const struct buf *file)
{
    struct buf text AUTO_BUF = {0};
    buf_puts(&text, "{\"running\":true,");
    buf_append(&text, file->data + 1, file->len - 1);
    return cli_print(&text);
}

static int show(const struct local *local, pid_t pid, const struct status_options *options)
{
    struct buf file AUTO_BUF = {0}, page AUTO_BUF = {0};
    struct doc doc AUTO_DOC = {0};
    struct error err;
    bool is_told;
    if (read_status(local, pid, &file, &doc, &is_told, &err) != 0)
        return local_fail(local, &err);
    if (!is_told)
        return not_told_yet(local, pid, options);
    int rc = CLI_OK;
    if (options->is_json) {
        rc = print_json(&file);
    } else if (!options->is_quiet) {
        put_page(&page, doc.root, pid);
        rc = cli_print(&page);
    }
    return rc == CLI_OK ? exit_of(doc.root) : rc;
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    const struct status_options options = {cli_given(args, OPT_QUIET), cli_given(args, OPT_JSON)};
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct error err;
    pid_t pid = 0;
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    bool has_state = local_open_state(&local, &err) == 0;
    if ((!has_state && err.sys != ENOENT) || (has_state && local_daemon(&local, &pid, &err) != 0))
        return local_fail(&local, &err);
    return pid == 0 ? not_running(&local, &options) : show(&local, pid, &options);
}

const struct cli_verb verb_status = {
    .name = "status",
    .summary = "what is served, what is wrong, what to type",
    .help = "What is served, since when, what is wrong and what to do about it; the last five verdicts, with\n"
            "the findings of the newest. Tests the daemon's lock, so it never believes a stale file.\n",
    .exit = "0: ok or empty; 1: degraded, hold or starting; 3: *epochd* does not run.",
    .options = {[OPT_QUIET] = {.name = "quiet", .letter = 'q', .help = "print nothing, only exit"},
                [OPT_JSON] = {.name = "json",
                              .help = "print _status.json_ with *\"running\":true* before it; "
                                      "*{\"running\":false}* if *epochd* does not run"}},
    .run = run,
};
