/*
 * status: the page for three in the morning. Believes status.json only while the daemon holds its lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/follow.h"
#include "cli/page.h"
#include "cli/unit.h"
#include "cli/verbs.h"
#include "model/request.h"
#include "util/clock.h"

enum { OPT_QUIET, OPT_WATCH, OPT_JSON };

enum { REQUESTS_SIZE = 256 };

static int exit_of(const struct told *told)
{
    if (told->pid == 0)
        return CLI_FAILED;
    if (!told->is_told)
        return CLI_FINDINGS;
    struct span state = told_text(told->doc.root, "state");
    return span_is(state, "ok") || span_is(state, "empty") ? CLI_OK : CLI_FINDINGS;
}

/* --- for programs --------------------------------------------------------------------------------------- */

/* The file as it is, with what it cannot say of itself before it. */
static void put_json(const struct told *told, struct buf *out)
{
    if (told->pid == 0) {
        buf_puts(out, "{\"running\":false}\n");
    } else if (!told->is_told) {
        buf_printf(out, "{\"running\":true,\"pid\":%lld,\"state\":\"initializing\"}\n", (long long)told->pid);
    } else {
        buf_puts(out, "{\"running\":true,");
        buf_append(out, told->file.data + 1, told->file.len - 1);
    }
}

/* --- for people ----------------------------------------------------------------------------------------- */

/* A request that waits: no temporary file, no answer, and not the pause that is in force. */
static bool is_waiting(const char *name)
{
    size_t len = strlen(name), end = sizeof REQUEST_ENDING - 1;
    return name[0] != '.' && len > end && strcmp(name + len - end, REQUEST_ENDING) == 0 && strcmp(name, REQUEST_PAUSED) != 0;
}

struct waiting {
    char *out; /* REQUESTS_SIZE */
    size_t len;
};

static int note_waiting(void *context, const char *name, struct error *err)
{
    struct waiting *waiting = context;
    size_t left = REQUESTS_SIZE - waiting->len;
    (void)err;
    if (is_waiting(name) && strlen(name) + sizeof ", " < left)
        waiting->len += (size_t)snprintf(waiting->out + waiting->len, left, "%s%s", waiting->len == 0 ? "" : ", ", name);
    return 0;
}

/* Files of <state>/requests/ that the daemon has not taken up; whoever may not look sees none. */
static void list_requests(const struct local *local, char out[static REQUESTS_SIZE])
{
    AUTO_CLOSE int dir = local->state_dir < 0 ? -1 : openat(local->state_dir, REQUEST_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct waiting waiting = {.out = out};
    struct error ignored;
    out[0] = '\0';
    if (dir >= 0)
        (void)!fs_each_name(dir, note_waiting, &waiting, &ignored);
}

static bool read_subject(const struct local *local, const struct told *told, struct repo_commit *out)
{
    struct repo *repo AUTO_REPO = NULL;
    struct error silent;
    struct oid commit;
    return oid_parse(told_text(told->doc.root, "config_epoch"), &commit) &&
           cli_open_trusted(&local->settings, local->settings.repository.path, &repo, &silent) == 0 &&
           repo_read_commit(repo, &commit, out, &silent) == 0;
}

static void put_no_snapshot(const struct local *local, const struct error *err, struct buf *out)
{
    if (access(local->settings.state, F_OK) != 0 && errno == ENOENT)
        buf_puts(out, "That folder is not there: epochd never ran with these settings, or others are meant: epochctl --config FILE, "
                      "or EPOCHD_STATE\n");
    else if (err->sys != 0)
        buf_puts(out, "Services go on from the last-known-good snapshot: epochctl verify lkg\n");
    else
        buf_printf(out, "The last-known-good snapshot is not good: %s [%s]\n", err->message, err->code);
}

/* What services start from while no daemon runs, if it is for us to check. */
static void put_snapshot(struct local *local, struct buf *out)
{
    struct local_snapshot lkg AUTO_LOCAL_SNAPSHOT = {0};
    struct error err;
    bool is_missing;
    if (local_open_state(local, &err) != 0 || local_load_keys(local, false, &err) != 0 ||
        local_read_snapshot(local, false, &lkg, &is_missing, &err) != 0) {
        put_no_snapshot(local, &err, out);
        return;
    }
    if (is_missing) {
        buf_puts(out, "There is no last-known-good snapshot: a service that starts now has its own cache or the broker alone\n");
        return;
    }
    size_t services = lkg.snapshot.services->u.object.len;
    buf_printf(out, "Services go on from the last-known-good snapshot: epoch %" PRIu64 ", %zu service%s, written ", lkg.snapshot.epoch,
               services, plural(services));
    buf_append_span(out, lkg.snapshot.written_at);
    buf_putc(out, '\n');
}

static void put_text(const struct cli *cli, struct local *local, const struct told *told, struct buf *out)
{
    char requests[REQUESTS_SIZE];
    struct repo_commit commit;
    struct fleet fleet AUTO_FLEET = {0};
    struct error silent;
    struct page_more more = {.state = local->settings.state, .requests = requests, .fleet = &fleet, .now_ms = clock_wall_ms()};
    list_requests(local, requests);
    if (told->pid == 0) {
        buf_printf(out, "epochd does not run with the state folder %s.\n", local->settings.state);
        put_snapshot(local, out);
        buf_puts(out, "What to do: ");
        unit_put(local->settings.state, "systemctl start epochd; journalctl -u epochd -e says why it stopped", out);
        buf_putc(out, '\n');
        return;
    }
    if (!told->is_told) {
        buf_printf(out,
                   "epochd runs, pid %lld, and has not told its state yet: it is starting, or its setting `run` is not "
                   "%s\n",
                   (long long)told->pid, local->settings.run);
        return;
    }
    if (read_subject(local, told, &commit))
        more.subject = commit.subject;
    if (fleet_read(local, told->pid, &fleet, &silent) != 0)
        fleet_fini(&fleet); /* what cannot be read is not shown */
    page_put(&cli->term, told, &more, out);
}

/* --- once, or on and on --------------------------------------------------------------------------------- */

static int show(const struct cli *cli, struct local *local, const struct cli_args *args, const struct told *told)
{
    struct buf text AUTO_BUF = {0};
    if (cli_given(args, OPT_JSON)) {
        put_json(told, &text);
        return cli_print(&text);
    }
    if (cli_given(args, OPT_WATCH) && cli->term.width > 0)
        buf_puts(&text, "\033[H\033[2J"); /* from the top of an empty screen */
    put_text(cli, local, told, &text);
    return cli_print(&text);
}

static bool is_same(const struct told *a, const struct told *b)
{
    return a->pid == b->pid && a->is_told == b->is_told && span_equal(buf_span(&a->file), buf_span(&b->file));
}

/* Until somebody has seen enough. A daemon that comes or goes is noticed within FOLLOW_LOOK_MS. */
static int watch(const struct cli *cli, struct local *local, const struct cli_args *args)
{
    struct told shown AUTO_TOLD = {0};
    AUTO_CLOSE int folder = follow_open(local->settings.run);
    for (bool is_first = true;; is_first = false) {
        struct told now AUTO_TOLD = {0};
        struct error err;
        if (told_read(local, &now, &err) != 0)
            return local_fail(local, &err);
        if (is_first || !is_same(&now, &shown)) {
            struct told before = shown;
            if (show(cli, local, args, &now) != CLI_OK)
                return CLI_FAILED;
            shown = now;
            now = before;
        }
        follow_wait(folder, -1);
        if (folder < 0)
            folder = follow_open(local->settings.run);
    }
}

static int run(const struct cli *cli, const struct cli_args *args)
{
    struct local local AUTO_LOCAL = {.state_dir = -1};
    struct told told AUTO_TOLD = {0};
    struct error err;
    int rc;
    if (!local_load(cli, &local, &rc))
        return rc;
    if (cli_given(args, OPT_WATCH) && !cli_given(args, OPT_QUIET))
        return watch(cli, &local, args);
    if (told_read(&local, &told, &err) != 0)
        return local_fail(&local, &err);
    if (!cli_given(args, OPT_QUIET) && (rc = show(cli, &local, args, &told)) != CLI_OK)
        return rc;
    return exit_of(&told);
}

const struct cli_verb verb_status = {
    .name = "status",
    .summary = "what is served, what is wrong, what to type",
    .help = "The page for three in the morning: is it well, since when, why not, what is still served, what\n"
            "the broker does, what became of the branch's tip and the last five verdicts, and what to type.\n"
            "Tests the daemon's lock, so it never believes a stale file. Whoever may not test the lock sees\n"
            "what the process of that number says, and that this is not proven.\n",
    .exit = "0: ok or empty; 1: degraded, hold or starting; 3: *epochd* does not run.",
    .options = {[OPT_QUIET] = {.name = "quiet", .letter = 'q', .help = "print nothing, only exit"},
                [OPT_WATCH] = {.name = "watch", .letter = 'w', .help = "print it again whenever it changes, until interrupted"},
                [OPT_JSON] = {.name = "json",
                              .help = "print _status.json_ with *\"running\":true* before it; "
                                      "*{\"running\":false}* if *epochd* does not run"}},
    .run = run,
};
